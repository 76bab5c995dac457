"""Piano rolls as arrays."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from amt.inference.arrays import piano_roll_array
from amt.notes import Notes


def test_velocities_of_the_keys_that_sound() -> None:
    notes = Notes([0.0, 0.5, 0.5], [0.5, 1.0, 0.7], [60, 60, 21], [80, 90, 10])
    roll = piano_roll_array(notes, 1.2, rate=10)
    expected = np.zeros((12, 88), dtype=np.uint8)
    expected[:5, 39], expected[5:10, 39], expected[5:7, 0] = 80, 90, 10
    assert roll.dtype == np.uint8
    np.testing.assert_array_equal(roll, expected)


def test_fifty_frames_a_second_and_the_last_note_whole() -> None:
    assert piano_roll_array(Notes.empty(), 2.01).shape == (101, 88)
    late = Notes([1.9], [2.5], [108], [1])
    roll = piano_roll_array(late, 2.0)
    assert len(roll) == 125 and roll[95:, 87].all() and not roll[:95].any()


def test_no_audio_is_one_silent_frame() -> None:
    assert piano_roll_array(Notes.empty(), 0.0).tolist() == [[0] * 88]


@pytest.mark.parametrize("pitch", [20, 109])
def test_pitches_without_a_key_are_refused(pitch: int) -> None:
    with pytest.raises(ValueError, match=f"pitch {pitch}: expected a key, 21 to 108"):
        piano_roll_array(Notes([0.0], [1.0], [pitch], [64]), 1.0)


@given(
    onset=st.floats(0, 5),
    length=st.floats(0, 3),
    pitch=st.integers(21, 108),
    velocity=st.integers(1, 127),
    rate=st.sampled_from([1.0, 7.3, 50.0, 100.0]),
)
def test_a_note_fills_the_frames_that_it_touches(
    onset: float, length: float, pitch: int, velocity: int, rate: float
) -> None:
    roll = piano_roll_array(Notes([onset], [onset + length], [pitch], [velocity]), 1.0, rate)
    frames = np.flatnonzero(roll[:, pitch - 21])
    assert set(roll[frames, pitch - 21]) == {velocity} and not np.delete(roll, pitch - 21, 1).any()
    assert frames[0] == int(onset * rate) and np.array_equal(
        np.diff(frames), np.ones(len(frames) - 1)
    )
    assert frames[-1] + 1 >= (onset + length) * rate > frames[-1] or len(frames) == 1
