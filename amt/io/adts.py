"""Raw AAC: frames with a header of their own (ADTS), without a container around them."""

from __future__ import annotations

from typing import IO

_SAMPLE_RATES = (96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000)
# Frames that must follow each other.
_SURE = 4


def adts_end(file: IO[bytes], begin: int, end: int, most: int | None = None) -> int:
    """Where the frames from `begin` on end, at most so many; `begin` if that is no raw AAC."""
    position, frames = begin, 0
    while most is None or frames < most:
        file.seek(position)
        size = _frame_size(file.read(7))
        if not size or position + size > end:
            break
        position, frames = position + size, frames + 1
    return position if frames >= _SURE else begin


def is_adts(file: IO[bytes], begin: int, end: int) -> bool:
    """Whether some frames of raw AAC follow each other from `begin` on."""
    return adts_end(file, begin, end, _SURE) > begin


def adts_delay(head: bytes) -> float:
    """Seconds by which an encoder delays the sound: one frame of 1024 samples, as ffmpeg's does.

    0 for anything but raw AAC.
    """
    return 1024 / _SAMPLE_RATES[head[2] >> 2 & 15] if _frame_size(head) else 0.0


def _frame_size(head: bytes) -> int:
    """Bytes of the frame with this header; 0 if it is none."""
    if len(head) < 7 or head[0] != 0xFF or head[1] & 0xF6 != 0xF0:
        return 0
    size = (head[3] & 3) << 11 | head[4] << 3 | head[5] >> 5
    return size if size > 7 and head[2] >> 2 & 15 < len(_SAMPLE_RATES) else 0
