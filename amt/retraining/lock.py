"""One retraining at a time on a lake.

In a folder: a lock of the system, which ends with its process, however that ends. On Cloud Storage:
an object that says until when the lock is held, renewed while the process lives; after a kill
others wait until that time has passed.
"""

from __future__ import annotations

import json
import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http import HTTPStatus

from amt.cloud.folder_lake import FolderLake
from amt.cloud.lake import Lake, StorageError
from amt.io.locks import locked

LEASE = "retraining/lock.json"
LEASE_SECONDS = 120.0


class LockedError(ValueError):
    """Another retraining holds the lock; the message is one line."""


@contextmanager
def retraining_lock(lake: Lake, lease_seconds: float = LEASE_SECONDS) -> Iterator[None]:
    """Hold the lock while the block lasts. Raises LockedError, StorageError."""
    if isinstance(lake, FolderLake):
        with locked(lake.folder / "retraining" / ".lock", wait=False) as held:
            if not held:
                raise LockedError(_message(lake, "it ends with its process"))
            yield
        return
    lease = _Lease(lake, lease_seconds)
    lease.take()
    stop = threading.Event()
    renewing = threading.Thread(target=lease.renew_until, args=(stop,), daemon=True)
    renewing.start()
    try:
        yield
    finally:
        stop.set()
        renewing.join()
        lease.release()


class _Lease:
    """The object of a lock on Cloud Storage. Writes are conditions on its generation."""

    def __init__(self, lake: Lake, seconds: float) -> None:
        self.lake = lake
        self.seconds = seconds
        self.generation = 0

    def take(self) -> None:
        """Raises LockedError while another holds it."""
        stored = self.lake.stat(LEASE)
        if stored:
            left = json.loads(self.lake.read(LEASE))["until"] - time.time()
            if left > 0:
                raise LockedError(_message(self.lake, f"free in {left:.0f} s if it died"))
        try:
            self._write(stored.generation if stored else 0)
        except StorageError as error:
            if error.status != HTTPStatus.PRECONDITION_FAILED:
                raise
            raise LockedError(_message(self.lake, "it was faster")) from error

    def renew_until(self, stop: threading.Event) -> None:
        """Extend the lease again and again. Where that fails for a time, the next one counts."""
        while not stop.wait(self.seconds / 4):
            with suppress(StorageError):
                self._write(self.generation)

    def release(self) -> None:
        """Mark the lease as ended, unless another has it."""
        with suppress(StorageError):
            self._write(self.generation, 0.0)

    def _write(self, generation: int, seconds: float | None = None) -> None:
        until = time.time() + (self.seconds if seconds is None else seconds)
        holder = f"{socket.gethostname()}:{os.getpid()}"
        text = json.dumps({"until": until, "holder": holder})
        self.generation = self.lake.write(LEASE, text.encode(), generation).generation


def _message(lake: Lake, when: str) -> str:
    return f"another retraining works on {lake.uri}; wait for it ({when}), then type this again"
