"""Files that follow from a recording and its notes: made when first asked for, and stored."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from concurrent.futures import Executor
from contextlib import suppress

from starlette.concurrency import run_in_threadpool

from amt.app.recordings import Recording, Recordings
from amt.cloud.lake import StorageError

# Those that follow from the notes have their revision in their name.
_OF_A_REVISION = re.compile(r"(?:beats|description|transcription|score)-([0-9]+)[-.].*")
Make = Callable[[Recording], bytes]


class MadeFiles:
    """Makes files once for all who ask for them at the same time. Used in the event loop only."""

    def __init__(self, recordings: Recordings) -> None:
        self.recordings = recordings
        self._running: dict[str, asyncio.Future[bytes]] = {}

    async def get(self, recording: Recording, file: str, make: Make, threads: Executor) -> bytes:
        """The content of a file, which `make` makes if it is missing. Raises what `make` raises."""
        with suppress(StorageError):
            return await run_in_threadpool(self.recordings.read, recording, file)
        name = f"{recording.folder}/{file}"
        if name not in self._running:
            loop = asyncio.get_running_loop()
            making = loop.run_in_executor(threads, self.make, recording, file, make)
            self._running[name] = making
            making.add_done_callback(lambda _: self._running.pop(name, None))
        # A client that disconnects must not take the file from the others.
        return await asyncio.shield(self._running[name])

    def make(self, recording: Recording, file: str, make: Make) -> bytes:
        """Make a file, and store it. Waits for the lake. Raises what `make` raises."""
        data = make(recording)
        self.recordings.write(recording, file, data)
        self.recordings.remove_if_deleted(recording)
        return data

    def remove_older(self, recording: Recording) -> None:
        """Remove those of older revisions. Waits for the lake."""
        for stored in self.recordings.lake.list(f"{recording.folder}/"):
            match = _OF_A_REVISION.fullmatch(stored.name.rpartition("/")[2])
            if match and int(match[1]) < recording.revision:
                self.recordings.lake.delete(stored.name)
