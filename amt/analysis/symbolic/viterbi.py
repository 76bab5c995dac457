"""The best path through states that change seldom: keys, chords, tempos."""

from __future__ import annotations

from itertools import pairwise

import numpy as np


def viterbi_path(scores: np.ndarray, change: np.ndarray) -> np.ndarray:
    """States (T,) that maximise the sum of `scores` (T, S) less the costs of their changes.

    change: (S, S), the cost of going from one state (row) to another (column). The algorithm is
    Viterbi's (1967); of equal paths the one with the lowest states wins.
    """
    came_from = np.zeros(scores.shape, dtype=np.int64)
    total = scores[0].copy() if len(scores) else np.zeros(0)
    columns = np.arange(scores.shape[1])
    for step in range(1, len(scores)):
        ways = total[:, None] - change
        came_from[step] = ways.argmax(0)
        total = ways[came_from[step], columns] + scores[step]
    path = np.zeros(len(scores), dtype=np.int64)
    path[-1:] = total.argmax() if len(scores) else 0
    for step in range(len(scores) - 1, 0, -1):
        path[step - 1] = came_from[step, path[step]]
    return path


def runs(states: np.ndarray) -> list[tuple[int, int]]:
    """First and one past the last index of each run of equal `states` (T,), in order."""
    borders = np.flatnonzero(states[1:] != states[:-1]) + 1
    edges = [0, *borders.tolist(), len(states)]
    return [(start, stop) for start, stop in pairwise(edges) if stop > start]
