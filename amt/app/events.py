"""The events of one transcription, for any number of listeners, from the first event on."""

from __future__ import annotations

import asyncio
import json
import re
import secrets
from collections.abc import AsyncIterator
from typing import Any

from fastapi.sse import ServerSentEvent

_NUMBER = re.compile(r"[0-9]{1,9}")
# After these no further event comes.
FINAL = ("done", "failed")


class EventLog:
    """Events in order. An id is RUN.NUMBER: after a restart of the server a recording is
    transcribed again, its ids have another RUN, and listeners get everything anew.

    Not thread-safe: used in the event loop only.
    """

    def __init__(self, run: str = "") -> None:
        self._run = run or secrets.token_hex(4)
        self._events: list[ServerSentEvent] = []
        self._more = asyncio.Event()
        self.closed = False

    def add(self, name: str, data: dict[str, Any]) -> None:
        """Append an event; one of `FINAL` ends the log."""
        number = len(self._events) + 1
        text = json.dumps(data, separators=(",", ":"))
        self._events.append(ServerSentEvent(raw_data=text, event=name, id=f"{self._run}.{number}"))
        if name in FINAL:
            self.closed = True
        self._wake()

    def close(self) -> None:
        """End the streams of all listeners without a further event; they connect again."""
        self.closed = True
        self._wake()

    def _wake(self) -> None:
        self._more.set()
        self._more = asyncio.Event()

    async def follow(self, last_id: str | None = None) -> AsyncIterator[ServerSentEvent]:
        """All events after `last_id`, present and future; all, if the id is not of this log."""
        position = self._position(last_id)
        while True:
            while position < len(self._events):
                yield self._events[position]
                position += 1
            if self.closed:
                return
            await self._more.wait()

    def _position(self, last_id: str | None) -> int:
        run, _, number = (last_id or "").rpartition(".")
        if run != self._run or not _NUMBER.fullmatch(number):
            return 0
        return min(int(number), len(self._events))
