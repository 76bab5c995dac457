"""Clefs: treble for the right hand and bass for the left, others where a hand stays far away."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from fractions import Fraction

import numpy as np

from amt.analysis.symbolic.viterbi import runs, viterbi_path
from amt.score.score import HANDS, RIGHT, Bar, Clef, ScoreNote

# Middle line of each clef, in diatonic steps of the pitch (7 to the octave): B4 and D3.
MIDDLE = {"G": 4 * 7 + 6, "F": 3 * 7 + 1}
# Steps from the middle line without ledger lines.
STAFF_STEPS = 5
# Steps from the middle line that are read with ease, with one ledger line; each step beyond costs.
# A change of clef costs as much as so many steps. Both were fitted to the clefs of the notes in
# ASAP's training scores.
EASY_STEPS, CHANGE = 7, 12.0
# Cost of each bar that begins in the other hand's clef.
OTHER = 0.5
SIGNS = ("G", "F")
LETTERS = "CDEFGAB"


def clefs_of(notes: Sequence[ScoreNote], bars: Sequence[Bar]) -> list[Clef]:
    """The clef of each hand in the first bar, and where another begins: see `_starts`."""
    clefs = []
    for hand in HANDS:
        written = [note for note in notes if note.hand == hand]
        starts = _starts(written, bars)
        cost = np.zeros((len(starts), 2))
        for note in written:
            part = bisect_right(starts, (note.bar, note.position)) - 1
            cost[part] += [_too_far(note, sign) for sign in SIGNS]
        own = 0 if hand == RIGHT else 1
        cost[0] += CHANGE * (np.arange(2) != own) / 2
        cost[:, 1 - own] += [OTHER * (position == 0) for _, position in starts]
        path = viterbi_path(-cost, CHANGE * (1 - np.eye(2)))
        clefs += [Clef(hand, *starts[start], SIGNS[path[start]]) for start, _ in runs(path)]
    return clefs


def _starts(notes: Sequence[ScoreNote], bars: Sequence[Bar]) -> list[tuple[int, Fraction]]:
    """Bars and positions where a clef may begin: bar lines, and beats with a note of voice 1."""
    beats = {
        (note.bar, note.position)
        for note in notes
        if note.voice == 1 and not note.grace and note.position % bars[note.bar].beat == 0
    }
    return sorted({(number, Fraction(0)) for number in range(len(bars))} | beats)


def step_of(note: ScoreNote) -> int:
    """The place of a written note in diatonic steps: 28 for C4."""
    return note.spelling.octave * 7 + LETTERS.index(note.spelling.step)


def _too_far(note: ScoreNote, sign: str) -> int:
    """Steps of a note beyond those that are read with ease."""
    return max(abs(step_of(note) - MIDDLE[sign]) - EASY_STEPS, 0)
