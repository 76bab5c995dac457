"""State shared by all requests: settings, metrics, and the pool once the model is loaded."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any, TypeVar

from starlette.exceptions import HTTPException

from amt.cloud.lake import Lake
from amt.inference.transcriber import Options
from amt.serving.logging import log
from amt.serving.metrics import Metrics
from amt.serving.model import Model
from amt.serving.pool import NOBODY, Listeners, Result, TranscriptionPool
from amt.serving.recording_log import RecordingLog
from amt.serving.requests import printable
from amt.serving.settings import Settings

T = TypeVar("T")
Load = Callable[[Settings], Model]
# Recordings from Cloud Storage that are downloaded or in memory at once, including those of
# cancelled requests. It bounds the memory: they may be larger than request bodies.
_MAX_STORED = 8
# Retry-After for what is over soon. Less than the 5 s after which uvicorn closes idle connections:
# a client that came back at that moment would find its connection being closed.
RETRY_SECONDS = "3"


class Service:
    """The state of one server."""

    def __init__(self, settings: Settings, lake: Lake | None = None) -> None:
        """lake: where the numbers of recordings are stored unless AMT_MONITORING says otherwise."""
        self.settings = settings
        self.metrics = Metrics()
        self.recording_log = RecordingLog(settings.monitoring, self.metrics, lake)
        self.pool: TranscriptionPool | None = None
        self.error = ""
        # Not asyncio's default threads: slow downloads must delay only requests that need them.
        self._download_threads = ThreadPoolExecutor(_MAX_STORED, "storage")
        self._stored = asyncio.Semaphore(_MAX_STORED)

    def ready(self) -> TranscriptionPool:
        """The pool. Raises HTTPException (503) while the model is loading, or if that failed."""
        if self.pool is None:
            text = self.error or "the model is being loaded"
            raise HTTPException(503, text, {"retry-after": RETRY_SECONDS})
        return self.pool

    async def start(self, load: Load, on_failure: Callable[[], object]) -> None:
        """Load the model in the background; until then requests are answered with 503."""
        try:
            model = await _run_in_daemon_thread(load, self.settings)
        except Exception as error:
            self.error = f"the model cannot be loaded: {printable(str(error))}"
            log(logging.CRITICAL, self.error, None if isinstance(error, ValueError) else error)
            on_failure()
            return
        self.pool = TranscriptionPool(
            model,
            self.settings.max_audio_seconds,
            self.settings.threads,
            measure=self.recording_log.enabled,
        )
        self.metrics.model.labels(model.name, model.version).set(1)
        profile = model.profile.origin if model.profile else None
        log(logging.INFO, "ready", model=model.name, version=model.version, profile=profile)

    async def transcribe_stored(self, download: Callable[[], bytes], options: Options) -> Result:
        """`transcribe` what `download` returns; at most _MAX_STORED at once, others wait."""
        async with self._stored:
            model = self.ready().model
            loop = asyncio.get_running_loop()
            try:
                data = await loop.run_in_executor(self._download_threads, download)
            except Exception as error:
                self.recording_log.add_rejected(model, error)
                raise
            return await self.transcribe(data, options)

    async def transcribe(
        self, data: bytes, options: Options, listeners: Listeners = NOBODY
    ) -> Result:
        """Transcribe the content of an audio file and update the metrics. Raises AudioError."""
        pool = self.ready()
        try:
            result = await pool.transcribe(data, options, listeners)
        except Exception as error:
            self.recording_log.add_rejected(pool.model, error)
            raise
        if result.numbers:
            self.recording_log.add(pool.model, result.numbers)
        self.metrics.recordings.labels("transcribed").inc()
        self.metrics.audio_seconds.inc(result.seconds)
        self.metrics.transcription_seconds.inc(result.elapsed_seconds)
        return result

    def close(self) -> None:
        """Wait for running transcriptions; drop downloads that have not started."""
        self._download_threads.shutdown(wait=False, cancel_futures=True)
        if self.pool:
            self.pool.close()
        self.recording_log.close()


async def _run_in_daemon_thread(function: Callable[[Settings], T], settings: Settings) -> T:
    """The result of a function in a daemon thread.

    Unlike the threads of an executor it does not delay the end of the process.
    """
    loop = asyncio.get_running_loop()
    future: asyncio.Future[T] = loop.create_future()

    def finish(method: Callable[[Any], object], value: object) -> None:
        if not future.done():
            method(value)

    def run() -> None:
        method: Callable[[Any], object] = future.set_result
        value: object
        try:
            value = function(settings)
        except Exception as error:
            method, value = future.set_exception, error
        with suppress(RuntimeError):  # The event loop may be closed already.
            loop.call_soon_threadsafe(finish, method, value)

    threading.Thread(target=run, daemon=True).start()
    return await future
