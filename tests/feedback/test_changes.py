"""What changed between two note tables, note by note."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from amt.feedback.changes import compare_notes
from amt.notes import Notes


def table(*rows: tuple[float, float, int, int]) -> Notes:
    columns = np.array(rows, dtype=float).reshape(-1, 4).T
    return Notes(*columns)


A, B = (0.0, 1.0, 60, 70), (1.0, 2.0, 62, 70)


@pytest.mark.parametrize(
    ("after", "expected"),
    [
        ((A, B), (0, 0, 0)),
        ((A,), (0, 1, 0)),
        ((A, B, (3.0, 4.0, 64, 70)), (1, 0, 0)),
        (((0.0, 1.0, 60, 71), B), (0, 0, 1)),
        (((0.0, 1.0, 61, 70), B), (0, 0, 1)),
        (((0.2, 1.0, 60, 70), B), (0, 0, 1)),
        (((5.0, 6.0, 60, 70), B), (0, 0, 1)),
        (((5.0, 6.0, 65, 70), B), (1, 1, 0)),
        ((A, A, B), (1, 0, 0)),
        ((), (0, 2, 0)),
    ],
)
def test_how_many_changed(after: Any, expected: tuple[int, int, int]) -> None:
    found = compare_notes(table(A, B), table(*after)).counts
    assert (found["added"], found["removed"], found["changed"]) == expected


def test_which_changed() -> None:
    louder, new = (0.0, 1.0, 60, 99), (3.0, 4.0, 64, 70)
    found = compare_notes(table(A, B), table(louder, new))
    assert found.changed == [(A, louder)] and found.added == [new] and found.removed == [B]


def test_each_note_is_counted_once() -> None:
    """The first of two equal notes is matched with one of the later ones only."""
    found = compare_notes(table(A, A, B), table((0.0, 1.0, 60, 71), (0.0, 1.0, 60, 72)))
    assert len(found.changed) == 2 and found.removed == [B] and not found.added


def test_what_is_less_than_the_stored_resolution_is_no_change() -> None:
    assert not any(compare_notes(table(A), table((0.00004, 1.0, 60, 70))).counts.values())
