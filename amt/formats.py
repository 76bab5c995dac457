"""A transcription in the forms people use: MIDI, JSON, tables, a picture, a sound."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from amt.audio import save
from amt.files import whole
from amt.midi import write_midi
from amt.notes import TABLE_COLUMNS, Notes, write_table

# Notes to samples (S,) at amt.audio.SAMPLE_RATE.
Player = Callable[[Notes], np.ndarray]


def write(path: Path, notes: Notes, seconds: float, player: Player) -> None:
    """Write the notes of a recording of `seconds` in the form that the suffix names, of FORMATS.

    The file is written whole or not at all. Raises OSError, MidiError or AudioError otherwise.
    """
    _WRITERS[path.suffix.removeprefix(".")](path, notes, seconds, player)


def load_player(piano: Path | None, seed: int | None = None) -> Player:
    """Something that plays notes: the sampled piano in a folder, or the built-in one.

    A seed gives the built-in piano another character and another room. Raises SampleMapError or
    AudioError where a sampled piano cannot be read.
    """
    rng = np.random.default_rng(0 if seed is None else seed)
    if piano is not None:
        from amt.synth.sampler import SampledPiano

        sampled = SampledPiano.load(piano)
        return lambda notes: sampled.render(notes, rng=rng)
    from amt.synth import piano as builtin

    instrument = builtin.Instrument() if seed is None else builtin.random_instrument(rng)
    return lambda notes: builtin.render(notes, instrument, rng)


def note_document(notes: Notes, seconds: float) -> dict[str, Any]:
    """Notes and pedal by plain names; times in seconds to a tenth of a millisecond."""
    pedal = notes.pedal
    return {
        "seconds": round(seconds, 4),
        "notes": [dict(zip(TABLE_COLUMNS, row, strict=True)) for row in _rows(notes)],
        "pedal": [
            {"time": round(time, 4), "controller": controller, "value": value}
            for time, controller, value in zip(
                pedal.time.tolist(), pedal.controller.tolist(), pedal.value.tolist(), strict=True
            )
        ],
    }


def _write_mid(path: Path, notes: Notes, _seconds: float, _player: Player) -> None:
    write_midi(path, notes)


def _write_json(path: Path, notes: Notes, seconds: float, _player: Player) -> None:
    with whole(path) as part:
        part.write_text(json.dumps(note_document(notes, seconds), indent=1) + "\n", "utf-8")


def _write_csv(path: Path, notes: Notes, _seconds: float, _player: Player) -> None:
    """The note table with commas, as spreadsheets read it."""
    with whole(path) as part, part.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(TABLE_COLUMNS)
        writer.writerows(_rows(notes))


def _write_tsv(path: Path, notes: Notes, _seconds: float, _player: Player) -> None:
    write_table(path, notes)


def _write_png(path: Path, notes: Notes, seconds: float, _player: Player) -> None:
    from amt.report import save_figure, sheet_figure

    save_figure(sheet_figure(notes, seconds, title=path.stem), path)


def _write_wav(path: Path, notes: Notes, _seconds: float, player: Player) -> None:
    save(path, player(notes))


def _rows(notes: Notes) -> list[tuple[float, float, int, int]]:
    return [
        (round(onset, 4), round(offset, 4), pitch, velocity)
        for onset, offset, pitch, velocity in zip(
            *(getattr(notes, name).tolist() for name in TABLE_COLUMNS), strict=True
        )
    ]


_WRITERS = {
    "mid": _write_mid,
    "json": _write_json,
    "csv": _write_csv,
    "tsv": _write_tsv,
    "png": _write_png,
    "wav": _write_wav,
}
FORMATS = tuple(_WRITERS)
