"""Tags and zeros around coded audio: ID3, APE, Lyrics3."""

from __future__ import annotations

import re
from typing import IO

from amt.io.containers import HEAD, begins_file
from amt.io.mpeg_frame import is_frame_at

_BLOCK = 1 << 20
_MAX_LYRICS = 1 << 16
_ID3 = 10
# Frames of an ID3 tag: a name, a size, two flags.
_ID3_NAME = re.compile(rb"[A-Z][A-Z0-9]{3}")
_MAX_ID3_FRAMES = 10_000


def after_tags(file: IO[bytes], position: int, end: int) -> int:
    """The offset after all tags and zeros that begin at `position`."""
    while position < end:
        size = _tag_size(_read(file, position, 32)) or _zeros(file, position)
        if not size:
            size = _lyrics_size(_read(file, position, _MAX_LYRICS))
        size = _real_id3_size(file, position, end) or size
        if not size:
            return position
        position = min(end, position + size)
    return position


def _tag_size(head: bytes) -> int:
    """The size of the ID3 or APE tag that begins with `head`, 0 if that is none."""
    if head.startswith(b"ID3") and len(head) >= 10:
        return _synchsafe(head[6:10]) + (20 if head[5] & 0x10 else 10)
    if head.startswith(b"APETAGEX") and len(head) == 32:
        size, flags = int.from_bytes(head[12:16], "little"), head[23]
        # A header stands before all items, a footer after them; the size leaves out the header.
        return 32 + size if flags & 0x20 else 32
    return 227 if head.startswith(b"TAG+") else 128 if head.startswith(b"TAG") else 0


def _lyrics_size(head: bytes) -> int:
    """The size of a Lyrics3 tag, 0 if there is none."""
    match = re.match(rb"LYRICSBEGIN.*?(?:LYRICSEND|LYRICS200)", head, re.DOTALL)
    return match.end() if match else 0


def _zeros(file: IO[bytes], position: int) -> int:
    """The number of zero bytes at `position`; up to 3 may belong to what follows."""
    count = 0
    while block := _read(file, position + count, _BLOCK):
        rest = len(block.lstrip(b"\0"))
        count += len(block) - rest
        if rest:
            break
    return count if count > 3 else 0


def is_id3_wrong(file: IO[bytes], position: int, end: int) -> bool:
    """Whether an ID3 tag at `position` is shorter than it states."""
    return _real_id3_size(file, position, end) > 0


def _real_id3_size(file: IO[bytes], position: int, end: int) -> int:
    """The size of an ID3 tag that states a wrong one, as sound begins before; 0 for others."""
    head = _read(file, position, _ID3)
    if not head.startswith(b"ID3") or len(head) < _ID3:
        return 0
    stated_end = position + _tag_size(head)
    place = _after_id3_frames(file, position + _ID3, min(end, stated_end), head[3])
    place += _zeros(file, place)
    sound = is_frame_at(file, place, end) or begins_file(_read(file, place, HEAD))
    return place - position if stated_end > end or (sound and place < stated_end) else 0


def _after_id3_frames(file: IO[bytes], position: int, end: int, version: int) -> int:
    """The offset after the frames of an ID3 tag."""
    for _ in range(_MAX_ID3_FRAMES):
        head = _read(file, position, 10)
        if position + 10 > end or version < 3 or not _ID3_NAME.match(head):
            break
        size = _synchsafe(head[4:8]) if version > 3 else int.from_bytes(head[4:8])
        if position + 10 + size > end:
            break
        position += 10 + size
    return position


def _synchsafe(data: bytes) -> int:
    """A number of 7 bits a byte."""
    return sum(byte << shift for byte, shift in zip(data, (21, 14, 7, 0), strict=True))


def _read(file: IO[bytes], position: int, size: int) -> bytes:
    file.seek(position)
    return file.read(size)
