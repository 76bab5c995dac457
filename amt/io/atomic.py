"""Files and folders that are written whole or not at all, and files that only this process has."""

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
    """A temporary path beside `path`; it takes its place when the block ends without an error.

    The temporary name keeps the suffix, since writers choose their format by it. After an error the
    temporary file is gone and whatever stood at `path` still stands.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = _beside(path)
    try:
        yield temporary
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def atomic_write_folder(path: Path | str, names: Collection[str] = ()) -> Iterator[Path]:
    """A temporary folder beside `path`; it takes its place when the block ends without an error.

    An older folder is replaced if it is empty or holds only files called `names`, and still stands
    after an error. Raises FileExistsError where there is anything else, which would be lost.
    """
    path = Path(path).resolve()
    if path.exists() and not (path.is_dir() and {p.name for p in path.iterdir()} <= set(names)):
        found = f"holds more than {', '.join(names)}" if names else "is there already"
        advice = "expected a new or an empty folder"
        raise FileExistsError(errno.EEXIST, f"{found}; {advice}", str(path))
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary, old = _beside(path), _beside(path)
    temporary.mkdir()
    try:
        yield temporary
        if path.exists():
            path.rename(old)
        temporary.rename(path)
    finally:
        if old.exists() and not path.exists():
            old.rename(path)
        for folder in (temporary, old):
            shutil.rmtree(folder, ignore_errors=True)


def _beside(path: Path) -> Path:
    """Another thread or process may write the same path; a long name may fill what names may."""
    return path.with_name(f".{path.stem[:40]}.{uuid.uuid4().hex}.part{path.suffix}")


@contextmanager
def as_file(data: bytes) -> Iterator[Path]:
    """A path at which this process and its children can read `data` while the block lasts.

    On Linux it lies in memory and is gone with the process, however that ends; elsewhere it is a
    temporary file.
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
