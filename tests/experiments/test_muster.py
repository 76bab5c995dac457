"""MUSTER of hand-made scores: what each kind of error costs."""

from __future__ import annotations

import numpy as np
import pytest
from muster import Muster, WrittenNotes, muster, without_unisons

ONSET = [0, 1, 1.5, 2, 3, 4, 4.5, 5, 6, 7]
VALUE = [1, 0.5, 0.5, 1, 1, 0.5, 0.5, 1, 1, 1]
PITCH = [60, 62, 64, 65, 67, 69, 67, 65, 64, 60]


def score(
    onset: list[float] = ONSET,
    value: list[float] = VALUE,
    pitch: list[int] = PITCH,
    place: list[float] | None = None,
) -> WrittenNotes:
    """A score whose notes sound where they are written, or at `place`."""
    columns = (onset if place is None else place, onset, value, pitch)
    return WrittenNotes(*map(np.array, columns), np.ones(len(onset), dtype=int))


def rates(found: Muster) -> list[float]:
    return [found.pitch, found.missing, found.extra, found.onset, found.offset]


def changed(values: list, index: int, value: float) -> list:
    return [*values[:index], value, *values[index + 1 :]]


def test_a_score_has_no_errors_against_itself() -> None:
    assert rates(muster(score(), score())) == [0, 0, 0, 0, 0]


def test_a_wrong_pitch_is_one_error() -> None:
    assert rates(muster(score(), score(pitch=changed(PITCH, 4, 66)))) == [10, 0, 0, 0, 0]


def test_a_note_less_and_a_note_more() -> None:
    less = score(*(column[:4] + column[5:] for column in (ONSET, VALUE, PITCH)))
    assert rates(muster(score(), less)) == [0, 10, 0, 0, 0]
    found = muster(less, score())
    assert rates(found) == [0, 0, 10, 0, 0]
    assert found.mean == 2


def test_a_moved_note_makes_two_intervals_wrong() -> None:
    found = muster(score(), score(onset=changed(ONSET, 4, 3.25), value=changed(VALUE, 4, 0.75)))
    assert found.onset == 20
    # The note before it ends at its onset no longer.
    assert found.offset == 10


@pytest.mark.parametrize("factor", [2, 0.5, 1.5])
def test_another_unit_of_the_beat_costs_one_correction(factor: float) -> None:
    onset, value = ([factor * time for time in column] for column in (ONSET, VALUE))
    found = muster(score(), score(onset, value, place=ONSET))
    assert rates(found) == [0, 0, 0, 10, 0]


def test_a_change_of_the_unit_within_a_piece() -> None:
    onset = [*ONSET[:5], *(4 + 2 * (time - 4) for time in ONSET[5:])]
    value = [*VALUE[:5], *(2 * length for length in VALUE[5:])]
    assert rates(muster(score(), score(onset, value, place=ONSET))) == [0, 0, 0, 10, 0]


def test_a_wrong_value_is_an_error_of_the_offset() -> None:
    assert rates(muster(score(), score(value=changed(VALUE, 3, 0.5)))) == [0, 0, 0, 0, 10]
    assert rates(muster(score(), score(value=changed(VALUE, 9, 2)))) == [0, 0, 0, 0, 10]


def test_an_offset_between_later_onsets_is_right_in_a_score_that_is_right() -> None:
    held = score(value=changed(VALUE, 0, 2.5))
    assert rates(muster(held, held)) == [0, 0, 0, 0, 0]


def test_repeated_notes_keep_their_order() -> None:
    repeated = score(pitch=[60] * 10)
    early = score(pitch=[60] * 10, place=[time - 0.2 for time in ONSET])
    assert rates(muster(repeated, early)) == [0, 0, 0, 0, 0]


def test_a_unison_counts_once() -> None:
    doubled = score([*ONSET, 0], [*VALUE, 0.5], [*PITCH, 60])
    assert len(without_unisons(doubled).pitch) == 10
    assert rates(muster(doubled, score())) == [0, 0, 0, 0, 0]


def test_what_comes_after_the_last_common_note_is_left_out() -> None:
    begun = score(ONSET[:6], VALUE[:6], PITCH[:6])
    assert muster(score(), begun).missing == 0


def test_scores_without_common_notes() -> None:
    assert rates(muster(score(), score(place=[time + 50 for time in ONSET]))) == [0, 100, 100, 0, 0]
