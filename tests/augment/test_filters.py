"""Reverberation and band limits: no delay of the direct sound, levels, corner frequencies."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from front_ends import SAMPLE_RATE
from signals import NO_EFFECTS, decibels, impulse, seeded

from amt.augment.audio_folders import RESPONSE_SAMPLES
from amt.augment.filters import fft_length
from amt.io.audio import save


def test_reverberation_does_not_delay_the_onset() -> None:
    """Silence before the direct sound, which is unchanged and remains the peak."""
    augment = replace(NO_EFFECTS, reverb=1, reverb_db=(-3.0, -3.0))
    augmented = augment.waveform(impulse(at=3000), seeded())
    assert augmented[:, :3000].abs().max() < 1e-6
    assert augmented[:, 3000].tolist() == pytest.approx([1] * 16, abs=1e-6)
    assert augmented[:, 3001:].abs().max() < 0.9
    assert augmented[:, 3001:].abs().max() > 0.01


@pytest.mark.parametrize("level", [-25.0, -3.0])
def test_reverberation_has_the_given_level(level: float) -> None:
    augment = replace(NO_EFFECTS, reverb=1, reverb_db=(level, level))
    tail = augment.waveform(impulse(), seeded())[:, 3001:]
    assert (10 * torch.log10(tail.square().sum(dim=-1))).tolist() == pytest.approx(
        [level] * 16, abs=0.1
    )


def test_reverberation_decays_by_60_db_in_the_decay_time() -> None:
    augment = replace(NO_EFFECTS, reverb=1, reverb_decay=(0.5, 0.5), reverb_db=(-3.0, -3.0))
    tail = augment.waveform(impulse(at=0).repeat(20, 1), seeded())
    early, late = (tail[:, at : at + 1600].square().mean() for at in (1600, 4800))
    assert (10 * torch.log10(early / late)).item() == pytest.approx(60 * 0.2 / 0.5, abs=1.5)


def test_the_convolution_is_not_circular() -> None:
    audio = torch.zeros(4, 8000)
    audio[:, 7999] = 1
    augmented = replace(NO_EFFECTS, reverb=1).waveform(audio, seeded())
    assert augmented[:, :7999].abs().max() < 1e-6


# Measured impulse responses.


@pytest.fixture
def rooms(tmp_path: Path) -> str:
    """A response whose direct sound is late and weaker than a reflection: (S, 2) at 48 kHz."""
    response = np.zeros((96000, 2))
    response[3000] = -0.3
    response[3000 + 480] = 0.9
    response[3000 + 4800 :: 4800] = 0.05
    save(tmp_path / "hall.wav", response, 48000)
    return str(tmp_path)


def test_a_measured_response_does_not_delay_the_direct_sound(rooms: str) -> None:
    augment = replace(
        NO_EFFECTS, reverb=1, measured_reverb=1, impulse_responses=rooms, reverb_db=(-6.0, -6.0)
    )
    augmented = augment.waveform(impulse(at=3000, samples=40000), seeded())
    assert augmented[:, :3000].abs().max() < 1e-6
    assert augmented[:, 3000].tolist() == pytest.approx([1] * 16, abs=1e-5)
    assert augmented[:, 3001:].abs().amax(dim=-1).max() < 0.6
    assert augmented[:, 3001:].abs().argmax(dim=-1).tolist() == [160 - 1] * 16
    energy = decibels(augmented[:, 3001:].norm(dim=-1))
    assert energy.tolist() == pytest.approx([-6] * 16, abs=0.1)


def test_a_measured_response_is_cut_to_its_maximum_length(rooms: str) -> None:
    augment = replace(NO_EFFECTS, reverb=1, measured_reverb=1, impulse_responses=rooms)
    augmented = augment.waveform(impulse(at=0, samples=40000), seeded())
    assert augmented[:, RESPONSE_SAMPLES:].abs().max() < 1e-6
    assert augmented[:, 12800 - 5 : 12800 + 5].abs().max() > 1e-6


def test_measured_responses_have_their_probability(rooms: str) -> None:
    augment = replace(NO_EFFECTS, reverb=1, measured_reverb=0.3, impulse_responses=rooms)
    augmented = augment.waveform(impulse(at=0, samples=2000, batch=300), seeded())
    measured = augmented[:, 1:].abs().argmax(dim=-1) == 160 - 1
    assert measured.float().mean().item() == pytest.approx(0.3, abs=0.1)


# Band limits.


def test_a_band_limit_keeps_onsets_and_the_passband() -> None:
    augment = replace(NO_EFFECTS, band_limit=1, low_cut=(300.0, 300.0), high_cut=(3400.0, 3400.0))
    augmented = augment.waveform(impulse(at=3000), seeded())
    assert (augmented.argmax(dim=-1) == 3000).all()
    gain = torch.fft.rfft(augmented).abs()
    frequency = torch.fft.rfftfreq(augmented.shape[-1], 1 / SAMPLE_RATE)
    corner = [int((frequency - hertz).abs().argmin()) for hertz in (300, 3400)]
    assert (decibels(gain[:, corner]) + 3).abs().max() < 0.5
    inside = (frequency > 900) & (frequency < 1200)
    assert decibels(gain[:, inside]).abs().max() < 1
    assert decibels(gain[:, frequency < 50]).max() < -12
    assert decibels(gain[:, frequency > 7500]).max() < -6


def test_the_band_limit_applies_to_the_reverberation() -> None:
    cuts = {"low_cut": (1000.0, 1000.0), "high_cut": (7500.0, 7500.0)}
    augmented = replace(NO_EFFECTS, band_limit=1, reverb=1, **cuts).waveform(impulse(), seeded())
    gain = torch.fft.rfft(augmented).abs()[:, :50]
    assert gain.max() < 0.15


@pytest.mark.parametrize("least", [1, 2, 97920, 98305])
def test_fft_lengths_are_even_and_have_small_factors(least: int) -> None:
    size = fft_length(least)
    assert least <= size <= 1.1 * least + 1 and size % 2 == 0
    while any(size % factor == 0 for factor in (2, 3, 5)):
        size //= next(factor for factor in (2, 3, 5) if size % factor == 0)
    assert size == 1
