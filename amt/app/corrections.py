"""Corrections of a transcription by its user, saved as training pairs.

corrections/ID-REVISION-RANDOM/ has audio, notes.mid and notes.json, and correction.json (model,
changes, time). Of each recording the newest correction is kept. It stays when the recording is
deleted.
"""

from __future__ import annotations

import json
import secrets
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Annotated

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from amt.analysis.symbolic.key import estimate_key
from amt.app.recordings import AUDIO, ChangedError, Recording, Recordings
from amt.io.midi import midi_bytes
from amt.io.note_tables import note_document
from amt.notes import MAX_PITCH, MIN_PITCH, Notes

FOLDER = "corrections"
# More notes than ten pianists play: each one has to be synthesized.
MAX_NOTES_PER_SECOND = 100
_SPARE_NOTES = 1000
# Notes may end this long after the recording.
_SPARE_SECONDS = 10.0
# Times are compared at this resolution in seconds, that of the stored notes.
_DECIMALS = 4


class CorrectedNote(BaseModel):
    """One note: times in seconds, pitch as a MIDI number."""

    model_config = ConfigDict(extra="ignore", allow_inf_nan=False)

    onset: Annotated[float, Field(ge=0)]
    offset: Annotated[float, Field(ge=0)]
    pitch: Annotated[int, Field(ge=MIN_PITCH, le=MAX_PITCH)]
    velocity: Annotated[int, Field(ge=1, le=127)]


class Correction(BaseModel):
    """All notes of a recording as its user wants them; revision: the one that was corrected."""

    model_config = ConfigDict(extra="forbid")

    revision: Annotated[int, Field(ge=0)]
    notes: list[CorrectedNote]


class StaleError(Exception):
    """The correction is of another revision than the present one."""


class CorrectionError(ValueError):
    """The notes cannot be those of the recording; the message is one sentence."""


def correct(
    recordings: Recordings,
    recording: Recording,
    correction: Correction,
    make_room: Callable[[int], object],
) -> tuple[Recording, dict[str, int], str]:
    """Save a correction: the new state of the recording, what changed, the name of the pair.

    When this returns, everything is on the disk, or in the bucket. If the process ends before, the
    recording has its old revision. make_room: called with the number of bytes needed. Raises
    StaleError, CorrectionError, StorageError.
    """
    if correction.revision != recording.revision:
        raise StaleError
    before, seconds = recordings.read_notes(recording)
    after = _notes(correction.notes, before, seconds)
    found = changes(before, after)
    corrected = _corrected(recording, after)
    files = _pair(recordings, corrected, after, seconds, found)
    make_room(sum(map(len, files.values())))
    pair = f"{FOLDER}/{recording.id}-{corrected.revision}-{secrets.token_hex(4)}"
    for name, data in files.items():
        recordings.lake.write(f"{pair}/{name}", data)
    recordings.write_notes(corrected, after, seconds)
    try:
        saved = recordings.save(corrected)
    except ChangedError as error:
        _remove(recordings, f"{pair}/")
        raise StaleError from error
    for revision in range(1, corrected.revision):
        _remove(recordings, f"{FOLDER}/{recording.id}-{revision}-")
    return saved, found, pair


def _corrected(recording: Recording, notes: Notes) -> Recording:
    """The next revision. Its file has a name of its own, also where two corrections race."""
    revision, key = recording.revision + 1, estimate_key(notes)
    return replace(
        recording,
        revision=revision,
        notes_file=f"notes-{revision}-{secrets.token_hex(4)}.json",
        note_count=len(notes),
        key=key.name if key else None,
    )


def _pair(
    recordings: Recordings,
    corrected: Recording,
    notes: Notes,
    seconds: float,
    found: dict[str, int],
) -> dict[str, bytes]:
    """The files of a training pair; correction.json last: a pair without it is unfinished."""
    about = {
        "recording": corrected.name,
        "model": corrected.model,
        "revision": corrected.revision,
        "changes": found,
        "corrected": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    return {
        AUDIO: recordings.read(corrected, AUDIO),
        "notes.mid": midi_bytes(notes),
        "notes.json": json.dumps(note_document(notes, seconds)).encode(),
        "correction.json": (json.dumps(about, indent=1) + "\n").encode(),
    }


def _remove(recordings: Recordings, prefix: str) -> None:
    """Delete all objects whose names begin with `prefix`."""
    for stored in recordings.lake.list(prefix):
        recordings.lake.delete(stored.name)


def changes(before: Notes, after: Notes) -> dict[str, int]:
    """The numbers of notes that were added, removed and changed.

    A removed and an added note count as one that was changed if they have the same pitch, or the
    same times.
    """
    old, new = Counter(_rows(before)), Counter(_rows(after))
    removed, added, changed = list((old - new).elements()), list((new - old).elements()), 0
    for columns in _KEPT_COLUMNS:
        pairs = _keys(removed, columns) & _keys(added, columns)
        changed += pairs.total()
        removed, added = _without(removed, columns, pairs), _without(added, columns, pairs)
    return {"added": len(added), "removed": len(removed), "changed": changed}


Row = tuple[float, ...]
# Columns of a note that stay when it is changed, the clearest cases first: another end or velocity,
# another onset, another pitch, moved.
_ONSET, _OFFSET, _PITCH = range(3)
_KEPT_COLUMNS = ((_PITCH, _ONSET), (_PITCH, _OFFSET), (_ONSET, _OFFSET), (_PITCH,))


def _keys(rows: Sequence[Row], columns: Sequence[int]) -> Counter[Row]:
    return Counter(tuple(row[column] for column in columns) for row in rows)


def _without(rows: Sequence[Row], columns: Sequence[int], pairs: Counter[Row]) -> list[Row]:
    """The rows that are left when those in `pairs` are taken away."""
    left, kept = Counter(pairs), []
    for row in rows:
        key = tuple(row[column] for column in columns)
        left[key] -= 1
        if left[key] < 0:
            kept.append(row)
    return kept


def _rows(notes: Notes) -> list[Row]:
    columns = (notes.onset.round(_DECIMALS), notes.offset.round(_DECIMALS))
    times = (column.tolist() for column in columns)
    return list(zip(*times, notes.pitch.tolist(), notes.velocity.tolist(), strict=True))


def _notes(given: Sequence[CorrectedNote], before: Notes, seconds: float) -> Notes:
    """The corrected notes with the pedal of the transcription. Raises CorrectionError."""
    allowed = round(MAX_NOTES_PER_SECOND * seconds) + _SPARE_NOTES
    if len(given) > allowed:
        raise CorrectionError(f"{len(given)} notes: expected at most {allowed} in {seconds:.0f} s")
    rows = [(note.onset, note.offset, note.pitch, note.velocity) for note in given]
    onset, offset, pitch, velocity = np.array(rows, dtype=np.float64).reshape(-1, 4).T
    latest = seconds + _SPARE_SECONDS
    if (offset > latest).any() or (offset <= onset).any():
        raise CorrectionError(f"a note must end after it begins, and before {latest:.1f} s")
    return Notes(onset.round(_DECIMALS), offset.round(_DECIMALS), pitch, velocity, before.pedal)
