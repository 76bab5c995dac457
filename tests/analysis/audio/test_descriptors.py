"""Descriptors agree with librosa, in batches, for any audio."""

from __future__ import annotations

import math
from functools import cache
from typing import Any

import librosa
import numpy as np
import pytest
import torch
from torch import Tensor

from amt.analysis.audio.descriptors import (
    SUMMARY_NAMES,
    Descriptors,
    compute_descriptors,
    summaries,
    summary,
)
from amt.analysis.audio.spectra import (
    HOP_LENGTH,
    N_FFT,
    Band,
    chroma_filters,
    sorted_extremes,
    topk_extremes,
)
from amt.io.audio import SAMPLE_RATE
from amt.synth.performer import perform
from amt.synth.piano import random_instrument, render

# Largest differences from librosa; dB, Hz, or without unit.
TOLERANCES = {
    "log_mel": 0.01,
    "mfcc": 0.01,
    "centroid": 0.01,
    "bandwidth": 0.01,
    "contrast": 0.2,
    "zero_crossing_rate": 1e-7,
    "rms": 1e-6,
    "chroma": 1e-5,
    "onset_strength": 1e-3,
    "tempo": 1e-3,
}
# Seeds and sample rates. At 22050 Hz onsets have a minimum distance; 44100 Hz has an odd length.
RECORDINGS = ((0, 16000), (1, 16000), (2, 16000), (3, 22050), (4, 44100))


@cache
def piano(seed: int, seconds: float = 10.0) -> np.ndarray:
    """Random piano music (S,) with a noise floor, as every recording has one."""
    rng = np.random.default_rng(seed)
    audio = render(perform(rng, seconds), random_instrument(rng), rng)
    return (audio + 1e-4 * rng.standard_normal(len(audio))).astype(np.float32)


@cache
def ours(seed: int, sample_rate: int) -> Descriptors:
    return compute_descriptors(torch.from_numpy(piano(seed))[None], sample_rate)


@cache
def theirs(seed: int, sample_rate: int) -> dict[str, np.ndarray]:
    """Librosa's descriptors, time first, by the names of ours."""
    audio, feature = piano(seed), librosa.feature
    given: dict[str, Any] = {"y": audio, "sr": sample_rate}
    strength = librosa.onset.onset_strength(**given)
    tempo, beats = librosa.beat.beat_track(onset_envelope=strength, sr=sample_rate, units="time")
    found = {
        "log_mel": librosa.power_to_db(feature.melspectrogram(**given)),
        "mfcc": feature.mfcc(n_mfcc=13, **given),
        "centroid": feature.spectral_centroid(**given)[0],
        "bandwidth": feature.spectral_bandwidth(**given)[0],
        "contrast": feature.spectral_contrast(**given),
        "zero_crossing_rate": feature.zero_crossing_rate(audio)[0],
        "rms": feature.rms(y=audio)[0],
        "chroma": feature.chroma_stft(tuning=0, **given),
        "onset_strength": strength,
        "tempo": np.squeeze(tempo),
        "onset_times": librosa.onset.onset_detect(units="time", **given),
        "beat_times": beats,
    }
    return {name: values.T for name, values in found.items()}


def noise(batch: int, samples: int) -> Tensor:
    return 0.1 * torch.randn(batch, samples, generator=torch.Generator().manual_seed(0))


def sine(frequency: float, seconds: float = 2.0) -> Tensor:
    time = torch.arange(round(seconds * SAMPLE_RATE), dtype=torch.float64) / SAMPLE_RATE
    return (0.3 * torch.sin(2 * math.pi * frequency * time)).float()[None]


def clicks(interval: float, seconds: float = 20.0) -> Tensor:
    """Bursts of noise every `interval` seconds, over silence."""
    audio = torch.zeros(1, round(seconds * SAMPLE_RATE))
    for time in np.arange(0.5, seconds - 0.1, interval):
        audio[0, round(time * SAMPLE_RATE) :][:400] = noise(1, 400)[0]
    return audio


@pytest.mark.parametrize(("seed", "sample_rate"), RECORDINGS)
@pytest.mark.parametrize("name", TOLERANCES)
def test_agrees_with_librosa(name: str, seed: int, sample_rate: int) -> None:
    found = getattr(ours(seed, sample_rate), name)[0].numpy()
    expected = theirs(seed, sample_rate)[name]
    assert found.shape == expected.shape and found.dtype == np.float32
    np.testing.assert_allclose(found, expected, atol=TOLERANCES[name], rtol=1e-6)


