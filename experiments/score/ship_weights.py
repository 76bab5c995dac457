"""Put trained weights into the package: in 16 bits, with their checksum."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from amt.inference.pretrained import checksum, record_checksum
from amt.models.checkpoint import WEIGHTS_SUFFIX, write_weights


def ship(
    folder: Path, name: str, checkpoint: dict[str, Any], licence: str, max_bytes: float
) -> None:
    """Write folder/NAME.safetensors and its checksum; SystemExit and no file if it is too large.

    checkpoint, licence: as for `write_weights`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / f"{name}{WEIGHTS_SUFFIX}"
    write_weights(target, checkpoint, name, licence)
    size = target.stat().st_size
    if size > max_bytes:
        target.unlink()
        raise SystemExit(f"{target}: deleted; {size} bytes, expected at most {max_bytes:.0f}")
    record_checksum(target)
    print(f"{target}: {size / 1e3:.0f} kB, SHA-256 {checksum(target)}")
