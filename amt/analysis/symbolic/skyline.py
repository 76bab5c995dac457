"""The upper and the lower line of polyphonic piano music: what is heard as melody and as bass.

The skyline of Uitdenbogerd and Zobel (1998), "Manipulation of music for melody matching": of notes
that begin together the highest. A note below one that is held on through it belongs to the
accompaniment and is left out; the same upside down gives the bass.
"""

from __future__ import annotations

import numpy as np

from amt.notes import Notes

# Notes that begin within so many seconds are a chord.
TOGETHER_SECONDS = 0.035
# A neighbour in a legato line is still held for a moment when the next note begins: it covers a
# note only if it is held through this share of it.
COVERED = 0.5


def skyline(notes: Notes) -> np.ndarray:
    """Positions (M,) in the table of the notes of the melody, in time."""
    return _skyline(notes, notes.pitch)


def bass_line(notes: Notes) -> np.ndarray:
    """Positions (M,) in the table of the notes of the bass, in time."""
    return _skyline(notes, -notes.pitch)


def chords(notes: Notes) -> np.ndarray:
    """The number of the chord (N,) that each note belongs to, from 0; neighbours chain."""
    return np.cumsum(np.diff(notes.onset, prepend=notes.onset[:1]) > TOGETHER_SECONDS)


def _skyline(notes: Notes, height: np.ndarray) -> np.ndarray:
    group = chords(notes)
    order = np.lexsort((height, group))
    top = np.append(np.diff(group[order]) > 0, True)[: len(order)]
    chosen = order[top]
    return chosen[height[chosen] >= _held(notes, height, chosen)]


def _held(notes: Notes, height: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    """The greatest height that begins no later than each chosen note and is held on through it."""
    begin = notes.onset[chosen] + TOGETHER_SECONDS
    until = notes.onset[chosen] + COVERED * (notes.offset - notes.onset)[chosen]
    held = np.full(len(chosen), -np.inf)
    for level in np.unique(height):
        own = height == level
        last = np.searchsorted(notes.onset[own], begin, side="right") - 1
        sounding = (last >= 0) & (notes.offset[own][last] > until)
        held = np.where(sounding, level, held)
    return held
