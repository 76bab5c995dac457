"""Write entries as they come: batches of JSON lines, each an object below monitoring/DATE/."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable
from datetime import UTC, datetime

from amt.cloud.lake import Lake
from amt.cloud.objects import StorageError
from amt.monitoring.entries import FOLDER, SUFFIX, Entry, lines

BATCH_SECONDS = 60.0
MAX_ENTRIES = 10_000  # that wait while the lake cannot be written; 8 MB


class EntryLog:
    """Collects entries and writes them once a minute, in a thread of its own.

    An object is written whole and never again, in a folder as in a bucket: a process that is killed
    loses the entries since the last minute and leaves no half line. Entries that cannot be written
    are kept for the next minute, the newest MAX_ENTRIES of them.
    """

    def __init__(
        self,
        lake: Lake,
        on_error: Callable[[str], object],
        batch_seconds: float = BATCH_SECONDS,
    ) -> None:
        """on_error: called with one line, in the thread, where a batch could not be written."""
        self._lake, self._on_error, self._seconds = lake, on_error, batch_seconds
        self._entries: list[Entry] = []
        self._lock = threading.Lock()
        self._closed = threading.Event()
        self._thread: threading.Thread | None = None

    def add(self, entry: Entry) -> None:
        """Keep an entry for the next batch; returns at once. The first one starts the thread."""
        with self._lock:
            self._entries.append(entry)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="monitoring", daemon=True)
                self._thread.start()

    def close(self) -> None:
        """Write what is left, and end the thread."""
        self._closed.set()
        if self._thread:
            self._thread.join()

    def _run(self) -> None:
        while not self._closed.wait(self._seconds):
            self._write()
        self._write()

    def _write(self) -> None:
        with self._lock:
            batch, self._entries = self._entries, []
        if not batch:
            return
        try:
            self._lake.write(object_name(datetime.now(UTC)), lines(batch))
        except StorageError as error:
            with self._lock:
                self._entries = (batch + self._entries)[-MAX_ENTRIES:]
                kept = len(self._entries)
            self._on_error(f"monitoring: {error}; {kept} entries wait for the next attempt")


def object_name(now: datetime) -> str:
    """A new name: monitoring/DATE/TIME-RANDOM.jsonl."""
    return f"{FOLDER}/{now:%Y-%m-%d}/{now:%H%M%S}-{uuid.uuid4().hex[:8]}{SUFFIX}"
