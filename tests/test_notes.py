"""The note table and the sustain pedal."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from amt.notes import SOFT, SUSTAIN, Notes, Pedal, extend_sustain, sustain_presses


def table(rows: list[tuple[float, float, int, int]], pedal: Pedal | None = None) -> Notes:
    onset, offset, pitch, velocity = np.array(rows, dtype=float).reshape(-1, 4).T
    return Notes(onset, offset, pitch, velocity, pedal or Pedal())


def sustain(*movements: tuple[float, int], controller: int = SUSTAIN) -> Pedal:
    time, value = np.array(movements).T
    return Pedal(time, np.full(len(time), controller), value)


def test_notes_are_sorted_by_onset_then_pitch() -> None:
    notes = table([(2, 3, 60, 10), (1, 9, 70, 20), (1, 4, 50, 30)])
    assert notes.pitch.tolist() == [50, 70, 60]
    assert notes.offset.tolist() == [4, 9, 3]
    assert notes.velocity.tolist() == [30, 20, 10]
    assert notes.end == 9


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        (([0, 1], [1], [60], [64]), "equally long"),
        (([[0]], [[1]], [[60]], [[64]]), "one-dimensional"),
        (([0], [np.nan], [60], [64]), "finite"),
        (([np.inf], [np.inf], [60], [64]), "finite"),
        (([1], [0.5], [60], [64]), "ends before"),
        (([0], [1], [128], [64]), "pitches must be whole numbers from 0 to 127, got 128"),
        (([0], [1], [-1], [64]), "pitches"),
        (([0], [1], [60.5], [64]), "pitches must be .* got 60.5"),
        (([0], [1], [60], [0]), "velocities must be whole numbers from 1 to 127, got 0"),
        (([0], [1], [60], [0.8]), "velocities must be .* got 0.8"),
        (([0], [1], [60], [np.nan]), "velocities must be .* got nan"),
        (([0], [1], [60], [64], Pedal(), [16]), "channels"),
        (([0, 1], [1, 2], [60, 61], [64, 64], Pedal(), [0, 1, 2]), "equally long"),
    ],
)
def test_a_wrong_table_is_refused(columns: tuple[list, ...], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Notes(*(np.array(column) if isinstance(column, list) else column for column in columns))


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        (([0, 1], [64], [0]), "equally long"),
        (([np.nan], [64], [0]), "pedal times must be finite"),
        (([0], [64], [128]), "pedal values must be whole numbers from 0 to 127, got 128"),
        (([0], [1], [0]), "pedal controllers must be whole numbers from 64 to 67, got 1"),
    ],
)
def test_wrong_pedal_movements_are_refused(columns: tuple[list, ...], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Pedal(*(np.array(column) for column in columns))


def test_an_empty_table() -> None:
    notes = Notes.empty()
    assert len(notes) == len(notes.pedal) == 0
    assert notes.end == 0
    assert len(extend_sustain(notes)) == 0


def test_select_shift_and_crop() -> None:
    notes = table([(0, 1, 60, 1), (1, 5, 61, 2), (2, 3, 62, 3)], sustain((0.5, 127), (2.5, 0)))
    assert notes.select(notes.pitch > 60).velocity.tolist() == [2, 3]
    moved = notes.shift(0.25)
    assert moved.onset.tolist() == [0.25, 1.25, 2.25]
    assert moved.pedal.time.tolist() == [0.75, 2.75]
    inside = notes.crop(1, 2)
    assert (inside.onset.tolist(), inside.offset.tolist()) == ([1], [2])
    assert notes.crop(0, 1).pedal.value.tolist() == [127]


def test_a_note_rings_until_the_pedal_comes_up() -> None:
    notes = table([(0, 1, 60, 64), (3.5, 4, 62, 64)], sustain((0.5, 127), (3, 0)))
    assert extend_sustain(notes).offset.tolist() == [3, 4]


def test_a_key_that_outlasts_the_pedal_keeps_its_offset() -> None:
    notes = table([(0, 4, 60, 64)], sustain((0.5, 127), (3, 0)))
    assert extend_sustain(notes).offset.tolist() == [4]


def test_the_pedal_must_be_down_when_the_key_comes_up() -> None:
    notes = table([(0, 1, 60, 64)], sustain((1.01, 127), (3, 0)))
    assert extend_sustain(notes).offset.tolist() == [1]
    notes = table([(0, 1, 60, 64)], sustain((1, 127), (3, 0)))
    assert extend_sustain(notes).offset.tolist() == [3]


def test_the_next_onset_of_the_pitch_ends_a_sustained_note() -> None:
    notes = table([(0, 1, 60, 64), (1, 1.5, 61, 64), (2, 2.5, 60, 64)], sustain((0, 127), (9, 0)))
    assert extend_sustain(notes).offset.tolist() == [2, 9, 9]


def test_a_pedal_that_never_comes_up_holds_to_the_last_event() -> None:
    notes = table([(0, 1, 60, 64), (1, 5, 61, 64)], sustain((0, 127)))
    assert extend_sustain(notes).offset.tolist() == [5, 5]
    notes = table([(0, 1, 60, 64)], sustain((0, 127), (7, 90)))
    assert extend_sustain(notes).offset.tolist() == [7]


def test_half_pedal_is_a_matter_of_the_threshold() -> None:
    notes = table([(0, 1, 60, 64)], sustain((0, 63), (3, 0)))
    assert extend_sustain(notes).offset.tolist() == [1]
    assert extend_sustain(notes, threshold=63).offset.tolist() == [3]
    lifted_half = table([(0, 1, 60, 64)], sustain((0, 64), (2, 63), (3, 0)))
    assert extend_sustain(lifted_half).offset.tolist() == [2]


def test_other_pedals_hold_nothing() -> None:
    notes = table([(0, 1, 60, 64)], sustain((0, 127), (3, 0), controller=SOFT))
    assert extend_sustain(notes).offset.tolist() == [1]


def test_the_pedal_of_a_channel_holds_its_notes_only() -> None:
    channel = np.array([0, 1])
    pedal = Pedal([0, 1.5, 3], [SUSTAIN] * 3, [127, 0, 0], [0, 1, 0])
    notes = Notes([0, 0], [1, 1], [60, 72], [64, 64], pedal, channel)
    assert extend_sustain(notes).offset.tolist() == [3, 1]
    assert sustain_presses(notes).tolist() == [[0, 3]]
    assert notes.select(notes.pitch == 72).shift(1).crop(0, 9).channel.tolist() == [1]
    assert notes.pedal.select(np.array([1])).channel.tolist() == [1]
    merged = Notes([0, 0], [1, 1], [60, 72], [64, 64], sustain((0, 127), (1.5, 0), (3, 0)))
    assert extend_sustain(merged).offset.tolist() == [1.5, 1.5]


def test_unsorted_movements_are_taken_in_time() -> None:
    notes = table([(0, 1, 60, 64)], sustain((3, 0), (0.5, 127)))
    extended = extend_sustain(notes)
    assert extended.offset.tolist() == [3]
    assert extended.pedal is notes.pedal


seconds = st.integers(0, 40).map(lambda tenths: tenths / 10)
rows = st.lists(
    st.tuples(seconds, seconds.filter(bool), st.integers(60, 62)), min_size=1, max_size=12
)


@settings(deadline=None)
@given(rows, st.lists(st.tuples(seconds, st.sampled_from([0, 63, 64, 127])), max_size=8))
def test_extension_against_its_definition(
    played: list[tuple[float, float, int]], movements: list[tuple[float, int]]
) -> None:
    movements = sorted(dict(movements).items())
    pedal = sustain(*movements) if movements else Pedal()
    notes = table([(start, start + length, pitch, 64) for start, length, pitch in played], pedal)
    extended = extend_sustain(notes)
    end = max([notes.end, *(time for time, _ in movements)])
    for index, key_up in enumerate(notes.offset):
        before = [value for time, value in movements if time <= key_up]
        expected = key_up
        if before and before[-1] >= 64:
            lifts = [time for time, value in movements if time > key_up and value < 64]
            later = notes.onset[(notes.pitch == notes.pitch[index])][_rank(notes, index) + 1 :]
            expected = max(key_up, min([end, *lifts[:1], *later[:1]]))
        assert extended.offset[index] == expected


def _rank(notes: Notes, index: int) -> int:
    return int((notes.pitch[:index] == notes.pitch[index]).sum())
