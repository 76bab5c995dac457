"""A transcription as NumPy arrays: the piano roll."""

from __future__ import annotations

import math

import numpy as np

from amt.notes import MAX_PITCH, MIN_PITCH, NUM_KEYS, Notes

DEFAULT_ROLL_RATE = 50.0  # frames per second


def piano_roll_array(notes: Notes, seconds: float, rate: float = DEFAULT_ROLL_RATE) -> np.ndarray:
    """(T, 88) in uint8, keys from A0: the velocity of the note that sounds, 0 for none.

    rate: frames per second; frame t is the time from t / rate to (t + 1) / rate seconds. Every note
    has a frame at least. T is the duration in frames, rounded up, or the end of the last note. Of
    two notes of a key in one frame the later one counts. Raises ValueError for pitches that are no
    keys of a piano.
    """
    keys = notes.pitch - MIN_PITCH
    if len(notes) and not 0 <= keys.min() <= keys.max() < NUM_KEYS:
        wrong = notes.pitch[(keys < 0) | (keys >= NUM_KEYS)][0]
        raise ValueError(f"pitch {wrong}: expected a key, {MIN_PITCH} to {MAX_PITCH}")
    first = np.floor(notes.onset * rate).astype(int)
    last = np.maximum(np.ceil(notes.offset * rate).astype(int), first + 1)
    frames = max(1, math.ceil(seconds * rate), int(last.max(initial=0)))
    roll = np.zeros((frames, NUM_KEYS), dtype=np.uint8)
    for key, start, stop, velocity in zip(keys, first, last, notes.velocity, strict=True):
        roll[start:stop, key] = velocity
    return roll
