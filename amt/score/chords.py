"""Notes that begin together."""

from __future__ import annotations

import numpy as np

# Notes that begin within this time of a chord's first are of the chord.
CHORD_SECONDS = 0.035


def chords(onset: np.ndarray) -> np.ndarray:
    """The chord of each of the sorted onsets (N,): numbers from 0 that rise with time."""
    chord = np.zeros(len(onset), dtype=np.int64)
    first = 0
    for note in range(1, len(onset)):
        begins = onset[note] - onset[first] > CHORD_SECONDS
        first = note if begins else first
        chord[note] = chord[note - 1] + begins
    return chord
