"""The leaderboard as markdown and CSV: means by piece, speeds, and what they were measured on."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from amt.io.atomic import atomic_write

Row = Mapping[str, float | str]

SCORES = {
    "note F1 50 ms": "note_f1",
    "100 ms": "note_100ms_f1",
    "precision": "note_precision",
    "recall": "note_recall",
    "with offsets": "note_offset_f1",
    "with velocity": "note_velocity_f1",
    "with both": "note_offset_velocity_f1",
    "frame F1": "frame_f1",
    "pedal F1": "pedal_f1",
}
CONVENTIONS = {
    "both lengthened by their pedal": "note_offset_f1",
    "estimate as it is written": "written_note_offset_f1",
    "neither lengthened": "keys_note_offset_f1",
}
# Cores that others kept busy, from which on a speed is no property of the system.
BUSY = 0.1


def mean(rows: Sequence[Row], name: str) -> float | None:
    """The mean by piece over the rows that have the score; nothing where none has."""
    values = [float(row[name]) for row in rows if name in row]
    return float(np.mean(values)) if values else None


def by_system(rows: Sequence[Row]) -> dict[str, list[Row]]:
    """The rows of each system, in their order."""
    systems: dict[str, list[Row]] = {}
    for row in rows:
        systems.setdefault(str(row["system"]), []).append(row)
    return systems


def common(rows: Sequence[Row]) -> list[Row]:
    """The rows of the pieces that every system transcribed: means over others say nothing."""
    systems = by_system(rows)
    shared = set.intersection(*({row["piece"] for row in rows} for rows in systems.values()))
    return [row for row in rows if row["piece"] in shared]


def score_lines(rows: Sequence[Row]) -> str:
    """A line a system: its scores, its speed and its size. An asterisk marks a busy machine."""
    speeds = ["x real time", "x processor time", "peak MB", "parameters"]
    lines = [
        [name, *(_score(mean(rows, score)) for score in SCORES.values()), *_cost(rows)]
        for name, rows in by_system(rows).items()
    ]
    return markdown(["system", *SCORES, *speeds], lines)


def convention_lines(rows: Sequence[Row]) -> str:
    """Note F1 with offsets, by what counts as the end of a note."""
    lines = [
        [name, *(_score(mean(rows, score)) for score in CONVENTIONS.values())]
        for name, rows in by_system(rows).items()
    ]
    return markdown(["note F1 with offsets", *CONVENTIONS], lines)


def piece_lines(rows: Sequence[Row], score: str) -> str:
    """A line a piece, a column a system; the pieces on which the first system does worst first."""
    systems = by_system(rows)
    cells = {(row["piece"], row["system"]): float(row[score]) for row in rows}
    first = next(iter(systems))
    pieces = sorted({row["piece"] for row in rows}, key=lambda piece: cells[piece, first])
    lines = [[str(piece), *(_score(cells[piece, name]) for name in systems)] for piece in pieces]
    return markdown([score, *systems], lines)


def busy(rows: Sequence[Row]) -> bool:
    """Whether other processes took much of the machine while the rows were timed."""
    took = sum(float(row["took"]) for row in rows)
    return sum(float(row["took"]) * float(row["others"]) for row in rows) > BUSY * took


def markdown(head: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    """A markdown table, aligned so that it reads as text too; all but the first column right."""
    table = [list(head), *map(list, lines)]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    rule = ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]
    return "\n".join(_line(cells, widths) for cells in (table[0], rule, *table[1:])) + "\n"


def write_csv(rows: Sequence[Row], path: Path) -> None:
    """All rows and all their columns; scores to four places. Whole or not at all."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    with atomic_write(path) as part, part.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, names, lineterminator="\n")
        writer.writeheader()
        for row in rows:
            writer.writerow({name: _plain(value) for name, value in row.items()})


def _cost(rows: Sequence[Row]) -> list[str]:
    seconds, took, processor = (
        sum(float(row[name]) for row in rows) for name in ("seconds", "took", "processor")
    )
    mark = "*" if busy(rows) else ""
    peak = max(float(row["peak_bytes"]) for row in rows) / 1e6
    parameters = f"{float(rows[0]['parameters']):,.0f}"
    return [f"{seconds / took:.2f}{mark}", f"{seconds / processor:.2f}", f"{peak:.0f}", parameters]


def _score(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    first, *rest = zip(cells, widths, strict=True)
    return f"| {' | '.join([first[0].ljust(first[1]), *(c.rjust(w) for c, w in rest)])} |"


def _plain(value: float | str) -> str:
    return f"{value:.4f}" if isinstance(value, float) else str(value)
