"""Score tables in Markdown and CSV."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from amt.evaluation.evaluate import Evaluation, Row
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


def write_report(
    folder: Path, evaluation: Evaluation, split: str, links: Mapping[str, str] | None = None
) -> str:
    """Write the scores of all pieces, the worst first; returns the table of SPLIT.md.

    FOLDER/SPLIT.csv: all scores. SPLIT.json: means, those of each set, and `details`. SPLIT.md: the
    table, in which the pieces of `links` (by `piece_key`) lead to a file in FOLDER.
    """
    columns = COLUMNS if COLUMNS[0] in evaluation.means else tuple(evaluation.means)
    rows = worst_first(evaluation.rows)
    linked = [{**row, "name": _linked(row, links or {})} for row in rows]
    tables = [
        score_table(shown, evaluation.means, columns, evaluation.group_means)
        + (f"\n\n{evaluation.remarks}" if evaluation.remarks else "")
        for shown in (rows, linked)
    ]
    write_rows(folder / f"{split}.csv", rows)
    with atomic_write(folder / f"{split}.json") as temporary:
        temporary.write_text(json.dumps(_document(evaluation), indent=1) + "\n", encoding="utf-8")
    with atomic_write(folder / f"{split}.md") as temporary:
        temporary.write_text(tables[1] + "\n", encoding="utf-8")
    return tables[0]


def worst_first(rows: Sequence[Row]) -> list[Row]:
    """The rows of an evaluation by note F1, or by accuracy where they have that instead."""
    return sorted(rows, key=lambda row: float(row.get("note_f1", row.get("accuracy", 0.0))))


def piece_key(row: Row) -> str:
    """A name of a piece that is unique in an evaluation and safe as a file name: SET-NAME."""
    return f"{row['set']}-{row['name']}" if "set" in row else str(row["name"])


def _linked(row: Row, links: Mapping[str, str]) -> str:
    link = links.get(piece_key(row))
    return f"[{row['name']}]({link})" if link else str(row["name"])


def _document(evaluation: Evaluation) -> dict[str, Any]:
    return {
        "pieces": len(evaluation.rows),
        "means": evaluation.means,
        "group_means": evaluation.group_means,
        "details": evaluation.details.as_document(),
    }


def write_rows(path: Path, rows: Sequence[Row]) -> None:
    """Write all scores of pieces to a CSV file."""
    columns = list(dict.fromkeys(name for row in rows for name in row))
    with atomic_write(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns)
        writer.writeheader()
        writer.writerows(rows)


def score_table(
    rows: Sequence[Mapping[str, float | str]],
    means: Mapping[str, float],
    columns: Sequence[str],
    group_means: Mapping[str, Mapping[str, float]] | None = None,
) -> str:
    """A Markdown table with aligned columns: a line per piece, then the means, of groups too.

    A missing score is shown as a dash.
    """
    table = [["piece", *columns]]
    table += [[str(row["name"]), *(_cell(row.get(name)) for name in columns)] for row in rows]
    lines = {
        **{f"*{name}*": found for name, found in (group_means or {}).items()},
        "**mean**": means,
    }
    table += [[name, *(_cell(found.get(key)) for key in columns)] for name, found in lines.items()]
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
