"""Tempo marks of a score."""

from __future__ import annotations

import numpy as np
import pytest

from amt.analysis.symbolic.grid import MetreSpan, MetricalGrid
from amt.score.bars import bars_of
from amt.score.tempo_marks import tempo_marks


def marks(tempi: list[float], denominator: int = 4) -> list[tuple[int, int]]:
    """Bar and beats a minute of each mark; `tempi` are those of bars of four beats."""
    seconds = np.cumsum(np.append(0.5, np.repeat(60 / np.array(tempi), 4)))[:-1]
    downbeats = np.arange(len(seconds)) % 4 == 0
    grid = MetricalGrid(seconds, downbeats, (MetreSpan(0, 4, denominator),))
    return [(mark.bar, round(mark.tempo.bpm)) for mark in tempo_marks(grid, bars_of(grid))]


def test_another_tempo_that_lasts_is_marked() -> None:
    assert marks([73.0] * 9 + [112.0] * 12) == [(0, 73), (9, 112)]


@pytest.mark.parametrize("denominator", [2, 4])
def test_rubato_and_a_slow_end_are_not(denominator: int) -> None:
    rubato = 90 * 1.15 ** np.sin(np.arange(30))
    found = marks([*rubato, 60.0, 40.0], denominator)
    assert [bar for bar, _ in found] == [0] and 85 < found[0][1] < 95
