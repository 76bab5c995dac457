"""The best sequence of beats through candidates, with their positions in bars.

A bar pointer (Whiteley, Cemgil and Godsill 2006; Krebs, Boeck and Widmer 2015) moves through bars
of several lengths, and its tempo changes at beats. Between two beats the tempo is constant, so that
a step of Viterbi's algorithm goes from beat to beat here, not from frame to frame: a state is a
beat, the beat before it, and its position in the bar. Periods are then exact, not rounded to
frames, and rubato costs what the ratio of two successive periods says.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

# Beats in a bar that are considered.
BAR_LENGTHS = (2, 3, 4, 5)
# Seconds between two beats.
SHORTEST, LONGEST = 0.13, 3.5


@dataclass(frozen=True)
class PathCosts:
    """What the path pays, in nats.

    tempo, square: for each unit of the logarithm of the ratio of two periods, and of its square, up
    to `jump` in all, beyond which the music has stopped or has another tempo: rubato is cheap,
    twice the tempo is not. change: for another bar length. irregular: for a bar that ends early.
    pickup: for a start in the middle of a bar.
    """

    tempo: float = 1.0
    square: float = 20.0
    jump: float = 10.0
    change: float = 4.0
    irregular: float = 4.0
    pickup: float = 1.0


@dataclass(frozen=True, eq=False)
class Candidates:
    """Times that may be beats, and what each state is worth, in nats.

    seconds: (N,), rising. bars: (N, S), of a beat at each position in a bar, of `POSITIONS`;
    intervals: (N, O), of the time since candidate N - 1 - O, if that is the beat before.
    """

    seconds: np.ndarray
    bars: np.ndarray
    intervals: np.ndarray


# The S positions in bars: beats per bar and position from 0, (S, 2).
POSITIONS = np.array([(size, place) for size in BAR_LENGTHS for place in range(size)])
_DOWNBEATS = np.flatnonzero(POSITIONS[:, 1] == 0)
_OTHERS = np.flatnonzero(POSITIONS[:, 1] > 0)
_LAST = POSITIONS[:, 1] == POSITIONS[:, 0] - 1
_NONE = np.float32(-1e9)


def periods(seconds: np.ndarray) -> np.ndarray:
    """Time since each of the candidates before (N, O): of N since N - 1 - O; 0 if impossible."""
    reach = np.arange(len(seconds)) - np.searchsorted(seconds, seconds - LONGEST)
    before = np.arange(len(seconds))[:, None] - 1 - np.arange(max(int(reach.max()), 1))
    found = seconds[:, None] - seconds[np.maximum(before, 0)]
    possible = (before >= 0) & (found >= SHORTEST) & (found <= LONGEST)
    return np.where(possible, found, 0.0)


def best_path(candidates: Candidates, costs: PathCosts) -> tuple[np.ndarray, np.ndarray]:
    """Candidates that are beats (B,) and each one's position in its bar, of `POSITIONS` (B,)."""
    search = _Search(candidates, costs)
    for number in range(len(candidates.seconds)):
        search.step(number)
    return search.best()


class _Search:
    """Viterbi's algorithm (1967). Scores are (N, O + 1, S): beat, beat before it, position.

    The last place of the second axis is for a beat without one before it.
    """

    def __init__(self, candidates: Candidates, costs: PathCosts) -> None:
        self.candidates, self.costs = candidates, costs
        count, self.reach = candidates.intervals.shape
        shape = (self.reach + count, self.reach + 1, len(POSITIONS))
        # Rows of candidates that do not exist come first, so that all have as many before them.
        self.score = np.full(shape, _NONE, dtype=np.float32)
        period = periods(candidates.seconds)
        self.possible = period > 0
        logs = np.log(np.where(self.possible, period, 1.0)).astype(np.float32)
        self.log_period = np.zeros(shape[:2], dtype=np.float32)
        self.log_period[self.reach :, :-1] = logs
        self.from_beat = np.zeros((count, self.reach, len(POSITIONS)), dtype=np.int16)
        self.from_place = np.zeros((count, self.reach, len(POSITIONS)), dtype=np.int16)
        self.change = self._changes()
        # A path may begin with any candidate.
        self.score[self.reach :, -1] = candidates.bars - costs.pickup * (POSITIONS[:, 1] > 0)

    def _changes(self) -> np.ndarray:
        """Cost (S, D) of going from each position to the first of a bar of each length."""
        size = POSITIONS[:, None, 0] != POSITIONS[_DOWNBEATS, 0]
        early = ~_LAST[:, None]
        return (size * self.costs.change + early * self.costs.irregular).astype(np.float32)

    def step(self, number: int) -> None:
        """Fill in the scores of paths that end in candidate `number`."""
        row = self.reach + number
        before = slice(row - 1, row - 1 - self.reach if row > self.reach else None, -1)
        score, log_period = self.score[before], self.log_period[before]
        change = np.abs(log_period - self.log_period[row, :-1, None])
        change *= self.costs.tempo + self.costs.square * change
        change = np.minimum(change, self.costs.jump)
        change[:, -1] = 0
        reached = score - change[:, :, None]
        beat = reached.argmax(1)
        best = np.take_along_axis(reached, beat[:, None], 1)[:, 0]
        place = np.empty_like(beat)
        total = np.empty_like(best)
        place[:, _OTHERS] = _OTHERS - 1
        total[:, _OTHERS] = best[:, _OTHERS - 1]
        down = best[:, :, None] - self.change
        place[:, _DOWNBEATS] = down.argmax(1)
        total[:, _DOWNBEATS] = down.max(1)
        total += self.candidates.bars[number] + self.candidates.intervals[number, :, None]
        total[~self.possible[number]] = _NONE
        self.score[row, :-1] = total
        self.from_place[number] = place
        self.from_beat[number] = np.take_along_axis(beat, place, 1)

    def best(self) -> tuple[np.ndarray, np.ndarray]:
        """The best path, back from its end."""
        beats, places = [], []
        state = np.unravel_index(self.score[self.reach :].argmax(), self.score[self.reach :].shape)
        number, before, place = (int(index) for index in state)
        while True:
            beats.append(number)
            places.append(place)
            if before == self.reach:
                return np.array(beats[::-1]), np.array(places[::-1])
            links = self.from_beat[number, before, place], self.from_place[number, before, place]
            number -= 1 + before
            before, place = (int(link) for link in links)
