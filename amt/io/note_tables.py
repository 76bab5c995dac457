"""Read note tables (TSV, the text files of MAPS) and write them (TSV, CSV, JSON)."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from amt.io.atomic import atomic_write
from amt.io.midi import read_midi
from amt.notes import COLUMNS, PEDAL_COLUMNS, Notes

# MAPS text files have no velocities; every note gets this one.
MAPS_VELOCITY = 64
_MAPS_COLUMNS = "OnsetTime OffsetTime MidiPitch"
# Times are written to a tenth of a millisecond.
_DECIMALS = 4


def read_notes(path: Path) -> Notes:
    """Notes of a note table (.tsv), a MAPS text file (.txt) or else a MIDI file.

    Raises ValueError with one line that names the file if it cannot be read as such.
    """
    suffix = path.suffix.lower()
    if suffix == ".tsv":
        return read_table(path)
    if suffix == ".txt":
        return read_maps_text(path)
    return read_midi(path)


def read_table(path: Path | str) -> Notes:
    """Notes of a tab-separated table with the columns onset, offset, pitch, velocity.

    Raises ValueError that names the file if a column is missing or a value is not a number.
    """
    expected = f"tab-separated columns {', '.join(COLUMNS)}"
    try:
        with Path(path).open(newline="", encoding="utf-8") as file:
            reader = csv.DictReader(file, delimiter="\t")
            if not set(COLUMNS) <= set(reader.fieldnames or ()):
                raise ValueError(f"its first line is {reader.fieldnames}")
            rows = list(reader)
        onset, offset, pitch, velocity = (
            np.array([float(row[name]) for row in rows]) for name in COLUMNS
        )
        return Notes(onset, offset, pitch, velocity)
    except (TypeError, ValueError, csv.Error) as error:
        raise ValueError(f"{path}: not a note table ({expected}): {error}") from error


def read_maps_text(path: Path) -> Notes:
    """Notes of a MAPS text file: columns OnsetTime, OffsetTime, MidiPitch.

    Raises ValueError that names the file if it is something else.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
        if not lines or lines[0].split() != _MAPS_COLUMNS.split():
            raise ValueError(f"its first line is {lines[:1]}")
        rows = np.array([[float(cell) for cell in line.split()] for line in lines[1:] if line])
        onset, offset, pitch = rows.reshape(-1, 3).T
        return Notes(onset, offset, pitch, np.full(len(onset), MAPS_VELOCITY))
    except ValueError as error:
        raise ValueError(f"{path}: not a MAPS text ({_MAPS_COLUMNS}): {error}") from error


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


def write_json(path: Path, notes: Notes, seconds: float) -> None:
    """Write `note_document` as JSON, atomically."""
    with atomic_write(path) as temporary:
        text = json.dumps(note_document(notes, seconds), indent=1) + "\n"
        temporary.write_text(text, "utf-8")


def note_document(notes: Notes, seconds: float) -> dict[str, Any]:
    """Notes and pedal movements as lists of objects, for JSON.

    Keys: seconds, the duration of the recording; notes, objects with onset, offset, pitch,
    velocity; pedal, objects with time, controller, value. Times in seconds.
    """
    return {
        "seconds": round(seconds, _DECIMALS),
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
