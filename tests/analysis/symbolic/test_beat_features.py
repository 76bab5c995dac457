"""The frames that the beat network reads."""

from __future__ import annotations

import numpy as np

from amt.analysis.symbolic.beat_features import (
    CHANNELS,
    DESCRIPTORS,
    FRAME_RATE,
    beat_features,
    frame_count,
)
from amt.notes import MIN_PITCH, NUM_KEYS, Notes

CHORD_THEN_NOTE = Notes([0.5, 0.5, 1.0], [1.0, 0.76, 1.5], [60, 64, 67], [127, 64, 32])


def test_onsets_and_sounding_notes_stand_in_their_frames() -> None:
    found = beat_features(CHORD_THEN_NOTE, frame_count(CHORD_THEN_NOTE))
    assert found.shape == (round(3.0 * FRAME_RATE), CHANNELS) and found.dtype == np.float32
    onsets, sounding = found[:, :NUM_KEYS], found[:, NUM_KEYS : 2 * NUM_KEYS]
    frames, keys = onsets.nonzero()
    assert frames.tolist() == [25, 25, 50]
    assert (keys + MIN_PITCH).tolist() == [60, 64, 67]
    assert onsets[25, 60 - MIN_PITCH] == 2.0
    assert sounding.sum(0)[[60 - MIN_PITCH, 64 - MIN_PITCH]].tolist() == [25, 13]


def test_pitch_classes_and_the_lowest_one_are_marked() -> None:
    chord = Notes([0.0, 0.0, 0.0], [1.0, 1.0, 1.0], [43, 60, 72], [64] * 3)
    found = beat_features(chord, 60)[:, 2 * NUM_KEYS : -DESCRIPTORS]
    assert found[10].nonzero()[0].tolist() == [0, 7, 12 + 7]
    assert found[10, 0] == 2.0
    assert not found[55].any()


def test_descriptors_summarise_the_notes_of_a_frame() -> None:
    found = beat_features(CHORD_THEN_NOTE, 150)[:, -DESCRIPTORS:]
    assert found[:, :7].any(1).nonzero()[0].tolist() == [25, 50]
    # Two notes, the longest 0.5 s; the next onset is 0.5 s later: 2 times 0.25 s.
    assert found[25, 0] == np.float32(np.log1p(2))
    assert found[25, [2, 4]].tolist() == [1.0, 1.0]
    assert found[50, [2, 3]].tolist() == [1.0, 1.0]
    assert found[[38, 50, 75], 7].min() > 0


def test_notes_outside_the_frames_are_left_out() -> None:
    notes = Notes([0.0, 9.0], [20.0, 9.5], [60, 62], [64, 64])
    found = beat_features(notes, 100)
    assert found[:, NUM_KEYS + 60 - MIN_PITCH].all()
    assert not found[:, 62 - MIN_PITCH].any()
    assert not beat_features(Notes.empty(), 8).any() and frame_count(Notes.empty()) == 0
