"""What all requests share: settings, metrics, and the pool once the model is loaded."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any, TypeVar

from starlette.exceptions import HTTPException

from amt.inference.transcriber import Options
from amt.serving.logging import log
from amt.serving.metrics import Metrics
from amt.serving.model import Model
from amt.serving.pool import Result, TranscriptionPool
from amt.serving.requests import printable
from amt.serving.settings import Settings

Loaded = TypeVar("Loaded")
Load = Callable[[Settings], Model]
# How many recordings of storage are read or in memory at once, those included for which nobody
# waits any more. Of others there are as many as bodies.
_STORED = 8


class Service:
    """The settings, metrics and pool of one server."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.metrics = Metrics()
        self.pool: TranscriptionPool | None = None
        self.error = ""
        # Not the loop's own threads: slow storage must keep only those waiting who want it.
        self._readers = ThreadPoolExecutor(_STORED, "storage")
        self._stored = asyncio.Semaphore(_STORED)

    def ready(self) -> TranscriptionPool:
        """The pool. Raises 503 while the model is being loaded."""
        if self.pool is None:
            text = self.error or "the model is being loaded"
            raise HTTPException(503, text, {"retry-after": "5"})
        return self.pool

    async def open(self, load: Load, on_failure: Callable[[], object]) -> None:
        """Load the model beside the loop, which answers meanwhile that it is not ready."""
        try:
            model = await _in_daemon(load, self.settings)
        except Exception as error:
            self.error = f"the model cannot be loaded: {printable(str(error))}"
            log(logging.CRITICAL, self.error, None if isinstance(error, ValueError) else error)
            on_failure()
            return
        self.pool = TranscriptionPool(model, self.settings.max_audio_seconds, self.settings.threads)
        self.metrics.model.labels(model.name, model.version).set(1)
        log(logging.INFO, "ready", model=model.name, version=model.version)

    async def transcribe_stored(self, read: Callable[[], bytes], options: Options) -> Result:
        """`hear` what `read` fetches; only so many of these are in memory, others wait."""
        async with self._stored:
            data = await asyncio.get_running_loop().run_in_executor(self._readers, read)
            return await self.transcribe(data, options)

    async def transcribe(self, data: bytes, options: Options) -> Result:
        """Transcribe, and count it. Raises AudioError."""
        result = await self.ready().transcribe(data, options)
        self.metrics.recordings.labels("transcribed").inc()
        self.metrics.audio.inc(result.seconds)
        self.metrics.computing.inc(result.computing)
        return result

    def close(self) -> None:
        """Finish what has begun."""
        self._readers.shutdown(wait=False, cancel_futures=True)
        if self.pool:
            self.pool.close()


async def _in_daemon(function: Callable[[Settings], Loaded], settings: Settings) -> Loaded:
    """The result of a thread that nobody waits for when the program ends."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[Loaded] = loop.create_future()

    def tell(method: Callable[[Any], object], value: object) -> None:
        if not future.done():
            method(value)

    def run() -> None:
        method: Callable[[Any], object] = future.set_result
        value: object
        try:
            value = function(settings)
        except Exception as error:
            method, value = future.set_exception, error
        with suppress(RuntimeError):  # The loop may have ended.
            loop.call_soon_threadsafe(tell, method, value)

    threading.Thread(target=run, daemon=True).start()
    return await future
