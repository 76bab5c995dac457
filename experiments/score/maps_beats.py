"""Beats of the sequenced pieces of MAPS, found from their onsets; written as annotations of ASAP.

    python experiments/score/maps_beats.py MAPS/train ANNOTATIONS [--only chpn-p20]

MAPS holds pieces of piano-midi.de, written in a sequencer, as tables of seconds. The metre, the
pickup and a tempo of each are in maps_metres.tsv; `maps_grid.place` finds the places of all onsets,
with three sets of costs. A beat is kept (`b`, `db`) where two of them agree, otherwise it is `bR`.
One file for each composition: what several pianos of MAPS play is the same.

The table that is printed: beats, the share that is kept, the bar (from 0) of the last onset, the
bars that the score has where that is known, the share of tempi that are multiples of the unit of
the piece and what chance would give, and the share of onsets within 2 ms of a 1/24 or 1/16 of a
beat, if the tempo is constant from one beat to the next.
"""

from __future__ import annotations

import argparse
import csv
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from maps_grid import (
    BOLD,
    BOLDEST,
    CAREFUL,
    QUARTER,
    UNPLACED,
    Metre,
    accents,
    distinct_onsets,
    place,
    tempo_unit,
    unit_distance,
)

from amt.io.atomic import atomic_write

TABLE = Path(__file__).with_name("maps_metres.tsv")
# The metre, in the table, of a section that is left out.
LEFT_OUT = "-"
# The beat of ASAP in ticks, where it is not a quarter.
BEATS = {"6/8": 72, "9/8": 72, "12/8": 72, "2/2": 96, "3/8": 24, "2/8": 24, "6/4": 144}
# Sets of costs agree on a beat if they differ by less, in seconds.
AGREEMENT = 0.005
# Beats that are kept, but fewer in succession than so many bars, are not.
FEWEST_BARS = 3
# A composition is used if so many of its beats are kept.
LEAST_KEPT = 0.5
# Of a beat: onsets near such parts of it count as sharp.
PARTS, SHARP = (24, 16), 0.002


@dataclass(frozen=True)
class Section:
    """A part of a composition in one metre. start: seconds. bars: of the score, 0 if not known.

    metre: None for a section that is left out.
    """

    start: float
    metre: Metre | None
    bars: int


@dataclass(frozen=True, eq=False)
class Found:
    """Beats of a section. number: (B,) of the beat, 0 at the first bar line. kept: (B,)."""

    section: Section
    beats: np.ndarray
    number: np.ndarray
    kept: np.ndarray
    last_bar: float
    on_unit: tuple[float, float]
    sharp: float


