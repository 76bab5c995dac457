"""Dynamic marks from velocities: few, where the level of some bars changes for long."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import numpy as np

from amt.analysis.symbolic.viterbi import runs, viterbi_path
from amt.score.score import Dynamic, ScoreNote

MARKS = ("pp", "p", "mp", "mf", "f", "ff")
# Velocity in the middle of each mark, as notation programs play them.
LEVELS = np.array([33.0, 49.0, 62.0, 76.0, 92.0, 110.0])
# A change of one mark must bring as much as a difference of so many velocities in one bar.
CHANGE, SCALE = 1.5, 12.0
# The level of a bar is that of its louder notes: this part of them is below.
PART = 0.7


def dynamics_of(notes: Sequence[ScoreNote], bars: int) -> list[Dynamic]:
    """A mark at the first note, and where another level begins: at the first note of a bar."""
    level = np.full(bars, np.nan)
    first: dict[int, Fraction] = {}
    velocities: dict[int, list[int]] = {}
    for note in notes:
        velocities.setdefault(note.bar, []).append(note.velocity)
        first[note.bar] = min(first.get(note.bar, note.position), note.position)
    for bar, values in velocities.items():
        level[bar] = np.quantile(values, PART)
    cost = np.nan_to_num(np.abs(level[:, None] - LEVELS) / SCALE)
    distance = np.abs(np.arange(len(MARKS))[:, None] - np.arange(len(MARKS)))
    path = viterbi_path(-cost, CHANGE * (distance > 0))
    marks = []
    for start, stop in runs(path):
        heard = [bar for bar in range(start, stop) if bar in first]
        if heard:
            marks.append(Dynamic(heard[0], first[heard[0]], MARKS[path[start]]))
    return [
        mark
        for number, mark in enumerate(marks)
        if not number or mark.mark != marks[number - 1].mark
    ]
