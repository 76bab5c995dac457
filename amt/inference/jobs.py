"""Which files a command reads, and where the results of each go."""

from __future__ import annotations

import glob
import os
import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath

from amt.errors import FileWarning
from amt.inference.listing import SUFFIX as LISTING_SUFFIX
from amt.inference.listing import read_listing
from amt.inference.remote import remote_files, skipped_line
from amt.io.audio import AUDIO_SUFFIXES
from amt.io.folders import files_below, same_name

# File names are limited to 255 bytes; a number and a suffix are added to these.
_MAX_NAME_BYTES = 240


@dataclass(frozen=True)
class Job:
    """A file to read, and the path of its results without a suffix; or their gs:// URIs."""

    source: Path | str
    target: Path | str


def plan_jobs(
    inputs: Sequence[Path | str],
    output: Path | str,
    suffixes: Sequence[str] = AUDIO_SUFFIXES,
) -> list[Job]:
    """A job for each file of `inputs`; no two write to the same path below `output`.

    A text is a gs:// URI. The results of a second file of the same name are called NAME_2, of a
    third NAME_3. Long names are cut.
    """
    taken: dict[str, int] = {}
    return [
        Job(source, _below(output, _free_name(relative.with_name(_cut(relative.stem)), taken)))
        for source, relative in find_files(inputs, suffixes, output)
    ]


def _free_name(target: PurePath, taken: dict[str, int]) -> PurePath:
    """`target`, or the first of NAME_2, NAME_3 ... that is not `taken`, which then holds it.

    taken: by name the last number given to it, so that thousands of files of one name take no
    longer than others.
    """
    free, number = target, taken.get(same_name(str(target)), 0)
    while same_name(str(free)) in taken:
        number += 1
        free = target.with_name(f"{target.name}_{number}")
    taken[same_name(str(target))] = max(number, 1)
    taken.setdefault(same_name(str(free)), 1)
    return free


def _below(folder: Path | str, path: PurePath) -> Path | str:
    return folder / path if isinstance(folder, Path) else f"{folder.rstrip('/')}/{path.as_posix()}"


def find_files(
    inputs: Sequence[Path | str],
    suffixes: Sequence[str] = AUDIO_SUFFIXES,
    without: Path | str | None = None,
) -> Iterator[tuple[Path | str, PurePath]]:
    """Each file of `inputs` once, and its path relative to the folder that was given (or its name).

    Files are taken whatever their suffix, but a .txt file is a listing of others (`read_listing`);
    folders are searched for `suffixes`, except the folder `without` in them, and a FileWarning says
    what was skipped. Patterns such as *.mp3 are expanded.
    A folder without such files, or one that cannot be read, is returned itself, so that reading it
    fails and is reported. Raises StorageError for a gs:// URI below which nothing is found.
    """
    seen: set[str] = set()
    for given in inputs:
        for source, relative in _files(given, suffixes, without):
            real = source if isinstance(source, str) else os.path.realpath(source)
            if real not in seen:
                seen.add(real)
                yield source, relative


def _files(
    pattern: Path | str, suffixes: Sequence[str], without: Path | str | None
) -> Iterator[tuple[Path | str, PurePath]]:
    """The files of one of the inputs, with their relative paths."""
    if is_listing(pattern, suffixes):
        yield from read_listing(pattern)
        return
    if isinstance(pattern, str):
        yield from remote_files(pattern, suffixes, without if isinstance(without, str) else None)
        return
    without = without if isinstance(without, Path) else None
    for given in _expanded(pattern):
        found = _files_in(given, suffixes, without) if given.is_dir() else [given]
        for path in found or [given]:
            # The current folder has no name.
            yield path, path.relative_to(given) if path != given else Path(path.name or "files")


def is_listing(given: Path | str, suffixes: Sequence[str]) -> bool:
    """Whether an input names other files: a .txt file, or its URI, where texts are not read."""
    name = PurePath(given).name.lower()
    is_text = name.endswith(LISTING_SUFFIX) and LISTING_SUFFIX not in suffixes
    return is_text and (isinstance(given, str) or given.is_file())


def _expanded(pattern: Path) -> list[Path]:
    """What a pattern names; shells of Windows leave them to the program. Else the path itself."""
    if os.path.lexists(pattern):
        return [pattern]
    found = glob.glob(str(pattern), recursive=True)  # noqa: PTH207 (Path.glob takes no whole paths)
    return sorted(map(Path, found)) or [pattern]


def _files_in(folder: Path, suffixes: Sequence[str], without: Path | None) -> list[Path]:
    """Files with one of `suffixes` below `folder`, and folders that cannot be read, sorted."""
    found: list[Path] = []
    skipped: Counter[str] = Counter()
    for path in files_below(folder, lambda error: found.append(Path(error.filename))):
        if without and without != folder and _is_inside(path, without, folder):
            continue
        suffix = path.suffix.lower()
        if suffix in suffixes:
            found.append(path)
        else:
            skipped[suffix or "no suffix"] += 1
    if skipped:
        warnings.warn(FileWarning(skipped_line(folder, skipped)), stacklevel=2)
    return sorted(found)


def _is_inside(path: Path, without: Path, folder: Path) -> bool:
    """Whether `path` is in `without`, which is itself in `folder`."""
    excluded, parent, root = map(os.path.realpath, (without, path.parent, folder))
    inside = Path(excluded) != Path(root) and Path(excluded).is_relative_to(root)
    return inside and Path(parent).is_relative_to(excluded)


def _cut(name: str) -> str:
    """A file name of at most `_MAX_NAME_BYTES`; shorter ones are unchanged."""
    encoded = name.encode(errors="surrogateescape")
    if len(encoded) <= _MAX_NAME_BYTES:
        return name
    return encoded[:_MAX_NAME_BYTES].decode(errors="ignore")
