"""What all requests share: settings, measures, and the engine once the model is loaded."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any, TypeVar

from starlette.exceptions import HTTPException

from amt.serving.engine import Engine, Heard, Wish
from amt.serving.logs import log
from amt.serving.measures import Measures
from amt.serving.model import Model
from amt.serving.requests import printable
from amt.serving.settings import Settings

Result = TypeVar("Result")
Load = Callable[[Settings], Model]
# How many recordings of storage are read or in memory at once, those included for which nobody
# waits any more. Of others there are as many as bodies.
_STORED = 8


class House:
    """The settings, measures and engine of one server."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.measures = Measures()
        self.engine: Engine | None = None
        self.complaint = ""
        # Not the loop's own threads: slow storage must keep only those waiting who want it.
        self._readers = ThreadPoolExecutor(_STORED, "storage")
        self._stored = asyncio.Semaphore(_STORED)

    def ready(self) -> Engine:
        """The engine. Raises 503 while the model is being loaded."""
        if self.engine is None:
            text = self.complaint or "the model is being loaded"
            raise HTTPException(503, text, {"retry-after": "5"})
        return self.engine

    async def open(self, load: Load, on_failure: Callable[[], object]) -> None:
        """Load the model beside the loop, which answers meanwhile that it is not ready."""
        try:
            model = await _in_daemon(load, self.settings)
        except Exception as error:
            self.complaint = f"the model cannot be loaded: {printable(str(error))}"
            log(logging.CRITICAL, self.complaint, None if isinstance(error, ValueError) else error)
            on_failure()
            return
        self.engine = Engine(model, self.settings.max_audio_seconds, self.settings.threads)
        self.measures.model.labels(model.name, model.version).set(1)
        log(logging.INFO, "ready", model=model.name, version=model.version)

    async def hear_stored(self, read: Callable[[], bytes], wish: Wish) -> Heard:
        """`hear` what `read` fetches; only so many of these are in memory, others wait."""
        async with self._stored:
            data = await asyncio.get_running_loop().run_in_executor(self._readers, read)
            return await self.hear(data, wish)

    async def hear(self, data: bytes, wish: Wish) -> Heard:
        """Transcribe, and count it. Raises AudioError."""
        heard = await self.ready().hear(data, wish)
        self.measures.recordings.labels("transcribed").inc()
        self.measures.audio.inc(heard.seconds)
        self.measures.computing.inc(heard.computing)
        return heard

    def close(self) -> None:
        """Finish what has begun."""
        self._readers.shutdown(wait=False, cancel_futures=True)
        if self.engine:
            self.engine.close()


async def _in_daemon(function: Callable[[Settings], Result], settings: Settings) -> Result:
    """The result of a thread that nobody waits for when the program ends."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[Result] = loop.create_future()

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
