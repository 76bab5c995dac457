"""Positions in the score of the onsets of a sequenced piece, in ticks, from the seconds alone.

In a sequenced piece all onsets lie on ticks, and the tempo is constant from one change to the next;
it is changed by hand, on beats and on their parts, to round values: multiples of a unit (half a
beat a minute, one hundredth of a tempo). `place` searches the cheapest positions: a tempo that goes
on is free, a change costs, less where the new tempo is a multiple of the unit.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import gcd

import numpy as np

# Ticks of a quarter note.
QUARTER = 48
# Onsets nearer than this, in seconds, are one: hands that are set apart by a tick.
SAME_ONSET = 0.004
# Seconds are rounded to 0.1 ms: the deviation of an interval, and the least of a tempo (quarters a
# minute).
ROUNDING, TEMPO_ROUNDING = 0.00012, 0.004
# Costs of positions, by the denominator of their place in the beat.
SIMPLE = {1: 0, 2: 0.3, 4: 0.6, 8: 1.2, 16: 2.5, 3: 0.9, 6: 1.2, 12: 2.2, 24: 3.5}
TRIPLET = {1: 0, 3: 0.3, 6: 0.6, 12: 1.2, 2: 0.7, 4: 1.2, 8: 2, 24: 3}
COMPOUND = {
    1: 0,
    3: 0.3,
    6: 0.6,
    12: 1.2,
    24: 2.5,
    2: 0.8,
    4: 1.3,
    9: 1.8,
    18: 2.4,
    8: 2.5,
    36: 3.5,
}
# How many hypotheses are kept at an onset, and how many onsets may follow without a position.
BEAM, SKIPPED = 90, 7
# Onsets without a position (ornaments, rolled chords): up to so many seconds from one with, and cost.
ORNAMENTS = ((0.025, 0.6), (0.06, 2.5), (np.inf, 6.0))
UNPLACED = -(10**6)
Hypotheses = dict[str, np.ndarray]


@dataclass(frozen=True)
class Metre:
    """beat, bar: in ticks. pickup: ticks before the first bar. triplets: beats of three parts.

    quarter: seconds, rather too short than too long.
    """

    name: str
    beat: int
    bar: int
    pickup: int
    quarter: float
    triplets: bool = False


@dataclass(frozen=True)
class Costs:
    """Of a change of tempo: fixed, linear and quadratic in octaves. faster, slower: octaves from the
    usual tempo that cost 1.5 a second. accent: of accented onsets that are not on the first beat."""

    fixed: float = 0.4
    linear: float = 3.0
    quadratic: float = 6.0
    faster: float = 0.2
    slower: float = 0.5
    accent: float = 4.0


CAREFUL = Costs()
BOLD = Costs(linear=2, quadratic=4, faster=0.15, slower=0.7, accent=5)
BOLDEST = Costs(linear=1.5, quadratic=3, faster=0.12, slower=1.0, accent=6)


def distinct_onsets(onset: np.ndarray) -> np.ndarray:
    """The onsets (N,) that are at least SAME_ONSET later than the one before."""
    times = np.unique(onset)
    return times[np.append(True, np.diff(times) > SAME_ONSET)]


def position_costs(metre: Metre) -> np.ndarray:
    """The cost of each tick in the bar (bar,); infinite where no note can be."""
    table = COMPOUND if metre.beat % 72 == 0 else TRIPLET if metre.triplets else SIMPLE
    unit = 48 if metre.beat == 96 else metre.beat
    cost = np.empty(metre.bar)
    for tick in range(metre.bar):
        cost[tick] = table.get(unit // gcd(tick, unit), np.inf)
        cost[tick] += 0.15 * (tick % metre.beat != 0 and tick % unit == 0)
    return cost


def accents(onset: np.ndarray, pitch: np.ndarray, times: np.ndarray, bar: float) -> np.ndarray:
    """How likely an onset begins a bar (N,): it has many notes, or the lowest within a bar (s)."""
    owner = np.searchsorted(times, onset, side="right") - 1
    low = np.full(len(times), 128)
    np.minimum.at(low, owner, pitch.astype(int))
    count = np.bincount(owner, minlength=len(times))
    first = np.searchsorted(times, times - 0.55 * bar)
    last = np.searchsorted(times, times + 0.55 * bar)
    lowest = np.array([low[a:b].min() for a, b in zip(first, last, strict=True)])
    return 0.5 * np.minimum((count - 1) / 3, 1) + 0.7 * (low <= lowest)


def place(
    times: np.ndarray, accent: np.ndarray, metre: Metre, costs: Costs, unit: float = 0.0
) -> np.ndarray:
    """The ticks of onsets (N,), counted from the first bar line; UNPLACED for ornaments.

    unit: quarters a minute of which tempi are multiples, 0 where that is not known.
    """
    cost = position_costs(metre)
    waiting: list[list[Hypotheses]] = [[] for _ in times]
    waiting[0] = [_start(times[0], metre)]
    kept: list[Hypotheses | None] = []
    for index in range(len(times)):
        best = _best(waiting[index], metre.bar) if waiting[index] else None
        kept.append(best)
        waiting[index] = []
        for later in range(index + 1, min(len(times), index + 1 + SKIPPED)) if best else ():
            skipped = _skipping(times[index : later + 1])
            if skipped > 16:
                break
            step = (times[index], times[later])
            found = _step(best, step, metre, cost, costs, unit, accent[later])
            if found:
                found["cost"] += skipped
                found["from"] = np.full(len(found["cost"]), index)
                waiting[later].append(found)
    return _trace(kept)


def _start(time: float, metre: Metre) -> Hypotheses:
    values = {"tick": -metre.pickup, "rate": QUARTER / metre.quarter, "since": time}
    values |= {"anchor": -metre.pickup, "known": 0, "cost": 0.0, "from": -1, "row": -1}
    return {name: np.array([value]) for name, value in values.items()}


def _best(waiting: list[Hypotheses], bar: int) -> Hypotheses:
    """The BEAM cheapest, one for each tick in the bar and tempo."""
    joined = {name: np.concatenate([one[name] for one in waiting]) for name in waiting[0]}
    order = np.argsort(joined["cost"], kind="stable")[:4000]
    order = order[joined["cost"][order] < joined["cost"][order[0]] + 14]
    tempo = np.rint(30 * np.log2(joined["rate"][order])).astype(int)
    _, first = np.unique(joined["tick"][order] % bar * 1000 + tempo, return_index=True)
    order = order[np.sort(first)][:BEAM]
    return {name: values[order] for name, values in joined.items()}


def _skipping(times: np.ndarray) -> float:
    """The cost of leaving all onsets but the first and the last without a position."""
    near = np.minimum(times[1:-1] - times[0], times[-1] - times[1:-1])
    return float(sum(next(cost for limit, cost in ORNAMENTS if value < limit) for value in near))


def _step(
    past: Hypotheses,
    step: tuple[float, float],
    metre: Metre,
    cost: np.ndarray,
    costs: Costs,
    unit: float,
    accent: float,
) -> Hypotheses | None:
    """All ways to go on from one onset to a later one."""
    seconds = step[1] - step[0]
    ticks = np.arange(
        max(int(past["rate"].min() * seconds * 0.55), 1),
        max(int(np.ceil(past["rate"].max() * seconds * 1.7)), 1) + 1,
    )
    change = np.abs(np.log2(ticks / seconds / past["rate"][:, None]))
    place_in_bar = (past["tick"][:, None] + ticks) % metre.bar
    row, column = np.nonzero(np.isfinite(cost[place_in_bar]) & (change < 0.8))
    if not len(row):
        return None
    old = {name: values[row] for name, values in past.items()}
    ticks, change, tick = ticks[column], change[row, column], place_in_bar[row, column]
    error = np.abs(seconds - ticks / old["rate"])
    share = seconds / np.maximum(step[0] - old["since"], 0.001)
    same = (error < 1.8 * (0.00015 + ROUNDING * share)) & (old["known"] > 0) | (error < 0.00015)
    changed = costs.fixed + 0.7 * cost[old["tick"] % metre.bar]
    changed = changed + costs.linear * change + costs.quadratic * change**2
    total = np.where(same | (old["known"] == 0), 0, changed)
    total += np.where(same, 0, off_unit(ticks, seconds, unit)) + cost[tick] * (0.6 + accent)
    total += (
        costs.accent * accent * np.where(tick == 0, 0, np.where(tick % metre.beat == 0, 0.3, 0.6))
    )
    since, anchor = (
        np.where(same, old["since"], step[0]),
        np.where(same, old["anchor"], old["tick"]),
    )
    rate = (old["tick"] + ticks - anchor) / (step[1] - since)
    octaves = np.log2(rate * metre.quarter / QUARTER)
    unusual = np.where(octaves > 0, octaves / costs.faster, -octaves / costs.slower)
    total += 1.5 * seconds * np.minimum(unusual, 4) ** 2
    return {
        "tick": old["tick"] + ticks,
        "rate": rate,
        "since": since,
        "anchor": anchor,
        "known": np.ones(len(row), int),
        "cost": old["cost"] + total,
        "row": row,
    }


def off_unit(ticks: np.ndarray, seconds: np.ndarray | float, unit: float) -> np.ndarray:
    """The cost of a tempo that is no multiple of the unit: less where chance would make it one."""
    if not unit:
        return np.zeros(len(ticks))
    distance, deviation = unit_distance(ticks, seconds, unit)
    chance = np.minimum(4 * deviation / unit, 1)
    return (1 - chance) * 2.2 * np.minimum((distance / (2 * deviation)) ** 2, 1)


def unit_distance(
    ticks: np.ndarray, seconds: np.ndarray | float, unit: float
) -> tuple[np.ndarray, np.ndarray]:
    """The distance of tempi from multiples of the unit, and its deviation by rounding (N,) each."""
    tempo = 60 / QUARTER * ticks / seconds
    distance = np.abs(tempo / unit - np.rint(tempo / unit)) * unit
    return distance, ROUNDING * tempo / seconds + TEMPO_ROUNDING


def _trace(kept: list[Hypotheses | None]) -> np.ndarray:
    """The ticks of the cheapest way to the last onset that has a position."""
    ticks = np.full(len(kept), UNPLACED)
    index = max(number for number, one in enumerate(kept) if one is not None)
    last = kept[index]
    assert last is not None
    row = int(np.argmin(last["cost"]))
    while index >= 0:
        one = kept[index]
        assert one is not None
        ticks[index] = one["tick"][row]
        index, row = int(one["from"][row]), int(one["row"][row])
    return ticks


def tempo_unit(times: np.ndarray, ticks: np.ndarray) -> float:
    """The unit of which most tempi of intervals up to a dotted quarter are multiples.

    It is the greatest peak of their periodogram, from a quarter to one and a third.
    """
    found = np.flatnonzero(ticks != UNPLACED)
    step, seconds = np.diff(ticks[found]), np.diff(times[found])
    used = (step >= QUARTER / 4) & (step <= 1.5 * QUARTER) & (seconds > 0.15)
    tempo, seconds = 60 / QUARTER * step[used] / seconds[used], seconds[used]
    if not len(tempo):
        return 0.0
    units = np.exp(np.arange(np.log(0.24), np.log(1.35), 1e-4))[:, None]
    weight = np.exp(-((2 * np.pi * (0.5e-4 * tempo / seconds + 0.003) / units) ** 2) / 2)
    power = (weight * np.cos(2 * np.pi * tempo / units)).sum(1)
    power = power / np.sqrt((weight**2).sum(1) / 2 + 1e-9) * units[:, 0] ** 0.1
    return float(units[np.argmax(power), 0])
