"""Onsets on the grid: the division of each beat that explains them best, and their places in it.

Each hand has its own division of a beat, so that triplets may stand against eighths. The cost of a
division is a negative logarithm of probability: of the division, of its places that are used, of
the distances from chords to places, and of two chords on one place. The divisions of a hand are the
path of least cost (Viterbi); it is found twice, the second time with the divisions that the piece
has and with the other hand's. The constants were chosen on ASAP's training split.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from amt.analysis.symbolic.viterbi import viterbi_path
from amt.score.divisions import COMPOUND, DIVISIONS, SIMPLE, Rhythm

# A chord so little before a beat, in beats, belongs to it and not to the beat before.
EARLY = 0.1
# Scale of the distance of a chord from its place, in seconds and in beats, and degrees of freedom
# of its distribution (Student's t): most are near, a few are far.
SECONDS, BEATS, FREEDOM = 0.008, 0.02, 2.5
# What a chord is away from its place, the next one of the beat is in part too.
DRIFT = 0.5
# Cost of two chords on places that follow at once: a hand hardly strikes so many seconds apart.
CROWDED, CROWDED_SECONDS = 6.0, 0.05
# Cost of two chords on one place, and of each tenth of a second between them, three at most.
COLLISION, COLLISION_TENTH = 1.0, 3.3
# Probability that a beat has the division of the one before, whatever else is common; and if both
# have the same number of chords, so many at least.
STAY, STAY_ALIKE, ALIKE_CHORDS = 0.3, 0.9, 3
# Divisions with a smaller share than this are less often repeated.
RARE = 0.03
# Divisions that are seldom printed: most that fit a performance are mistakes of its beats, and are
# read worse than plain ones that fit less. They count for this part of their share.
SELDOM, SELDOM_PART = (5, 7, 9, 10, 11, 13, 20, 24, 32), 0.14
# Weight of the divisions that the piece has against those that are common, in beats.
COMMON_BEATS = 16.0
# Part of the logarithm of a share that stays the common one's.
MISTAKEN = 0.3
# Cost of a division that neither divides the other hand's nor is divided by it.
MISMATCH = 2.4
NEVER = 1e6


def quantised(position: np.ndarray, period: np.ndarray, compound: np.ndarray) -> list[Fraction]:
    """Places of the chords of one hand, in beats, from their positions (C,) in beats, sorted.

    period, compound: of each beat (N,): seconds, and whether it is a dotted note.
    """
    return quantised_hands([position], period, compound)[0]


def quantised_hands(
    positions: Sequence[np.ndarray], period: np.ndarray, compound: np.ndarray
) -> list[list[Fraction]]:
    """Places of the chords of each hand, see `quantised`."""
    beats = [np.clip(np.floor(own + EARLY), 0, len(period) - 1).astype(int) for own in positions]
    costs = [
        _costs(position, beat, period, compound)
        for position, beat in zip(positions, beats, strict=True)
    ]
    common = _common(compound)
    counts = [np.bincount(beat, minlength=len(period)) for beat in beats]
    paths = [_path(cost, common, count) for cost, count in zip(costs, counts, strict=True)]
    used = [count > 0 for count in counts]
    own = _own_shares(paths, used, common)
    second = [
        _path(cost + _mismatch(paths, used, hand), own, counts[hand])
        for hand, cost in enumerate(costs)
    ]
    return [
        _places(position, beat, period, path, compound)
        for position, beat, path in zip(positions, beats, second, strict=True)
    ]


def _common(compound: np.ndarray) -> np.ndarray:
    """Share of each division (D,) in beats of these kinds (N,), less for those seldom printed."""
    shares = [[kind.shares.get(one, 0.0) for one in DIVISIONS] for kind in (SIMPLE, COMPOUND)]
    weight = float(compound.mean())
    common = np.array(shares).T @ [1 - weight, weight]
    common[np.isin(DIVISIONS, SELDOM)] *= SELDOM_PART
    return common / common.sum()


def _own_shares(
    paths: Sequence[np.ndarray], used: Sequence[np.ndarray], common: np.ndarray
) -> np.ndarray:
    """Share of each division (D,): in the beats of the piece that are used, and in common.

    What is rare in common stays rarer than it was found: some of it was found by mistake.
    """
    own = np.concatenate([path[use] for path, use in zip(paths, used, strict=True)])
    counts = np.bincount(own, minlength=len(DIVISIONS))
    found = (counts + COMMON_BEATS * common) / (len(own) + COMMON_BEATS)
    shares = found ** (1 - MISTAKEN) * common**MISTAKEN
    return shares / shares.sum()


def _mismatch(paths: Sequence[np.ndarray], used: Sequence[np.ndarray], hand: int) -> np.ndarray:
    """Costs of each division in each beat (N, D) beside the other hand's."""
    cost = np.zeros((len(paths[0]), len(DIVISIONS)))
    parts = np.array(DIVISIONS)
    related = (parts[:, None] % parts == 0) | (parts % parts[:, None] == 0)
    for other, (path, use) in enumerate(zip(paths, used, strict=True)):
        if other != hand:
            cost += MISMATCH * use[:, None] * ~related[path]
    return cost


def _path(cost: np.ndarray, shares: np.ndarray, count: np.ndarray) -> np.ndarray:
    """Index of the division of each beat (N,), from costs (N, D) and shares of divisions (D,).

    count: chords in each beat (N,). Beats in a row that have as many are mostly divided alike.
    """
    alike = (count[1:] == count[:-1]) & (count[1:] >= ALIKE_CHORDS)
    changes = np.stack([_change(shares, stay) for stay in (STAY, STAY_ALIKE)])
    return viterbi_path(-cost, changes[alike.astype(int)])


