"""ValidationPlots of the sound, and audio for browsers."""

from __future__ import annotations

import base64
import io

import numpy as np
import pytest
import soundfile

from amt.analysis.audio.descriptors import SUMMARY_NAMES
from amt.io.audio import SAMPLE_RATE
from amt.page.sound import COLUMNS, WAVEFORM_COLUMNS, alongside, mp3, picture, sound_views


def unpacked(view: dict) -> np.ndarray:
    data = np.frombuffer(base64.b64decode(view["data"]), np.uint8)
    scale = (view["high"] - view["low"]) / 255
    return view["low"] + scale * data.reshape(view["rows"], view["columns"])


def sine(seconds: float, hertz: float = 440.0) -> np.ndarray:
    time = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    return (0.5 * np.sin(2 * np.pi * hertz * time)).astype(np.float32)


def test_a_picture_keeps_its_values_to_half_a_step() -> None:
    values = np.random.default_rng(0).normal(size=(50, 3))
    view = picture(values, 0.1)
    step = (view["high"] - view["low"]) / 255
    assert np.abs(unpacked(view) - values.T).max() <= step / 2 + 1e-9


def test_views_show_a_tone_where_it_is() -> None:
    audio = np.concatenate([np.zeros(SAMPLE_RATE, dtype=np.float32), sine(1.0)])
    views, summary = sound_views(audio)
    chroma, wave = unpacked(views["chroma"]), unpacked(views["waveform"])
    assert chroma[:, -20:].mean(1).argmax() == 9
    half = wave.shape[1] // 2
    assert np.abs(wave[:, :half]).max() < 0.01 and wave[1, half:].max() > 0.45
    strength = views["strength"]
    loudest = strength["start"] + (unpacked(strength)[0].argmax() + 0.5) * strength["step"]
    assert loudest == pytest.approx(1.0, abs=0.1)
    assert tuple(summary) == SUMMARY_NAMES


def test_a_long_recording_gives_pictures_of_bounded_size() -> None:
    seconds = 200
    views, _ = sound_views(np.tile(sine(10.0), seconds // 10))
    for name, view in views.items():
        assert view["columns"] <= (WAVEFORM_COLUMNS if name == "waveform" else COLUMNS)
        assert view["columns"] * view["step"] == pytest.approx(seconds, rel=0.01)


@pytest.mark.parametrize("samples", [1, 100, 1600])
def test_the_shortest_recordings_have_views(samples: int) -> None:
    views, summary = sound_views(np.full(samples, 0.1, dtype=np.float32))
    assert all(np.isfinite(unpacked(view)).all() for view in views.values())
    assert np.isfinite(list(summary.values())).all()


@pytest.mark.parametrize("seconds", [0.01, 3.0])
def test_mp3_begins_and_ends_where_the_audio_does(seconds: float) -> None:
    audio = sine(seconds)
    heard, rate = soundfile.read(io.BytesIO(mp3(audio)), dtype="float32")
    assert (rate, len(heard)) == (SAMPLE_RATE, len(audio))
    if seconds > 1:
        assert np.abs(heard - audio)[1000:-1000].max() < 0.05


def test_mp3_is_as_small_at_every_second() -> None:
    """At a constant rate, since players find a place in the file by its bytes."""
    quiet, loud = (len(mp3(audio)) for audio in (np.zeros(160000, np.float32), sine(10.0)))
    assert quiet == loud < 55_000


def test_two_recordings_to_compare_are_equally_long_and_loud() -> None:
    recording = sine(1.0)
    for played in (0.01 * sine(2.0), 0.01 * sine(0.5)):
        result = alongside(played, recording)
        assert result.shape == recording.shape and np.abs(result).max() <= 1
        assert np.mean(result**2) == pytest.approx(np.mean(recording**2), rel=0.01)
    assert not alongside(np.zeros(5, np.float32), recording).any()
