"""What is found in a pair: nothing to learn, notes beside the audio, notes that no model hears."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from corrected_pairs import Edit, hearing, melody, plucked, shifted, without_first

from amt.feedback.findings import find_faults
from amt.notes import Notes

NOTES = melody(0)
MODELS = {"base": hearing(0), "fast": hearing(0, loss=0.1), "open": hearing(0, loss=0.2)}


def kinds(edit: Edit, before: Notes | None = NOTES) -> dict[str, bool]:
    """Kinds of findings, and which are clear, where the user made `edit` of the notes."""
    found = find_faults(plucked(NOTES), edit(NOTES), before, MODELS)
    assert all("\n" not in one.text for one in found)
    return {one.kind: one.clear for one in found}


def wrong_pitches(fraction: float) -> Edit:
    """Replaces the pitch of so many notes."""

    def edit(notes: Notes) -> Notes:
        wrong = np.random.default_rng(2).random(len(notes)) < fraction
        return replace(notes, pitch=np.where(wrong, notes.pitch + 6, notes.pitch))

    return edit


def test_a_few_corrected_notes_are_fine() -> None:
    assert kinds(without_first) == {}
    assert kinds(wrong_pitches(0.05)) == {}


def test_no_notes() -> None:
    assert kinds(lambda notes: notes.select(np.zeros(len(notes), dtype=bool))) == {"empty": True}


def test_silent_audio() -> None:
    (found,) = find_faults(0 * plucked(NOTES), without_first(NOTES), NOTES, MODELS)
    assert found.kind == "empty" and found.clear and "silent" in found.text


def test_unchanged() -> None:
    assert kinds(lambda notes: notes) == {"unchanged": True}
    assert kinds(lambda notes: notes, before=None) == {}


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [(0.01, {}), (0.045, {"misaligned": False}), (-0.045, {"misaligned": False})],
)
def test_a_small_shift_is_for_a_person(seconds: float, expected: dict[str, bool]) -> None:
    assert kinds(lambda notes: shifted(notes, seconds)) == expected


def test_a_large_shift_is_clear() -> None:
    found = kinds(lambda notes: shifted(notes, 0.15))
    assert found["misaligned"]


def test_notes_of_something_else() -> None:
    assert kinds(lambda notes: melody(7)) == {"misaligned": False, "suspicious": False}


def test_a_correction_that_all_models_contradict() -> None:
    assert kinds(wrong_pitches(0.4)) == {"suspicious": False}
    assert kinds(wrong_pitches(0.4), before=None) == {"suspicious": False}


def test_one_model_that_agrees_is_enough() -> None:
    """Where two models made the mistake that was corrected, and the third did not."""
    other = wrong_pitches(0.4)(NOTES)
    models = {"base": MODELS["base"], "fast": MODELS["fast"], "open": lambda audio: other}
    assert find_faults(plucked(NOTES), other, NOTES, models) == ()
