"""Compression, clipping and lossy coding; none delays an onset."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from front_ends import SAMPLE_RATE
from signals import NO_EFFECTS, decibels, impulse, rms, seeded, sines

LOUD_THEN_SOFT = torch.cat([torch.ones(8000), torch.full((8000,), 0.1)])


def test_compression_reduces_the_difference_of_levels() -> None:
    augment = replace(NO_EFFECTS, compression=1, compression_ratio=(2.0, 2.0))
    augmented = augment.waveform(sines([60, 72]) * LOUD_THEN_SOFT, seeded())
    difference = decibels(rms(augmented[:, 2000:6000]) / rms(augmented[:, 10000:14000]))
    assert difference.tolist() == pytest.approx([10, 10], abs=0.2)


def test_the_gain_of_compression_is_limited() -> None:
    augment = replace(NO_EFFECTS, compression=1, compression_ratio=(4.0, 4.0))
    audio = sines([60, 72]) * LOUD_THEN_SOFT**4
    raised = decibels(rms(augment.waveform(audio, seeded())[:, 10000:]) / rms(audio[:, 10000:]))
    assert raised.tolist() == pytest.approx([18, 18], abs=0.2)


def test_clipping_is_hard_or_soft() -> None:
    augment = replace(NO_EFFECTS, clipping=1, clipping_db=(-6.0, -6.0))
    audio = sines([60] * 40)
    augmented = augment.waveform(audio, seeded())
    limit = audio.amax(dim=-1) * 10 ** (-6 / 20)
    assert (augmented.abs().amax(dim=-1) <= limit + 1e-6).all()
    hard = ((augmented - limit[:, None]).abs() < 1e-6).float().mean(dim=-1) > 0.1
    assert 5 < hard.sum() < 35
    soft = audio.abs() < 0.02
    assert (augmented - audio)[soft].abs().max() < 1e-3


def test_a_codec_removes_high_frequencies() -> None:
    augment = replace(NO_EFFECTS, codec=1, codec_cut=(5000.0, 5000.0))
    audio = torch.randn(4, SAMPLE_RATE, generator=seeded(1))
    before, after = (
        torch.fft.rfft(audio).abs(),
        torch.fft.rfft(augment.waveform(audio, seeded())).abs(),
    )
    frequency = torch.fft.rfftfreq(SAMPLE_RATE, 1 / SAMPLE_RATE)
    above = frequency > 5200
    assert rms(after[:, above]).max() < 0.01 * rms(before[:, above]).min()
    assert rms(after[:, ~above]).min() > 0.8 * rms(before[:, ~above]).min()


def test_a_codec_removes_masked_tones_and_keeps_the_masker() -> None:
    augment = replace(NO_EFFECTS, codec=1, codec_cut=(7000.0, 7000.0), codec_db=(10.0, 10.0))
    strong, weak = sines([60, 60]), sines([84, 84]) / 1000
    augmented = augment.waveform(strong + weak, seeded())
    kept = (augmented * weak).sum(dim=-1) / weak.square().sum(dim=-1)
    assert kept.abs().max() < 0.5
    assert decibels(rms(strong) / rms(augmented - strong)).min() > 12


def test_finer_quantisation_has_less_error() -> None:
    audio = torch.randn(8, SAMPLE_RATE)
    errors = []
    for steps in (0.0, 10.0, 20.0):
        augment = replace(NO_EFFECTS, codec=1, codec_cut=(8001.0, 8001.0), codec_db=(steps, steps))
        errors.append(rms(augment.waveform(audio, seeded()) - audio).mean())
    assert errors[0] > 2 * errors[1] > 4 * errors[2] > 0


@pytest.mark.parametrize("effect", ["compression", "clipping", "codec"])
def test_onsets_are_not_delayed(effect: str) -> None:
    augmented = replace(NO_EFFECTS, **{effect: 1}).waveform(impulse(at=3000), seeded())
    assert (augmented.abs().argmax(dim=-1) == 3000).all()
