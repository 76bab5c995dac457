"""The metrical grid of a performance: its beats, bars and metres, and positions between them.

Three units of time: seconds; position, in beats from the first beat; quarters, in quarter notes
from the first beat. All three rise together, so each converts to the others.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np


@dataclass(frozen=True)
class MetreSpan:
    """A metre that begins in bar `first_bar` (from 0) and holds until the next one.

    A numerator of 6, 9, 12, ... is compound: three units make one beat (6/8: two dotted quarters).
    """

    first_bar: int
    numerator: int
    denominator: int

    @property
    def compound(self) -> bool:
        """Whether a beat is a dotted note."""
        return self.numerator > 3 and self.numerator % 3 == 0

    @property
    def beats(self) -> int:
        """Beats in a bar: 2 in 6/8 and 2/2, 3 in 3/8, 4 in 4/4."""
        return self.numerator // 3 if self.compound else self.numerator

    @property
    def beat_quarters(self) -> float:
        """Length of a beat in quarter notes: 1.5 in 6/8, 2 in 2/2, 0.5 in 3/8."""
        return (3 if self.compound else 1) * 4 / self.denominator

    @property
    def signature(self) -> str:
        """As it is written: "6/8"."""
        return f"{self.numerator}/{self.denominator}"

    def of_length(self, beats: int) -> tuple[int, int]:
        """Numerator and denominator of a bar of so many beats: 3 in 6/8 give 9/8, 1 gives 3/8."""
        return beats * (3 if self.compound else 1), self.denominator


@dataclass(frozen=True, eq=False)
class MetricalGrid:
    """Beats of a performance, which of them begin a bar, and the metres of the bars.

    beats: seconds (N,), rising, at least two. downbeats: bool (N,). metres: in the order of their
    first bars; the first begins in bar 0. certainty: 0 to 1, of the estimate; 1 if annotated.

    Beats before the first downbeat are a pickup: bar 0, incomplete. Bar 0 begins at the first beat
    in any case. A bar may have another number of beats than its metre, where the performance or
    the estimate is irregular; so may the last, which ends with the last beat. Notes may sound
    before the first beat and after the last: `covering` adds beats there. Raises ValueError if
    the fields contradict each other.
    """

    beats: np.ndarray
    downbeats: np.ndarray
    metres: tuple[MetreSpan, ...]
    certainty: float = 1.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "beats", np.asarray(self.beats, dtype=np.float64))
        object.__setattr__(self, "downbeats", np.asarray(self.downbeats, dtype=bool))
        if len(self.beats) < 2 or not (np.diff(self.beats) > 0).all():
            raise ValueError("a grid has two beats or more, in order of time")
        if self.downbeats.shape != self.beats.shape:
            raise ValueError(f"got {len(self.downbeats)} downbeats for {len(self.beats)} beats")
        bars = [metre.first_bar for metre in self.metres]
        if bars[:1] != [0] or any(first >= second for first, second in pairwise(bars)):
            raise ValueError(f"metres begin in bar 0 and in later bars, in order; got {bars}")

    def bar_starts(self) -> np.ndarray:
        """Index of the first beat of each bar (B,); the first is 0."""
        return np.union1d([0], np.flatnonzero(self.downbeats))

    def bars(self) -> tuple[np.ndarray, np.ndarray]:
        """Start of each bar in seconds (B,) and its length in beats (B,), int64."""
        starts = self.bar_starts()
        return self.beats[starts], np.diff(starts, append=len(self.beats))

    def bar_of_beat(self) -> np.ndarray:
        """Bar of each beat (N,), from 0."""
        return np.searchsorted(self.bar_starts(), np.arange(len(self.beats)), "right") - 1

    @property
    def pickup(self) -> int:
        """Number of beats before the first downbeat; 0 if there is no downbeat."""
        return int(self.downbeats.argmax())

    def metre(self, bar: int) -> MetreSpan:
        """The metre of a bar, from 0; that of the nearest bar for bars outside of the grid."""
        return [metre for metre in self.metres if metre.first_bar <= max(bar, 0)][-1]

    def position(self, seconds: np.ndarray) -> np.ndarray:
        """Position (M,) of times (M,): beats from the first beat, linear between two beats.

        Before the first and after the last beat with the period of the neighbouring two.
        """
        return _interpolated(seconds, self.beats, np.arange(len(self.beats), dtype=np.float64))

    def seconds(self, position: np.ndarray) -> np.ndarray:
        """The inverse of `position`."""
        return _interpolated(position, np.arange(len(self.beats), dtype=np.float64), self.beats)

    def quarters(self, position: np.ndarray) -> np.ndarray:
        """Quarter notes from the first beat (M,) at positions in beats (M,)."""
        beats = np.arange(len(self.beats), dtype=np.float64)
        return _interpolated(position, beats, self.beat_quarters())

    def beat_quarters(self) -> np.ndarray:
        """Each beat in quarter notes from the first (N,)."""
        lengths = self.beat_lengths()
        return np.concatenate([[0.0], np.cumsum(lengths[:-1])])

    def beat_lengths(self) -> np.ndarray:
        """Length of each beat in quarter notes (N,), by the metre of its bar."""
        firsts = [metre.first_bar for metre in self.metres]
        index = np.searchsorted(firsts, self.bar_of_beat(), "right") - 1
        return np.array([metre.beat_quarters for metre in self.metres])[index]

    def covering(self, start: float, end: float) -> MetricalGrid:
        """This grid with beats added until the first is at or before `start`, the last after `end`.

        Added beats have the period of the neighbouring two and continue the metre: a pickup that
        grows to a whole bar begins with a downbeat, and metres move with the bars.
        """
        first, last = np.diff(self.beats)[[0, -1]]
        before = max(int(np.ceil((self.beats[0] - start) / first - 1e-9)), 0)
        after = max(int(np.floor((end - self.beats[-1]) / last + 1e-9)) + 1, 0)
        earlier = self.beats[0] - first * np.arange(before, 0, -1)
        later = self.beats[-1] + last * np.arange(1, after + 1)
        grid = MetricalGrid(
            np.concatenate([earlier, self.beats, later]),
            np.concatenate(
                [
                    self._downbeats_before(before),
                    self._own_downbeats(),
                    self._downbeats_after(after),
                ]
            ),
            self.metres[:1],
            self.certainty,
        )
        added = int(grid.bar_of_beat()[before])
        moved = [replace(metre, first_bar=metre.first_bar + added) for metre in self.metres[1:]]
        return replace(grid, metres=(self.metres[0], *moved))

    def _own_downbeats(self) -> np.ndarray:
        """The downbeats; the first beat if there is none, since bar 0 begins there."""
        return self.downbeats if self.downbeats.any() else np.arange(len(self.beats)) == 0

    def _downbeats_before(self, count: int) -> np.ndarray:
        """Which of `count` beats before the first begin a bar, counted back from a downbeat."""
        distance = self.pickup + np.arange(count, 0, -1)
        return distance % self.metres[0].beats == 0

    def _downbeats_after(self, count: int) -> np.ndarray:
        """Which of `count` beats after the last begin a bar, counted on from the last bar."""
        starts = self.bar_starts()
        distance = len(self.beats) - starts[-1] + np.arange(count)
        return distance % self.metre(len(starts) - 1).beats == 0


def _interpolated(x: np.ndarray, xs: np.ndarray, ys: np.ndarray) -> np.ndarray:
    """Values at x (M,) of the line through (xs, ys), both rising, continued at both ends."""
    values = np.asarray(x, dtype=np.float64)
    segment = np.clip(np.searchsorted(xs, values, "right") - 1, 0, len(xs) - 2)
    slope = (ys[segment + 1] - ys[segment]) / (xs[segment + 1] - xs[segment])
    return ys[segment] + (values - xs[segment]) * slope
