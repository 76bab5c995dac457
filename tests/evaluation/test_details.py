"""Counts of mistakes, onset errors and pitches, and their sums over pieces."""

from __future__ import annotations

import json

import pytest
from oracle import random_notes

from amt.evaluation.details import Details
from amt.notes import Notes


def notes(onsets: list[float], pitches: list[int]) -> Notes:
    return Notes(onsets, [onset + 0.3 for onset in onsets], pitches, [64] * len(onsets))


def test_a_late_note_an_octave_and_a_missed_note_are_counted() -> None:
    reference = notes([1.0, 2.0, 3.0, 4.0], [60, 62, 64, 65])
    estimate = notes([1.01, 2.09, 3.0, 3.0], [60, 62, 64, 76])
    found = Details.of(reference, estimate)
    per_hundred = found.mistakes_per_hundred()
    assert per_hundred["onset out of tolerance"] == per_hundred["added: octave"] == 25.0
    assert sum(per_hundred.values()) == 75.0
    assert found.onset_errors.sum() == 3  # 10 ms, 90 ms and none late.
    scores = found.note_f1_by_pitch()
    assert scores == {60: 1.0, 62: 0.0, 64: 1.0, 65: 0.0, 76: 0.0}


def test_details_add_up_over_pieces() -> None:
    pieces = [(random_notes(s, 30, 10), random_notes(s + 5, 20, 10)) for s in range(2)]
    one, other = (Details.of(*pair) for pair in pieces)
    both = one + other
    assert both.reference == one.reference + other.reference == 60
    assert sum(both.mistakes.values()) == sum(one.mistakes.values()) + sum(other.mistakes.values())
    assert both.pitches.sum() == one.pitches.sum() + other.pitches.sum()
    document = json.loads(json.dumps(both.as_document()))
    assert document["reference_notes"] == 60 and len(document["onset_errors"]) == 50


def test_nothing_is_no_error() -> None:
    assert Details().note_f1_by_pitch() == {}
    assert sum(Details().mistakes_per_hundred().values()) == pytest.approx(0.0)
