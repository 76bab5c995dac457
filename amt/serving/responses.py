"""Notes as the server gives them: as JSON, as MIDI, as a piano roll, and summed up."""

from __future__ import annotations

import base64
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from amt.analysis.pitch import pitch_name
from amt.io.midi import midi_bytes
from amt.io.note_tables import note_document
from amt.notes import MIN_PITCH, NUM_KEYS, Notes
from amt.serving.model import Model
from amt.serving.pool import Result

ROLL_RATE = 50.0


def prediction(result: Result, model: Model, formats: Sequence[str], rate: float) -> dict[str, Any]:
    """The answer for one recording, as plain values; `formats` are among those of `_FORMATS`."""
    answer: dict[str, Any] = {"duration": round(result.seconds, 4)}
    for name in formats:
        answer |= _FORMATS[name](result, rate)
    answer["summary"] = summary(result.notes, result.seconds)
    answer["model"] = {"name": model.name, "version": model.version}
    return answer


def summary(notes: Notes, seconds: float) -> dict[str, Any]:
    """How many notes, their range, the most common one, how many a second."""
    if not len(notes):
        return {"note_count": 0, "range": None, "most_common_note": None, "density": 0.0}
    counts = np.bincount(notes.pitch)
    common = int(counts.argmax())
    lowest, highest = int(notes.pitch.min()), int(notes.pitch.max())
    return {
        "note_count": len(notes),
        "range": {"lowest": _named(lowest), "highest": _named(highest)},
        "most_common_note": {**_named(common), "count": int(counts[common])},
        "density": round(len(notes) / seconds, 4),
    }


def piano_roll(notes: Notes, seconds: float, rate: float) -> dict[str, Any]:
    """Which key sounds in which frame, at `rate` frames a second, run by run.

    Each run is [pitch, first frame, frames, velocity]; runs of one key do not overlap.
    """
    first = np.floor(notes.onset * rate).astype(int)
    last = np.maximum(np.ceil(notes.offset * rate).astype(int), first + 1)
    frames = max(1, math.ceil(seconds * rate), int(last.max(initial=0)))
    # A silent frame before and after, so that every run begins and ends.
    roll = np.zeros((NUM_KEYS, frames + 2), dtype=np.int16)
    for key, start, stop, velocity in zip(
        notes.pitch - MIN_PITCH, first, last, notes.velocity, strict=True
    ):
        roll[key, start + 1 : stop + 1] = velocity
    key, frame = np.nonzero(np.diff(roll, axis=1))
    # Every change ends a run, begins one, or both.
    begins = roll[key, frame + 1] > 0
    length = np.append(np.diff(frame), 0)[begins]
    key, frame = key[begins], frame[begins]
    columns = (key + MIN_PITCH, frame, length, roll[key, frame + 1])
    runs = np.stack(columns, axis=1).tolist()
    return {"frame_rate": rate, "frames": frames, "runs": runs}


def _notes(result: Result, _rate: float) -> dict[str, Any]:
    document = note_document(result.notes, result.seconds)
    return {"notes": document["notes"], "pedal": document["pedal"]}


def _midi(result: Result, _rate: float) -> dict[str, Any]:
    return {"midi": {"b64": base64.b64encode(midi_bytes(result.notes)).decode("ascii")}}


def _piano_roll(result: Result, rate: float) -> dict[str, Any]:
    return {"piano_roll": piano_roll(result.notes, result.seconds, rate)}


def _named(pitch: int) -> dict[str, Any]:
    return {"pitch": pitch, "name": pitch_name(pitch)}


_FORMATS = {"notes": _notes, "midi": _midi, "piano_roll": _piano_roll}
