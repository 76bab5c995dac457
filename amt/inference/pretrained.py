"""The pretrained models that are part of the package: names, files, licences, checksums."""

from __future__ import annotations

import hashlib
from pathlib import Path

from amt.cloud.objects import is_bucket_uri
from amt.inference.remote import fetch_model
from amt.io.atomic import atomic_write
from amt.io.folders import user_path
from amt.models.checkpoint import WEIGHTS_SUFFIX, CheckpointError, read_settings

WEIGHTS = Path(__file__).parents[1] / "weights"
DEFAULT = "base"
CHECKSUMS = "SHA256SUMS"


def pretrained_names() -> list[str]:
    """Names of the pretrained models, in alphabetical order."""
    return sorted(path.stem for path in WEIGHTS.glob(f"*{WEIGHTS_SUFFIX}"))


def pretrained_checkpoint(name: str = DEFAULT) -> Path:
    """The file of the pretrained model `name`.

    Raises CheckpointError if there is no such model or the file differs from its checksum.
    """
    names = pretrained_names()
    if not names:
        raise CheckpointError(
            "this version contains no pretrained models; train one with "
            "`python train.py model=lstm` and pass it as --ckpt PATH"
        )
    if name not in names:
        known = ", ".join(names)
        raise CheckpointError(f"no pretrained model is called {name!r}; use one of {known}")
    path = WEIGHTS / f"{name}{WEIGHTS_SUFFIX}"
    verify_bundled(path)
    return path


def verify_bundled(path: Path) -> None:
    """Raise CheckpointError if a file differs from its checksum in the SHA256SUMS beside it."""
    if read_checksums(path.parent).get(path.name) != checksum(path):
        advice = "it was damaged or changed; install amt again"
        raise CheckpointError(f"{path}: differs from its checksum in {CHECKSUMS}; {advice}")


def find_checkpoint(given: str) -> Path:
    """The path `given`, ~ expanded; or, where nothing is there, the pretrained model of that name.

    A gs:// URI is downloaded into a temporary folder. Raises CheckpointError if it has the form of
    a name and there is no such model, ValueError if it is empty, StorageError.
    """
    if is_bucket_uri(given):
        return fetch_model(given)
    path = user_path(given)
    if path.exists() or path.suffix or len(path.parts) > 1:
        return path
    try:
        return pretrained_checkpoint(given)
    except CheckpointError as error:
        raise CheckpointError(f"{path}: no such checkpoint, and {error}") from error


def pretrained_licence(name: str) -> str:
    """Training data and permitted use of the pretrained model `name`. Raises CheckpointError."""
    return str(read_settings(WEIGHTS / f"{name}{WEIGHTS_SUFFIX}").get("licence", "?"))


def checksum(path: Path) -> str:
    """The SHA-256 of a file, in hexadecimal."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def read_checksums(folder: Path) -> dict[str, str]:
    """Checksums by file name from the SHA256SUMS of a folder (the format of `sha256sum`).

    Empty if there is no such file.
    """
    path = folder / CHECKSUMS
    lines = path.read_text("utf-8").splitlines() if path.is_file() else []
    return {name: digest for digest, name in (line.split(maxsplit=1) for line in lines)}


def record_checksum(path: Path) -> None:
    """Write the checksum of a file into the SHA256SUMS beside it; an older one is replaced."""
    sums = {**read_checksums(path.parent), path.name: checksum(path)}
    with atomic_write(path.with_name(CHECKSUMS)) as temporary:
        lines = [f"{digest}  {name}\n" for name, digest in sorted(sums.items())]
        temporary.write_text("".join(lines), "utf-8")
