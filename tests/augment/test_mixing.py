"""Mixing of two excerpts: audio, notes and length of the sum."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from signals import NO_EFFECTS, decibels, one_note_each, rms, seeded, sines

from amt.data.targets import make_targets

PITCHES = [40, 50, 60, 70, 80, 90]
LENGTH = torch.tensor([16000, 9000, 16000, 4000, 16000, 16000])


def test_the_sum_has_the_audio_and_notes_of_both() -> None:
    augment = replace(NO_EFFECTS, mixing=1, mixing_db=(-6.0, -6.0))
    audio, notes = sines(PITCHES), one_note_each(PITCHES)
    mixture = augment.mix(audio, notes, LENGTH, seeded())
    added = mixture.audio - audio
    assert decibels(rms(audio) / rms(added)).tolist() == pytest.approx([6] * 6, abs=0.01)
    frames = make_targets(mixture.notes, 32, 31.25)["frame"]
    for index, pitch in enumerate(PITCHES):
        other = PITCHES[index - 1]
        assert frames[index, 10].nonzero()[:, 0].tolist() == sorted((pitch - 21, other - 21))
        assert torch.nn.functional.cosine_similarity(added[index], audio[index - 1], 0) > 0.999
    assert mixture.mixed.all()


def test_the_length_is_that_of_the_shorter_excerpt() -> None:
    mixture = replace(NO_EFFECTS, mixing=1).mix(
        sines(PITCHES), one_note_each(PITCHES), LENGTH, seeded()
    )
    assert mixture.length.tolist() == [16000, 9000, 9000, 4000, 4000, 16000]


def test_examples_that_are_not_mixed_are_unchanged() -> None:
    audio, length = torch.randn(400, 100), torch.arange(1, 401)
    notes = one_note_each([60] * 400)
    mixture = replace(NO_EFFECTS, mixing=0.25).mix(audio, notes, length, seeded())
    same = ~mixture.mixed
    assert mixture.mixed.float().mean().item() == pytest.approx(0.25, abs=0.07)
    assert torch.equal(mixture.audio[same], audio[same])
    assert torch.equal(mixture.length[same], length[same])
    assert torch.equal(mixture.notes[same, :2], notes[same]) and not mixture.notes[same, 2:].any()
    assert (mixture.audio[mixture.mixed] != audio[mixture.mixed]).any(dim=-1).all()


def test_a_batch_of_one_is_not_mixed() -> None:
    audio, notes, length = sines([60]), one_note_each([60]), torch.tensor([16000])
    mixture = replace(NO_EFFECTS, mixing=1).mix(audio, notes, length, seeded())
    assert torch.equal(mixture.audio, audio) and torch.equal(mixture.notes, notes)
    assert not mixture.mixed.any()


def test_note_tables_may_have_more_columns() -> None:
    notes = torch.cat([one_note_each(PITCHES), torch.ones(6, 2, 1)], dim=-1)
    mixture = replace(NO_EFFECTS, mixing=1).mix(sines(PITCHES), notes, LENGTH, seeded())
    assert mixture.notes.shape == (6, 4, 5)


def test_the_gain_between_loud_and_soft_excerpts_is_limited() -> None:
    audio = sines([60, 70]) * torch.tensor([[1.0], [1e-4]])
    augment = replace(NO_EFFECTS, mixing=1, mixing_db=(0.0, 0.0))
    mixture = augment.mix(audio, one_note_each([60, 70]), LENGTH[:2], seeded())
    added = mixture.audio - audio
    assert decibels(rms(added)[0] / rms(audio)[1]).item() == pytest.approx(12, abs=0.5)
    assert decibels(rms(added)[1] / rms(audio)[0]).item() == pytest.approx(-12, abs=0.01)
