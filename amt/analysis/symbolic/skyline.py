"""Melody and bass line of polyphonic piano music.

The skyline algorithm of Uitdenbogerd and Zobel (1998), "Manipulation of Music for Melody Matching":
the highest of the notes that begin together. A note below one that is held through it belongs to
the accompaniment and is left out. The bass line is the same with pitches reversed.
"""

from __future__ import annotations

import numpy as np

from amt.notes import Notes

# Notes whose onsets differ by no more than this are a chord.
TOGETHER_SECONDS = 0.035
# In legato the previous note is still held for a moment when the next one begins. It covers the
# next one only if it is held through this share of its duration.
COVERED_SHARE = 0.5


def skyline(notes: Notes) -> np.ndarray:
    """Indices (M,) of the notes of the melody, in order of onset."""
    return _skyline(notes, notes.pitch)


def bass_line(notes: Notes) -> np.ndarray:
    """Indices (M,) of the notes of the bass line, in order of onset."""
    return _skyline(notes, -notes.pitch)


def chords(notes: Notes) -> np.ndarray:
    """Chord number of each note (N,), from 0; a gap of TOGETHER_SECONDS begins a new chord."""
    return np.cumsum(np.diff(notes.onset, prepend=notes.onset[:1]) > TOGETHER_SECONDS)


def _skyline(notes: Notes, height: np.ndarray) -> np.ndarray:
    """Indices (M,) of the notes with the largest `height` (N,) that no held note covers."""
    group = chords(notes)
    order = np.lexsort((height, group))
    top = np.append(np.diff(group[order]) > 0, True)[: len(order)]
    chosen = order[top]
    return chosen[height[chosen] >= _covering_height(notes, height, chosen)]


def _covering_height(notes: Notes, height: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    """Largest height (M,) of the notes that are held through each chosen note."""
    begin = notes.onset[chosen] + TOGETHER_SECONDS
    until = notes.onset[chosen] + COVERED_SHARE * (notes.offset - notes.onset)[chosen]
    covering = np.full(len(chosen), -np.inf)
    for level in np.unique(height):
        same = height == level
        last = np.searchsorted(notes.onset[same], begin, side="right") - 1
        held = (last >= 0) & (notes.offset[same][last] > until)
        covering = np.where(held, level, covering)
    return covering
