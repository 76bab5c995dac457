"""A lake in a folder on the disk."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from http import HTTPStatus
from pathlib import Path
from time import time_ns

from amt.cloud.objects import (
    StorageError,
    Stored,
    changed,
    check_name,
    missing,
    printable,
    too_large,
)
from amt.cloud.transfer import file_crc32c
from amt.io.atomic import atomic_write
from amt.io.locks import locked

LOCK = ".lock"

_STATUS = {
    errno.EACCES: HTTPStatus.FORBIDDEN,
    errno.ENAMETOOLONG: HTTPStatus.BAD_REQUEST,
    errno.EPERM: HTTPStatus.FORBIDDEN,
    errno.EEXIST: HTTPStatus.CONFLICT,  # A folder has the name of an object.
    errno.ENOSPC: HTTPStatus.INSUFFICIENT_STORAGE,
}


class FolderLake:
    """The files below a folder, which is made by the first write. See `amt.cloud.lake.Lake`.

    Parts of names that begin with a dot are not allowed: such files are temporary. Names are not
    followed out of the folder, whatever symbolic links are in it. The generation of an object is
    the time of its last write in nanoseconds. What a write returns from is on the disk.
    """

    def __init__(self, folder: Path | str) -> None:
        self.folder = Path(folder).expanduser().resolve()
        self.uri = str(self.folder)

    def read(self, name: str, max_bytes: int | None = None) -> bytes:
        path = self._path(name)
        with _translate_errors(path), path.open("rb") as file:
            data = file.read(-1 if max_bytes is None else max_bytes + 1)
        if max_bytes is not None and len(data) > max_bytes:
            raise too_large(str(path), max_bytes)
        return data

    def write(self, name: str, data: bytes, if_generation: int | None = None) -> Stored:
        return self._write(name, lambda path: path.write_bytes(data), if_generation)

    def stat(self, name: str) -> Stored | None:
        path = self._path(name)
        with _translate_errors(path):
            try:
                return self._stored(path) if path.is_file() else None
            except FileNotFoundError:  # Deleted in between.
                return None

    def list(self, prefix: str = "") -> list[Stored]:
        folder = self.folder / prefix.rpartition("/")[0]
        with _translate_errors(folder):
            # Not rglob, which fails if a folder is removed meanwhile.
            names = [
                Path(here, file).relative_to(self.folder).as_posix()
                for here, _, files in os.walk(folder)
                for file in files
            ]
        allowed = sorted(name for name in names if name.startswith(prefix) and self._holds(name))
        found = (self.stat(name) for name in allowed)
        return [stored for stored in found if stored is not None]

    def delete(self, name: str) -> None:
        path = self._path(name)
        with _translate_errors(path):
            if path.is_file():
                with locked(self.folder / LOCK):
                    path.unlink(missing_ok=True)
                    self._remove_empty(path.parent)

    def download(self, name: str, path: Path | str) -> Path:
        source, path = self._path(name), Path(path)
        with _translate_errors(source), source.open("rb"):
            pass
        with atomic_write(path) as temporary:
            shutil.copyfile(source, temporary)
        return path

    def upload(self, path: Path | str, name: str) -> Stored:
        return self._write(name, partial(shutil.copyfile, path), None)

    def object_uri(self, name: str) -> str:
        return str(self._path(name))

    def _write(
        self, name: str, fill: Callable[[Path], object], if_generation: int | None
    ) -> Stored:
        """Let `fill` write a temporary file and give it its name, if the generation is right."""
        path = self._path(name)
        # One writer at a time, so that generations can be compared.
        with _translate_errors(path), locked(self.folder / LOCK):
            present = path.stat().st_mtime_ns if path.is_file() else 0
            if if_generation not in (None, present):
                raise changed(str(path), if_generation)
            with atomic_write(path) as temporary:
                fill(temporary)
                # Later than the one before, also where the clock is coarse or was set back.
                generation = max(time_ns(), present + 1)
                os.utime(temporary, ns=(generation, generation))
                _sync(temporary)
            for folder in (path.parent, *path.parent.parents):
                if folder.is_relative_to(self.folder):
                    _sync(folder)
            return self._stored(path)

    def _remove_empty(self, folder: Path) -> None:
        """Remove a folder, and those around it in the lake, as far as they are empty."""
        # Another thread may have removed it before this one got the lock.
        while folder != self.folder and folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()
            folder = folder.parent

    def _path(self, name: str) -> Path:
        """The path of an object. Raises StorageError for a name that is not allowed."""
        check_name(name, name)
        if any(part.startswith(".") for part in name.split("/")):
            raise StorageError(f"{printable(name)}: parts of names must not begin with a dot")
        path = self.folder / name
        if not path.resolve().is_relative_to(self.folder):
            text = "leads out of the folder by a symbolic link"
            raise StorageError(f"{path}: {text}", HTTPStatus.FORBIDDEN)
        return path

    def _holds(self, name: str) -> bool:
        """Whether a file below the folder has a name that is allowed."""
        try:
            self._path(name)
        except StorageError:
            return False
        return True

    def _stored(self, path: Path) -> Stored:
        name, status = path.relative_to(self.folder).as_posix(), path.stat()
        updated = datetime.fromtimestamp(status.st_mtime, UTC)
        return Stored(name, status.st_size, updated, status.st_mtime_ns, lambda: file_crc32c(path))


def _sync(path: Path) -> None:
    """Have the system write a file, or the names in a folder, to the disk."""
    if path.is_dir() and os.name == "nt":
        return  # Windows opens no folders.
    descriptor = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _translate_errors(path: Path) -> Iterator[None]:
    """Turn an OSError into a StorageError: one line that names `path`."""
    try:
        yield
    except (FileNotFoundError, IsADirectoryError, NotADirectoryError) as error:
        raise missing(str(path)) from error
    except OSError as error:
        status = _STATUS.get(error.errno or 0, HTTPStatus.INTERNAL_SERVER_ERROR)
        raise StorageError(f"{path}: {error.strerror or error}", status) from error
