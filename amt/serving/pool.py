"""A pool of threads that transcribes recordings for concurrent requests."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

from amt.inference.note_reporter import OnNotes
from amt.inference.transcriber import Options, Progress
from amt.monitoring.measuring import run_and_measure, run_only
from amt.monitoring.numbers import RecordingNumbers
from amt.notes import Notes
from amt.serving.model import Model


@dataclass(frozen=True, eq=False)
class Result:
    """The notes of a recording, its duration, and the time that the transcription took.

    warnings: what is wrong with the file, one line each. embedding: as in `Transcription`. numbers:
    what is logged of the recording; None where it was not measured. tuning: as of
    `amt.inference.retuning.tuning_document`.
    """

    notes: Notes
    seconds: float
    elapsed_seconds: float
    warnings: tuple[str, ...] = ()
    embedding: np.ndarray | None = None
    numbers: RecordingNumbers | None = None
    tuning: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Listeners:
    """What is called while a recording is transcribed, in another thread.

    progress, on_notes: as for `Transcriber.run`.
    """

    progress: Progress | None = None
    on_notes: OnNotes | None = None


NOBODY = Listeners()


class TranscriptionPool:
    """Transcribes recordings in parallel: one thread each, or all threads for a single recording.

    On a CPU this is faster than one forward pass over several recordings: a larger batch saves
    nothing there, and recordings of different lengths would need padding. On a GPU recordings are
    transcribed one after another, because the windows of one recording fill its batches.
    """

    def __init__(
        self, model: Model, max_seconds: float, threads: int = 0, measure: bool = False
    ) -> None:
        """max_seconds: duration beyond which a recording is refused. threads: 0 as PyTorch uses.

        measure: also give the numbers of each recording (`amt.monitoring`).
        """
        on_gpu = model.transcriber.device.type != "cpu"
        self.model = model
        self.threads = 1 if on_gpu else threads or torch.get_num_threads()
        self.max_seconds = max_seconds
        self.measure = measure
        self.in_progress = 0
        self._executor = ThreadPoolExecutor(
            self.threads, "transcribe", initializer=torch.set_num_threads, initargs=(1,)
        )

    async def transcribe(
        self, data: bytes, options: Options, listeners: Listeners = NOBODY
    ) -> Result:
        """Decode and transcribe the content of an audio file.

        Raises AudioError if it cannot be decoded or is too long. When the caller is cancelled, a
        waiting recording is dropped; a running transcription stops after the current block of audio
        or the current window.
        """
        cancelled = threading.Event()
        self.in_progress += 1
        try:
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(
                self._executor, self._transcribe, data, options, cancelled, listeners
            )
        except asyncio.CancelledError:
            cancelled.set()
            raise
        finally:
            self.in_progress -= 1

    def close(self) -> None:
        """Wait for running transcriptions and end the threads."""
        self._executor.shutdown()

    def _transcribe(
        self, data: bytes, options: Options, cancelled: threading.Event, listeners: Listeners
    ) -> Result:
        begin = time.perf_counter()

        def check() -> None:
            if cancelled.is_set():
                raise asyncio.CancelledError

        threads = max(1, self.threads // max(1, self.in_progress))
        options = replace(options, threads=threads, max_seconds=self.max_seconds)
        found: list[str] = []
        run = run_and_measure if self.measure else run_only
        transcription, numbers = run(
            self.model.transcriber,
            data,
            options,
            progress=listeners.progress,
            check=check,
            on_warning=found.append,
            on_notes=listeners.on_notes,
        )
        elapsed = time.perf_counter() - begin
        return Result(
            transcription.notes,
            transcription.seconds,
            elapsed,
            tuple(found),
            transcription.embedding,
            numbers,
            transcription.tuning_document(),
        )
