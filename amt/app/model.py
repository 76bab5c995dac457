"""What transcribes for the app: a model in this process, or an endpoint of Vertex AI."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

from amt.app.settings import AppSettings
from amt.cloud.lake import Lake
from amt.cloud.vertex_client import VertexTranscriber
from amt.inference.transcriber import Options
from amt.serving.metrics import Metrics
from amt.serving.model import load_model
from amt.serving.pool import NOBODY, Listeners, Result
from amt.serving.service import Load, Service

# Requests to an endpoint at once; its own limits apply as well.
_VERTEX_REQUESTS = 8


class Model(Protocol):
    """Transcribes recordings."""

    metrics: Metrics

    async def start(self, on_failure: Callable[[], object]) -> bool:
        """Get ready; returns whether it is. Calls `on_failure` if it never will be."""

    def identity(self) -> dict[str, str]:
        """Name and version of the model; empty until it is loaded."""

    def check_ready(self) -> None:
        """Raise HTTPException (503) until the model is loaded."""

    @property
    def parallel(self) -> int:
        """How many recordings are transcribed at once. Raises HTTPException (503) if not ready."""

    async def transcribe(
        self, data: bytes, options: Options, listeners: Listeners = NOBODY
    ) -> Result:
        """Transcribe the content of an audio file. Raises AudioError, VertexError, StorageError."""

    def close(self) -> None:
        """Wait for running transcriptions."""


class LocalModel:
    """A model in this process. See `Model`."""

    def __init__(self, settings: AppSettings, lake: Lake, load: Load = load_model) -> None:
        """lake: stores the numbers of recordings unless AMT_MONITORING names another place."""
        self._service = Service(settings.server, lake)
        self._load = load
        self.metrics = self._service.metrics
        self.transcribe = self._service.transcribe
        self.close = self._service.close

    async def start(self, on_failure: Callable[[], object]) -> bool:
        await self._service.start(self._load, on_failure)
        return self._service.pool is not None

    def identity(self) -> dict[str, str]:
        if self._service.pool is None:
            return {"name": "", "version": ""}
        model = self._service.pool.model
        return {"name": model.name, "version": model.version}

    def check_ready(self) -> None:
        self._service.ready()

    @property
    def parallel(self) -> int:
        return self._service.ready().threads


class VertexModel:
    """A model at an endpoint of Vertex AI. It gives no notes before the last. See `Model`."""

    def __init__(self, settings: AppSettings, lake: Lake) -> None:
        """Raises ValueError for a malformed name of the endpoint."""
        timeout = settings.server.timeout_seconds
        self._transcriber = VertexTranscriber(
            settings.vertex_endpoint, lake, timeout, settings.vertex_address
        )
        self._threads = ThreadPoolExecutor(_VERTEX_REQUESTS, "vertex")
        self._identity = {"name": "", "version": ""}  # Known from the first answer on.
        self.metrics = Metrics()
        self.parallel = _VERTEX_REQUESTS

    async def start(self, on_failure: Callable[[], object]) -> bool:
        return True

    def identity(self) -> dict[str, str]:
        return self._identity

    def check_ready(self) -> None:
        """An endpoint is always ready, as far as this process can tell."""

    async def transcribe(
        self, data: bytes, options: Options, listeners: Listeners = NOBODY
    ) -> Result:
        loop = asyncio.get_running_loop()
        found = await loop.run_in_executor(
            self._threads, self._transcriber.transcribe, data, options
        )
        self._identity = {"name": found.model_name, "version": found.model_version}
        if listeners.progress:
            listeners.progress(found.seconds, found.seconds)
        if listeners.on_notes:
            listeners.on_notes(found.notes, found.seconds)
        self.metrics.recordings.labels("transcribed").inc()
        self.metrics.audio_seconds.inc(found.seconds)
        self.metrics.transcription_seconds.inc(found.elapsed_seconds)
        return Result(
            found.notes,
            found.seconds,
            found.elapsed_seconds,
            found.warnings,
            found.embedding,
            tuning=found.tuning,
        )

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)
