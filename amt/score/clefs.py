"""Clefs: treble for the right hand and bass for the left, others where a hand stays far away."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import numpy as np

from amt.analysis.symbolic.viterbi import runs, viterbi_path
from amt.score.score import HANDS, RIGHT, Clef, ScoreNote

# Middle line of each clef, in diatonic steps of the pitch (7 to the octave): B4 and D3.
MIDDLE = {"G": 4 * 7 + 6, "F": 3 * 7 + 1}
# Steps from the middle line without ledger lines; each step beyond costs.
STAFF_STEPS = 5
# A change of clef costs as much as so many steps beyond the staff in bars with one chord.
CHANGE = 24.0
SIGNS = ("G", "F")
LETTERS = "CDEFGAB"


def clefs_of(notes: Sequence[ScoreNote], bars: int) -> list[Clef]:
    """The clef of each hand in the first bar, and where another begins, which is at a bar line."""
    clefs = []
    for hand in HANDS:
        cost = np.zeros((bars, 2))
        for note in notes:
            if note.hand == hand:
                cost[note.bar] += [_ledger(note, sign) for sign in SIGNS]
        own = 0 if hand == RIGHT else 1
        cost[0] += CHANGE * (np.arange(2) != own) / 2
        cost[:, 1 - own] += 0.5
        path = viterbi_path(-cost, CHANGE * (1 - np.eye(2)))
        clefs += [Clef(hand, start, Fraction(0), SIGNS[path[start]]) for start, _ in runs(path)]
    return clefs


def step_of(note: ScoreNote) -> int:
    """The place of a written note in diatonic steps: 28 for C4."""
    return note.spelling.octave * 7 + LETTERS.index(note.spelling.step)


def _ledger(note: ScoreNote, sign: str) -> int:
    """Steps of a note beyond the staff."""
    return max(abs(step_of(note) - MIDDLE[sign]) - STAFF_STEPS, 0)
