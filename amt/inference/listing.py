"""Listings: text files that name the recordings of an archive, one path or gs:// URI a line."""

from __future__ import annotations

import os
import posixpath
from collections.abc import Iterator
from pathlib import Path, PurePath

from amt.cloud.objects import SCHEME, is_bucket_uri
from amt.inference.remote import object_at
from amt.io.folders import home_expanded

SUFFIX = ".txt"


def read_listing(place: Path | str) -> Iterator[tuple[Path | str, PurePath]]:
    """The files that a listing names, and the path of each below the folder that all share.

    Each line is a file; relative ones are relative to the current folder. Blank lines are left out.
    The listing is read twice, and never kept in memory. Raises ValueError for an empty one,
    StorageError.
    """
    roots: dict[bool, str] = {}
    for line in _lines(place):
        folder = posixpath.dirname(_whole(line))
        root = roots.setdefault(is_bucket_uri(line), folder)
        roots[is_bucket_uri(line)] = os.path.commonpath([root, folder])
    if not roots:
        raise ValueError(f"{place}: names no files; expected a path or gs:// URI on each line")
    for line in _lines(place):
        relative = PurePath(os.path.relpath(_whole(line), roots[is_bucket_uri(line)]))
        yield (line if is_bucket_uri(line) else Path(home_expanded(line))), relative


def _lines(place: Path | str) -> Iterator[str]:
    if isinstance(place, str):
        lake, name = object_at(place)
        lines = iter(lake.read(name).decode("utf-8", "surrogateescape").splitlines())
        yield from (line.strip() for line in lines if line.strip())
        return
    # utf-8-sig: editors of Windows write a mark at the beginning.
    with place.open(encoding="utf-8-sig", errors="surrogateescape") as file:
        yield from (line.strip() for line in file if line.strip())


def _whole(line: str) -> str:
    """An absolute path for a line, without `..`; for a URI that of its object in all of storage."""
    if is_bucket_uri(line):
        return posixpath.normpath("/" + line.removeprefix(SCHEME))
    return Path(os.path.abspath(home_expanded(line))).as_posix()  # noqa: PTH100 (keeps links)
