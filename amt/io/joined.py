"""Where a file of another format begins, if several were joined in one (`cat a.wav b.mp3`).

It begins where the first one ends by its own sizes. A header within samples, or within a picture,
is none. FLAC has no sizes: there, headers of others are searched for.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import IO

from amt.io.containers import (
    CONTAINERS,
    OGG_HEAD,
    Container,
    container_at,
    find_mark,
    ogg_page_size,
)
from amt.io.mp3 import first_frame, is_other_format
from amt.io.mpeg_frame import is_frame_at
from amt.io.spliced import Range
from amt.io.tags import after_tags

_UNKNOWN = (0, 0xFFFFFFFF)
# Bytes at the end of a file that are searched for mp3.
_TAIL = 1 << 16
_BLOCK = 1 << 20
# FLAC may hold the header of the file that it was made from, after one of these names.
_FOREIGN = (b"riff", b"aiff", b"w64 ")
_ASF_OBJECTS = (b"\x30\x26\xb2\x75", b"\x36\x26\xb2\x75", b"\x90\x08\x00\x33", b"\xd3\x29\xe2\xd6")


def next_format(file: IO[bytes], container: Container, begin: int, end: int) -> Range:
    """Where the containers of one kind at `begin` end, and where another format begins after them.

    Both `end` if none does.
    """
    if container.name == "flac":
        stop = _after_flac(file, begin, end)
        return stop, stop
    position = begin
    while (stop := _stated_end(file, container, position, end)) > position:
        place = stream_at(file, stop, end) or stream_at(file, stop + 1, end)
        if place is None:
            break
        if container_at(_read(file, place)) is not container:
            return stop, place
        position = place
    return end, end


def stream_at(file: IO[bytes], position: int, end: int) -> int | None:
    """Where a stream begins at `position`, tags and zeros skipped; None if something else does."""
    place = after_tags(file, position, end)
    if place >= end:
        return None
    return place if is_frame_at(file, place, end) or is_other_format(file, place, end) else None


def _stated_end(file: IO[bytes], container: Container, begin: int, end: int) -> int:
    """Where the container at `begin` ends by its sizes, and all that follow it; `begin` if unknown.

    Beyond `end` if it is cut off.
    """
    position, chunk_size = begin, _CHUNK_SIZES[container.name]
    while position < end:
        head = _read(file, position)
        if container_at(head) not in (None, container) or not (size := chunk_size(head)):
            break
        position += size
    return position


def _after_flac(file: IO[bytes], begin: int, end: int) -> int:
    """Where another format begins after the FLAC at `begin`; `end` if none does.

    As a search takes half as long as decoding, what follows the last frame is searched first.
    """
    last = _last_flac_frame(file, begin, end)
    return _first_other(file, begin, end) if _first_other(file, last, end) < end else end


def _last_flac_frame(file: IO[bytes], begin: int, end: int) -> int:
    """Where the last frame like the first one begins, apart from its channels; else `begin`."""
    position, head = begin + 4, b"\0"
    while position < end and not head[0] & 0x80:
        head = _read(file, position)
        position += 4 + int.from_bytes(head[1:4])
    first = _read(file, position)[:3]
    for start in range(end - _BLOCK, begin - _BLOCK, -_BLOCK):
        file.seek(max(start, begin))
        place = file.read(start + _BLOCK - max(start, begin)).rfind(first)
        if len(first) == 3 and place >= 0:
            return max(start, begin) + place
    return begin


def _first_other(file: IO[bytes], begin: int, end: int) -> int:
    """Where another container's header, or mp3, begins in FLAC; `end` if none does."""
    found = [end]
    for other in CONTAINERS:
        if other.name == "flac":
            continue
        for place in find_mark(file, other.mark, begin, end):
            start = place - other.offset
            before = _read(file, start - 4)
            if other.header.match(before[4:]) and not before.startswith(_FOREIGN):
                found.append(start)
                break
    if first_frame(file, max(begin, min(found) - _TAIL), min(found), end) is not None:
        found.append(_first_mpeg(file, begin, end))
    return min(found)


def _first_mpeg(file: IO[bytes], begin: int, end: int) -> int:
    """The first frame of mp3 or mp2 in [begin, end); `end` if there is none."""
    blocks = ((start, start + _BLOCK + 3) for start in range(begin, end, _BLOCK))
    places = (first_frame(file, start, min(stop, end), end) for start, stop in blocks)
    return next((place for place in places if place is not None), end)


def _riff(head: bytes) -> int:
    size = int.from_bytes(head[4:8], "little")
    if size in _UNKNOWN and head[12:16] == b"ds64":
        size = int.from_bytes(head[20:28], "little")
    known = head.startswith((b"RIFF", b"RF64", b"BW64")) and size not in _UNKNOWN
    return 8 + size if known else 0


def _aiff(head: bytes) -> int:
    return 8 + int.from_bytes(head[4:8]) if head.startswith(b"FORM") else 0


def _w64(head: bytes) -> int:
    # Each chunk begins at a multiple of 8 bytes.
    return -(-int.from_bytes(head[16:24], "little") // 8) * 8 if head.startswith(b"riff") else 0


def _au(head: bytes) -> int:
    start, size = int.from_bytes(head[4:8]), int.from_bytes(head[8:12])
    return start + size if head.startswith(b".snd") and size not in _UNKNOWN else 0


def _caf(head: bytes) -> int:
    if head.startswith(b"caff"):
        return 8
    size = int.from_bytes(head[4:12], signed=True)
    return 12 + size if size >= 0 and len(head) >= 12 and head[:4].strip().isalnum() else 0


def _mp4(head: bytes) -> int:
    size = int.from_bytes(head[:4])
    size = int.from_bytes(head[8:16]) if size == 1 else size
    return size if size >= 8 and head[4:8].strip().isalnum() else 0


def _matroska(head: bytes) -> int:
    """An element: a name of 4 bytes, and a size that begins with as many zero bits as bytes follow.

    All other bits are set where the size is unknown.
    """
    if not head.startswith((b"\x1a\x45\xdf\xa3", b"\x18\x53\x80\x67")) or not head[4:5]:
        return 0
    width = 9 - head[4].bit_length()
    size = int.from_bytes(head[4 : 4 + width]) & (1 << 7 * width) - 1
    return 0 if size == (1 << 7 * width) - 1 else 4 + width + size


def _asf(head: bytes) -> int:
    return int.from_bytes(head[16:24], "little") if head.startswith(_ASF_OBJECTS) else 0


def _flv(head: bytes) -> int:
    if head.startswith(b"FLV"):
        return 13
    return 15 + int.from_bytes(head[1:4]) if head[:1] in (b"\x08", b"\x09", b"\x12") else 0


def _ogg(head: bytes) -> int:
    return ogg_page_size(head) if head.startswith(b"OggS") else 0


_CHUNK_SIZES: dict[str, Callable[[bytes], int]] = {
    "wav": _riff,
    "avi": _riff,
    "aiff": _aiff,
    "w64": _w64,
    "au": _au,
    "caf": _caf,
    "mp4": _mp4,
    "matroska": _matroska,
    "asf": _asf,
    "flv": _flv,
    "ogg": _ogg,
}


def _read(file: IO[bytes], position: int) -> bytes:
    file.seek(position)
    return file.read(OGG_HEAD)
