"""Repeated patterns: figures of a melody and of its rhythm that explain much of a piece.

A melody is the intervals between its notes, a rhythm the ratios of the times between its onsets: so
a figure is found again in any key and at any tempo. Of all figures that return, those come first
that save most of what it takes to write the piece down (after the minimum description length of
Rissanen 1978): each return saves the figure's bits, a rare interval holding more of them than a
common one, and costs those that say where it stands; so does the figure itself. That leaves out
what returns by chance, as pieces of scales do. What an earlier figure has explained counts no more:
one that lies inside a bigger one is named only where it returns elsewhere too.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from amt.analysis.symbolic.skyline import bass_line, skyline
from amt.notes import Notes

# Steps in a figure: four notes at least, and no more than two dozen bars or so of melody.
MIN_STEPS, MAX_STEPS = 3, 64
MOST_MOTIFS = 8
# Of the occurrences of one figure so many are told.
MOST_TIMES = 200
# Times between onsets are compared in half octaves: 1:1, 1:1.4, 1:2, 1:2.8, 1:4 and the reverse.
STEPS_AN_OCTAVE, WIDEST_RATIO = 2, 4
_SEPARATOR = 1_000_000


@dataclass(frozen=True)
class Motif:
    """A figure that returns.

    steps: of a melody, semitones from note to note; of a rhythm, each time between onsets by the
    one before, as a power of the root of 2. times: (start, stop) in seconds of its occurrences, at
    most MOST_TIMES of `count`. explained: share of the steps of the lines that this one covers and
    no former motif does.
    """

    steps: tuple[int, ...]
    count: int
    explained: float
    times: tuple[tuple[float, float], ...]


def melodic_motifs(notes: Notes) -> list[Motif]:
    """Motifs of the upper and the lower line, the most telling first."""
    return _motifs([_Line(notes.onset[at], np.diff(notes.pitch[at])) for at in _lines(notes)])


def rhythmic_motifs(notes: Notes) -> list[Motif]:
    """Motifs of the rhythm of the upper and the lower line, the most telling first."""
    lines = []
    for at in _lines(notes):
        between = np.log2(np.maximum(np.diff(notes.onset[at]), 1e-3))
        ratio = np.rint(STEPS_AN_OCTAVE * np.diff(between)).astype(int)
        lines.append(_Line(notes.onset[at], np.clip(ratio, -WIDEST_RATIO, WIDEST_RATIO)))
    return _motifs(lines)


@dataclass(frozen=True)
class _Line:
    """Onsets (M,) in seconds and the steps (M - 1 or M - 2,) that they take."""

    onset: np.ndarray
    steps: np.ndarray


def _lines(notes: Notes) -> list[np.ndarray]:
    upper = skyline(notes)
    # Where one voice plays alone it is both, and would repeat itself.
    return [upper, np.setdiff1d(bass_line(notes), upper)]


def _motifs(lines: list[_Line]) -> list[Motif]:
    """Lazily greedy: a figure's gain only shrinks while others are chosen, so most wait unasked."""
    steps, start, stop = _joined(lines)
    pointer = float(np.log2(len(steps)))
    heap = list(_candidates(steps, pointer))
    heapq.heapify(heap)
    free = np.ones(len(steps), dtype=bool)
    motifs: list[Motif] = []
    while heap and len(motifs) < MOST_MOTIFS:
        _, length, first, places, bits = heapq.heappop(heap)
        places = _apart(places[_free(free, places, length)], length)
        gain = (len(places) - 1) * bits - pointer
        if gain <= 0:
            continue
        if heap and -gain > heap[0][0]:
            heapq.heappush(heap, (-gain, length, first, places, bits))
            continue
        free[(places[:, None] + np.arange(length)).ravel()] = False
        times = zip(start[places].tolist(), stop[places + length - 1].tolist(), strict=True)
        share = len(places) * length / max(int((steps < _SEPARATOR).sum()), 1)
        figure = tuple(steps[places[0] : places[0] + length].tolist())
        motifs.append(Motif(figure, len(places), share, tuple(times)[:MOST_TIMES]))
    return motifs


def _joined(lines: list[_Line]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Steps of all lines, each line with a separator of its own; when each begins and ends."""
    steps, start, stop = [], [], []
    for number, line in enumerate(lines):
        count = len(line.steps)
        steps.append(np.append(line.steps, _SEPARATOR + number))
        start.append(np.append(line.onset, np.nan)[: count + 1])
        stop.append(np.append(line.onset[len(line.onset) - count :], np.nan))
    return np.concatenate(steps), np.concatenate(start), np.concatenate(stop)


def _candidates(
    steps: np.ndarray, pointer: float
) -> Iterator[tuple[float, int, int, np.ndarray, float]]:
    """Figures that may return: (minus the most bits they can save, length, place, places, bits).

    Longer figures get their number from two shorter ones (Karp, Miller and Rosenberg 1972).
    """
    _, name, count = np.unique(steps, return_inverse=True, return_counts=True)
    bits = -np.log2(count / len(steps))[name]
    until = np.append(0.0, np.cumsum(bits))
    even = np.append(0, np.cumsum(np.diff(steps) == 0))
    names = name
    for length in range(2, min(MAX_STEPS, len(steps)) + 1):
        pairs = names[:-1] * len(steps) + name[length - 1 :]
        _, names, count = np.unique(pairs, return_inverse=True, return_counts=True)
        if not (count > 1).any():
            return
        if length < MIN_STEPS:
            continue
        # A run of one step is a scale or a repeated note, no figure.
        varied = even[length - 1 :] - even[: len(names)] < length - 1
        order = np.flatnonzero((count[names] > 1) & varied)
        order = order[np.argsort(names[order], kind="stable")]
        for places in np.split(order, np.flatnonzero(np.diff(names[order])) + 1):
            if len(places) > 1:
                saved = float(until[places[0] + length] - until[places[0]]) - pointer
                most = min(len(places), len(steps) // length) - 1
                if saved * most > pointer:
                    yield pointer - saved * most, length, int(places[0]), places, saved


def _free(free: np.ndarray, places: np.ndarray, length: int) -> np.ndarray:
    """Which places (P,) hold no step that is explained already."""
    taken = np.append(0, np.cumsum(~free))
    return taken[places + length] == taken[places]


def _apart(places: np.ndarray, length: int) -> np.ndarray:
    """As many of the rising `places` as do not overlap, from the first on."""
    kept: list[int] = []
    for place in places.tolist():
        if not kept or place >= kept[-1] + length:
            kept.append(place)
    return np.array(kept, dtype=np.int64)
