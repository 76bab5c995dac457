"""Recordings, checkpoints and results in Cloud Storage, for functions that take paths."""

from __future__ import annotations

import atexit
import shutil
import tempfile
import warnings
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from amt.cloud.lake import Lake, StorageError, open_lake
from amt.cloud.objects import split_place
from amt.cloud.storage import download_folder, upload_folder
from amt.errors import FileWarning
from amt.models.checkpoint import DESCRIPTION

# A file with one of these suffixes; other names are those of folders that `amt export` wrote.
_CHECKPOINT_SUFFIXES = (".ckpt", ".safetensors")
_MAX_KINDS = 8


class OutputError(ValueError):
    """A result that cannot be written, as no other could be; the message is one line."""


def fetch_model(uri: str) -> Path:
    """A checkpoint, or an exported folder, in a temporary folder that this process removes.

    Raises StorageError.
    """
    folder = Path(tempfile.mkdtemp(prefix="amt-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    target = folder / PurePosixPath(uri).name
    if target.suffix not in _CHECKPOINT_SUFFIXES:
        return download_folder(uri, target)
    lake, name = object_at(uri)
    return lake.download(name, target)


def object_at(uri: str) -> tuple[Lake, str]:
    """The folder of gs://BUCKET/FOLDER/NAME, as a lake, and the name. Raises StorageError."""
    folder, _, name = uri.rstrip("/").rpartition("/")
    split_place(uri)
    return open_lake(folder), name


def remote_files(
    uri: str, suffixes: Sequence[str], without: str | None = None
) -> Iterator[tuple[str, PurePosixPath]]:
    """The URIs of an object, or of all objects below a folder that have one of `suffixes`.

    Each with its name in the folder. Objects below the URI `without` are left out; a FileWarning
    says what else was skipped. Raises StorageError, also where there is none.
    """
    if split_place(uri)[1] and not uri.endswith("/"):
        lake, name = object_at(uri)
        if lake.stat(name) is not None:
            yield uri, PurePosixPath(name)
            return
    folder = open_lake(uri)
    names = [stored.name for stored in folder.list() if not _is_hidden(stored.name)]
    if without and without.rstrip("/") != folder.uri:
        below = f"{without.rstrip('/')}/"
        names = [name for name in names if not folder.object_uri(name).startswith(below)]
    taken = [name for name in names if PurePosixPath(name).suffix.lower() in suffixes]
    skipped = Counter(
        PurePosixPath(name).suffix.lower() or "no suffix" for name in names if name not in taken
    )
    if not taken:
        raise StorageError(f"{uri}: no such object, and no recordings below it", 404)
    if skipped:
        warnings.warn(FileWarning(skipped_line(uri, skipped)), stacklevel=2)
    yield from ((folder.object_uri(name), PurePosixPath(name)) for name in taken)


@contextmanager
def local_model_folder(output: Path | str) -> Iterator[Path]:
    """A folder for an exported model: `output` itself, or a temporary one that is uploaded to it.

    Its description is uploaded last, so that nobody uses an unfinished one. Raises StorageError.
    """
    if isinstance(output, Path):
        yield output
        return
    with tempfile.TemporaryDirectory(prefix="amt-") as folder:
        path = Path(folder, "model")
        yield path
        upload_folder(path, output, last=(DESCRIPTION,))


@contextmanager
def local_files(source: Path | str, target: Path | str) -> Iterator[tuple[Path, Path]]:
    """Paths for a function that reads `source` and writes files whose names begin with `target`.

    Each may be in Cloud Storage: then it is a file in a temporary folder. What the function wrote
    is uploaded when the block ends without error. Raises StorageError, OutputError.
    """
    with tempfile.TemporaryDirectory(prefix="amt-") as folder:
        path = Path(source)
        if isinstance(source, str):
            lake, name = object_at(source)
            path = lake.download(name, Path(folder, "source", name))
        results = Path(folder, "results")
        try:
            yield path, results / PurePosixPath(target).name if isinstance(target, str) else target
        except ValueError as error:
            # Messages name the file; the user does not know the temporary one.
            raise ValueError(str(error).replace(str(path), str(source))) from error
        if isinstance(target, str):
            _upload(results, object_at(target)[0])


def _upload(results: Path, lake: Lake) -> None:
    for path in sorted(results.iterdir()):
        try:
            lake.upload(path, path.name)
        except StorageError as error:
            raise OutputError(f"{error}; choose another folder with --output") from error


def _is_hidden(name: str) -> bool:
    return any(part.startswith(".") for part in name.split("/"))


def skipped_line(folder: Path | str, skipped: Mapping[str, int]) -> str:
    """Which files of a folder were not read, by suffix, and what to type for one of them."""
    kinds = ", ".join(f"{count} {kind}" for kind, count in Counter(skipped).most_common(_MAX_KINDS))
    more = ", ..." if len(skipped) > _MAX_KINDS else ""
    total = sum(skipped.values())
    files = "1 file" if total == 1 else f"{total} files"
    return (
        f"{folder}: {files} skipped, not of a kind that is read ({kinds}{more}); to try one, "
        "give its own path"
    )
