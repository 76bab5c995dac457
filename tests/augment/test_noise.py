"""Synthetic and recorded noise at a signal-to-noise ratio."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from signals import NO_EFFECTS, decibels, rms, seeded, sines

from amt.io.audio import save


@settings(deadline=None, max_examples=20)
@given(st.floats(0, 60), st.floats(0.001, 1))
def test_synthetic_noise_has_the_given_ratio(ratio: float, loudness: float) -> None:
    augment = replace(NO_EFFECTS, noise=1, noise_db=(ratio, ratio))
    audio = loudness * sines([60, 72])
    noise = augment.waveform(audio, seeded()).double() - audio.double()
    found = 20 * torch.log10(rms(audio.double()) / rms(noise))
    assert found.tolist() == pytest.approx([ratio, ratio], abs=0.05)


def test_ratios_cover_their_range() -> None:
    augment = replace(NO_EFFECTS, noise=1, noise_db=(10.0, 50.0))
    audio = torch.randn(200, 400)
    found = 20 * torch.log10(rms(audio) / rms(augment.waveform(audio, seeded()) - audio))
    assert 10 <= found.min() < 13 and 47 < found.max() <= 50


@pytest.fixture
def folder(tmp_path: Path) -> str:
    """Two noises with different signs; one is shorter than an excerpt."""
    rng = np.random.default_rng(0)
    save(tmp_path / "rain.wav", 0.1 + 0.05 * rng.random(40000))
    save(tmp_path / "deeper" / "wind.flac", -0.1 - 0.05 * rng.random((9000, 2)))
    (tmp_path / "README.txt").write_text("not audio")
    return str(tmp_path)


def test_recorded_noise_has_the_given_ratio(folder: str) -> None:
    augment = replace(NO_EFFECTS, noises=folder, recorded_noise=1, recorded_noise_db=(20.0, 20.0))
    audio = sines([60, 72, 48])
    noise = augment.waveform(audio, seeded()) - audio
    assert decibels(rms(audio) / rms(noise)).tolist() == pytest.approx([20] * 3, abs=0.05)


def test_recorded_noise_is_from_random_files_and_positions(folder: str) -> None:
    augment = replace(NO_EFFECTS, noises=folder, recorded_noise=1)
    audio = sines([60] * 40)
    noise = augment.waveform(audio, seeded()) - audio
    signs = noise.sign()
    assert (signs == signs[:, :1]).all()
    assert 5 < (signs[:, 0] > 0).sum() < 35
    first = (noise / rms(noise)[:, None])[:, 0]
    assert len(first.unique()) > 35


def test_recorded_noise_has_its_probability(folder: str) -> None:
    augment = replace(NO_EFFECTS, noises=folder, recorded_noise=0.25)
    audio = torch.randn(400, 200)
    changed = (augment.waveform(audio, seeded()) != audio).any(dim=-1)
    assert changed.float().mean().item() == pytest.approx(0.25, abs=0.07)


def test_silent_noise_changes_nothing(tmp_path: Path) -> None:
    save(tmp_path / "silence.wav", np.zeros(5000))
    augment = replace(NO_EFFECTS, noises=str(tmp_path), recorded_noise=1)
    audio = sines([60])
    assert torch.equal(augment.waveform(audio, seeded()), audio)
