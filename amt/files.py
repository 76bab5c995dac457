"""Files and folders that are written whole or not at all."""

from __future__ import annotations

import errno
import shutil
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
