"""Training pairs in the lake: the names of their files, writing, listing and reading.

corrections/ID-REVISION-RANDOM/
    audio                 the recording as it was uploaded
    notes.mid, notes.json the corrected notes, offsets key releases
    transcription.json    the notes as they were transcribed
    correction.json       about the pair; written last: a pair without it is unfinished
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path
from typing import Any

from amt.cloud.lake import Lake, StorageError, Stored
from amt.errors import FileWarning, one_line
from amt.feedback.changes import compare_notes
from amt.feedback.decision import READERS, Decision, read_decisions
from amt.io.audio import AUDIO_SUFFIXES
from amt.io.midi import midi_bytes
from amt.io.note_tables import note_document, notes_of
from amt.notes import Notes

FOLDER = "corrections"
AUDIO = "audio"
MIDI = "notes.mid"
NOTES = "notes.json"
TRANSCRIPTION = "transcription.json"
ABOUT = "correction.json"


class PairError(ValueError):
    """A pair that is not there, or cannot be used; the message is one line."""


@dataclass(frozen=True)
class Pair:
    """A finished pair.

    id: the name of its folder. recording: the name of the recording, for people. seconds,
    note_count: of the corrected notes; None where the pair does not say. changes: numbers of notes
    added, removed, changed. corrected: ISO, UTC. audio, notes: the stored files. decision: the one
    that counts; None if there is none, or if the pair was changed since (`stale`).
    """

    id: str
    recording: str
    model: Mapping[str, str]
    revision: int
    seconds: float | None
    note_count: int | None
    changes: Mapping[str, int]
    corrected: str
    audio: Stored
    notes: Stored
    decision: Decision | None = None
    stale: bool = False

    @property
    def status(self) -> str:
        """accepted, rejected, review, changed (since it was decided), or new."""
        return self.decision.decision if self.decision else "changed" if self.stale else "new"


@dataclass(frozen=True, eq=False)
class Content:
    """The files of a pair: audio as uploaded, corrected notes, and the notes as transcribed.

    before: None in pairs that do not have them.
    """

    audio: bytes
    notes: Notes
    before: Notes | None
    seconds: float


def pair_files(
    audio: bytes,
    before: Notes,
    after: Notes,
    seconds: float,
    recording: str,
    model: Mapping[str, str],
    revision: int = 1,
) -> dict[str, bytes]:
    """The files of a pair by name, in the order in which they must be written."""
    about = {
        "recording": recording,
        "model": dict(model),
        "revision": revision,
        "seconds": round(seconds, 2),
        "note_count": len(after),
        "changes": compare_notes(before, after).counts,
        "corrected": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    return {
        AUDIO: audio,
        MIDI: midi_bytes(after),
        NOTES: json.dumps(note_document(after, seconds)).encode(),
        TRANSCRIPTION: json.dumps(note_document(before, seconds)).encode(),
        ABOUT: (json.dumps(about, indent=1) + "\n").encode(),
    }


def list_pairs(lake: Lake) -> list[Pair]:
    """All finished pairs with the decisions that count, the oldest correction first.

    Those whose correction.json is damaged are left out with a FileWarning. Raises StorageError.
    """
    folders: dict[str, dict[str, Stored]] = {}
    for stored in lake.list(f"{FOLDER}/"):
        _, pair, *file = stored.name.split("/")
        folders.setdefault(pair, {})["/".join(file)] = stored
    finished = {pair: files for pair, files in folders.items() if {AUDIO, NOTES, ABOUT} <= {*files}}
    decisions = read_decisions(lake)

    def read(pair: str) -> Pair | None:
        return _read_pair(lake, pair, finished[pair], decisions.get(pair))

    with ThreadPoolExecutor(READERS) as readers:
        pairs = [pair for pair in readers.map(read, finished) if pair is not None]
    return sorted(pairs, key=lambda pair: (pair.corrected, pair.id))


def accepted(lake: Lake) -> list[Pair]:
    """The pairs that are accepted, the oldest correction first. Raises StorageError."""
    return [pair for pair in list_pairs(lake) if pair.status == "accepted"]


def find_pair(lake: Lake, beginning: str) -> Pair:
    """The pair whose id begins so, also with its folder. Raises PairError unless one does."""
    beginning = beginning.removeprefix(f"{FOLDER}/")
    pairs = [pair for pair in list_pairs(lake) if pair.id.startswith(beginning)]
    exact = [pair for pair in pairs if pair.id == beginning] or pairs
    if len(exact) != 1:
        found = ", ".join(pair.id for pair in exact[:3]) or "none"
        raise PairError(
            f"{beginning}: expected the id of one pair in {lake.uri}, found {found}; "
            "`amt feedback list` shows them"
        )
    return exact[0]


def read_pair(lake: Lake, pair: Pair) -> Content:
    """The content of a pair. Raises StorageError; PairError where a file is damaged."""
    folder = f"{FOLDER}/{pair.id}"
    notes, seconds = _notes(lake, f"{folder}/{NOTES}")
    has_before = lake.stat(f"{folder}/{TRANSCRIPTION}") is not None
    before = _notes(lake, f"{folder}/{TRANSCRIPTION}")[0] if has_before else None
    return Content(lake.read(f"{folder}/{AUDIO}"), notes, before, seconds)


def download_pair(lake: Lake, pair: Pair, folder: Path) -> tuple[Path, Path]:
    """Copy a pair into a folder: the paths of the audio, as uploaded, and of the corrected MIDI."""
    source = f"{FOLDER}/{pair.id}"
    audio = lake.download(f"{source}/{AUDIO}", folder / f"{pair.id}{_suffix(pair.recording)}")
    return audio, lake.download(f"{source}/{MIDI}", folder / f"{pair.id}.mid")


def write_pair(lake: Lake, id: str, files: Mapping[str, bytes]) -> str:
    """Write the files of a pair in their order; returns the name of its folder."""
    for name, data in files.items():
        lake.write(f"{FOLDER}/{id}/{name}", data)
    return f"{FOLDER}/{id}"


def _suffix(recording: str) -> str:
    suffix = Path(recording).suffix.lower()
    return suffix if suffix in AUDIO_SUFFIXES else ".audio"


def _read_pair(
    lake: Lake, id: str, files: Mapping[str, Stored], decision: Decision | None
) -> Pair | None:
    """A pair by its files; None if it was removed meanwhile, or is damaged."""
    name = files[ABOUT].name
    try:
        about = json.loads(lake.read(name))
        pair = Pair(
            id,
            str(about["recording"]),
            dict(about["model"]),
            int(about["revision"]),
            about.get("seconds"),
            about.get("note_count"),
            dict(about["changes"]),
            str(about["corrected"]),
            files[AUDIO],
            files[NOTES],
        )
    except StorageError as error:
        if error.status == HTTPStatus.NOT_FOUND:
            return None
        raise
    except (KeyError, TypeError, ValueError) as error:
        text = f"{lake.object_uri(name)}: is damaged ({one_line(error)}); the pair is left out"
        warnings.warn(FileWarning(text), stacklevel=2)
        return None
    return _with_decision(pair, decision)


def _with_decision(pair: Pair, decision: Decision | None) -> Pair:
    if decision is None:
        return pair
    same = (decision.audio_crc32c, decision.notes_crc32c) == (pair.audio.crc32c, pair.notes.crc32c)
    return replace(pair, decision=decision) if same else replace(pair, stale=True)


def _notes(lake: Lake, name: str) -> tuple[Notes, float]:
    try:
        document: Any = json.loads(lake.read(name))
        return notes_of(document), float(document["seconds"])
    except StorageError:
        raise
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise PairError(f"{lake.object_uri(name)}: is damaged ({one_line(error)})") from error
