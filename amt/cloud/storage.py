"""Single objects and whole folders, from and to Cloud Storage."""

from __future__ import annotations

import time
from collections.abc import Collection
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING

from amt.cloud.bucket_lake import BucketLake
from amt.cloud.gcs import CREDENTIALS_ADVICE, client, translate_errors
from amt.cloud.objects import (
    ALLOWED_URIS_VARIABLE,
    AllowedPrefixes,
    StorageError,
    check_name,
    split_uri,
)
from amt.cloud.transfer import download_blob, newest, read_blob
from amt.io.atomic import atomic_write_folder

if TYPE_CHECKING:
    from google.cloud.storage import Blob

__all__ = [
    "ALLOWED_URIS_VARIABLE",
    "CREDENTIALS_ADVICE",
    "AllowedPrefixes",
    "StorageError",
    "download_folder",
    "read_object",
    "split_uri",
    "upload_folder",
]

# Files of a folder that are transferred at the same time.
FILES_AT_A_TIME = 8


def read_object(uri: str, max_bytes: int, timeout: float) -> bytes:
    """The content of an object of at most `max_bytes`; `timeout` seconds include all retries.

    The size is checked before the download and again while bytes arrive (after decompression, if
    the object is stored with gzip encoding). The checksum is verified. Raises StorageError.
    """
    bucket, name = split_uri(uri)
    end = time.monotonic() + timeout
    with translate_errors(uri, timeout):
        place = client().bucket(bucket)
        return newest(place, name, lambda blob: read_blob(blob, uri, max_bytes, end), end)


def download_folder(uri: str, folder: Path | str) -> Path:
    """Download all objects below `uri` into `folder`, which is created completely or not at all.

    Raises StorageError, also if there are no objects below `uri`; FileExistsError if `folder` is
    not empty.
    """
    lake = _below(uri)
    blobs = {lake.relative(blob): blob for blob in lake.blobs()}
    for name, blob in blobs.items():
        check_name(name, f"gs://{lake.bucket}/{blob.name}")
    if not blobs:
        raise StorageError(f"{uri}: there are no objects below it", HTTPStatus.NOT_FOUND)
    with (
        translate_errors(uri),
        atomic_write_folder(folder) as temporary,
        ThreadPoolExecutor(FILES_AT_A_TIME) as threads,
    ):
        paths = [temporary / name for name in blobs]
        for _ in threads.map(_download_listed, blobs.values(), paths):
            pass
    return Path(folder)


def _download_listed(blob: Blob, path: Path) -> Path:
    """Download an object of a list, or what replaced it since."""
    from google.api_core.exceptions import NotFound

    try:
        return download_blob(blob, path)
    except NotFound:
        return newest(blob.bucket, blob.name, lambda present: download_blob(present, path))


def upload_folder(folder: Path | str, uri: str, last: Collection[str] = ()) -> list[str]:
    """Upload all files of `folder` below `uri`; returns their gs:// URIs.

    last: names of files without which nobody uses the others; they are uploaded after them. If the
    upload fails, the objects that are new are deleted. Raises StorageError.
    """
    folder, lake = Path(folder), _below(uri)
    names = sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())
    if not names:
        raise StorageError(f"{folder}: expected a folder with files in it")
    new = set(names) - {stored.name for stored in lake.list()}
    try:
        with ThreadPoolExecutor(FILES_AT_A_TIME) as threads:
            for group in (set(names) - set(last), set(names) & set(last)):
                for _ in threads.map(lambda name: lake.upload(folder / name, name), sorted(group)):
                    pass
    except BaseException:
        for name in new:
            with suppress(StorageError):
                lake.delete(name)
        raise
    return [lake.object_uri(name) for name in names]


def _below(uri: str) -> BucketLake:
    """The lake of a folder in a bucket. Raises StorageError for a whole bucket."""
    split_uri(uri.removesuffix("/"))
    return BucketLake(uri)
