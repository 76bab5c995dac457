"""Recordings to notes on a few threads, for many who wait at once."""

from __future__ import annotations

import asyncio
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import torch

from amt.inference.transcriber import Options
from amt.notes import Notes
from amt.serving.model import Model


@dataclass(frozen=True, eq=False)
class Result:
    """A transcription, and the seconds that computing it took."""

    notes: Notes
    seconds: float
    computing: float


class TranscriptionPool:
    """Transcribes recordings side by side, each on one thread, or on all while it is alone.

    That is quicker than one forward pass for several of them: on a processor a larger batch saves
    nothing, and recordings of different lengths would have to be padded. On a GPU one recording
    after the other fills it, with batches of windows.
    """

    def __init__(self, model: Model, longest: float, threads: int = 0) -> None:
        """longest: seconds of audio beyond which a recording is refused."""
        on_gpu = model.transcriber.device.type != "cpu"
        self.model = model
        self.threads = 1 if on_gpu else threads or torch.get_num_threads()
        self.longest = longest
        self.inside = 0
        self._pool = ThreadPoolExecutor(
            self.threads, "transcribe", initializer=torch.set_num_threads, initargs=(1,)
        )

    async def transcribe(self, data: bytes, options: Options) -> Result:
        """What an audio file holds, decoded and transcribed.

        Raises AudioError where it cannot be decoded or lasts too long. Who is cancelled while he
        waits loses his place, and later only the block that is being decoded, or the window that
        is being computed, is finished.
        """
        given_up = threading.Event()
        self.inside += 1
        try:
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(self._pool, self._transcribe, data, options, given_up)
        except asyncio.CancelledError:
            given_up.set()
            raise
        finally:
            self.inside -= 1

    def close(self) -> None:
        """Finish what has begun and end the threads."""
        self._pool.shutdown()

    def _transcribe(self, data: bytes, options: Options, given_up: threading.Event) -> Result:
        begin = time.perf_counter()
        transcriber = self.model.transcriber

        def check() -> None:
            if given_up.is_set():
                raise asyncio.CancelledError

        alone = max(1, self.threads // max(1, self.inside))
        options = replace(options, threads=alone, max_seconds=self.longest)
        found = transcriber.run(data, options, check=check)
        return Result(found.notes, found.seconds, time.perf_counter() - begin)
