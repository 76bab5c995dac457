"""The large files of a run in the lake, and their copies on this machine.

A copy counts if its checksum is right: a run goes on wherever its next step runs.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from amt.cloud.lake import Lake
from amt.cloud.registry import WEIGHTS_FILE, Registry
from amt.cloud.transfer import file_crc32c
from amt.inference.pretrained import checksum
from amt.retraining.runs import Run, RunError

PAIRS = "pairs"


def upload_pairs(run: Run, folder: Path) -> dict[str, str]:
    """Copy the folder of the corrections into the run; the CRC32C of each file by its name."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    sums = {}
    for path in paths:
        name = path.relative_to(folder).as_posix()
        run.lake.upload(path, run.name(f"{PAIRS}/{name}"))
        sums[name] = file_crc32c(path)
    return sums


def fetch_pairs(run: Run, sums: Mapping[str, str], folder: Path) -> Path:
    """The folder of the corrections on this machine. Raises RunError, StorageError."""
    for name, crc32c in sums.items():
        path = folder / name
        if not (path.is_file() and file_crc32c(path) == crc32c):
            run.lake.download(run.name(f"{PAIRS}/{name}"), path)
            if file_crc32c(path) != crc32c:
                raise RunError(f"{path}: was changed since the run {run.id} began")
    return folder


def remove_pairs(run: Run) -> None:
    """Delete the copies of the corrections in a run: users may delete what they uploaded."""
    for stored in run.lake.list(run.name(f"{PAIRS}/")):
        run.lake.delete(stored.name)


def fetch_weights(lake: Lake, name: str, sha256: str, path: Path) -> Path:
    """A weight file of the lake on this machine. Raises RunError, StorageError."""
    if not (path.is_file() and checksum(path) == sha256):
        lake.download(name, path)
        if checksum(path) != sha256:
            raise RunError(f"{lake.object_uri(name)}: differs from its checksum")
    return path


def fetch_version(registry: Registry, version: int, folder: Path) -> Path:
    """The weights of a registered version on this machine."""
    sha256 = registry.read(version)["sha256"][WEIGHTS_FILE]
    path = folder / f"{registry.name}-{version}.safetensors"
    return fetch_weights(registry.lake, registry.path(version, WEIGHTS_FILE), sha256, path)


def remove_copies(folders: Sequence[Path]) -> None:
    """Remove what a run left on this machine."""
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)
