"""Atomic writing of files and folders, and temporary files for data in memory.

Written here since `atomicwrites` is no longer maintained and knows no folders.
"""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
import uuid
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def atomic_write(path: Path | str) -> Iterator[Path]:
    """A temporary path beside `path` that is renamed to `path` when the block ends without error.

    The temporary name keeps the suffix, since writers choose the format by it. After an error the
    temporary file is removed and `path` is unchanged; an OSError names `path`.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = _temporary_path(path)
    try:
        yield temporary
        temporary.replace(path)
    except OSError as error:
        _name_target(error, temporary, path)
        raise
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def atomic_write_folder(path: Path | str, names: Collection[str] = ()) -> Iterator[Path]:
    """A temporary folder beside `path` that is renamed to `path` when the block ends without error.

    An older folder is replaced if it is empty or holds only files called `names`; after an error it
    is unchanged. Raises FileExistsError if it holds anything else, which would be lost.
    """
    path = Path(path).resolve()
    if path.exists() and not (path.is_dir() and {p.name for p in path.iterdir()} <= set(names)):
        found = f"holds more than {', '.join(names)}" if names else "exists already"
        advice = "expected a new or an empty folder"
        raise FileExistsError(errno.EEXIST, f"{found}; {advice}", str(path))
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary, old = _temporary_path(path), _temporary_path(path)
    try:
        temporary.mkdir()
        yield temporary
        if path.exists():
            path.rename(old)
        temporary.rename(path)
    except OSError as error:
        _name_target(error, temporary, path)
        raise
    finally:
        if old.exists() and not path.exists():
            old.rename(path)
        for folder in (temporary, old):
            shutil.rmtree(folder, ignore_errors=True)


def _name_target(error: OSError, temporary: Path, path: Path) -> None:
    """Let an error name `path`, if it names no file, or the temporary one."""
    if error.filename is None or str(error.filename) == str(temporary):
        error.filename = str(path)


def _temporary_path(path: Path) -> Path:
    """A unique path in the same folder, since other threads or processes may write `path` too.

    The stem is cut, since file names are limited to 255 bytes.
    """
    return path.with_name(f".{path.stem[:40]}.{uuid.uuid4().hex}.part{path.suffix}")


@contextmanager
def as_file(data: bytes) -> Iterator[Path]:
    """A path where this process and its children can read `data` while the block lasts.

    On Linux the file is in memory and disappears with the process even if that is killed; elsewhere
    it is a temporary file.
    """
    if hasattr(os, "memfd_create"):
        with os.fdopen(os.memfd_create("amt"), "wb") as file:
            file.write(data)
            file.flush()
            yield Path(f"/proc/{os.getpid()}/fd/{file.fileno()}")
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "data"
        path.write_bytes(data)
        yield path
