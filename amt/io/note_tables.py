"""Note tables as files: TSV, CSV and JSON, and the text files of MAPS."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np

from amt.io.atomic import atomic_write
from amt.io.midi import read_midi
from amt.notes import COLUMNS, Notes


def read_notes(path: Path) -> Notes:
    """Notes of a table (.tsv), a MAPS text (.txt) or a MIDI file; raises ValueError."""
    suffix = path.suffix.lower()
    if suffix == ".tsv":
        return read_table(path)
    if suffix == ".txt":
        return _read_maps_text(path)
    return read_midi(path)


def _read_maps_text(path: Path) -> Notes:
    """The columns OnsetTime, OffsetTime, MidiPitch; it knows no velocity, so every note gets 64."""
    expected = "OnsetTime OffsetTime MidiPitch"
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
        if not lines or lines[0].split() != expected.split():
            raise ValueError(f"its first line is {lines[:1]}")
        rows = np.array([[float(cell) for cell in line.split()] for line in lines[1:] if line])
        onset, offset, pitch = rows.reshape(-1, 3).T
        return Notes(onset, offset, pitch, np.full(len(onset), 64))
    except ValueError as error:
        raise ValueError(f"{path}: not a MAPS text ({expected}): {error}") from error


def read_table(path: Path | str) -> Notes:
    """Read a tab-separated note table with the columns onset, offset, pitch, velocity.

    Raises ValueError that names the file where a column is missing or a value is not a number.
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


def write_table(path: Path | str, notes: Notes) -> None:
    """Write a note table with times to a tenth of a millisecond; whole or not at all."""
    with atomic_write(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, delimiter="\t", lineterminator="\n")
        writer.writerow(COLUMNS)
        for onset, offset, pitch, velocity in zip(
            notes.onset, notes.offset, notes.pitch, notes.velocity, strict=True
        ):
            writer.writerow((f"{onset:.4f}", f"{offset:.4f}", pitch, velocity))


def write_csv(path: Path, notes: Notes) -> None:
    """Write a note table with commas, as spreadsheets read it; whole or not at all."""
    with atomic_write(path) as part, part.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        writer.writerows(_rows(notes))


def write_json(path: Path, notes: Notes, seconds: float) -> None:
    """Write `note_document` as JSON; whole or not at all."""
    with atomic_write(path) as part:
        part.write_text(json.dumps(note_document(notes, seconds), indent=1) + "\n", "utf-8")


def note_document(notes: Notes, seconds: float) -> dict[str, Any]:
    """Notes and pedal by plain names; times in seconds to a tenth of a millisecond."""
    pedal = notes.pedal
    return {
        "seconds": round(seconds, 4),
        "notes": [dict(zip(COLUMNS, row, strict=True)) for row in _rows(notes)],
        "pedal": [
            {"time": round(time, 4), "controller": controller, "value": value}
            for time, controller, value in zip(
                pedal.time.tolist(), pedal.controller.tolist(), pedal.value.tolist(), strict=True
            )
        ],
    }


def _rows(notes: Notes) -> list[tuple[float, float, int, int]]:
    return [
        (round(onset, 4), round(offset, 4), pitch, velocity)
        for onset, offset, pitch, velocity in zip(
            *(getattr(notes, name).tolist() for name in COLUMNS), strict=True
        )
    ]
