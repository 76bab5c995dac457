"""Answers to questions, by Gemini if there is a key for it, else offline."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor

from starlette.concurrency import run_in_threadpool

from amt.answers.answer import Answer
from amt.answers.gemini import answer
from amt.answers.piece import Piece
from amt.app.beats import Beats
from amt.app.recordings import Recording, Recordings
from amt.cloud.gemini import Gemini

# Questions that are answered at once; Gemini may take 20 s for one.
_ANSWERS = 16
# Analysed pieces that are kept in memory for the next question.
_PIECES = 32
MAX_PROMPT_CHARACTERS = 2000


class Answers:
    """Answers questions about pieces. Used in the event loop only."""

    def __init__(self, recordings: Recordings, beats: Beats, gemini: Gemini | None) -> None:
        self.recordings = recordings
        self.beats = beats
        self.gemini = gemini
        self._threads = ThreadPoolExecutor(_ANSWERS, "answer")
        self._pieces: OrderedDict[tuple[str, int], Piece] = OrderedDict()

    async def answer(self, prompt: str, piece: Piece | None) -> Answer:
        """The answer to a prompt about a piece, or without one."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, answer, prompt, piece, self.gemini)

    async def piece(self, recording: Recording) -> Piece:
        """The piece of a recording that is done, in its present revision. Raises StorageError."""
        key = (recording.id, recording.revision)
        piece = self._pieces.pop(key, None)
        if piece is None:
            notes, seconds = await run_in_threadpool(self.recordings.read_notes, recording)
            piece = Piece(
                notes,
                seconds,
                recording.name,
                transcribed=True,
                find_grid=lambda _: self.beats.grid(recording),
            )
        self._pieces[key] = piece
        while len(self._pieces) > _PIECES:
            self._pieces.popitem(last=False)
        return piece

    def close(self) -> None:
        """Begin no more answers."""
        self._threads.shutdown(wait=False, cancel_futures=True)
