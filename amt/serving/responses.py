"""Build the prediction of one recording: notes, MIDI, piano roll, embedding and summary."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Any

import numpy as np

from amt.analysis.pitch import pitch_name
from amt.inference.arrays import DEFAULT_ROLL_RATE, piano_roll_array
from amt.io.midi import midi_bytes
from amt.io.note_tables import note_document
from amt.notes import MIN_PITCH, Notes
from amt.serving.model import Model
from amt.serving.pool import Result


def prediction(
    result: Result, model: Model, formats: Sequence[str], rate: float = DEFAULT_ROLL_RATE
) -> dict[str, Any]:
    """The prediction of one recording, ready for JSON; `formats` are keys of `_FORMATS`.

    rate: frames per second of a piano roll.
    """
    document: dict[str, Any] = {"duration": round(result.seconds, 4), "tuning": result.tuning}
    for name in formats:
        document |= _FORMATS[name](result, rate)
    document["summary"] = summary(result.notes, result.seconds)
    document["model"] = {"name": model.name, "version": model.version}
    if result.warnings:
        document["warnings"] = list(result.warnings)
    return document


def summary(notes: Notes, seconds: float) -> dict[str, Any]:
    """The number of notes, their pitch range, the most common pitch, and notes per second."""
    if not len(notes):
        return {"note_count": 0, "range": None, "most_common_note": None, "density": 0.0}
    counts = np.bincount(notes.pitch)
    common = int(counts.argmax())
    lowest, highest = int(notes.pitch.min()), int(notes.pitch.max())
    return {
        "note_count": len(notes),
        "range": {"lowest": _pitch(lowest), "highest": _pitch(highest)},
        "most_common_note": {**_pitch(common), "count": int(counts[common])},
        "density": round(len(notes) / seconds, 4),
    }


def piano_roll(notes: Notes, seconds: float, rate: float) -> dict[str, Any]:
    """A run-length encoded piano roll at `rate` frames per second.

    Each run is [pitch, first frame, number of frames, velocity]; runs of one pitch do not overlap.
    """
    array = piano_roll_array(notes, seconds, rate).astype(np.int16).T
    # A silent frame before and after, so that differences show the start and end of every run.
    roll = np.pad(array, ((0, 0), (1, 1)))
    key, frame = np.nonzero(np.diff(roll, axis=1))
    # Each change of value ends a run, starts one, or both.
    starts = roll[key, frame + 1] > 0
    length = np.append(np.diff(frame), 0)[starts]
    key, frame = key[starts], frame[starts]
    columns = (key + MIN_PITCH, frame, length, roll[key, frame + 1])
    runs = np.stack(columns, axis=1).tolist()
    return {"frame_rate": rate, "frames": array.shape[1], "runs": runs}


def _notes(result: Result, _rate: float) -> dict[str, Any]:
    document = note_document(result.notes, result.seconds)
    return {"notes": document["notes"], "pedal": document["pedal"]}


def _midi(result: Result, _rate: float) -> dict[str, Any]:
    return {"midi": {"b64": base64.b64encode(midi_bytes(result.notes)).decode("ascii")}}


def _piano_roll(result: Result, rate: float) -> dict[str, Any]:
    return {"piano_roll": piano_roll(result.notes, result.seconds, rate)}


def _embedding(result: Result, _rate: float) -> dict[str, Any]:
    """In the digits that give the same number in float32; null if the model has no features."""
    if result.embedding is None:
        return {"embedding": None}
    values = [float(str(value)) for value in result.embedding]
    return {"embedding": {"dimension": len(values), "values": values}}


def _pitch(pitch: int) -> dict[str, Any]:
    return {"pitch": pitch, "name": pitch_name(pitch)}


_FORMATS = {"notes": _notes, "midi": _midi, "piano_roll": _piano_roll, "embedding": _embedding}
