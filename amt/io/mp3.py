"""What the head of an mp3 file tells."""

from __future__ import annotations

from pathlib import Path

# How far into the file its first frame may stand, and how far before the end its last.
TAG_BYTES = 4096


def has_length(mp3: Path) -> bool:
    """Whether the first frame tells the number of frames.

    Where it does not, libsndfile guesses it from the first bit rate, and stops there.
    """
    with mp3.open("rb") as file:
        head = file.read(10)
        size = sum(byte << shift for byte, shift in zip(head[6:], (21, 14, 7, 0), strict=True))
        file.seek(10 + size if head.startswith(b"ID3") else 0)
        first_frame = file.read(TAG_BYTES)
    return any(tag in first_frame for tag in (b"Xing", b"Info", b"VBRI"))
