"""Bars of a piece and its metre, from its grid; a score has the same bars."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

import numpy as np

from amt.analysis.symbolic.grid import MetreSpan, MetricalGrid
from amt.notes import Notes

# A note this part of a beat before the first beat still belongs to it.
EARLY = 0.3


@dataclass(frozen=True)
class MetreChange:
    """Where a metre begins: bar, counted from 1 without a pickup, its time in seconds."""

    bar: int
    time: float
    signature: str


@dataclass(frozen=True)
class Metre:
    """Metre of a piece.

    beats: per bar. signature: "6/8"; both are those of the most music. downbeats: times in seconds
    at which a bar begins. changes: in order, with the first metre; at least one.
    """

    beats: int
    signature: str
    downbeats: tuple[float, ...]
    changes: tuple[MetreChange, ...]


def metre_of(notes: Notes, grid: MetricalGrid) -> Metre:
    """The metre of notes and their bars, from the first note to the last."""
    grid = covering(grid, notes)
    starts = grid.bars()[0][int(has_pickup(grid)) :].tolist()
    downbeats = [time for time in starts if time < notes.end] or starts[:1]
    # A pickup has the metre of the bar after it.
    metres = {max(metre.first_bar - has_pickup(grid), 0): metre for metre in grid.metres}
    changes = [
        MetreChange(bar + 1, downbeats[bar], metre.signature)
        for bar, metre in metres.items()
        if bar < len(downbeats)
    ]
    main = main_metre(grid)
    return Metre(main.beats, main.signature, tuple(downbeats), tuple(changes))


def main_metre(grid: MetricalGrid) -> MetreSpan:
    """The metre of the most music, by its duration."""
    starts = grid.bars()[0]
    metres = [grid.metre(bar) for bar in range(len(starts))]
    seconds: dict[str, float] = defaultdict(float)
    for metre, length in zip(metres, np.diff(starts, append=grid.beats[-1]), strict=True):
        seconds[metre.signature] += float(length)
    return max(metres, key=lambda metre: seconds[metre.signature])


def has_pickup(grid: MetricalGrid) -> bool:
    """Whether bar 0 is a pickup: there are beats before the first downbeat, fewer than a bar."""
    return 0 < grid.pickup < grid.metre(0).beats


def covering(grid: MetricalGrid, notes: Notes) -> MetricalGrid:
    """The grid with beats added, so that all onsets are in its bars and its last bar is whole."""
    first, last = grid.beats[0], grid.beats[-1]
    if len(notes):
        places = grid.position(notes.onset[[0, -1]]) + EARLY
        # The last beat that is needed is the one in which the last note begins.
        first, last = grid.seconds(np.array([places[0], np.floor(places[1]) - 0.5]))
    grid = grid.covering(min(first, grid.beats[0]), max(last, grid.beats[-1] - 1e-6))
    starts = grid.bar_starts()
    missing = grid.metre(len(starts) - 1).beats - (len(grid.beats) - int(starts[-1]))
    if len(starts) == 1 or missing <= 0:
        return grid
    end = grid.seconds(np.array([len(grid.beats) - 1 + missing - 0.5]))
    return grid.covering(float(grid.beats[0]), float(end[0]))
