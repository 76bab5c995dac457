"""A prepared set on Cloud Storage, read through a local folder of bounded size.

A file is fetched when it is first read and kept until the folder is full; then the files that were
read longest ago are removed. Any number of threads and processes may read, also of several sets.

Written here: caches of files in fsspec have no bound on their size, and litdata and
mosaicml-streaming read formats of their own.
"""

from __future__ import annotations

import hashlib
import os
import re
import time
import uuid
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO

from amt.cloud.lake import StorageError, open_lake
from amt.io.atomic import atomic_write
from amt.io.locks import locked

# Files of a batch that are fetched at the same time, by each worker of the loader.
FILES_AT_A_TIME = 8
_WAIT_SECONDS = 0.05
# A file may be removed, for others, before it is opened.
_ATTEMPTS = 20
_COPY = re.compile(r"[0-9a-f]{64}\.np[yz]")
_RESERVED = ".reserved"


@dataclass(frozen=True)
class StreamedSet:
    """A set that `amt prepare` wrote to `uri`.

    folder: for the copies, named by their SHA-256 (nothing else in it is touched); several sets may
    share it. max_bytes: of all copies together. All methods raise StorageError.
    """

    uri: str
    folder: Path
    max_bytes: int

    def __str__(self) -> str:
        return self.uri

    def open(self, name: str, sha256: str, buffering: int = -1) -> IO[bytes]:
        """A file of the set, open for reading; fetched if there is no copy of this checksum."""
        path = self.folder / f"{sha256}{PurePosixPath(name).suffix}"
        for _ in range(_ATTEMPTS):
            try:
                file = path.open("rb", buffering)
            except FileNotFoundError:
                self._fetch(name, path, sha256)
                continue
            with suppress(FileNotFoundError):
                now = time.time_ns()  # The clock of the file system may be coarse.
                os.utime(path, ns=(now, now))
            return file
        raise StorageError(
            f"{self.folder}: {self.max_bytes / 1e9:g} GB are too few for all that is read at the "
            "same time; raise data.streamed_gb"
        )

    def refresh(self, name: str) -> None:
        """Replace the copy of a file without checksum, which tells what the set contains."""
        lake, path = open_lake(self.uri), self._unchecked(name)
        if lake.stat(name) is None:
            advice = "`amt prepare ... --cache gs://BUCKET/prepared` prints the name of the set"
            raise StorageError(f"{self.uri}: no prepared set, {name} is missing; {advice}")
        with locked(self.folder / ".lock-refresh"):
            lake.download(name, path)

    def read_text(self, name: str) -> str:
        """The copy of a file without checksum; fetched by `refresh`, or where there is none."""
        path = self._unchecked(name)
        if not path.is_file():
            self.refresh(name)
        return path.read_text(encoding="utf-8")

    def _unchecked(self, name: str) -> Path:
        digest = hashlib.sha256(f"{self.uri}/{name}".encode()).hexdigest()[:16]
        return self.folder / f"{digest}-{name}"

    def _fetch(self, name: str, path: Path, sha256: str) -> None:
        """Download a file, if no other thread or process did meanwhile."""
        lake = open_lake(self.uri)
        with locked(self.folder / f".lock-{sha256[:3]}"):
            if path.exists():
                return
            stored = lake.stat(name)
            if stored is None:
                raise StorageError(f"{lake.object_uri(name)}: missing; run `amt prepare` again")
            with self._room_for(stored.size), atomic_write(path) as temporary:
                lake.download(name, temporary)
                with temporary.open("rb") as file:
                    found = hashlib.file_digest(file, "sha256").hexdigest()
                if found != sha256:
                    text = "differs from its checksum in the manifest; run `amt prepare` again"
                    raise StorageError(f"{lake.object_uri(name)}: {text}")

    @contextmanager
    def _room_for(self, size: int) -> Iterator[None]:
        """Reserve `size` bytes for a download, also against other processes."""
        if size > self.max_bytes:
            raise StorageError(
                f"{self.uri}: one file has {size / 1e9:.2g} GB, all copies in {self.folder} may "
                f"have {self.max_bytes / 1e9:.2g} GB; raise data.streamed_gb"
            )
        with ExitStack() as held:
            while not self._reserve(size, held):
                time.sleep(_WAIT_SECONDS)  # Until other downloads have ended.
            yield

    def _reserve(self, size: int, held: ExitStack) -> bool:
        """Make room for `size` bytes until `held` is closed; False if other downloads need it."""
        reservation = self.folder / f".{uuid.uuid4().hex}.{size}{_RESERVED}"
        with locked(self.folder / ".lock"):
            room = self.max_bytes - size - self._reserved()
            if room < 0:
                return False
            self._evict(room)
            held.callback(reservation.unlink, missing_ok=True)
            held.enter_context(locked(reservation))
        return True

    def _reserved(self) -> int:
        """Bytes reserved by all downloads; what processes left that were killed is removed."""
        reserved = 0
        for path in self.folder.glob(f".*{_RESERVED}"):
            with locked(path, wait=False) as abandoned:
                if abandoned:
                    path.unlink(missing_ok=True)
                else:
                    reserved += int(path.name.removesuffix(_RESERVED).rpartition(".")[2])
        if not reserved:
            for path in self.folder.glob(".*.part.np[yz]"):
                path.unlink(missing_ok=True)
        return reserved

    def _evict(self, room: int) -> None:
        """Remove the copies that were read longest ago until all have at most `room` bytes."""
        copies = [path for path in self.folder.iterdir() if _COPY.fullmatch(path.name)]
        statuses = {path: path.stat() for path in copies}
        total = sum(status.st_size for status in statuses.values())
        for path in sorted(copies, key=lambda path: statuses[path].st_mtime_ns):
            if total <= room:
                return
            with suppress(PermissionError):  # Windows removes no file that is open.
                path.unlink()
                total -= statuses[path].st_size


def fetch_all(files: Iterable[tuple[StreamedSet, str, str]]) -> None:
    """Fetch files at the same time: the set, the name and the SHA-256 of each."""
    with ThreadPoolExecutor(FILES_AT_A_TIME) as threads:
        for file in threads.map(lambda found: found[0].open(*found[1:]), set(files)):
            file.close()
