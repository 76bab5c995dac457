"""The models that come with the package: which there are, and that they are as they were made."""

from __future__ import annotations

import hashlib
from pathlib import Path

from amt.io.atomic import atomic_write
from amt.models.checkpoint import WEIGHTS_SUFFIX, CheckpointError, read_settings

WEIGHTS = Path(__file__).parents[1] / "weights"
DEFAULT = "base"
CHECKSUMS = "SHA256SUMS"


def pretrained_names() -> list[str]:
    """Names of the models that come along, in alphabetical order."""
    return sorted(path.stem for path in WEIGHTS.glob(f"*{WEIGHTS_SUFFIX}"))


def pretrained_checkpoint(name: str = DEFAULT) -> Path:
    """The file of the model called `name`.

    Raises CheckpointError where there is none, or it differs from its checksum.
    """
    names = pretrained_names()
    if not names:
        raise CheckpointError(
            "no trained weights come with this version; train some with "
            "`python train.py model=lstm` and pass them as --ckpt PATH"
        )
    if name not in names:
        known = ", ".join(names)
        raise CheckpointError(
            f"no model called {name!r} comes with this version; use one of {known}"
        )
    path = WEIGHTS / f"{name}{WEIGHTS_SUFFIX}"
    if read_checksums(WEIGHTS).get(path.name) != checksum(path):
        advice = "it was damaged or changed; install amt again"
        raise CheckpointError(f"{path}: differs from its checksum in {CHECKSUMS}; {advice}")
    return path


def pretrained_licence(name: str) -> str:
    """What the model was trained on and what for it may be used. Raises CheckpointError."""
    return str(read_settings(WEIGHTS / f"{name}{WEIGHTS_SUFFIX}").get("licence", "?"))


def checksum(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def read_checksums(folder: Path) -> dict[str, str]:
    """Checksums by file name, of a folder whose SHA256SUMS `sha256sum` wrote; none without it."""
    path = folder / CHECKSUMS
    lines = path.read_text("utf-8").splitlines() if path.is_file() else []
    return {name: found for found, name in (line.split(maxsplit=1) for line in lines)}


def record_checksum(path: Path) -> None:
    """Note the checksum of a file in SHA256SUMS beside it, in place of an older one."""
    sums = {**read_checksums(path.parent), path.name: checksum(path)}
    with atomic_write(path.with_name(CHECKSUMS)) as temporary:
        lines = [f"{found}  {name}\n" for name, found in sorted(sums.items())]
        temporary.write_text("".join(lines), "utf-8")
