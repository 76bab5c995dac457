"""Where a hand is written an octave lower or higher than it sounds: 8va above, 8vb below a staff.

A hand's part is cut where nothing of it sounds on, in bars with two voices only at bar lines. Each
piece is written as it sounds or an octave nearer to the staff: the path of least cost (Viterbi).
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from fractions import Fraction

import numpy as np

from amt.analysis.symbolic.viterbi import runs, viterbi_path
from amt.score.clefs import MIDDLE, STAFF_STEPS, step_of
from amt.score.score import HANDS, RIGHT, Bar, Clef, OctaveShift, ScoreNote

# Octaves that a part may be moved by; how far beyond the staff it may reach as it is, in diatonic
# steps: three ledger lines above the staff, four below.
OCTAVES = (0, 1, -1)
READ_ABOVE, READ_BELOW = 5, 7
# Cost of beginning or ending a line, as of so many steps too far; of a chord that is moved; and of
# each step for which a moved chord is on the other side of the staff.
CHANGE, MOVED, OTHER_SIDE = 6.0, 0.5, 2.0


def octave_shifts(
    notes: Sequence[ScoreNote], bars: Sequence[Bar], clefs: Sequence[Clef]
) -> list[OctaveShift]:
    """The lines of both hands. notes, clefs: of the whole piece.

    One hand's line is left out in bars where the other has one: Verovio 6.4 complains of two.
    """
    lines: list[OctaveShift] = []
    taken: set[int] = set()
    for hand in HANDS:
        own = [note for note in notes if note.hand == hand]
        for line in _of_hand(hand, own, bars, [clef for clef in clefs if clef.hand == hand]):
            spanned = {
                number
                for number, bar in enumerate(bars)
                if bar.start < line.stop and line.start < bar.start + bar.length
            }
            if hand == RIGHT or not spanned & taken:
                lines.append(line)
                taken |= spanned
    return lines


def _of_hand(
    hand: str, notes: Sequence[ScoreNote], bars: Sequence[Bar], clefs: Sequence[Clef]
) -> list[OctaveShift]:
    spans = [(start := bars[note.bar].start + note.position, start + note.value) for note in notes]
    edges = _edges(notes, spans, bars)
    cost = np.zeros((len(edges) - 1, len(OCTAVES)))
    part = np.searchsorted([float(edge) for edge in edges], [float(at) for at, _ in spans], "right")
    begun = [(clef.bar, clef.position) for clef in clefs]
    for note, own in zip(notes, part.tolist(), strict=True):
        clef = clefs[bisect_right(begun, (note.bar, note.position)) - 1]
        cost[own - 1] += _costs(step_of(note) - MIDDLE[clef.sign])
    cost[0, 1:] += CHANGE
    path = viterbi_path(-cost, CHANGE * (1 - np.eye(len(OCTAVES))))
    return [
        OctaveShift(hand, *_sounding(spans, edges[start], edges[stop]), OCTAVES[path[start]])
        for start, stop in runs(path)
        if OCTAVES[path[start]]
    ]


def _edges(
    notes: Sequence[ScoreNote],
    spans: Sequence[tuple[Fraction, Fraction]],
    bars: Sequence[Bar],
) -> list[Fraction]:
    """Where the part may be cut, in quarter notes: its start, its end, and places between."""
    end = bars[-1].start + bars[-1].length
    covered = sorted({*spans, *_with_two_voices(notes, spans, bars)})
    edges = [Fraction(0)]
    reached = Fraction(0)
    for start, stop in covered:
        if start >= reached and start > edges[-1]:
            edges.append(start)
        reached = max(reached, stop)
    return [*edges, end] if edges[-1] < end else edges


def _with_two_voices(
    notes: Sequence[ScoreNote],
    spans: Sequence[tuple[Fraction, Fraction]],
    bars: Sequence[Bar],
) -> set[tuple[Fraction, Fraction]]:
    """Start and stop of the bars in which a second voice sounds."""
    found = set()
    for note, (_, stop) in zip(notes, spans, strict=True):
        number = note.bar if note.voice > 1 and not note.grace else len(bars)
        while number < len(bars) and bars[number].start < stop:
            found.add((bars[number].start, bars[number].start + bars[number].length))
            number += 1
    return found


def _costs(steps: int) -> np.ndarray:
    """Cost of a note so many diatonic steps above the middle line, with each of OCTAVES."""
    costs = []
    for octaves in OCTAVES:
        above = steps - 7 * octaves - STAFF_STEPS
        below = -(steps - 7 * octaves) - STAFF_STEPS
        far = max(above - READ_ABOVE, 0) + max(below - READ_BELOW, 0)
        other = {0: 0, 1: below, -1: above}[octaves]
        costs.append(far + MOVED * bool(octaves) + OTHER_SIDE * max(other, 0))
    return np.array(costs)


def _sounding(
    spans: Sequence[tuple[Fraction, Fraction]], start: Fraction, stop: Fraction
) -> tuple[Fraction, Fraction]:
    """From the first note of a part to the end of its last."""
    inside = [span for span in spans if start <= span[0] < stop]
    return min(inside)[0], max(end for _, end in inside)
