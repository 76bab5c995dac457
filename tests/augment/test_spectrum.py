"""Pitch shift with its labels, gain and frequency response of spectrograms."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from front_ends import LOGARITHMIC, front_end
from hypothesis import given, settings
from hypothesis import strategies as st
from signals import NO_EFFECTS, one_note_each, seeded, sines

from amt.augment import transpose
from amt.features.frontends import SpectrogramShape
from amt.notes import MAX_PITCH, MIN_PITCH, PITCH

LOGFREQ = SpectrogramShape(2, 264, 3)


# Pitch shift.


@pytest.mark.parametrize("kind", LOGARITHMIC)
def test_labels_follow_the_pitch_shift(kind: str) -> None:
    pitches = [50, 60, 69, 76, 85, 90] * 2
    convert = front_end(kind)
    augment = replace(NO_EFFECTS, key_shift=2)
    spec, notes = augment.spectrogram(
        convert(sines(pitches)), one_note_each(pitches), convert.shape, seeded()
    )
    middle = spec[:, 0, spec.shape[2] // 2]
    sounding = middle.argmax(dim=-1) // convert.shape.bins_per_semitone + MIN_PITCH
    assert sounding.tolist() == notes[:, 0, PITCH].tolist()
    shifts = (notes[:, 0, PITCH] - torch.tensor(pitches)).unique().tolist()
    assert len(shifts) > 2 and min(shifts) >= -2 and max(shifts) <= 2
    assert not notes[:, 1].any()


def test_shifts_are_uniform() -> None:
    augment = replace(NO_EFFECTS, key_shift=2)
    notes = one_note_each([60] * 1000)
    _, moved = augment.spectrogram(torch.zeros(1000, 1, 1, 264), notes, LOGFREQ, seeded())
    counts = torch.bincount((moved[:, 0, PITCH] - 58).long())
    assert len(counts) == 5 and counts.min() > 150


def test_bins_that_enter_have_the_minimum() -> None:
    augment = replace(NO_EFFECTS, key_shift=2)
    spec = torch.rand(50, 2, 3, 264) - 1
    notes = one_note_each([60] * 50)
    moved, labels = augment.spectrogram(spec, notes, LOGFREQ, seeded())
    for before, after, shift in zip(spec, moved, labels[:, 0, PITCH] - 60, strict=True):
        entered = 3 * int(abs(shift))
        edge = after[..., :entered] if shift > 0 else after[..., 264 - entered :]
        assert torch.equal(edge, before.amin(dim=-1, keepdim=True).expand_as(edge))


def test_detuning_shifts_by_fractions_of_a_bin_without_the_labels() -> None:
    spec = torch.arange(264.0).expand(200, 1, 2, 264)
    augment = replace(NO_EFFECTS, detune=0.3)
    moved, labels = augment.spectrogram(spec, one_note_each([60] * 200), LOGFREQ, seeded())
    assert torch.equal(labels, one_note_each([60] * 200))
    shift = 100 - moved[:, 0, 0, 100]
    assert 0.8 < shift.max() <= 0.9 + 1e-4 and -0.9 - 1e-4 <= shift.min() < -0.8
    assert len(shift.unique()) > 150


def test_a_linear_or_mel_frequency_axis_is_not_shifted() -> None:
    spec, notes = torch.randn(8, 1, 5, 229), one_note_each([60] * 8)
    augment = replace(NO_EFFECTS, key_shift=2)
    same, labels = augment.spectrogram(spec, notes, SpectrogramShape(1, 229), seeded())
    assert torch.equal(same, spec) and torch.equal(labels, notes)


@settings(deadline=None)
@given(st.integers(MIN_PITCH, MAX_PITCH), st.integers(-12, 12))
def test_notes_that_leave_the_keyboard_become_padding(pitch: int, semitones: int) -> None:
    moved = transpose(one_note_each([pitch]), torch.tensor([[semitones]]))
    target = pitch + semitones
    assert moved[0, 0, PITCH] == (target if MIN_PITCH <= target <= MAX_PITCH else 0)
    assert moved[0, 1, PITCH] == 0


# Level and frequency response.


def test_gain_is_constant_within_an_example() -> None:
    augment = replace(NO_EFFECTS, gain_db=6.0)
    spec = torch.zeros(2000, 2, 3, 12)
    moved, _ = augment.spectrogram(spec, torch.zeros(2000, 0, 4), LOGFREQ, seeded())
    level = moved.flatten(1)
    assert (level - level[:, :1]).abs().max() < 1e-6
    assert level[:, 0].std().item() == pytest.approx(6 / 20, rel=0.1)
    assert level[:, 0].mean().item() == pytest.approx(0, abs=0.03)


def test_tilt_is_linear_in_octaves() -> None:
    augment = replace(NO_EFFECTS, equalizer=1.0, tilt_db=1.5)
    spec = torch.zeros(2000, 1, 1, 265)
    moved, _ = augment.spectrogram(spec, torch.zeros(2000, 0, 4), LOGFREQ, seeded())
    assert moved.diff(dim=-1).std(dim=-1).max() < 1e-5
    over_all = (moved[..., -1] - moved[..., 0]).std().item()
    assert over_all == pytest.approx(1.5 / 20 * 88 / 12, rel=0.1)


def test_bands_of_the_equalizer_are_smooth_and_within_their_gains() -> None:
    augment = replace(NO_EFFECTS, equalizer=1.0, equalizer_bands=1, equalizer_db=(-10.0, 5.0))
    spec = torch.zeros(1000, 2, 4, 264)
    moved, _ = augment.spectrogram(spec, torch.zeros(1000, 0, 4), LOGFREQ, seeded())
    assert torch.equal(moved, moved[:, :1, :1].expand_as(moved))
    response = moved[:, 0, 0] * 20
    assert -10 <= response.min() < -9 and 4 < response.max() <= 5
    assert ((response >= 0).all(dim=1) | (response <= 0).all(dim=1)).all()
    assert response.diff(dim=-1).abs().max() < 1.5


def test_every_example_has_another_frequency_response() -> None:
    augment = replace(NO_EFFECTS, equalizer=1.0, equalizer_db=(-10.0, 5.0))
    spec = torch.zeros(50, 1, 1, 264)
    moved, _ = augment.spectrogram(spec, torch.zeros(50, 0, 4), LOGFREQ, seeded())
    assert moved.std(dim=0).min() > 0.02 and moved.std(dim=-1).min() > 0


def test_the_equalizer_has_its_probability() -> None:
    augment = replace(NO_EFFECTS, equalizer=0.25, tilt_db=2.0, equalizer_db=(-10.0, 5.0))
    spec = torch.zeros(2000, 1, 2, 264)
    moved, _ = augment.spectrogram(spec, torch.zeros(2000, 0, 4), LOGFREQ, seeded())
    changed = (moved != 0).any(dim=-1).any(dim=-1)
    assert changed.float().mean().item() == pytest.approx(0.25, abs=0.04)
