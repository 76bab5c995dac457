"""Tempo of a performance, from its beats."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from amt.analysis.symbolic.bars import main_metre
from amt.analysis.symbolic.grid import MetricalGrid
from amt.analysis.symbolic.metrical import SURE

# Tempo is measured over so many beats: that evens out small deviations of single beats.
TEMPO_BEATS = 4


@dataclass(frozen=True)
class Tempo:
    """Tempo in beats per minute: median, and 10th and 90th percentile over the beats.

    beat: length of a beat in quarter notes, by the metre of the most music. certain: whether the
    beats are; if not, every other one may be wrong or missing.
    """

    bpm: float
    slow: float
    fast: float
    beat: float
    certain: bool

    @property
    def quarters(self) -> float:
        """Quarter notes per minute."""
        return self.bpm * self.beat


def tempo_of(grid: MetricalGrid) -> Tempo:
    """Tempo of all beats."""
    found = tempo_between(grid, -np.inf, np.inf)
    assert found is not None, "a grid has two beats"
    return found


def tempo_between(grid: MetricalGrid, start: float, stop: float) -> Tempo | None:
    """Tempo of the beats from `start` to `stop` in seconds; None if there are fewer than two."""
    inside = (grid.beats >= start) & (grid.beats <= stop)
    over = min(TEMPO_BEATS, int(inside.sum()) - 1)
    if over < 1:
        return None
    seconds, quarters = grid.beats[inside], grid.beat_quarters()[inside]
    beat = main_metre(grid).beat_quarters
    beats = (quarters[over:] - quarters[:-over]) / beat
    tempi = 60 * beats / (seconds[over:] - seconds[:-over])
    slow, median, fast = np.percentile(tempi, (10, 50, 90)).tolist()
    return Tempo(median, slow, fast, beat, grid.certainty >= SURE)
