"""Images of audio descriptors, and MP3 for browsers."""

from __future__ import annotations

import base64
import io

import numpy as np
import pytest
import soundfile

from amt.analysis.audio.descriptors import SUMMARY_NAMES
from amt.io.audio import SAMPLE_RATE
from amt.page.audio import (
    COLUMNS,
    WAVEFORM_COLUMNS,
    descriptor_images,
    encode_image,
    match_duration_and_level,
    mp3,
)


def unpacked(image: dict) -> np.ndarray:
    data = np.frombuffer(base64.b64decode(image["data"]), np.uint8)
    scale = (image["high"] - image["low"]) / 255
    return image["low"] + scale * data.reshape(image["rows"], image["columns"])


def sine(seconds: float, hertz: float = 440.0) -> np.ndarray:
    time = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    return (0.5 * np.sin(2 * np.pi * hertz * time)).astype(np.float32)


def test_an_image_keeps_its_values_to_half_a_step() -> None:
    values = np.random.default_rng(0).normal(size=(50, 3))
    image = encode_image(values, 0.1)
    step = (image["high"] - image["low"]) / 255
    assert np.abs(unpacked(image) - values.T).max() <= step / 2 + 1e-9


def test_images_show_a_tone_at_its_time_and_pitch() -> None:
    audio = np.concatenate([np.zeros(SAMPLE_RATE, dtype=np.float32), sine(1.0)])
    images, summary = descriptor_images(audio)
    chroma, wave = unpacked(images["chroma"]), unpacked(images["waveform"])
    assert chroma[:, -20:].mean(1).argmax() == 9
    half = wave.shape[1] // 2
    assert np.abs(wave[:, :half]).max() < 0.01 and wave[1, half:].max() > 0.45
    strength = images["strength"]
    loudest = strength["start"] + (unpacked(strength)[0].argmax() + 0.5) * strength["step"]
    assert loudest == pytest.approx(1.0, abs=0.1)
    assert ("tempo", *summary) == SUMMARY_NAMES


def test_images_of_a_long_recording_have_a_limited_size() -> None:
    seconds = 200
    images, _ = descriptor_images(np.tile(sine(10.0), seconds // 10))
    for name, image in images.items():
        assert image["columns"] <= (WAVEFORM_COLUMNS if name == "waveform" else COLUMNS)
        assert image["columns"] * image["step"] == pytest.approx(seconds, rel=0.01)


@pytest.mark.parametrize("samples", [1, 100, 1600])
def test_the_shortest_recordings_have_images(samples: int) -> None:
    images, summary = descriptor_images(np.full(samples, 0.1, dtype=np.float32))
    assert all(np.isfinite(unpacked(image)).all() for image in images.values())
    assert np.isfinite(list(summary.values())).all()


@pytest.mark.parametrize("seconds", [0.01, 3.0])
def test_mp3_has_the_length_of_the_audio(seconds: float) -> None:
    audio = sine(seconds)
    decoded, rate = soundfile.read(io.BytesIO(mp3(audio)), dtype="float32")
    assert (rate, len(decoded)) == (SAMPLE_RATE, len(audio))
    if seconds > 1:
        assert np.abs(decoded - audio)[1000:-1000].max() < 0.05


def test_mp3_has_a_constant_bit_rate() -> None:
    """Players find a position in the file by its bytes."""
    quiet, loud = (len(mp3(audio)) for audio in (np.zeros(160000, np.float32), sine(10.0)))
    assert quiet == loud < 55_000


def test_duration_and_level_are_matched() -> None:
    recording = sine(1.0)
    for played in (0.01 * sine(2.0), 0.01 * sine(0.5)):
        result = match_duration_and_level(played, recording)
        assert result.shape == recording.shape and np.abs(result).max() <= 1
        assert np.mean(result**2) == pytest.approx(np.mean(recording**2), rel=0.01)
    assert not match_duration_and_level(np.zeros(5, np.float32), recording).any()
