"""Descriptions and audio of recordings, as `amt describe` makes them: computed once and stored.

images.json                     images and summary of the audio; the same for all revisions
description-REVISION-2.json     the document for the page
recording.mp3                   the recording as browsers play it
transcription-REVISION.mp3      the notes, played by the built-in piano
"""

from __future__ import annotations

import asyncio
import json
import logging
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import numpy as np
from starlette.concurrency import run_in_threadpool

from amt.app.beats import Beats
from amt.app.made_files import MadeFiles
from amt.app.recordings import AUDIO, Recording
from amt.cloud.lake import StorageError
from amt.inference.writers import Player
from amt.io.audio import load_bytes
from amt.page.audio import descriptor_images, mp3
from amt.page.describe import notes_document, played, sounding_until
from amt.serving.logging import log

IMAGES = "images.json"
RECORDING = "recording.mp3"
# Raised when documents change: those that an older version has stored are made anew.
FORMAT = 2


class Descriptions:
    """Makes the files above when they are first asked for. Used in the event loop only.

    Audio takes long to make, so documents have a thread of their own and do not wait for it.
    """

    def __init__(self, files: MadeFiles, beats: Beats, player: Player) -> None:
        self.files = files
        self.beats = beats
        self.recordings = files.recordings
        self.player = player
        self._documents = ThreadPoolExecutor(1, "description")
        self._audio = ThreadPoolExecutor(1, "audio")
        self._tasks: set[asyncio.Task[None]] = set()

    async def document(self, recording: Recording) -> dict[str, Any]:
        """The description of a recording that is done. Raises StorageError."""
        name = f"description-{recording.revision}-{FORMAT}.json"
        return json.loads(await self.files.get(recording, name, self._document, self._documents))

    async def audio(self, recording: Recording, which: str) -> bytes:
        """The MP3 file of the `recording` or of its `transcription`. Raises StorageError."""
        if which == "recording":
            return await self.files.get(recording, RECORDING, self._recording, self._audio)
        name = f"transcription-{recording.revision}.mp3"
        return await self.files.get(recording, name, self._transcription, self._audio)

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
            await run_in_threadpool(self.files.remove_older, recording)
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

    def _document(self, recording: Recording) -> bytes:
        notes, seconds = self.recordings.read_notes(recording)
        images = self._images(recording)
        origin = f"transcribed by amt, model {recording.model.get('name', '')}"
        document = {
            **notes_document(notes, self.beats.grid(recording), seconds, origin, True),
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
