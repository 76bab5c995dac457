"""The most repeated pattern of the melody: the motif that occurs most often."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from amt.analysis.symbolic.skyline import bass_line, skyline
from amt.answers.piece import Piece

# Notes of a pattern, and of a melody that is too short for `melodic_motifs`.
SHORTEST, LONGEST = 3, 16
SHORT_MELODY = 120


@dataclass(frozen=True)
class Pattern:
    """A repeated pattern: pitches of its first occurrence, and (start, stop) of each in seconds.

    The start is the onset of the first note, the stop that of the last one.
    """

    pitches: tuple[int, ...]
    times: tuple[tuple[float, float], ...]


def most_repeated_pattern(piece: Piece) -> Pattern | None:
    """The pattern of the melody and the bass line that occurs most often; None if none repeats.

    Occurrences at other pitches count. It is one of the motifs of the analysis, which are longer
    than what repeats by chance; in a short melody, where they are not found, the sequence whose
    repetitions have the most notes.
    """
    melody = skyline(piece.notes)
    lines = [melody, np.setdiff1d(bass_line(piece.notes), melody)]
    found = [
        _pattern(piece, lines, _one_period(np.array(motif.steps)))
        for motif in piece.analysis.melodic_motifs
    ]
    if not found:
        found = _of_short_melody(piece, melody[:SHORT_MELODY])
    best = max(found, key=lambda pattern: len(pattern.times), default=None)
    return best if best and len(best.times) > 1 else None


def _of_short_melody(piece: Piece, line: np.ndarray) -> list[Pattern]:
    """The sequence of notes whose repetitions have the most notes; none if nothing repeats."""
    intervals = np.diff(piece.notes.pitch[line])
    best, most = np.zeros(0, dtype=int), 0
    for length in range(SHORTEST - 1, min(LONGEST, len(intervals) // 2 + 1)):
        for start in range(len(intervals) - length + 1):
            steps = intervals[start : start + length]
            repeated = (len(_occurrences(intervals, steps)) - 1) * (length + 1)
            if repeated > most and len(_one_period(steps)) == length and steps.any():
                best, most = steps, repeated
    return [_pattern(piece, [line], best)] if most else []


def _pattern(piece: Piece, lines: list[np.ndarray], steps: np.ndarray) -> Pattern:
    """All occurrences of steps (L,) in lines, which are indices of notes (M,)."""
    found = []
    for line in lines:
        for start in _occurrences(np.diff(piece.notes.pitch[line]), steps):
            found.append(line[start : start + len(steps) + 1])
    found.sort(key=lambda notes: float(piece.notes.onset[notes[0]]))
    onset, pitch = piece.notes.onset, piece.notes.pitch
    times = tuple((float(onset[notes[0]]), float(onset[notes[-1]])) for notes in found)
    return Pattern(tuple(pitch[found[0]].tolist()) if found else (), times)


def _one_period(steps: np.ndarray) -> np.ndarray:
    """Steps (L,) without repetitions of the same notes: C D E G C D E G becomes C D E G."""
    notes = len(steps) + 1
    for period in range(SHORTEST, notes // 2 + 1):
        if (steps[period:] == steps[:-period]).all():
            return steps[: period - 1]
    return steps


def _occurrences(intervals: np.ndarray, steps: np.ndarray) -> list[int]:
    """Where steps (L,) occur in intervals (M,): positions of first notes; no note is in two."""
    if not len(steps) or len(intervals) < len(steps):
        return []
    windows = sliding_window_view(intervals, len(steps))
    found: list[int] = []
    for start in np.flatnonzero((windows == steps).all(1)).tolist():
        if not found or start > found[-1] + len(steps):
            found.append(start)
    return found
