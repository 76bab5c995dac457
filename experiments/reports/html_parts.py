"""Pieces of HTML that the sections of a report share."""

from __future__ import annotations

import base64
import html
from collections.abc import Sequence
from pathlib import Path

from svg_charts import COLOURS


def colour_mark(index: int) -> str:
    """The mark of a run's colour."""
    return f'<span class="key b{min(index, COLOURS)}"></span>'


def score_cell(value: float | None) -> str:
    """A score in a cell."""
    return "-" if value is None else f"{value:.3f}"


def table_html(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table; cells of rows are HTML."""
    top = "".join(f"<th>{html.escape(cell)}</th>" for cell in head)
    body = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows)
    table = f"<table><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table>"
    return f'<div class="scroll">{table}</div>'


def data_uri(path: Path, kind: str) -> str:
    """A file as a data URI of a media type."""
    return f"data:{kind};base64,{base64.b64encode(path.read_bytes()).decode('ascii')}"
