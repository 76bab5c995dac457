"""Read note tables (TSV, CSV, JSON, the text files of MAPS) and write them (TSV, CSV, JSON)."""

from __future__ import annotations

import codecs
import csv
import io
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from amt.errors import one_line
from amt.io.atomic import atomic_write
from amt.io.midi import read_midi
from amt.notes import COLUMNS, PEDAL_COLUMNS, Notes, Pedal

TABLE_SUFFIXES = (".tsv", ".csv", ".json", ".txt")

# MAPS text files have no velocities; every note gets this one.
MAPS_VELOCITY = 64
_MAPS_COLUMNS = ("OnsetTime", "OffsetTime", "MidiPitch")
# Times are written to a tenth of a millisecond.
_DECIMALS = 4
_SEPARATORS = ("\t", ";", ",")
# A first line with which spreadsheets are given the separator.
_SEPARATOR_LINE = re.compile(r"\"?sep=.\"?\r?\n", re.IGNORECASE)
_UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def read_notes(path: Path, strict: bool = False) -> Notes:
    """Notes of a table (.tsv, .csv, .json), a MAPS text file (.txt) or else a MIDI file.

    strict: damaged MIDI is an error, as damaged tables always are. Raises ValueError with one line
    that names the file if it cannot be read as such.
    """
    suffix = path.suffix.lower()
    if suffix in (".tsv", ".csv"):
        return read_table(path)
    if suffix == ".json":
        return read_json(path)
    if suffix == ".txt":
        return read_maps_text(path)
    return read_midi(path, strict)


def read_table(path: Path | str) -> Notes:
    """Notes of a table with the columns onset, offset, pitch, velocity among others, in any order.

    Columns are separated by tabs, semicolons or commas; decimals may have commas. Raises ValueError
    that names the file if a column is missing or occurs twice, a line has too many cells or a value
    is not a number. Pitches are MIDI numbers; note names are refused, since programs number octaves
    differently.
    """
    try:
        return Notes(*_columns(_read_rows(_text(path), COLUMNS), COLUMNS))
    except (ValueError, csv.Error) as error:
        expected = f"columns {', '.join(COLUMNS)}"
        raise ValueError(f"{path}: not a note table ({expected}): {one_line(error)}") from error


def read_json(path: Path | str) -> Notes:
    """Notes and pedal movements of a JSON file as `write_json` writes it.

    Raises ValueError that names the file if it is something else.
    """
    try:
        return notes_of(json.loads(_text(path)))
    except (AttributeError, KeyError, RecursionError, TypeError, ValueError) as error:
        expected = f'"notes", each with {", ".join(COLUMNS)}'
        raise ValueError(f"{path}: not a note table ({expected}): {one_line(error)}") from error


def notes_of(document: Mapping[str, Any]) -> Notes:
    """The notes and pedal movements of a `note_document`. Raises ValueError or KeyError."""
    movements = _numbered(document.get("pedal", []), "pedal movement")
    pedal = Pedal(*_columns(movements, PEDAL_COLUMNS))
    onset, offset, pitch, velocity = _columns(_numbered(document["notes"], "note"), COLUMNS)
    return Notes(onset, offset, pitch, velocity, pedal)


def read_maps_text(path: Path) -> Notes:
    """Notes of a MAPS text file: columns OnsetTime, OffsetTime, MidiPitch.

    Raises ValueError that names the file if it is something else.
    """
    try:
        lines = [line.split() for line in _text(path).splitlines() if line.strip()]
        if lines[:1] != [list(_MAPS_COLUMNS)]:
            first = " ".join(lines[0]) if lines else ""
            raise ValueError(f"its first line is {first[:40]!r}")
        rows = [dict(zip(_MAPS_COLUMNS, line, strict=True)) for line in lines[1:]]
        onset, offset, pitch = _columns(_numbered(rows, "note"), _MAPS_COLUMNS)
        return Notes(onset, offset, pitch, np.full(len(onset), MAPS_VELOCITY))
    except ValueError as error:
        expected = " ".join(_MAPS_COLUMNS)
        text = f"a text file with notes begins with {expected}, as those of MAPS"
        raise ValueError(f"{path}: no notes: {text}; {one_line(error)}") from error


