"""What transcribes for the app: a model in this process, or an endpoint of Vertex AI."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from amt.app.settings import AppSettings
from amt.inference.note_reporter import OnNotes
from amt.inference.transcriber import Options, Progress
from amt.serving.metrics import Metrics
from amt.serving.model import load_model
from amt.serving.pool import Result
from amt.serving.service import Load, Service


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
        """How many recordings are transcribed at once."""

    async def transcribe(
        self,
        data: bytes,
        options: Options,
        progress: Progress | None = None,
        on_notes: OnNotes | None = None,
    ) -> Result:
        """Transcribe the content of an audio file. Raises AudioError, StorageError.

        progress, on_notes: as for `Transcriber.run`, called in another thread.
        """

    def close(self) -> None:
        """Wait for running transcriptions."""


class LocalModel:
    """A model in this process. See `Model`."""

    def __init__(self, settings: AppSettings, load: Load = load_model) -> None:
        self._service = Service(settings.server)
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
