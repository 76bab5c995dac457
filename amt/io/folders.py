"""The files below a folder: links are followed, each folder once; names compared as people do.

Not Path.rglob, which follows no links before Python 3.13, and then has no protection from loops.
"""

from __future__ import annotations

import os
import unicodedata
import warnings
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path

from amt.errors import FileWarning


def _warn(error: OSError) -> None:
    text = f"{error.filename}: left out, since it cannot be read: {error.strerror}"
    warnings.warn(FileWarning(text), stacklevel=2)


def files_below(folder: Path, unreadable: Callable[[OSError], object] = _warn) -> Iterator[Path]:
    """Everything below `folder` that is not a folder, also links to nothing; no hidden files.

    Links to folders are followed after the folders themselves, and no folder is read twice, so that
    loops end. Hidden: names that begin with a dot, also those of folders. unreadable: called with
    the error of each folder that cannot be read; by default it gives a FileWarning.
    """
    folders, links, seen = deque([Path(folder)]), deque[Path](), set[str]()
    while folders or links:
        here = folders.popleft() if folders else links.popleft()
        if (real := os.path.realpath(here)) in seen:
            continue
        seen.add(real)
        try:
            found = sorted(here.iterdir())
        except OSError as error:
            unreadable(error)
            continue
        for path in found:
            if path.name.startswith("."):
                continue
            # Path.is_dir would raise an error for some links.
            if os.path.isdir(path):  # noqa: PTH112
                (links if path.is_symlink() else folders).append(path)
            else:
                yield path


def same_name(text: str) -> str:
    """What is equal for names that people take for the same: case and the form of accents are lost.

    A Mac may write é as two characters (decomposed), where other systems write one (composed).
    """
    return unicodedata.normalize("NFC", text).casefold()


def user_path(text: str) -> Path:
    """A path as typed: ~ is the home folder. Raises ValueError if it is empty.

    An empty one, such as "$UNSET" in a shell, would be the current folder.
    """
    if not text.strip():
        raise ValueError("a path is empty; expected a file or folder")
    return Path(home_expanded(text))


def home_expanded(text: str) -> str:
    """A path with ~ or ~USER replaced by a home folder; unchanged where there is no such user."""
    # Path.expanduser would raise an error there.
    return os.path.expanduser(text)  # noqa: PTH111
