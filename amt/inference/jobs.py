"""Which files a command reads, and where the results of each go."""

from __future__ import annotations

import glob
import os
import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from amt.errors import FileWarning
from amt.io.audio import AUDIO_SUFFIXES
from amt.io.folders import files_below, same_name

# File names are limited to 255 bytes; a number and a suffix are added to these.
_MAX_NAME_BYTES = 240
_MAX_KINDS = 8


@dataclass(frozen=True)
class Job:
    """A file to read, and the path of its results without a suffix."""

    source: Path
    target: Path


def plan_jobs(
    inputs: Sequence[Path], output: Path, suffixes: Sequence[str] = AUDIO_SUFFIXES
) -> list[Job]:
    """A job for each file of `inputs`; no two write to the same path below `output`.

    The results of a second file of the same name are called NAME_2, of a third NAME_3. Long names
    are cut.
    """
    taken: set[str] = set()
    jobs = []
    for source, relative in find_files(inputs, suffixes, output):
        target = output / relative.with_name(_cut(relative.stem))
        stem, number = target.name, 1
        while same_name(str(target)) in taken:
            number += 1
            target = target.with_name(f"{stem}_{number}")
        taken.add(same_name(str(target)))
        jobs.append(Job(source, target))
    return jobs


def find_files(
    inputs: Sequence[Path],
    suffixes: Sequence[str] = AUDIO_SUFFIXES,
    without: Path | None = None,
) -> Iterator[tuple[Path, Path]]:
    """Each file of `inputs` once, and its path relative to the folder that was given (or its name).

    Files are taken whatever their suffix; folders are searched for `suffixes`, except the folder
    `without` in them, and a FileWarning says what was skipped. Patterns such as *.mp3 are expanded.
    A folder without such files, or one that cannot be read, is returned itself, so that reading it
    fails and is reported.
    """
    seen: set[str] = set()
    for given in [path for pattern in inputs for path in _expanded(pattern)]:
        found = _files_in(given, suffixes, without) if given.is_dir() else [given]
        for path in found or [given]:
            if (real := os.path.realpath(path)) in seen:
                continue
            seen.add(real)
            # The current folder has no name.
            yield path, path.relative_to(given) if path != given else Path(path.name or "files")


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
        warnings.warn(FileWarning(_skipped_line(folder, skipped)), stacklevel=2)
    return sorted(found)


def _is_inside(path: Path, without: Path, folder: Path) -> bool:
    """Whether `path` is in `without`, which is itself in `folder`."""
    excluded, parent, root = map(os.path.realpath, (without, path.parent, folder))
    inside = Path(excluded) != Path(root) and Path(excluded).is_relative_to(root)
    return inside and Path(parent).is_relative_to(excluded)


def _skipped_line(folder: Path, skipped: Counter[str]) -> str:
    kinds = ", ".join(f"{count} {kind}" for kind, count in skipped.most_common(_MAX_KINDS))
    more = ", ..." if len(skipped) > _MAX_KINDS else ""
    files = "1 file" if skipped.total() == 1 else f"{skipped.total()} files"
    return (
        f"{folder}: {files} skipped, not of a kind that is read ({kinds}{more}); to try one, "
        "give its own path"
    )


def _cut(name: str) -> str:
    """A file name of at most `_MAX_NAME_BYTES`; shorter ones are unchanged."""
    encoded = name.encode(errors="surrogateescape")
    if len(encoded) <= _MAX_NAME_BYTES:
        return name
    return encoded[:_MAX_NAME_BYTES].decode(errors="ignore")
