"""Pieces on Cloud Storage are fetched before a loader reads them, so that training does not wait.

Which segments follow is known: their numbers rise by one step, and a number gives its piece.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from queue import SimpleQueue

from torch.utils.data import get_worker_info

from amt.cloud.lake import StorageError
from amt.data.manifest import Entry, Root, streamed_files
from amt.data.streamed import StreamedSet

# Batches that a worker of a loader fetches before the one it reads, and files at the same time.
BATCHES = 16
FILES_AT_A_TIME = 16
# At most this part of the copies that may be kept: what is read now must not be removed for it.
SHARE_OF_COPIES = 0.125

File = tuple[StreamedSet, str, str]


class Ahead:
    """Fetches the pieces of the batches that a worker of a loader will be asked for.

    caches: all that are read; nothing is done where none is on Cloud Storage. locate: cache and
    piece of a number; None where there is no such number. world_size: of the processes that divide
    the numbers among themselves.
    """

    def __init__(
        self,
        caches: Sequence[Root],
        locate: Callable[[int], tuple[Root, Entry] | None],
        world_size: int = 1,
    ) -> None:
        self.streams = any(isinstance(root, StreamedSet) for root in caches)
        self.locate, self.world_size = locate, world_size
        self.last = -1  # The highest number that was fetched.
        self.files: SimpleQueue[File] | None = None

    def after(self, batch: Sequence[int]) -> None:
        """Begin to fetch what follows the numbers of a batch."""
        if not self.streams:
            return
        worker = get_worker_info()
        step = len(batch) * self.world_size * (worker.num_workers if worker else 1)
        later = (number + step * turn for turn in range(1, BATCHES + 1) for number in batch)
        room: float | None = None
        for number in later:
            found = self.locate(number)
            if found is None:
                return
            root, entry = found
            if not isinstance(root, StreamedSet):
                continue
            room = (SHARE_OF_COPIES * root.max_bytes if room is None else room) - 2 * entry.samples
            if room < 0:
                return
            if number > self.last:
                self.last = number
                self._fetch(found)

    def _fetch(self, found: tuple[Root, Entry]) -> None:
        if self.files is None:
            self.files = SimpleQueue()
            for _ in range(FILES_AT_A_TIME):
                # They end with the process: what they left unfinished is removed by others.
                threading.Thread(target=_fetch_each, args=(self.files,), daemon=True).start()
        for file in streamed_files([found]):
            self.files.put(file)


def _fetch_each(files: SimpleQueue[File]) -> None:
    """Fetch files one after another. What fails is fetched again, and said, when it is read."""
    while True:
        root, name, sha256 = files.get()
        with suppress(StorageError, OSError):
            root.open(name, sha256).close()