@pytest.mark.parametrize(("seed", "sample_rate"), RECORDINGS)
@pytest.mark.parametrize("name", ["onset_times", "beat_times"])
def test_onset_and_beat_times_agree_with_librosa(name: str, seed: int, sample_rate: int) -> None:
    expected = theirs(seed, sample_rate)[name]
    assert len(expected) > 5
    (found,) = getattr(ours(seed, sample_rate), name)
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-6)


@pytest.mark.parametrize("sample_rate", [16000, 22050])
def test_chroma_filters_agree_with_librosa(sample_rate: int) -> None:
    expected = librosa.filters.chroma(sr=sample_rate, n_fft=N_FFT, tuning=0)
    np.testing.assert_allclose(chroma_filters(sample_rate).T.numpy(), expected, atol=1e-6)


def test_sorting_and_topk_give_the_same_extremes() -> None:
    values, bands = noise(3, 50), (Band(slice(0, 20), 1), Band(slice(20, 50), 4))
    pairs = zip(sorted_extremes(values, bands), topk_extremes(values, bands), strict=True)
    for extremes, others in pairs:
        assert extremes.shape == (3, 5)
        torch.testing.assert_close(extremes.sort().values, others.sort().values)


def test_results_do_not_depend_on_batch_or_blocks() -> None:
    """In a batch the blocks of frames have other lengths, and other examples may be louder."""
    batch = torch.stack(
        [torch.from_numpy(piano(0)[:100000]), 30 * noise(1, 100000)[0], clicks(0.5)[0, :100000]]
    )
    together = compute_descriptors(batch)
    for index, one in enumerate(batch):
        alone = compute_descriptors(one[None])
        for name in (*TOLERANCES, "onsets", "beats"):
            torch.testing.assert_close(
                getattr(together, name)[index], getattr(alone, name)[0], atol=2e-3, rtol=1e-5
            )


def test_beats_do_not_depend_on_the_tempi_of_the_batch() -> None:
    """The shortest interval of a slow recording is longer than those of a fast one."""
    batch = torch.cat([clicks(interval) for interval in (0.224, 0.512, 1.024)])
    together = compute_descriptors(batch).beats
    alone = torch.cat([compute_descriptors(one[None]).beats for one in batch])
    assert torch.equal(together, alone) and together.any(dim=1).all()


def test_clicks_have_the_right_tempo_onsets_and_beats() -> None:
    frame = HOP_LENGTH / SAMPLE_RATE
    intervals = (16 * frame, 14 * frame)
    found = compute_descriptors(torch.cat([clicks(interval) for interval in intervals]))
    for interval, tempo, onsets, beats in zip(
        intervals, found.tempo, found.onset_times, found.beat_times, strict=True
    ):
        assert abs(float(60 / tempo) - interval) < frame
        assert abs(float(beats.diff().mean()) - interval) < 0.01
        # Every onset and every beat is a frame or two from a click.
        for times in (onsets, beats):
            distance = (times - 0.5 + interval / 2) % interval - interval / 2
            assert distance.abs().max() < 2 * frame + 0.01


def test_a_sine_has_the_right_centroid_level_and_chroma() -> None:
    found = compute_descriptors(sine(440.0))
    middle = found.centroid.shape[1] // 2
    assert abs(float(found.centroid[0, middle]) - 440) < 5
    assert abs(float(found.zero_crossing_rate[0, middle]) - 880 / SAMPLE_RATE) < 1e-3
    assert abs(float(found.rms[0, middle]) - 0.3 / math.sqrt(2)) < 1e-3
    assert SUMMARY_NAMES[13 + int(found.chroma[0, middle].argmax())] == "chroma_A"


def test_gain_changes_levels_only() -> None:
    loud = torch.from_numpy(piano(0)[:50000])[None]
    found, quieter = compute_descriptors(loud), compute_descriptors(loud / 10)
    torch.testing.assert_close(found.rms, 10 * quieter.rms)
    torch.testing.assert_close(found.log_mel.amax(), quieter.log_mel.amax() + 20)
    for name in ("centroid", "bandwidth", "chroma", "onset_strength", "tempo"):
        torch.testing.assert_close(
            getattr(found, name), getattr(quieter, name), atol=1e-3, rtol=1e-4
        )


