"""The bars of a score: from the beats and metres of a grid that reaches over all notes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np

from amt.analysis.symbolic.bars import has_pickup
from amt.analysis.symbolic.grid import MetricalGrid
from amt.score.score import Bar


def first_bars(grid: MetricalGrid, count: int) -> MetricalGrid:
    """The first bars of a grid; all, if the first have but one beat."""
    starts = grid.bar_starts()
    end = int(np.append(starts, len(grid.beats))[count])
    if end < 2:
        return grid
    metres = tuple(metre for metre in grid.metres if metre.first_bar < count)
    return replace(grid, beats=grid.beats[:end], downbeats=grid.downbeats[:end], metres=metres)


def bars_of(grid: MetricalGrid) -> list[Bar]:
    """The bars of a grid. One with another number of beats than its metre gets a metre of its own.

    The beats before the first downbeat are a pickup, if they are fewer than a bar has.
    """
    start = Fraction(0)
    bars = []
    for number, beats in enumerate(grid.bars()[1].tolist()):
        metre = grid.metre(number)
        pickup = number == 0 and has_pickup(grid)
        whole = pickup or beats == metre.beats
        signature = (metre.numerator, metre.denominator) if whole else metre.of_length(beats)
        beat = Fraction(metre.beat_quarters)
        bars.append(Bar(*signature, start=start, length=beats * beat, beat=beat, pickup=pickup))
        start += beats * beat
    return bars


@dataclass(frozen=True, eq=False)
class Beats:
    """The beats of all bars: bar, start in the bar, start in the piece and length of each.

    All lengths are quarter notes.
    """

    bar: list[int]
    in_bar: list[Fraction]
    start: list[Fraction]
    length: list[Fraction]

    @property
    def edges(self) -> list[Fraction]:
        """The starts of all beats, and the end of the last."""
        return [*self.start, self.start[-1] + self.length[-1]]

    def quarter(self, place: Fraction) -> Fraction:
        """Quarter notes from the first beat of a place in beats."""
        beat = int(place)
        return self.start[beat] + (place - beat) * self.length[beat]


def beats_of(bars: list[Bar]) -> Beats:
    """The beats of the bars, in order."""
    beats = Beats([], [], [], [])
    for number, bar in enumerate(bars):
        for index in range(int(bar.length / bar.beat)):
            beats.bar.append(number)
            beats.in_bar.append(index * bar.beat)
            beats.start.append(bar.start + index * bar.beat)
            beats.length.append(bar.beat)
    return beats
