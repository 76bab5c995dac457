"""The data lake: objects with names, below gs://BUCKET/PREFIX or in a folder on the disk.

raw/                      recordings
prepared/SET/             data sets that `amt prepare` decoded (the files: amt/data/manifest.py)
models/NAME/VERSION/      checkpoints of a training run, and folders of `amt export`
predictions/PIECE/        results: MIDI, JSON, arrays
corrections/PAIR/         training pairs that users of the app saved: amt/feedback/pairs.py
feedback/PAIR.json        which of them are used: amt/feedback/decision.py
app/                      the state of the app: its recordings and their owners

Every write is whole or not at all, on the disk too if the power fails. Downloads from a bucket are
verified by their checksums. What fails for a time is repeated by Google's library.
"""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from amt.cloud.bucket_lake import BucketLake
from amt.cloud.folder_lake import FolderLake
from amt.cloud.objects import StorageError, Stored, is_bucket_uri

__all__ = ["Lake", "StorageError", "Stored", "open_lake"]


class Lake(Protocol):
    """Objects by name, such as predictions/PIECE/PIECE.mid.

    All methods raise StorageError, in one line: for a name that is not allowed (see `split_uri`),
    for no rights, credentials, bucket, network or space.
    """

    uri: str

    def read(self, name: str, max_bytes: int | None = None) -> bytes:
        """The content. Raises StorageError: 404, no such object; 413, larger than `max_bytes`."""

    def write(self, name: str, data: bytes, if_generation: int | None = None) -> Stored:
        """Write an object, or replace it.

        if_generation: only if this is the generation of the present object; 0: only if there is
        none. Otherwise raises StorageError with status 412.
        """

    def stat(self, name: str) -> Stored | None:
        """The properties of an object, or None if there is none of this name."""

    def list(self, prefix: str = "") -> list[Stored]:
        """All objects whose names begin with `prefix`, sorted by name.

        Objects that others wrote under names that are not allowed are left out.
        """

    def delete(self, name: str) -> None:
        """Delete an object; there may be none."""

    def download(self, name: str, path: Path | str) -> Path:
        """Write an object of any size into a file, whole or not at all."""

    def upload(self, path: Path | str, name: str) -> Stored:
        """Write a file of any size as an object, or replace it."""

    def object_uri(self, name: str) -> str:
        """gs://BUCKET/PREFIX/NAME, or the path of the file."""


def open_lake(place: str | Path) -> Lake:
    """The lake at gs://BUCKET, gs://BUCKET/PREFIX or in a folder, which may not exist yet.

    Makes no request. Raises StorageError for a malformed URI.
    """
    if is_bucket_uri(place):
        return BucketLake(str(place))
    if "://" in str(place):
        raise StorageError(f"{place}: expected gs://BUCKET/PREFIX or a folder")
    return FolderLake(place)