def _change(shares: np.ndarray, stay: float) -> np.ndarray:
    """Cost of each division after each other (D, D); stay: probability that it is the same."""
    same = stay * np.minimum(shares / RARE, 1)
    return -np.log((1 - same)[:, None] * shares + np.diag(same) + 1e-9)


def _costs(
    position: np.ndarray, beat: np.ndarray, period: np.ndarray, compound: np.ndarray
) -> np.ndarray:
    """Cost of the chords of each beat at each division: (N, D); 0 where there is no chord."""
    cost = np.zeros((len(period), len(DIVISIONS)))
    chords = _by_beat(position, beat)
    kind = compound[chords.beats]
    for column, division in enumerate(DIVISIONS):
        for rhythm, rows in ((SIMPLE, ~kind), (COMPOUND, kind)):
            if division in rhythm.shares:
                own = chords.select(rows)
                cost[own.beats, column] = _assigned(own, period, rhythm, division)[0]
            else:
                cost[chords.beats[rows], column] = NEVER
    return cost


@dataclass(frozen=True, eq=False)
class _Chords:
    """Chords by beat: beats (B,), and offsets (B, R) in beats from the beat, NaN where none is."""

    beats: np.ndarray
    offsets: np.ndarray

    def select(self, rows: np.ndarray) -> _Chords:
        return _Chords(self.beats[rows], self.offsets[rows])


def _by_beat(position: np.ndarray, beat: np.ndarray) -> _Chords:
    beats, first, count = np.unique(beat, return_index=True, return_counts=True)
    offsets = np.full((len(beats), int(count.max()) if len(count) else 0), np.nan)
    row = np.repeat(np.arange(len(beats)), count)
    rank = np.arange(len(position)) - np.repeat(first, count)
    offsets[row, rank] = position - beat
    return _Chords(beats, offsets)


def _assigned(
    chords: _Chords, period: np.ndarray, rhythm: Rhythm, division: int
) -> tuple[np.ndarray, np.ndarray]:
    """Least cost of the chords of each beat on the places of a division (B,), and places (B, R).

    The places of successive chords do not fall; place `division` is the next beat.
    """
    seconds = period[chords.beats, None]
    scale = np.hypot(SECONDS / seconds, BEATS)
    costs = rhythm.costs(division)
    places = np.arange(division + 1) / division
    apart = (places - places[:-1, None]) * seconds[:, None]
    steps = costs[1:] + CROWDED * np.maximum(1 - apart / CROWDED_SECONDS, 0)
    rows, ranks = chords.offsets.shape
    best = np.full((rows, division + 1), np.inf)
    came = np.zeros((ranks, rows, division + 1), dtype=np.int64)
    before = np.zeros((rows, division + 1))
    for rank in range(ranks):
        offset = chords.offsets[:, rank, None]
        away = np.nan_to_num(offset - places) / scale
        if rank == 0:
            best, before = _fit(away) + costs[0], away
            continue
        here = ~np.isnan(offset)
        gap = np.nan_to_num((offset - chords.offsets[:, rank - 1, None]) * seconds)
        together = COLLISION + COLLISION_TENTH * np.minimum(gap / 0.1, 3.0) + _fit(away)
        moved = _fit(away[:, None] - DRIFT * before[:, :-1, None]) + steps
        reached, source = _least(best[:, :-1], moved)
        stay = best + together < reached
        came[rank] = np.where(here, np.where(stay, np.arange(division + 1), source), -1)
        best = np.where(here, np.where(stay, best + together, reached), best)
        before = away
    best = best + np.append(costs[1:, -1], 0.0)
    return best.min(1) if ranks else np.zeros(rows), _traced(best, came)


def _fit(away: np.ndarray) -> np.ndarray:
    """Cost of distances, in units of their scale."""
    return (FREEDOM + 1) / 2 * np.log1p(away**2 / FREEDOM)


def _least(best: np.ndarray, costs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Least cost of each place from costs of the places before (B, P) and of steps (P, Q)."""
    reached = best[:, :, None] + costs
    source = reached.argmin(1)
    return np.take_along_axis(reached, source[:, None], 1)[:, 0], source


def _traced(best: np.ndarray, came: np.ndarray) -> np.ndarray:
    """The places (B, R) of the path of least cost."""
    ranks, rows, _ = came.shape
    place = best.argmin(1) if rows else np.zeros(0, dtype=np.int64)
    places = np.zeros((rows, ranks), dtype=np.int64)
    for rank in range(ranks - 1, -1, -1):
        places[:, rank] = place
        before = came[rank, np.arange(rows), place]
        place = np.where(before >= 0, before, place) if rank else place
    return places


def _places(
    position: np.ndarray,
    beat: np.ndarray,
    period: np.ndarray,
    path: np.ndarray,
    compound: np.ndarray,
) -> list[Fraction]:
    """The places of chords at the divisions of a path."""
    chords = _by_beat(position, beat)
    division = np.array(DIVISIONS)[path[chords.beats]]
    kind = compound[chords.beats]
    found: dict[int, list[Fraction]] = {}
    for one in np.unique(division):
        for rhythm, rows in ((SIMPLE, ~kind), (COMPOUND, kind)):
            own = chords.select(rows & (division == one))
            if one in rhythm.shares and len(own.beats):
                places = _assigned(own, period, rhythm, int(one))[1]
                for number, row in zip(own.beats.tolist(), places.tolist(), strict=True):
                    found[number] = [number + Fraction(place, int(one)) for place in row]
    ranks = {number: iter(row) for number, row in found.items()}
    return [next(ranks[number]) for number in beat.tolist()]
