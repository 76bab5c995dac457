"""Motif discovery: repeated patterns of the melody and of its rhythm that explain much of a piece.

A melody is represented by the intervals between its notes, a rhythm by the ratios of successive
inter-onset intervals, so that a pattern is found in any key and at any tempo. Patterns are ranked
by the minimum description length principle (Rissanen 1978): by the bits that they save if each
repetition is replaced by a pointer to the first occurrence. Rare intervals save more bits than
common ones, so that parts of scales, which repeat by chance, are left out. Steps that a motif
explains do not count for later ones: a part of a longer motif is found only if it also occurs
elsewhere.

No library that is already a dependency finds repeated patterns.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from amt.analysis.symbolic.skyline import bass_line, skyline
from amt.notes import Notes

# Steps in a motif: at least four notes, at most about a dozen bars of melody.
MIN_STEPS, MAX_STEPS = 3, 64
MAX_MOTIFS = 8
# Occurrences of one motif that are listed.
MAX_TIMES = 200
# Ratios of inter-onset intervals are rounded to powers of the square root of 2: 1, 1.4, 2, 2.8, 4
# and their inverses; larger ones are clipped.
STEPS_PER_DOUBLING, MAX_STEP = 2, 4
_SEPARATOR = 1_000_000


@dataclass(frozen=True)
class Motif:
    """A repeated pattern.

    steps: of a melody, semitones from note to note; of a rhythm, the ratio of each inter-onset
    interval to the one before, as a power of the square root of 2. count: number of occurrences.
    explained: share of all steps that it covers and no earlier motif does. times: (start, stop) of
    the occurrences in seconds, at most MAX_TIMES.
    """

    steps: tuple[int, ...]
    count: int
    explained: float
    times: tuple[tuple[float, float], ...]


def melodic_motifs(notes: Notes) -> list[Motif]:
    """Motifs of the melody and the bass line, the one that saves the most bits first."""
    lines = [_Line(notes.onset[line], np.diff(notes.pitch[line])) for line in _lines(notes)]
    return _motifs(lines)


def rhythmic_motifs(notes: Notes) -> list[Motif]:
    """Rhythmic motifs of the melody and the bass line, the one that saves the most bits first."""
    lines = []
    for line in _lines(notes):
        interval = np.log2(np.maximum(np.diff(notes.onset[line]), 1e-3))
        steps = np.rint(STEPS_PER_DOUBLING * np.diff(interval)).astype(int)
        lines.append(_Line(notes.onset[line], np.clip(steps, -MAX_STEP, MAX_STEP)))
    return _motifs(lines)


@dataclass(frozen=True)
class _Line:
    """Onsets (M,) in seconds and steps, (M - 1,) of a melody, (M - 2,) of a rhythm."""

    onset: np.ndarray
    steps: np.ndarray


def _lines(notes: Notes) -> list[np.ndarray]:
    """Indices of the notes of the melody and of the bass line."""
    melody = skyline(notes)
    # A single voice is both melody and bass: do not count it twice.
    return [melody, np.setdiff1d(bass_line(notes), melody)]


def _motifs(lines: list[_Line]) -> list[Motif]:
    """Motifs by greedy selection: repeatedly the candidate that saves the most bits.

    Lazy evaluation: the gain of a candidate can only shrink when others are chosen, so it is
    recomputed only when the candidate reaches the top of the heap.
    """
    steps, begin, end = _concatenated(lines)
    # Bits that encode one position.
    pointer = float(np.log2(len(steps)))
    heap = list(_candidates(steps, pointer))
    heapq.heapify(heap)
    free = np.ones(len(steps), dtype=bool)
    motifs: list[Motif] = []
    while heap and len(motifs) < MAX_MOTIFS:
        _, length, first, starts, bits = heapq.heappop(heap)
        starts = _without_overlaps(starts[_all_free(free, starts, length)], length)
        gain = (len(starts) - 1) * bits - pointer
        if gain <= 0:
            continue
        if heap and -gain > heap[0][0]:
            heapq.heappush(heap, (-gain, length, first, starts, bits))
            continue
        free[(starts[:, None] + np.arange(length)).ravel()] = False
        times = zip(begin[starts].tolist(), end[starts + length - 1].tolist(), strict=True)
        share = len(starts) * length / max(int((steps < _SEPARATOR).sum()), 1)
        pattern = tuple(steps[starts[0] : starts[0] + length].tolist())
        motifs.append(Motif(pattern, len(starts), share, tuple(times)[:MAX_TIMES]))
    return motifs


def _concatenated(lines: list[_Line]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Steps of all lines with a unique separator after each; begin and end of each step (s)."""
    steps, begin, end = [], [], []
    for number, line in enumerate(lines):
        count = len(line.steps)
        steps.append(np.append(line.steps, _SEPARATOR + number))
        begin.append(np.append(line.onset, np.nan)[: count + 1])
        end.append(np.append(line.onset[len(line.onset) - count :], np.nan))
    return np.concatenate(steps), np.concatenate(begin), np.concatenate(end)


def _candidates(
    steps: np.ndarray, pointer: float
) -> Iterator[tuple[float, int, int, np.ndarray, float]]:
    """Repeated patterns: (minus the most bits they can save, length, first start, starts, bits).

    starts: (P,) of all occurrences, which may overlap. bits: that one repetition saves. Patterns
    of equal steps get equal numbers, from those of their first steps and their last step (Karp,
    Miller and Rosenberg 1972).
    """
    _, symbol, count = np.unique(steps, return_inverse=True, return_counts=True)
    bits = -np.log2(count / len(steps))[symbol]
    cumulative = np.append(0.0, np.cumsum(bits))
    equal = np.append(0, np.cumsum(np.diff(steps) == 0))
    number = symbol
    for length in range(2, min(MAX_STEPS, len(steps)) + 1):
        pairs = number[:-1] * len(steps) + symbol[length - 1 :]
        _, number, count = np.unique(pairs, return_inverse=True, return_counts=True)
        if not (count > 1).any():
            return
        if length < MIN_STEPS:
            continue
        # The same step throughout is a scale or a repeated note, not a motif.
        varied = equal[length - 1 :] - equal[: len(number)] < length - 1
        order = np.flatnonzero((count[number] > 1) & varied)
        order = order[np.argsort(number[order], kind="stable")]
        for starts in np.split(order, np.flatnonzero(np.diff(number[order])) + 1):
            if len(starts) > 1:
                first = int(starts[0])
                saved = float(cumulative[first + length] - cumulative[first]) - pointer
                repetitions = min(len(starts), len(steps) // length) - 1
                if saved * repetitions > pointer:
                    yield pointer - saved * repetitions, length, first, starts, saved


def _all_free(free: np.ndarray, starts: np.ndarray, length: int) -> np.ndarray:
    """Whether the occurrences at `starts` (P,) contain free steps only: (P,)."""
    taken = np.append(0, np.cumsum(~free))
    return taken[starts + length] == taken[starts]


def _without_overlaps(starts: np.ndarray, length: int) -> np.ndarray:
    """Ascending `starts` without those that overlap the one kept before."""
    kept: list[int] = []
    for start in starts.tolist():
        if not kept or start >= kept[-1] + length:
            kept.append(start)
    return np.array(kept, dtype=np.int64)