def _text(path: Path | str) -> str:
    """The text of a file in UTF-8, or in UTF-16 as spreadsheets on Windows write it."""
    with Path(path).open("rb") as file:
        encoding = "utf-16" if file.read(2) in _UTF_16 else "utf-8-sig"
    return Path(path).read_text(encoding)


def _read_rows(text: str, names: Sequence[str]) -> Iterator[tuple[str, dict[str, str]]]:
    """The rows of a table below its first line, by the name of their column; not the empty ones.

    With each where it is. Raises ValueError for a column that occurs twice, and for a row with more
    cells than columns, as decimal commas between commas give it.
    """
    text = text[found.end() :] if (found := _SEPARATOR_LINE.match(text)) else text
    first = next(iter(text.splitlines()), "")
    for separator in _SEPARATORS:
        header = [
            cell.strip().lower() for cell in next(csv.reader([first], delimiter=separator), [])
        ]
        if set(names) <= set(header):
            break
    else:
        raise ValueError(f"its first line is {first[:80]!r}")
    if twice := [name for name in names if header.count(name) > 1]:
        raise ValueError(f"it has several columns {twice[0]}")
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
    next(rows)
    for row in rows:
        line = rows.line_num + (found is not None)
        if any(cell.strip() for cell in row[len(header) :]):
            raise ValueError(f"line {line} has {len(row)} cells for {len(header)} columns")
        if any(cell.strip() for cell in row):
            yield f"line {line}", dict(zip(header, row, strict=False))


def _columns(rows: Iterable[tuple[str, Mapping[str, Any]]], names: Sequence[str]) -> np.ndarray:
    """The columns `names` of rows as numbers, (len(names), N); with each row where it is."""
    table = [
        [_number(row.get(name, ""), f"{name} in {place}") for name in names] for place, row in rows
    ]
    return np.array(table, dtype=np.float64).reshape(-1, len(names)).T


def _numbered(rows: Iterable[Mapping[str, Any]], name: str) -> Iterator[tuple[str, Any]]:
    """The rows of a list, each with its number."""
    return ((f"{name} {number}", row) for number, row in enumerate(rows, start=1))


def _number(cell: object, place: str) -> float:
    try:
        return float(str(cell).replace(",", "."))
    except ValueError as error:
        raise ValueError(f"{place} is {cell!r}; expected a number") from error


def write_table(path: Path | str, notes: Notes) -> None:
    """Write a tab-separated note table, without the pedal, atomically."""
    with atomic_write(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, delimiter="\t", lineterminator="\n")
        writer.writerow(COLUMNS)
        for onset, offset, pitch, velocity in _rows(notes, COLUMNS):
            times = (f"{time:.{_DECIMALS}f}" for time in (onset, offset))
            writer.writerow((*times, pitch, velocity))


def write_csv(path: Path, notes: Notes) -> None:
    """Write a comma-separated note table, without the pedal, atomically."""
    with atomic_write(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        writer.writerows(map(_rounded, _rows(notes, COLUMNS)))


def write_json(
    path: Path, notes: Notes, seconds: float, more: Mapping[str, Any] | None = None
) -> None:
    """Write `note_document`, and what is to stand before the notes, as JSON, atomically."""
    with atomic_write(path) as temporary:
        text = json.dumps(note_document(notes, seconds, more), indent=1) + "\n"
        temporary.write_text(text, "utf-8")


def note_document(
    notes: Notes, seconds: float, more: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Notes and pedal movements as lists of objects, for JSON.

    Keys: seconds, the duration of the recording; those of `more`; notes, objects with onset,
    offset, pitch, velocity; pedal, objects with time, controller, value. Times in seconds.
    """
    return {
        "seconds": round(seconds, _DECIMALS),
        **(more or {}),
        "notes": _objects(notes, COLUMNS),
        "pedal": _objects(notes.pedal, PEDAL_COLUMNS),
    }


def _objects(table: object, columns: tuple[str, ...]) -> list[dict[str, float]]:
    rows = map(_rounded, _rows(table, columns))
    return [dict(zip(columns, row, strict=True)) for row in rows]


def _rows(table: object, columns: tuple[str, ...]) -> Iterator[tuple[Any, ...]]:
    """Rows of plain Python numbers."""
    return zip(*(getattr(table, name).tolist() for name in columns), strict=True)


def _rounded(row: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(round(cell, _DECIMALS) if isinstance(cell, float) else cell for cell in row)
