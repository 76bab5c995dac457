"""Whether the header of an mp3 file gives its length.

libsndfile does not say whether it knows or guesses the length, and a tag library (mutagen) would be
one more dependency for these few lines.
"""

from __future__ import annotations

from pathlib import Path

# Bytes of tags to expect before the first frame, and after the last one.
TAG_BYTES = 4096


def has_length(mp3: Path) -> bool:
    """Whether the first frame states the number of frames (Xing, Info or VBRI header).

    If not, libsndfile estimates the length from the first bit rate and stops decoding there.
    """
    with mp3.open("rb") as file:
        head = file.read(10)
        size = sum(byte << shift for byte, shift in zip(head[6:], (21, 14, 7, 0), strict=True))
        file.seek(10 + size if head.startswith(b"ID3") else 0)
        first_frame = file.read(TAG_BYTES)
    return any(tag in first_frame for tag in (b"Xing", b"Info", b"VBRI"))
