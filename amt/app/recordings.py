"""The recordings that clients have uploaded, in the lake: app/OWNER/ID/.

audio                  the file as it was uploaded; it is never sent to anyone
recording.json         a `Recording`: written after `audio`, deleted before everything else
notes-0.json           as transcribed; each correction by the user adds notes-REVISION-RANDOM.json
embedding.npy          of the transcription
beats-REVISION.json    (amt.app.beats)
description-REVISION-2.json, recording.mp3, transcription-REVISION.mp3    (amt.app.descriptions)

What another client may not see it cannot name: a recording is looked up below its owner.
"""

from __future__ import annotations

import json
import logging
import re
import secrets
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from amt.cloud.lake import Lake, StorageError, Stored
from amt.errors import one_line
from amt.io.note_tables import note_document, notes_of
from amt.notes import Notes
from amt.serving.logging import log
from amt.serving.requests import printable

FOLDER = "app"
RECORD = "recording.json"
AUDIO = "audio"
EMBEDDING = "embedding.npy"
TRANSCRIBED = "notes-0.json"
Status = Literal["waiting", "transcribing", "done", "failed"]
_ID = re.compile(r"[A-Za-z0-9_-]{22}")
_MAX_NAME = 120
# What browsers and most programs write for these characters in the file name of a form. They write
# a percent sign as it is (https://html.spec.whatwg.org/#multipart-form-data), so that a name that
# has %22 looks the same: the page sends names in a field of their own.
_ESCAPED = {"%22": '"', "%0D": "\r", "%0A": "\n"}
# Records of a bucket that are read at once.
_READERS = 16


class ChangedError(Exception):
    """The recording was changed or deleted since it was read."""


@dataclass(frozen=True)
class Recording:
    """What is known of a recording besides its files.

    name: a label for people, from the client; no path is made of it. created: ISO, UTC. seconds:
    its duration; 0 until it is known. error: why it failed. attempts: how often a transcription was
    begun. generation: of its stored record.
    """

    id: str
    owner: str
    name: str
    created: str
    status: Status = "waiting"
    seconds: float = 0.0
    note_count: int = 0
    key: str | None = None
    error: str | None = None
    warnings: tuple[str, ...] = ()
    model: dict[str, str] = field(default_factory=dict)
    revision: int = 0
    notes_file: str = TRANSCRIBED
    attempts: int = 0
    generation: int = 0

    @property
    def folder(self) -> str:
        return f"{FOLDER}/{self.owner}/{self.id}"


def new_id() -> str:
    """22 random characters: 128 bits."""
    return secrets.token_urlsafe(16)


def label(name: str | None) -> str:
    """The name of an uploaded file, cleaned for people: no path, no unprintable characters."""
    last = re.split(r"[/\\]", name or "")[-1]
    text = printable(last).strip()
    if len(text) > _MAX_NAME:
        text = f"{text[: _MAX_NAME - 1]}…"
    return text or "recording"


def form_file_name(name: str) -> str:
    """The name of a file as it was before it was sent in a form."""
    for escaped, character in _ESCAPED.items():
        name = name.replace(escaped, character)
    return name


