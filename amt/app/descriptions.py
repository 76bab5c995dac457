"""Descriptions and audio of recordings, as `amt describe` makes them: computed once and stored.

images.json                     images and summary of the audio; the same for all revisions
description-REVISION.json       the document for the page
recording.mp3                   the recording as browsers play it
transcription-REVISION.mp3      the notes, played by the built-in piano
"""

from __future__ import annotations

import asyncio
import json
import logging
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import numpy as np
from starlette.concurrency import run_in_threadpool

from amt.app.recordings import AUDIO, Recording, Recordings
from amt.cloud.lake import StorageError
from amt.inference.writers import Player
from amt.io.audio import load_bytes
from amt.page.audio import descriptor_images, mp3
from amt.page.describe import notes_document, played, sounding_until
from amt.serving.logging import log

IMAGES = "images.json"
RECORDING = "recording.mp3"
_OF_A_REVISION = re.compile(r"(?:description|transcription)-([0-9]+)\.(?:json|mp3)")
Make = Callable[[Recording], bytes]


class Descriptions:
    """Makes the files above when they are first asked for. Used in the event loop only.

    Audio takes long to make, so documents have a thread of their own and do not wait for it.
    """

    def __init__(self, recordings: Recordings, player: Player) -> None:
        self.recordings = recordings
        self.player = player
        self._documents = ThreadPoolExecutor(1, "description")
        self._audio = ThreadPoolExecutor(1, "audio")
        self._running: dict[str, asyncio.Future[bytes]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def document(self, recording: Recording) -> dict[str, Any]:
        """The description of a recording that is done. Raises StorageError."""
        name = f"description-{recording.revision}.json"
        return json.loads(await self._file(recording, name, self._document, self._documents))

    async def audio(self, recording: Recording, which: str) -> bytes:
        """The MP3 file of the `recording` or of its `transcription`. Raises StorageError."""
        if which == "recording":
            return await self._file(recording, RECORDING, self._recording, self._audio)
        name = f"transcription-{recording.revision}.mp3"
        return await self._file(recording, name, self._transcription, self._audio)

    def prepare(self, recording: Recording) -> None:
        """Begin to make all files, before a client asks for them."""
        task = asyncio.create_task(self._prepare(recording))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _prepare(self, recording: Recording) -> None:
        """Make all files, and remove those of older revisions."""
        try:
            await self.document(recording)
            await self.audio(recording, "recording")
            if recording.note_count:
                await self.audio(recording, "transcription")
            await run_in_threadpool(self._remove_older, recording)
        except StorageError:
            pass  # The recording was deleted, or is tried again when it is asked for.
        except Exception as error:
            log(logging.ERROR, "a description failed", error)

    def close(self) -> None:
        """Begin nothing more; what was not made is made when it is asked for."""
        for task in self._tasks:
            task.cancel()
        for threads in (self._documents, self._audio):
            threads.shutdown(wait=False, cancel_futures=True)

    async def _file(
        self, recording: Recording, file: str, make: Make, threads: ThreadPoolExecutor
    ) -> bytes:
        """The content of a file, which is made if it is missing; once for all who ask for it."""
        with suppress(StorageError):
            return await run_in_threadpool(self.recordings.read, recording, file)
        name = f"{recording.folder}/{file}"
        if name not in self._running:
            loop = asyncio.get_running_loop()
            making = loop.run_in_executor(threads, self._make, recording, file, make)
            self._running[name] = making
            making.add_done_callback(lambda _: self._running.pop(name, None))
        # A client that disconnects must not take the file from the others.
        return await asyncio.shield(self._running[name])

    def _make(self, recording: Recording, file: str, make: Make) -> bytes:
        data = make(recording)
        self.recordings.write(recording, file, data)
        self.recordings.remove_if_deleted(recording)
        return data

    def _document(self, recording: Recording) -> bytes:
        notes, seconds = self.recordings.read_notes(recording)
        images = self._images(recording)
        model = recording.model.get("name", "")
        document = {
            **notes_document(notes, seconds, f"transcribed by amt, model {model}", True),
            **images,
            "sounding_until": sounding_until(notes),
        }
        return json.dumps(document, separators=(",", ":"), allow_nan=False).encode()

    def _images(self, recording: Recording) -> dict[str, Any]:
        with suppress(StorageError):
            return json.loads(self.recordings.read(recording, IMAGES))
        images, descriptors = descriptor_images(self._samples(recording))
        found = {"images": images, "descriptors": descriptors}
        data = json.dumps(found, separators=(",", ":"), allow_nan=False).encode()
        self.recordings.write(recording, IMAGES, data)
        return found

    def _recording(self, recording: Recording) -> bytes:
        return mp3(self._samples(recording))

    def _transcription(self, recording: Recording) -> bytes:
        notes, _ = self.recordings.read_notes(recording)
        return played(notes, self._samples(recording), self.player)

    def _samples(self, recording: Recording) -> np.ndarray:
        """The recording (S,) at SAMPLE_RATE."""
        data = self.recordings.read(recording, AUDIO)
        return load_bytes(data, on_warning=lambda _: None)  # They were shown before.

    def _remove_older(self, recording: Recording) -> None:
        for stored in self.recordings.lake.list(f"{recording.folder}/"):
            match = _OF_A_REVISION.fullmatch(stored.name.rpartition("/")[2])
            if match and int(match[1]) < recording.revision:
                self.recordings.lake.delete(stored.name)
