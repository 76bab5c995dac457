"""Score tables in Markdown and CSV."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path

from amt.evaluation.evaluate import Evaluation
from amt.io.atomic import atomic_write

# The columns of the Markdown table; the CSV has all scores.
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
    """Write the scores of all pieces to FOLDER/SPLIT.md and SPLIT.csv; returns the .md table."""
    columns = COLUMNS if COLUMNS[0] in evaluation.means else tuple(evaluation.means)
    table = score_table(evaluation.rows, evaluation.means, columns)
    if evaluation.remarks:
        table += f"\n\n{evaluation.remarks}"
    write_rows(folder / f"{split}.csv", evaluation)
    with atomic_write(folder / f"{split}.md") as temporary:
        temporary.write_text(table + "\n", encoding="utf-8")
    return table


def write_rows(path: Path, evaluation: Evaluation) -> None:
    """Write all scores of all pieces to a CSV file."""
    columns = list(dict.fromkeys(name for row in evaluation.rows for name in row))
    with atomic_write(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns)
        writer.writeheader()
        writer.writerows(evaluation.rows)


def score_table(
    rows: Sequence[Mapping[str, float | str]], means: Mapping[str, float], columns: Sequence[str]
) -> str:
    """A Markdown table with aligned columns: a line per piece, then the means.

    A missing score is shown as a dash.
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
