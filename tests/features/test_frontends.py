"""Front ends: shapes, time of frames, FFT and convolution, frequency of keys."""

from __future__ import annotations

import math
from itertools import product

import pytest
import torch
from front_ends import HOPS, KINDS, LOGARITHMIC, SAMPLE_RATE, front_end, key_frequency
from hypothesis import given, settings
from hypothesis import strategies as st

from amt.features.frontends import ConstantQ, Mel, num_frames
from amt.notes import MIN_PITCH, NUM_KEYS

KINDS_AND_HOPS = list(product(KINDS, HOPS))
WITH_KERNELS = ("mel", "cqt")


def tones(pitches: list[int], seconds: float) -> torch.Tensor:
    """A quiet sine for each pitch: (B, S)."""
    time = torch.arange(round(seconds * SAMPLE_RATE), dtype=torch.float64) / SAMPLE_RATE
    frequency = torch.tensor([key_frequency(p) for p in pitches], dtype=torch.float64)
    return (0.3 * torch.sin(2 * math.pi * frequency[:, None] * time)).float()


def music(seconds: float = 1.5) -> torch.Tensor:
    """Chords, silence and noise from loud to faint: (2, S)."""
    chord = tones([33, 52, 64, 71, 95], seconds).sum(dim=0)
    noise = torch.randn(len(chord), generator=torch.Generator().manual_seed(0))
    noise = noise * torch.logspace(-5, -1, len(chord))
    noise[: len(noise) // 4] = 0
    return torch.stack([chord / 4, noise])


@given(st.integers(0, 100_000), st.integers(1, 1000))
def test_num_frames_counts_the_multiples_of_the_hop(samples: int, hop_length: int) -> None:
    assert num_frames(samples, hop_length) == len(range(0, samples, hop_length))


@pytest.mark.parametrize(("kind", "hop_length"), KINDS_AND_HOPS)
def test_shapes(kind: str, hop_length: int) -> None:
    convert = front_end(kind, hop_length)
    assert convert.frame_rate == SAMPLE_RATE / hop_length
    for samples in (1, hop_length - 1, hop_length, hop_length + 1, 7 * hop_length, 8000):
        spec = convert(torch.zeros(3, samples))
        frames = num_frames(samples, hop_length)
        assert spec.shape == (3, convert.shape.channels, frames, convert.shape.num_bins)
        assert spec.dtype == torch.float32
        assert torch.isfinite(spec).all()


@pytest.mark.parametrize(("kind", "hop_length"), KINDS_AND_HOPS)
@settings(deadline=None, max_examples=10)
@given(place=st.floats(3, 20), loudness=st.floats(0.1, 1))
def test_a_click_is_loudest_in_the_frame_next_to_it(
    kind: str, hop_length: int, place: float, loudness: float
) -> None:
    sample = round(place * hop_length)
    position = sample / hop_length
    audio = torch.zeros(1, 25 * hop_length)
    audio[0, sample] = loudness
    energy = (10 ** (2 * front_end(kind, hop_length)(audio))).sum(dim=-1)
    # Halfway between two frames both have the same energy.
    assert (energy[0].argmax(dim=-1) - position).abs().max() <= 0.51


@pytest.mark.parametrize("kind", KINDS)
def test_gain_is_an_offset(kind: str) -> None:
    audio = tones([60], 0.5)
    difference = front_end(kind)(audio) - front_end(kind)(audio / 10)
    loud = front_end(kind)(audio / 10) > -3.5
    assert loud.sum() > 100
    torch.testing.assert_close(difference[loud], torch.ones(int(loud.sum())), atol=1e-3, rtol=0)


@pytest.mark.parametrize(("kind", "hop_length"), list(product(WITH_KERNELS, HOPS)))
def test_nnaudio_and_fft_agree(kind: str, hop_length: int) -> None:
    audio = music()
    by_fft = front_end(kind, hop_length, backend="fft")(audio)
    by_convolution = front_end(kind, hop_length, backend="nnaudio")(audio)
    # More than 60 dB below the maximum, rounding errors of float32 dominate.
    audible = by_fft > by_fft.max() - 3
    assert 0.1 < audible.float().mean() < 0.9
    torch.testing.assert_close(by_fft[audible], by_convolution[audible], atol=1e-4, rtol=0)
    torch.testing.assert_close(10**by_fft, 10**by_convolution, atol=2e-6, rtol=1e-3)


@pytest.mark.parametrize("kind", WITH_KERNELS)
def test_ffts_are_the_default_on_a_cpu(kind: str) -> None:
    convert = KINDS[kind]()
    convert(torch.zeros(1, 1000))
    assert not convert.kernels.by_device


@pytest.mark.parametrize("kind", WITH_KERNELS)
def test_the_error_for_an_unknown_backend_lists_them(kind: str) -> None:
    with pytest.raises(ValueError, match=r"fftw.*expected auto, fft or nnaudio"):
        front_end(kind, backend="fftw")(torch.zeros(1, 1000))


@pytest.mark.parametrize(
    ("kind", "lowest"),
    # The long window of `logfreq` does not resolve the lowest keys; the constant-Q does.
    [("cqt", MIN_PITCH), ("logfreq", 45)],
)
def test_a_sine_is_loudest_in_the_bins_of_its_key(kind: str, lowest: int) -> None:
    pitches = [*range(lowest, 108, 5), 108]
    spec = front_end(kind)(tones(pitches, 2.0))
    middle = spec[:, 0, spec.shape[2] // 2]
    key = middle.argmax(dim=-1) // front_end(kind).shape.bins_per_semitone
    assert (key + MIN_PITCH).tolist() == pitches


@pytest.mark.parametrize("kind", LOGARITHMIC)
@pytest.mark.parametrize("bins", [1, 3])
def test_the_middle_bin_of_a_key_is_on_its_frequency(kind: str, bins: int) -> None:
    convert = KINDS[kind](bins_per_semitone=bins)
    assert convert.shape.num_bins == NUM_KEYS * bins
    pitches = [60, 72, 84]
    spec = convert(tones(pitches, 1.0))[:, 0, 15]
    expected = [(pitch - MIN_PITCH) * bins + (bins - 1) // 2 for pitch in pitches]
    assert spec.argmax(dim=-1).tolist() == expected


def test_mel_bins_rise_with_frequency() -> None:
    spec = front_end("mel")(tones(list(range(48, 109)), 0.5))[:, 0, 8]
    loudest = spec.argmax(dim=-1)
    assert (loudest.diff() >= 0).all() and loudest[-1] - loudest[0] > 100


@pytest.mark.parametrize("kind", KINDS)
def test_the_state_dict_has_no_kernels(kind: str) -> None:
    convert = front_end(kind, backend="nnaudio") if kind in WITH_KERNELS else front_end(kind)
    convert(torch.zeros(1, 1000))
    assert convert.state_dict() == {}
    assert list(convert.parameters()) == []


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("backend", ["fft", "nnaudio"])
def test_autocast_has_no_effect(kind: str, backend: str) -> None:
    options = {"backend": backend} if kind in WITH_KERNELS else {}
    convert = front_end(kind, **options)
    audio = music(0.5)
    exact = convert(audio)
    with torch.autocast("cpu", torch.bfloat16):
        assert (torch.ones(2, 2) @ torch.ones(2, 2)).dtype == torch.bfloat16
        torch.testing.assert_close(convert(audio), exact, atol=0, rtol=0)


@pytest.mark.parametrize("kind", KINDS)
def test_examples_of_a_batch_are_independent(kind: str) -> None:
    audio = music(0.5)
    together = front_end(kind)(audio)
    alone = torch.cat([front_end(kind)(one[None]) for one in audio])
    torch.testing.assert_close(together, alone, atol=1e-4, rtol=0)


def test_spectrogram_shapes() -> None:
    assert Mel(num_bins=100).shape.bins_per_semitone == 0
    assert ConstantQ(bins_per_semitone=2).shape.num_bins == 2 * NUM_KEYS