def main() -> None:
    """Write the annotations and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    parser.add_argument("maps", type=Path, help="folder of note tables of MAPS")
    parser.add_argument("annotations", type=Path, help="folder to write to")
    parser.add_argument("--only", nargs="+", help="only these compositions")
    arguments = parser.parse_args()
    print("piece", "metre", "beats", "kept", "last", "bars", "unit", "chance", "sharp", sep="\t")
    for name, sections in read_sections(TABLE).items():
        files = sorted(arguments.maps.glob(f"MAPS_MUS-{name}_[A-Z]*.tsv"))
        if not files or (arguments.only and name not in arguments.only):
            continue
        notes = np.loadtxt(files[0], skiprows=1, usecols=(0, 2))
        found = [find(part, section) for part, section in cut(notes, sections)]
        for one in found:
            print(name, *row(one), sep="\t", flush=True)
        kept = np.concatenate([one.kept for one in found])
        path = arguments.annotations / f"{name}.txt"
        if kept.mean() < LEAST_KEPT:
            path.unlink(missing_ok=True)
            continue
        with atomic_write(path) as temporary:
            temporary.write_text("".join(lines(found)), "utf-8")


def read_sections(table: Path) -> dict[str, list[Section]]:
    """The sections of each composition."""
    found: dict[str, list[Section]] = defaultdict(list)
    with table.open(encoding="utf-8", newline="") as file:
        for line in csv.DictReader(file, delimiter="\t"):
            if line["metre"] == LEFT_OUT:
                found[line["name"]].append(Section(float(line["from"]), None, 0))
                continue
            above, below = map(int, line["metre"].split("/"))
            metre = Metre(
                name=line["metre"],
                beat=BEATS.get(line["metre"], QUARTER),
                bar=above * 4 * QUARTER // below,
                pickup=round(float(line["pickup"]) * QUARTER),
                quarter=float(line["quarter"]),
                triplets=line["parts"] == "3",
            )
            section = Section(float(line["from"]), metre, int(line["bars"]))
            found[line["name"]].append(section)
    return found


def cut(notes: np.ndarray, sections: list[Section]) -> Iterator[tuple[np.ndarray, Section]]:
    """The onsets and pitches (N, 2) of each section, and the section."""
    ends = [*(section.start for section in sections[1:]), np.inf]
    for section, end in zip(sections, ends, strict=True):
        if section.metre is None:
            continue
        inside = (notes[:, 0] > section.start - 0.01) & (notes[:, 0] < end - 0.01)
        yield notes[inside], section


def find(notes: np.ndarray, section: Section) -> Found:
    """The beats of a section, given its onsets and pitches (N, 2)."""
    metre = section.metre
    times = distinct_onsets(notes[:, 0])
    accent = accents(notes[:, 0], notes[:, 1], times, metre.bar / QUARTER * metre.quarter)
    first = place(times, accent, metre, CAREFUL)
    unit = tempo_unit(times, first)
    metre = replace(metre, quarter=usual_quarter(times, first))
    ways = [place(times, accent, metre, costs, unit) for costs in (BOLD, CAREFUL, BOLDEST)]
    best, kept = most_agreed(times, ways, section)
    number, beats = beats_of(times, best, metre)
    if section.bars and not complete_bars(best, section):
        kept = np.zeros_like(kept)
    kept = long_enough(kept, FEWEST_BARS * metre.bar // metre.beat)
    last = best.max() / metre.bar
    sharp = sharpness(times, beats)
    return Found(section, beats, number, kept, last, on_unit(times, best, unit), sharp)


def usual_quarter(times: np.ndarray, ticks: np.ndarray) -> float:
    """Seconds of a quarter: the median over time."""
    placed = np.flatnonzero(ticks != UNPLACED)
    seconds = np.diff(times[placed])
    quarter = seconds / np.diff(ticks[placed]) * QUARTER
    order = np.argsort(quarter)
    passed = np.cumsum(seconds[order])
    return float(quarter[order][np.searchsorted(passed, passed[-1] / 2)])


def complete_bars(ticks: np.ndarray, section: Section) -> bool:
    """Whether the last onset is in the last bar of the score, or in the one before."""
    return section.bars - 2 <= ticks.max() // section.metre.bar < section.bars


def beats_of(times: np.ndarray, ticks: np.ndarray, metre: Metre) -> tuple[np.ndarray, np.ndarray]:
    """Numbers and seconds (B,) of the beats from the first to the last onset."""
    placed = np.flatnonzero(ticks != UNPLACED)
    first, last = ticks[placed[0]], ticks[placed[-1]]
    number = np.arange(-(-first // metre.beat), last // metre.beat + 1)
    return number, np.interp(number * metre.beat, ticks[placed], times[placed])


def most_agreed(
    times: np.ndarray, ways: list[np.ndarray], section: Section
) -> tuple[np.ndarray, np.ndarray]:
    """The ticks that agree most with the others, and which beats (B,) one of these has as well.

    Ticks that end with the last bar of the score go before the others.
    """
    metre = section.metre
    beats = [beats_of(times, ticks, metre) for ticks in ways]
    found = []
    for index, one in enumerate(beats):
        others = [agreed(one, other, metre) for other in beats if other is not one]
        found.append((complete_bars(ways[index], section), np.any(others, axis=0)))
    index = max(range(len(ways)), key=lambda way: (found[way][0], found[way][1].mean()))
    return ways[index], found[index][1]


def agreed(
    one: tuple[np.ndarray, np.ndarray], other: tuple[np.ndarray, np.ndarray], metre: Metre
) -> np.ndarray:
    """Whether each beat (B,) is one of the others as well, at the same place in the bar.

    Both are numbers and seconds.
    """
    (number, beats), (numbers, others) = one, other
    after = np.clip(np.searchsorted(others, beats), 1, len(others) - 1)
    nearest = np.where(beats - others[after - 1] < others[after] - beats, after - 1, after)
    same = np.abs(others[nearest] - beats) < AGREEMENT
    return same & ((number - numbers[nearest]) % (metre.bar // metre.beat) == 0)


def long_enough(kept: np.ndarray, fewest: int) -> np.ndarray:
    """The same (B,), without runs of True that are shorter than `fewest`."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], kept.astype(int), [0]])))
    kept = kept.copy()
    for first, last in edges.reshape(-1, 2):
        kept[first:last] = last - first >= fewest
    return kept


def on_unit(times: np.ndarray, ticks: np.ndarray, unit: float) -> tuple[float, float]:
    """The share of tempi that are multiples of the unit, and what chance would give."""
    placed = np.flatnonzero(ticks != UNPLACED)
    distance, deviation = unit_distance(np.diff(ticks[placed]), np.diff(times[placed]), unit or 1)
    clear = 4 * deviation < 0.35 * (unit or 1)
    if not clear.any():
        return np.nan, np.nan
    near = distance[clear] < 2 * deviation[clear]
    return float(near.mean()), float((4 * deviation[clear]).mean() / (unit or 1))


def sharpness(times: np.ndarray, beats: np.ndarray) -> float:
    """The share of onsets near a part of the beat, if the tempo is constant within it."""
    inside = times[(times >= beats[0]) & (times < beats[-1])]
    beat = np.searchsorted(beats, inside, side="right") - 1
    seconds = beats[beat + 1] - beats[beat]
    share = (inside - beats[beat]) / seconds
    near = [np.abs(share * part - np.rint(share * part)) / part * seconds for part in PARTS]
    return float(np.mean(np.min(near, axis=0) < SHARP))


def row(found: Found) -> list[str]:
    """What is printed of a section."""
    figures = [found.kept.mean(), found.last_bar]
    chances = [*found.on_unit, found.sharp]
    bars = str(found.section.bars or "?")
    return [
        found.section.metre.name,
        str(len(found.beats)),
        *(f"{value:.2f}" for value in figures),
        bars,
        *(f"{value:.2f}" for value in chances),
    ]


def lines(found: list[Found]) -> Iterator[str]:
    """The lines of a file of annotations."""
    metre = ""
    for one in found:
        in_bar = one.section.metre.bar // one.section.metre.beat
        for time, number, kept in zip(one.beats, one.number, one.kept, strict=True):
            label = ("b" if number % in_bar else "db") if kept else "bR"
            if one.section.metre.name != metre:
                metre = one.section.metre.name
                label += f",{metre},"
            yield f"{time:.4f}\t{time:.4f}\t{label}\n"


if __name__ == "__main__":
    main()
