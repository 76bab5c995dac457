"""Transcriptions of uploaded recordings: they wait for a thread of the model, client by client."""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict, deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import Any

from starlette.concurrency import run_in_threadpool

from amt.analysis.symbolic.key import estimate_key
from amt.app.events import EventLog
from amt.app.files import array_bytes
from amt.app.model import Model
from amt.app.recordings import AUDIO, EMBEDDING, ChangedError, Recording, Recordings
from amt.cloud.lake import StorageError
from amt.cloud.vertex_endpoint import VertexError
from amt.inference.retuning import tuning_remark
from amt.inference.transcriber import Options
from amt.io.audio import AudioError
from amt.io.note_tables import note_document
from amt.notes import COLUMNS, Notes
from amt.serving.logging import log
from amt.serving.pool import Listeners, Result
from amt.serving.requests import printable

# A recording that ended the process so often (out of memory, say) is given up.
MAX_ATTEMPTS = 5
# Events are kept so long after the last one; later they are made from the stored notes.
_KEEP_SECONDS = 60.0
OPTIONS = Options("key", embedding=True)


class Jobs:
    """The recordings that are waiting or being transcribed, with their events.

    Clients take turns: many recordings of one do not delay the first one of another. Used in the
    event loop only.
    """

    def __init__(
        self, recordings: Recordings, model: Model, on_done: Callable[[Recording], object]
    ) -> None:
        self.recordings = recordings
        self.model = model
        self.on_done = on_done
        self.progress: dict[str, tuple[float, float]] = {}
        self._logs: dict[str, EventLog] = {}
        self._waiting: OrderedDict[str, deque[Recording]] = OrderedDict()
        self._running: dict[str, asyncio.Task[None]] = {}
        self._workers: list[asyncio.Task[None]] = []
        self._added = asyncio.Condition()

    async def start(self) -> None:
        """Begin to transcribe, first what was unfinished when the last process ended."""
        found = await run_in_threadpool(self.recordings.all)
        for recording in reversed(found):
            if recording.status in ("waiting", "transcribing") and recording.id not in self._logs:
                await self.add(recording)
        self._workers = [asyncio.create_task(self._work()) for _ in range(self.model.parallel)]

    async def add(self, recording: Recording) -> None:
        """Let a stored recording be transcribed."""
        self._logs[recording.id] = EventLog()
        async with self._added:
            self._waiting.setdefault(recording.owner, deque()).append(recording)
            self._added.notify()

    def waiting(self, owner: str) -> int:
        """The number of recordings of a client that are waiting."""
        return len(self._waiting.get(owner, ()))

    def is_active(self, id: str) -> bool:
        """Whether a recording is waiting or being transcribed."""
        return id in self._logs and not self._logs[id].closed

    def events(self, id: str) -> EventLog | None:
        """The events of a recording, if this process has them still."""
        return self._logs.get(id)

    def cancel(self, recording: Recording) -> None:
        """Forget a recording that was deleted."""
        waiting = self._waiting.get(recording.owner, deque())
        kept = deque(one for one in waiting if one.id != recording.id)
        self._waiting[recording.owner] = kept
        if recording.id in self._running:
            self._running[recording.id].cancel()
        self._forget(recording.id)

    def close_streams(self) -> None:
        """End all event streams, so that the server can stop."""
        for events in self._logs.values():
            events.close()

    async def close(self) -> None:
        """Stop; unfinished recordings are transcribed by the next process."""
        self.close_streams()
        for task in (*self._workers, *self._running.values()):
            task.cancel()
        await asyncio.gather(*self._workers, *self._running.values(), return_exceptions=True)

    async def _work(self) -> None:
        while True:
            recording = await self._next()
            task = asyncio.create_task(self._run(recording))
            self._running[recording.id] = task
            await asyncio.wait([task])
            self._running.pop(recording.id, None)
            asyncio.get_running_loop().call_later(_KEEP_SECONDS, self._forget, recording.id)

    async def _next(self) -> Recording:
        """The oldest recording of the client whose turn it is; the client goes to the end."""
        async with self._added:
            await self._added.wait_for(lambda: any(self._waiting.values()))
            while True:
                owner, waiting = self._waiting.popitem(last=False)
                if waiting:
                    break
            recording = waiting.popleft()
            if waiting:
                self._waiting[owner] = waiting
            return recording

    def _publish(self, id: str, name: str, data: dict[str, Any]) -> None:
        if events := self._logs.get(id):  # None once the recording is deleted.
            events.add(name, data)

    def _forget(self, id: str) -> None:
        self.progress.pop(id, None)
        if events := self._logs.pop(id, None):
            events.close()

    async def _run(self, recording: Recording) -> None:
        """Transcribe one recording; every outcome is in its record and its events."""
        try:
            recording = await self._begin(recording)
            result = await self._transcribe(recording)
            done = await run_in_threadpool(_store, self.recordings, recording, result, self.model)
        except ChangedError:
            self._publish(recording.id, "failed", {"error": "it was deleted"})
        except (AudioError, StorageError, VertexError) as error:
            self.model.metrics.recordings.labels("refused").inc()
            await self._fail(recording, printable(str(error)))
        except Exception as error:
            self.model.metrics.recordings.labels("failed").inc()
            log(logging.ERROR, "a transcription failed", error)
            await self._fail(recording, "internal error; the log of the server has the details")
        else:
            self._publish(done.id, "done", {"note_count": done.note_count})
            self.on_done(done)

    async def _begin(self, recording: Recording) -> Recording:
        if recording.attempts >= MAX_ATTEMPTS:
            raise AudioError(f"the server has ended {MAX_ATTEMPTS} times while transcribing it")
        begun = replace(recording, status="transcribing", attempts=recording.attempts + 1)
        self._publish(recording.id, "progress", {"done": 0, "seconds": 0})
        return await run_in_threadpool(self.recordings.save, begun)

    async def _transcribe(self, recording: Recording) -> Result:
        loop = asyncio.get_running_loop()

        def add(name: str, data: dict[str, Any]) -> None:
            with suppress(RuntimeError):  # The event loop has ended with the server.
                loop.call_soon_threadsafe(self._publish, recording.id, name, data)

        def progress(done: float, seconds: float) -> None:
            self.progress[recording.id] = (round(done, 2), round(seconds, 2))
            add("progress", {"done": round(done, 2), "seconds": round(seconds, 2)})

        def on_notes(notes: Notes, until: float) -> None:
            add("notes", {"notes": note_rows(notes), "until": round(until, 4)})

        data = await run_in_threadpool(self.recordings.read, recording, AUDIO)
        return await self.model.transcribe(data, OPTIONS, Listeners(progress, on_notes))

    async def _fail(self, recording: Recording, text: str) -> None:
        failed = replace(recording, status="failed", error=text)
        try:
            await run_in_threadpool(self.recordings.save, failed)
            # Not audio that can be transcribed: there is no use in keeping it.
            await run_in_threadpool(self.recordings.remove_audio, failed)
        except (ChangedError, StorageError) as error:
            log(logging.WARNING, f"a failed recording was not stored: {error}")
        self._publish(recording.id, "failed", {"error": text})


def note_rows(notes: Notes) -> list[list[float]]:
    """Rows of onset, offset, pitch and velocity; times in seconds."""
    rows = note_document(notes, 0.0)["notes"]
    return [[row[name] for name in COLUMNS] for row in rows]


def _store(recordings: Recordings, recording: Recording, result: Result, model: Model) -> Recording:
    """Store a transcription: first its files, then the record that says it is done."""
    recordings.write_notes(recording, result.notes, result.seconds)
    if result.embedding is not None:
        recordings.write(recording, EMBEDDING, array_bytes(result.embedding))
    key = estimate_key(result.notes)
    tuning = tuning_remark(result.tuning)
    remarks = [*result.warnings, *([f"tuning: {tuning}"] if tuning else [])]
    done = replace(
        recording,
        status="done",
        seconds=round(result.seconds, 4),
        note_count=len(result.notes),
        key=key.name if key else None,
        warnings=tuple(map(printable, remarks)),
        model=model.identity(),
    )
    try:
        return recordings.save(done)
    except ChangedError:
        recordings.remove_if_deleted(recording)
        raise