@pytest.mark.parametrize("samples", [1, 511, 512, 513, 1600, 25600])
def test_any_length(samples: int) -> None:
    found = compute_descriptors(noise(2, samples))
    frames = 1 + samples // HOP_LENGTH
    assert found.contrast.shape == (2, frames, 7) and found.mfcc.shape == (2, frames, 13)
    assert found.beats.shape == found.onsets.shape == found.onset_strength.shape == (2, frames)
    assert torch.isfinite(summary(found)).all()


def test_silence_has_zero_descriptors() -> None:
    found = compute_descriptors(torch.zeros(2, 20000))
    for name in ("rms", "zero_crossing_rate", "centroid", "bandwidth", "chroma", "tempo"):
        assert not getattr(found, name).any()
    assert not (found.onsets.any() or found.beats.any() or found.contrast.any())
    assert torch.isfinite(summary(found)).all()


def test_silence_and_music_in_one_batch() -> None:
    found = compute_descriptors(torch.cat([torch.zeros(1, 320000), clicks(0.5)]))
    assert found.tempo[0] == 0 and found.tempo[1] > 0
    assert not found.beats[0].any() and found.beats[1].any()


@pytest.mark.parametrize(
    ("audio", "message"),
    [
        (torch.zeros(2, 0), r"\(2, 0\).*expected \(B, S\)"),
        (torch.zeros(0, 100), r"\(0, 100\).*expected \(B, S\)"),
        (torch.zeros(100), r"\(100,\).*expected \(B, S\)"),
        (torch.zeros(1, 100, dtype=torch.int16), "int16.*expected floats"),
        (torch.full((1, 100), torch.nan), "not finite"),
        (torch.tensor([[0.0, torch.nan, 0.0]]), "not finite"),
        (torch.tensor([[0.0, -torch.inf, 0.0]]), "not finite"),
        (torch.tensor([[0.0, 1e20]]), "huge"),
    ],
)
@pytest.mark.parametrize("function", [compute_descriptors, summaries])
def test_invalid_audio_is_an_error(function: Any, audio: Tensor, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        function(audio)


def test_a_sample_rate_too_low_for_the_bands_is_an_error() -> None:
    with pytest.raises(ValueError, match=r"sample_rate=8000: expected more than 12800"):
        compute_descriptors(torch.zeros(1, 100), 8000)


def test_autocast_has_no_effect() -> None:
    audio = noise(1, 20000)
    names = (*TOLERANCES, "onsets", "beats")
    exact = {name: getattr(compute_descriptors(audio), name) for name in names}
    with torch.autocast("cpu", torch.bfloat16):
        found = compute_descriptors(audio)
        for name in names:
            torch.testing.assert_close(getattr(found, name), exact[name], atol=0, rtol=0)


def test_float64_gives_the_same_as_float32() -> None:
    audio = noise(1, 5000)
    torch.testing.assert_close(summaries(audio.double()), summaries(audio), atol=0, rtol=0)


def test_a_summary_has_its_columns_in_order() -> None:
    assert len(SUMMARY_NAMES) == len(set(SUMMARY_NAMES)) == 153
    found = ours(0, SAMPLE_RATE)
    row = dict(zip(SUMMARY_NAMES, summary(found)[0], strict=True))
    assert row["tempo"] == found.tempo[0]
    assert math.isclose(
        row["onset_rate"], len(found.onset_times[0]) / (found.samples / SAMPLE_RATE), rel_tol=1e-6
    )
    for name in ("rms", "zero_crossing_rate", "centroid", "bandwidth"):
        torch.testing.assert_close(row[name], getattr(found, name)[0].mean())
    torch.testing.assert_close(row["contrast_6"], found.contrast[0, :, 6].mean())
    torch.testing.assert_close(row["chroma_A"], found.chroma[0, :, 9].mean())
    torch.testing.assert_close(row["mel_127"], found.log_mel[0, :, 127].mean())


@pytest.mark.parametrize("frames", [50, 200])
def test_summaries_of_slices_do_not_depend_on_the_batch(frames: int) -> None:
    samples = frames * HOP_LENGTH
    slices = torch.from_numpy(piano(0))[: 3 * samples // 2].unfold(0, samples, samples // 5)
    rows = summaries(slices, batch_size=2)
    assert rows.shape == (len(slices), 153) and len(slices) == 3
    alone = torch.cat([summary(compute_descriptors(one[None])) for one in slices])
    torch.testing.assert_close(rows, alone, atol=1e-3, rtol=1e-4)
