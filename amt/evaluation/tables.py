"""Score tables: Markdown to read, CSV to compute with."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path

from amt.evaluation.evaluate import Evaluation
from amt.io.atomic import atomic_write

# Columns of a table of pieces that were transcribed; the CSV holds all scores.
COLUMNS = (
    "note_f1",
    "note_precision",
    "note_recall",
    "note_100ms_f1",
    "note_offset_f1",
    "note_velocity_f1",
    "note_offset_velocity_f1",
    "note_release_f1",
    "pedal_f1",
    "frame_f1",
)


def write_report(folder: Path, evaluation: Evaluation, split: str) -> str:
    """The table of pieces, which comes back, as FOLDER/SPLIT.md; all their scores as SPLIT.csv."""
    columns = COLUMNS if COLUMNS[0] in evaluation.means else tuple(evaluation.means)
    table = score_table(evaluation.rows, evaluation.means, columns)
    if evaluation.remarks:
        table += f"\n\n{evaluation.remarks}"
    write_rows(folder / f"{split}.csv", evaluation)
    with atomic_write(folder / f"{split}.md") as temporary:
        temporary.write_text(table + "\n", encoding="utf-8")
    return table


def write_rows(path: Path, evaluation: Evaluation) -> None:
    """All scores of all pieces as CSV."""
    columns = list(dict.fromkeys(name for row in evaluation.rows for name in row))
    with atomic_write(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns)
        writer.writeheader()
        writer.writerows(evaluation.rows)


def score_table(
    rows: Sequence[Mapping[str, float | str]], means: Mapping[str, float], columns: Sequence[str]
) -> str:
    """A markdown table, aligned so that it reads as text too: a line a piece, then the means.

    A score that a row lacks is a dash.
    """
    table = [["piece", *columns]]
    table += [[str(row["name"]), *(_cell(row.get(name)) for name in columns)] for row in rows]
    table += [["**mean**", *(_cell(means.get(name)) for name in columns)]]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    rule = ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]
    return "\n".join(_line(cells, widths) for cells in [table[0], rule, *table[1:]])


def _cell(value: float | str | None) -> str:
    if value is None:
        return "-"
    return f"{value:.3f}" if isinstance(value, float) else str(value)


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    first = cells[0].ljust(widths[0])
    rest = (cell.rjust(width) for cell, width in zip(cells[1:], widths[1:], strict=True))
    return f"| {' | '.join([first, *rest])} |"
