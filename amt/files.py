"""Files and folders that are written whole or not at all."""

from __future__ import annotations

import errno
import shutil
import uuid
from collections.abc import Collection, Iterator
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
    temporary = _beside(path)
    try:
        yield temporary
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def whole_folder(path: Path, names: Collection[str]) -> Iterator[Path]:
    """A temporary folder beside `path` for files called `names`; at the end it takes its place.

    An older folder with no other files is replaced, and still stands after an error. Raises
    FileExistsError where there is anything else, which would be lost.
    """
    path = path.resolve()
    if path.exists() and not (path.is_dir() and {p.name for p in path.iterdir()} <= set(names)):
        raise FileExistsError(
            errno.EEXIST, f"holds more than {', '.join(names)}; name a new folder", str(path)
        )
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
