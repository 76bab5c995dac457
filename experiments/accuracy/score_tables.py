"""Tables of scores and speeds of several systems, in Markdown and CSV."""

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
# Column of the table, and the score: offsets of reference and estimate with or without the pedal.
CONVENTIONS = {
    "both extended by the pedal": "note_offset_f1",
    "only the reference extended": "written_note_offset_f1",
    "neither extended": "keys_note_offset_f1",
}
# If other processes use more cores than this, a measured speed is not valid.
BUSY = 0.1


def mean(rows: Sequence[Row], name: str) -> float | None:
    """The mean by piece over the rows that have the score; None if none has."""
    values = [float(row[name]) for row in rows if name in row]
    return float(np.mean(values)) if values else None


def by_system(rows: Sequence[Row]) -> dict[str, list[Row]]:
    """The rows of each system, in the same order."""
    systems: dict[str, list[Row]] = {}
    for row in rows:
        systems.setdefault(str(row["system"]), []).append(row)
    return systems


def rows_of_common_pieces(rows: Sequence[Row]) -> list[Row]:
    """The rows of the pieces that every system transcribed: other means cannot be compared."""
    systems = by_system(rows)
    shared = set.intersection(*({row["piece"] for row in rows} for rows in systems.values()))
    return [row for row in rows if row["piece"] in shared]


def score_table(rows: Sequence[Row]) -> str:
    """A line per system: scores, speed and size. An asterisk marks speeds on a busy machine."""
    speeds = ["x real time", "x processor time", "peak MB", "parameters"]
    lines = [
        [name, *(_score(mean(rows, score)) for score in SCORES.values()), *_cost(rows)]
        for name, rows in by_system(rows).items()
    ]
    return markdown_table(["system", *SCORES, *speeds], lines)


def offset_convention_table(rows: Sequence[Row]) -> str:
    """Note F1 with offsets, for each convention of where a note ends."""
    lines = [
        [name, *(_score(mean(rows, score)) for score in CONVENTIONS.values())]
        for name, rows in by_system(rows).items()
    ]
    return markdown_table(["note F1 with offsets", *CONVENTIONS], lines)


def piece_table(rows: Sequence[Row], score: str) -> str:
    """A line per piece, a column per system; sorted by the score of the first system."""
    systems = by_system(rows)
    cells = {(row["piece"], row["system"]): float(row[score]) for row in rows}
    first = next(iter(systems))
    pieces = sorted({row["piece"] for row in rows}, key=lambda piece: cells[piece, first])
    lines = [[str(piece), *(_score(cells[piece, name]) for name in systems)] for piece in pieces]
    return markdown_table([score, *systems], lines)


def was_busy(rows: Sequence[Row]) -> bool:
    """Whether other processes used more than `BUSY` cores while the rows were timed."""
    took = sum(float(row["took"]) for row in rows)
    return sum(float(row["took"]) * float(row["others"]) for row in rows) > BUSY * took


def markdown_table(head: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    """A Markdown table with aligned columns; all but the first are right-aligned."""
    table = [list(head), *map(list, lines)]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    rule = ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]
    return "\n".join(_line(cells, widths) for cells in (table[0], rule, *table[1:])) + "\n"


def write_csv(rows: Sequence[Row], path: Path) -> None:
    """Write all columns of all rows, numbers with four decimals."""
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
    mark = "*" if was_busy(rows) else ""
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
