"""The piano roll and the summary of a prediction."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from amt.notes import MIN_PITCH, NUM_KEYS, Notes
from amt.serving.responses import piano_roll, summary

note = st.tuples(
    st.integers(0, 400), st.integers(0, 100), st.integers(21, 108), st.integers(1, 127)
)


def table(rows: list[tuple[int, int, int, int]]) -> Notes:
    onset, length, pitch, velocity = np.array(rows).reshape(-1, 4).T
    return Notes(onset / 100, (onset + length) / 100, pitch, velocity)


def test_runs_of_a_piano_roll() -> None:
    notes = Notes([0.0, 0.5, 0.5], [0.5, 1.0, 0.7], [60, 60, 21], [80, 90, 10])
    roll = piano_roll(notes, 1.0, 10)
    assert roll == {
        "frame_rate": 10,
        "frames": 10,
        "runs": [[21, 5, 2, 10], [60, 0, 5, 80], [60, 5, 5, 90]],
    }


@given(st.lists(note, max_size=30), st.sampled_from([1.0, 7.3, 50.0, 100.0]))
def test_runs_decode_to_the_piano_roll(rows: list[tuple[int, int, int, int]], rate: float) -> None:
    notes = table(rows)
    roll = piano_roll(notes, 3.0, rate)
    back = np.zeros((NUM_KEYS, roll["frames"]), dtype=int)
    for pitch, first, frames, velocity in roll["runs"]:
        run = back[pitch - MIN_PITCH, first : first + frames]
        assert frames > 0 and len(run) == frames and not run.any()
        run[:] = velocity
    expected = np.zeros_like(back)
    for onset, offset, pitch, velocity in zip(
        notes.onset, notes.offset, notes.pitch, notes.velocity, strict=True
    ):
        first = int(np.floor(onset * rate))
        expected[pitch - MIN_PITCH, first : max(int(np.ceil(offset * rate)), first + 1)] = velocity
    np.testing.assert_array_equal(back, expected)


def test_no_notes() -> None:
    assert piano_roll(Notes.empty(), 0.001, 50) == {"frame_rate": 50, "frames": 1, "runs": []}
    assert summary(Notes.empty(), 1.0) == {
        "note_count": 0,
        "range": None,
        "most_common_note": None,
        "density": 0.0,
    }
