"""Which model it is: version of the package and checksum of the file."""

from __future__ import annotations

from pathlib import Path

from amt import __version__
from amt.inference.pretrained import checksum
from amt.models.checkpoint import DESCRIPTION

_DIGITS = 12


def model_version(path: Path) -> str:
    """The version of amt, and the beginning of the SHA-256 of a checkpoint or an exported folder.

    Of a folder it is that of its description, which holds the checksums of the other files.
    """
    file = path / DESCRIPTION if path.is_dir() else path
    return f"{__version__}-{checksum(file)[:_DIGITS]}"
