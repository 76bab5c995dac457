"""Where a score says its tempo: at the start, and where it is another one for long."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from amt.analysis.symbolic.grid import MetricalGrid
from amt.analysis.symbolic.viterbi import runs, viterbi_path
from amt.score.score import Bar, Tempo, TempoMark

# Tempi that are tried, as logarithms of quarter notes a minute to base 2.
TEMPI = np.log2(10) + np.arange(49) / 8
# A bar costs its distance from the tempo in octaves, at most so much; another tempo costs as much
# as eight bars that are a fifth too slow.
FURTHEST, CHANGE = 0.5, 2.0


def tempo_marks(grid: MetricalGrid, bars: Sequence[Bar]) -> list[TempoMark]:
    """The tempo of each part of a piece, the median of its bars; `grid` has the same bars."""
    tempi = _bar_tempi(grid, bars)
    distance = np.abs(np.log2(tempi)[:, None] - TEMPI)
    path = viterbi_path(-np.minimum(distance, FURTHEST), CHANGE * (1 - np.eye(len(TEMPI))))
    return [TempoMark(start, _tempo(tempi[start:stop], bars[start])) for start, stop in runs(path)]


def _tempo(tempi: np.ndarray, bar: Bar) -> Tempo:
    return Tempo(float(np.median(tempi)) / float(bar.beat), bar.beat)


def _bar_tempi(grid: MetricalGrid, bars: Sequence[Bar]) -> np.ndarray:
    """Quarter notes a minute of each bar (B,)."""
    starts = grid.bar_starts()
    seconds = np.diff(grid.seconds(np.append(starts, len(grid.beats)).astype(np.float64)))
    return 60 * np.array([float(bar.length) for bar in bars]) / seconds
