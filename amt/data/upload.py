"""Copy a prepared set to Cloud Storage, and verify it there."""

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tqdm import tqdm

from amt.cloud.lake import open_lake
from amt.cloud.storage import FILES_AT_A_TIME
from amt.cloud.transfer import file_crc32c
from amt.data.manifest import (
    MANIFEST,
    Entry,
    audio_file,
    checked_entries,
    notes_file,
    read_manifest,
)


def upload_set(folder: Path, place: str) -> int:
    """Copy the files of the set in `folder` to `place`; returns how many were new or different.

    The manifest is copied last: a set without it is unfinished and is not read. If it failed, the
    next time copies what is missing. Raises CacheError, StorageError.
    """
    lake = open_lake(place)
    present = {stored.name: stored for stored in lake.list()}
    entries = read_manifest(folder)
    names = [part(entry)[0] for entry in entries for part in (audio_file, notes_file)]

    def copy(name: str) -> bool:
        found, path = present.get(name), folder / name
        if found and found.size == path.stat().st_size and found.crc32c == file_crc32c(path):
            return False
        lake.upload(path, name)
        return True

    with ThreadPoolExecutor(FILES_AT_A_TIME) as threads:
        copied = 0
        with tqdm(desc="copy", total=len(names), unit="file", leave=False, disable=None) as bar:
            for new in threads.map(copy, names):
                copied += new
                bar.update()
    lake.upload(folder / MANIFEST, MANIFEST)
    return copied


def read_uploaded_manifest(place: str) -> list[Entry]:
    """The entries of a set on Cloud Storage. Raises StorageError, CacheError."""
    return checked_entries(open_lake(place).read(MANIFEST).decode(errors="replace"), place)


def verify_uploaded(place: str) -> list[str]:
    """Compare all files of a set with their checksums; a line per missing or different file."""
    lake = open_lake(place)

    def error(file: tuple[str, str]) -> str | None:
        name, sha256 = file
        if lake.stat(name) is None:
            return f"{lake.object_uri(name)} is missing"
        if hashlib.sha256(lake.read(name)).hexdigest() != sha256:
            return f"{lake.object_uri(name)} differs from its checksum"
        return None

    entries = read_uploaded_manifest(place)
    files = [part(entry) for entry in entries for part in (audio_file, notes_file)]
    with ThreadPoolExecutor(FILES_AT_A_TIME) as threads:
        return [found for found in threads.map(error, files) if found]
