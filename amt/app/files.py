"""The files of a recording that can be downloaded: notes in several formats, and arrays."""

from __future__ import annotations

import io
import json
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path, PurePath
from urllib.parse import quote

import numpy as np

from amt.app.recordings import EMBEDDING, Recording, Recordings
from amt.inference.arrays import DEFAULT_ROLL_RATE, piano_roll_array
from amt.io.midi import midi_bytes
from amt.io.note_tables import note_document, write_csv
from amt.notes import Notes, extend_sustain

Make = Callable[[Notes, float], bytes]
# matplotlib is not made for several threads.
_ONE_FIGURE = threading.Lock()


def download(recordings: Recordings, recording: Recording, kind: str) -> bytes:
    """The content of a file, one of `KINDS`. Raises StorageError."""
    if kind == "embedding":
        return recordings.read(recording, EMBEDDING)
    return _MAKERS[kind](*recordings.read_notes(recording))


def array_bytes(array: np.ndarray) -> bytes:
    """The content of a .npy file."""
    data = io.BytesIO()
    np.save(data, array, allow_pickle=False)
    return data.getvalue()


def piano_roll(notes: Notes, seconds: float) -> np.ndarray:
    """Velocities (T, 88) in uint8, DEFAULT_ROLL_RATE frames per second, notes held by the pedal."""
    return piano_roll_array(extend_sustain(notes), seconds, DEFAULT_ROLL_RATE)


def json_bytes(notes: Notes, seconds: float) -> bytes:
    """`note_document` as JSON."""
    return (json.dumps(note_document(notes, seconds), indent=1) + "\n").encode()


def _roll_bytes(notes: Notes, seconds: float) -> bytes:
    return array_bytes(piano_roll(notes, seconds))


def _midi(notes: Notes, _seconds: float) -> bytes:
    return midi_bytes(notes)


def _csv(notes: Notes, _seconds: float) -> bytes:
    return _written(".csv", lambda path: write_csv(path, notes))


def _png(notes: Notes, seconds: float) -> bytes:
    from amt.evaluation.plots import piano_roll_figure, save_figure

    with _ONE_FIGURE:
        figure = piano_roll_figure(notes, seconds, title="piano roll")
        return _written(".png", lambda path: save_figure(figure, path))


def _written(suffix: str, write: Callable[[Path], object]) -> bytes:
    """The content of the file that `write` writes."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"notes{suffix}"
        write(path)
        return path.read_bytes()


_MAKERS: dict[str, Make] = {
    "midi": _midi,
    "json": json_bytes,
    "csv": _csv,
    "png": _png,
    "piano_roll": _roll_bytes,
}
# Media type, and the end of the name of the file.
KINDS = {
    "midi": ("audio/midi", ".mid"),
    "json": ("application/json", ".json"),
    "csv": ("text/csv; charset=utf-8", ".csv"),
    "png": ("image/png", ".png"),
    "piano_roll": ("application/octet-stream", "_piano_roll.npy"),
    "embedding": ("application/octet-stream", "_embedding.npy"),
}


def attachment(name: str, end: str) -> dict[str, str]:
    """Headers that let a browser save a file under the name of its recording."""
    stem = PurePath(name).stem or "recording"
    plain = "".join(c if (c.isascii() and c.isalnum()) or c in " -_." else "_" for c in stem)
    encoded = quote(stem + end, safe="")
    value = f"attachment; filename=\"{plain}{end}\"; filename*=UTF-8''{encoded}"
    return {"content-disposition": value}
