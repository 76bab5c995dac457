"""Results of `POST /`: files in the lake, predictions/NAME-ID/, and the answer to the request."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

import numpy as np

from amt.answers.answer import Answer
from amt.answers.facts import run_fact
from amt.answers.piece import Piece
from amt.app.files import array_bytes, json_bytes
from amt.cloud.lake import Lake
from amt.inference.arrays import DEFAULT_ROLL_RATE
from amt.io.midi import midi_bytes
from amt.io.note_tables import note_document
from amt.notes import NUM_KEYS
from amt.serving.pool import Result

FOLDER = "predictions"
_MAX_STEM = 60


@dataclass(frozen=True, eq=False)
class Files:
    """The files of a result by the name of their end; embedding only if the model gives one."""

    folder: str
    stem: str
    content: dict[str, bytes]

    @property
    def size(self) -> int:
        return sum(map(len, self.content.values()))

    def name(self, end: str) -> str:
        return f"{self.folder}/{self.stem}{end}"


def result_files(result: Result, roll: np.ndarray, name: str, id: str) -> Files:
    """The files of a transcription; `name` is that of the recording, of any characters."""
    stem = _stem(name)
    content = {
        ".mid": midi_bytes(result.notes),
        ".json": json_bytes(result.notes, result.seconds),
        "_piano_roll.npy": array_bytes(roll),
    }
    if result.embedding is not None:
        content["_embedding.npy"] = array_bytes(result.embedding)
    return Files(f"{FOLDER}/{stem}-{id}", stem, content)


def write_files(lake: Lake, files: Files) -> None:
    """Write the files of a result. Raises StorageError."""
    for end, data in files.content.items():
        lake.write(files.name(end), data)


def response(
    lake: Lake, files: Files | None, result: Result, roll: np.ndarray, piece: Piece, answer: Answer
) -> dict[str, Any]:
    """The answer to `POST /`, with the fields that the ancestor of this project had, and more.

    files: what was stored; None if nothing was.
    """
    analysis = piece.analysis
    return {
        **_answered(answer),
        **_paths(lake, files),
        "piano_roll_summary": piano_roll_summary(roll),
        "notes": note_document(result.notes, result.seconds)["notes"],
        "key": analysis.key.name if analysis.key else None,
        "tempo": round(analysis.tempo.bpm, 2) if analysis.tempo else None,
        "most_common_note": _most_common_note(piece),
        "duration": round(result.seconds, 4),
    }


_PATHS = {
    "piano_roll_npy_gcs_path": "_piano_roll.npy",
    "embedding_npy_gcs_path": "_embedding.npy",
    "midi_gcs_path": ".mid",
}


def _paths(lake: Lake, files: Files | None) -> dict[str, str | None]:
    """Where the stored files are; None for those that there are not."""
    return {
        field: lake.object_uri(files.name(end)) if files and end in files.content else None
        for field, end in _PATHS.items()
    }


def _answered(answer: Answer) -> dict[str, Any]:
    """What an answer says, in the words of the ancestor of this project."""
    return {
        "response": answer.response,
        "source": answer.source,
        "notice": answer.notice,
        "facts": answer.facts,
        "audio_caption": answer.caption,
        "music_mood": answer.mood,
        "mood_reason": answer.mood_reason,
    }


def piano_roll_summary(roll: np.ndarray) -> str:
    """One sentence on a piano roll (T, 88), in the words of the ancestor of this project."""
    sounding = roll > 0
    active = int(sounding.any(axis=0).sum())
    density = float(sounding.sum(axis=1).mean()) if len(roll) else 0.0
    return (
        f"The piano roll has {active} active notes out of {NUM_KEYS} possible keys, over a "
        f"duration of {len(roll)} time steps ({DEFAULT_ROLL_RATE:g} per second), with an average "
        f"note density of {density:.2f} sounding notes per time step."
    )


def _most_common_note(piece: Piece) -> dict[str, Any] | None:
    if not len(piece.notes):
        return None
    found = run_fact(piece, "most_common_note", {})
    return {"name": found["note"], "midi": found["midi"], "count": found["count"]}


def _stem(name: str) -> str:
    """The name of a recording without suffix, as a part of the name of an object."""
    stem = PurePosixPath(name.replace("\\", "/")).stem
    return re.sub(r"[^A-Za-z0-9_-]+", "_", stem)[:_MAX_STEM].strip("_-") or "recording"


def unanswered(answer: Answer) -> dict[str, Any]:
    """The answer to `POST /` without a recording: the same fields, empty."""
    empty: dict[str, Any] = {
        **_answered(answer),
        **dict.fromkeys(_PATHS),
        "piano_roll_summary": "",
    }
    others = ("key", "tempo", "most_common_note", "duration", "id", "model")
    return empty | {"notes": [], "warnings": []} | dict.fromkeys(others)