class Recordings:
    """The store of recordings. Its methods wait for the lake: call them in a worker thread."""

    def __init__(self, lake: Lake) -> None:
        self.lake = lake

    def create(self, owner: str, name: str, audio: Path | bytes) -> Recording:
        """Store an uploaded file; when this returns, it will be transcribed, whatever happens."""
        created = datetime.now(UTC).isoformat(timespec="milliseconds")
        recording = Recording(new_id(), owner, label(name), created)
        if isinstance(audio, bytes):
            self.lake.write(f"{recording.folder}/{AUDIO}", audio)
        else:
            self.lake.upload(audio, f"{recording.folder}/{AUDIO}")
        return self.save(recording)

    def get(self, owner: str, id: str) -> Recording | None:
        """The recording of this owner with this id, if there is one."""
        if not _ID.fullmatch(id):
            return None
        name = f"{FOLDER}/{owner}/{id}/{RECORD}"
        # Before the content, so that a change in between is noticed by `save`.
        stored = self.lake.stat(name)
        return self._read(stored) if stored else None

    def save(self, recording: Recording) -> Recording:
        """Write the record of a recording that is new or was read before. Raises ChangedError."""
        document = asdict(recording)
        generation = document.pop("generation")
        data = json.dumps(document).encode()
        try:
            stored = self.lake.write(f"{recording.folder}/{RECORD}", data, generation)
        except StorageError as error:
            if error.status == 412:
                raise ChangedError from error
            raise
        return replace(recording, generation=stored.generation)

    def of(self, owner: str) -> list[Recording]:
        """All recordings of an owner, newest first."""
        return self._records(f"{FOLDER}/{owner}/")

    def all(self) -> list[Recording]:
        """All recordings, newest first."""
        return self._records(f"{FOLDER}/")

    def delete(self, owner: str, id: str) -> None:
        """Delete all files of a recording; corrections that were saved as training pairs stay."""
        folder = f"{FOLDER}/{owner}/{id}"
        self.lake.delete(f"{folder}/{RECORD}")
        for stored in self.lake.list(f"{folder}/"):
            self.lake.delete(stored.name)

    def remove_if_deleted(self, recording: Recording) -> None:
        """Delete the files that were written after a recording was deleted.

        A record that is there but cannot be read is damaged, not deleted: everything stays.
        """
        if self.lake.stat(f"{recording.folder}/{RECORD}") is None:
            self.delete(recording.owner, recording.id)

    def read(self, recording: Recording, file: str) -> bytes:
        """The content of a file of a recording. Raises StorageError."""
        return self.lake.read(f"{recording.folder}/{file}")

    def write(self, recording: Recording, file: str, data: bytes) -> None:
        """Write a file of a recording."""
        self.lake.write(f"{recording.folder}/{file}", data)

    def read_notes(self, recording: Recording) -> tuple[Notes, float]:
        """The notes of the present revision, offsets key releases, and the duration in seconds."""
        document = json.loads(self.read(recording, recording.notes_file))
        return notes_of(document), document["seconds"]

    def read_transcription(self, recording: Recording) -> Notes:
        """The notes as they were transcribed, before any correction."""
        return self.read_notes(replace(recording, notes_file=TRANSCRIBED))[0]

    def write_notes(self, recording: Recording, notes: Notes, seconds: float) -> None:
        """Write the notes of a new revision, `recording`."""
        data = json.dumps(note_document(notes, seconds)).encode()
        self.write(recording, recording.notes_file, data)

    def remove_audio(self, recording: Recording) -> None:
        """Remove the uploaded file, which is of no use."""
        self.lake.delete(f"{recording.folder}/{AUDIO}")

    def _records(self, prefix: str) -> list[Recording]:
        names = [one for one in self.lake.list(prefix) if one.name.endswith(f"/{RECORD}")]
        with ThreadPoolExecutor(_READERS) as readers:
            found = [one for one in readers.map(self._read, names) if one is not None]
        return sorted(found, key=lambda recording: recording.created, reverse=True)

    def _read(self, stored: Stored) -> Recording | None:
        """The record in a file; None if it was deleted meanwhile, or is not one."""
        try:
            document = json.loads(self.lake.read(stored.name))
            warnings = tuple(document.pop("warnings"))
            return Recording(**document, warnings=warnings, generation=stored.generation)
        except StorageError as error:
            if error.status == 404:
                return None
            raise
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            log(logging.WARNING, f"a damaged record was left out: {one_line(error)}")
            return None


def folders(files: list[Stored]) -> Iterator[tuple[str, str, list[Stored]]]:
    """Owner, id and files of each recording in a listing of `FOLDER`, sorted by name."""
    groups: dict[tuple[str, str], list[Stored]] = {}
    for stored in files:
        _, owner, id, *_ = [*stored.name.split("/"), "", ""]
        groups.setdefault((owner, id), []).append(stored)
    for (owner, id), found in groups.items():
        yield owner, id, found


def public(recording: Recording) -> dict[str, Any]:
    """The entry of a recording in a list, as clients see it."""
    return {
        "id": recording.id,
        "name": recording.name,
        "created": recording.created,
        "status": recording.status,
        "seconds": recording.seconds,
        "note_count": recording.note_count,
        "key": recording.key,
        "corrected": recording.revision > 0,
    }
