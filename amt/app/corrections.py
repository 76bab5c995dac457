"""Corrections of a transcription by its user, saved as training pairs.

The files of a pair: amt/feedback/pairs.py. Of each recording the newest correction is kept. It
stays when the recording is deleted.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Annotated

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from amt.analysis.spelling import spell_pitch
from amt.analysis.symbolic.key import estimate_key
from amt.app.recordings import AUDIO, ChangedError, Recording, Recordings
from amt.feedback.changes import compare_notes
from amt.feedback.pairs import FOLDER, pair_files, write_pair
from amt.notes import MAX_PITCH, MIN_PITCH, Notes

# More notes than ten pianists play: each one has to be synthesized.
MAX_NOTES_PER_SECOND = 100
_SPARE_NOTES = 1000
# Notes may end this long after the recording.
_SPARE_SECONDS = 10.0
# Times are compared at this resolution in seconds, that of the stored notes.
_DECIMALS = 4
# Two notes of one pitch that begin within so many seconds are one note, written twice.
_DOUBLED_SECONDS = 0.001
# A MIDI file rounds times by less than this. Notes of one pitch lie closer than those of two.
_TICK_SECONDS = 0.001
_PITCH_SECONDS = 1e6


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


class UnchangedError(ValueError):
    """The notes are those that the recording has already."""


def correct(
    recordings: Recordings,
    recording: Recording,
    correction: Correction,
    make_room: Callable[[int], object],
) -> tuple[Recording, dict[str, int], str]:
    """Save a correction: the new state of the recording, what changed, the name of the pair.

    The name is empty, and no pair is kept, if the notes are again those that were transcribed.

    When this returns, everything is on the disk, or in the bucket. If the process ends before, the
    recording has its old revision. make_room: called with the number of bytes needed. Raises
    StaleError, CorrectionError, UnchangedError, StorageError.
    """
    if correction.revision != recording.revision:
        raise StaleError
    before, seconds = recordings.read_notes(recording)
    after = _exact(_notes(correction.notes, before, seconds), before)
    found = compare_notes(before, after).counts
    if not any(found.values()):
        raise UnchangedError("nothing was changed; expected other notes than before")
    corrected = _corrected(recording, after)
    pair = _write_pair(recordings, corrected, after, seconds, make_room)
    recordings.write_notes(corrected, after, seconds)
    try:
        saved = recordings.save(corrected)
    except ChangedError as error:
        if pair:
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


def _write_pair(
    recordings: Recordings,
    corrected: Recording,
    notes: Notes,
    seconds: float,
    make_room: Callable[[int], object],
) -> str:
    """Write a training pair; its name, empty for notes as they were transcribed."""
    transcribed = recordings.read_transcription(corrected)
    if not any(compare_notes(transcribed, notes).counts.values()):
        return ""
    files = pair_files(
        recordings.read(corrected, AUDIO),
        transcribed,
        notes,
        seconds,
        recording=corrected.name,
        model=corrected.model,
        revision=corrected.revision,
    )
    make_room(sum(map(len, files.values())))
    id = f"{corrected.id}-{corrected.revision}-{secrets.token_hex(4)}"
    return write_pair(recordings.lake, id, files)


def _remove(recordings: Recordings, prefix: str) -> None:
    """Delete all objects whose names begin with `prefix`."""
    for stored in recordings.lake.list(prefix):
        recordings.lake.delete(stored.name)


def _notes(given: Sequence[CorrectedNote], before: Notes, seconds: float) -> Notes:
    """The corrected notes with the pedal of the transcription. Raises CorrectionError."""
    allowed = round(MAX_NOTES_PER_SECOND * seconds) + _SPARE_NOTES
    if len(given) > allowed:
        raise CorrectionError(f"{len(given)} notes: expected at most {allowed} in {seconds:.0f} s")
    rows = [(note.onset, note.offset, note.pitch, note.velocity) for note in given]
    onset, offset, pitch, velocity = np.array(rows, dtype=np.float64).reshape(-1, 4).T
    onset, offset = onset.round(_DECIMALS), offset.round(_DECIMALS)
    latest = seconds + _SPARE_SECONDS
    for wrong, text in (
        (offset <= onset, "ends before it begins; expected a later end"),
        (offset > latest, f"ends too late; expected at most {latest:.1f} s"),
        (_doubled(onset, pitch), "is there twice; delete one of the two"),
    ):
        if wrong.any():
            first = min(np.flatnonzero(wrong), key=lambda index: onset[index])
            raise CorrectionError(f"{_name(pitch[first], onset[first], before)} {text}")
    return Notes(onset, offset, pitch, velocity, before.pedal)


def _exact(notes: Notes, before: Notes) -> Notes:
    """The notes, with the times that they had before where a MIDI file has only rounded them."""
    if not len(notes) or not len(before):
        return notes
    order = np.lexsort((before.onset, before.pitch))
    place, known = (one.pitch * _PITCH_SECONDS + one.onset for one in (notes, before.select(order)))
    index = np.searchsorted((known[1:] + known[:-1]) / 2, place)
    near = before.select(order[index])
    same = (near.pitch == notes.pitch) & (near.velocity == notes.velocity)
    same &= np.abs(near.onset - notes.onset) < _TICK_SECONDS
    same &= np.abs(near.offset - notes.offset) < _TICK_SECONDS
    onset = np.where(same, near.onset, notes.onset)
    offset = np.where(same, near.offset, notes.offset)
    return replace(notes, onset=onset, offset=offset)


def _doubled(onset: np.ndarray, pitch: np.ndarray) -> np.ndarray:
    """(N,) Whether a note of the same pitch begins just before each note, or with it."""
    order = np.lexsort((onset, pitch))
    near = (np.diff(pitch[order]) == 0) & (np.diff(onset[order]) < _DOUBLED_SECONDS)
    doubled = np.zeros(len(onset), dtype=bool)
    doubled[order[1:]] = near
    return doubled


def _name(pitch: float, onset: float, before: Notes) -> str:
    """Pitch and time of a note, for people: "Db4 at 0:01.23", spelled by the key before."""
    key = estimate_key(before)
    minutes, hundredths = divmod(round(100 * onset), 6000)
    spelled = spell_pitch(int(pitch), key.name if key else None)
    return f"{spelled} at {minutes}:{hundredths / 100:05.2f}"
