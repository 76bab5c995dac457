"""Viterbi decoding of states that change rarely: keys, chords, tempi.

Scores and costs are added, of any scale; librosa.sequence.viterbi takes probabilities and is not a
dependency. `amt.decoding.hmm` has the faster special case of two states for 88 keys.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np


def viterbi_path(scores: np.ndarray, change: np.ndarray) -> np.ndarray:
    """States (T,) that maximise the sum of `scores` (T, S) minus the costs of their changes.

    change: (S, S), cost of going from one state (row) to another (column), or (T - 1, S, S), at
    each step. Viterbi (1967); among equal paths the one with the lowest states.
    """
    changes = np.broadcast_to(change, (max(len(scores) - 1, 0), *change.shape[-2:]))
    previous = np.zeros(scores.shape, dtype=np.int64)
    total = scores[0].copy() if len(scores) else np.zeros(0)
    columns = np.arange(scores.shape[1])
    for step in range(1, len(scores)):
        reached = total[:, None] - changes[step - 1]
        previous[step] = reached.argmax(0)
        total = reached[previous[step], columns] + scores[step]
    path = np.zeros(len(scores), dtype=np.int64)
    path[-1:] = total.argmax() if len(scores) else 0
    for step in range(len(scores) - 1, 0, -1):
        path[step - 1] = previous[step, path[step]]
    return path


def runs(states: np.ndarray) -> list[tuple[int, int]]:
    """Start and stop index of each run of equal `states` (T,), in order; stop is excluded."""
    borders = np.flatnonzero(states[1:] != states[:-1]) + 1
    edges = [0, *borders.tolist(), len(states)]
    return [(start, stop) for start, stop in pairwise(edges) if stop > start]
