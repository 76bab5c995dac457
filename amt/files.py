"""Files and folders that are written whole or not at all, and files that only this process has."""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def whole(path: Path | str) -> Iterator[Path]:
    """A temporary path beside `path`; it takes its place when the block ends without an error.

    The temporary name keeps the suffix, since writers choose their format by it. After an error the
    temporary file is gone and whatever stood at `path` still stands.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    # Another thread or process may write the same path; a long name may fill what names may hold.
    temporary = path.with_name(f".{path.stem[:40]}.{uuid.uuid4().hex}.part{path.suffix}")
    try:
        yield temporary
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def whole_folder(path: Path | str) -> Iterator[Path]:
    """As `whole`, a folder: a new one beside `path`, that takes its place when the block ends.

    Raises FileExistsError where something is in `path` already, since folders that hold something
    cannot be replaced at once.
    """
    path = Path(path)
    if path.is_dir() and any(path.iterdir()):
        raise FileExistsError(errno.EEXIST, "expected a new or an empty folder", str(path))
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name[:40]}.{uuid.uuid4().hex}.part")
    temporary.mkdir()
    try:
        yield temporary
        temporary.replace(path)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


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
