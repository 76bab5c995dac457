"""Headers of WAV and CAF files: those that a recorder did not finish, and WAV around an mp3.

A recorder writes the size of the samples at the end; if it crashes, or writes into a pipe, the size
is 0, -1 or an old one. libsndfile then reads nothing, or refuses the file.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import IO

from amt.io.spliced import Range

# Sizes of 4 bytes that stand for: unknown, or more than fits.
_UNKNOWN = (0, 0xFFFFFFFF)
_LIMIT = 1 << 32
# The codes of mp2 and mp3 in a WAV header.
_MPEG_FORMATS = (b"\x50\0", b"\x55\0")
# Chunks before the samples may hold pictures or pages of text.
_MAX_CHUNKS = 1000
_MAX_FORMAT = 1 << 12


# What `SplicedFile` reads in place of the file; None if its header is right.
Pieces = list[bytes | Range] | None


def repaired_wav(file: IO[bytes], begin: int, end: int) -> Pieces:
    """The WAV file in [begin, end) with a header that is right.

    Samples of unknown or wrong size reach to the end. A file without a format or samples is left to
    the decoder, and so is one that is only cut off.
    """
    chunks = _chunks(file, begin + 12, end)
    named = {chunk.name: chunk for chunk in chunks}
    data, form, wide = named.get(b"data"), named.get(b"fmt "), named.get(b"ds64")
    if data is None or form is None or form.size > _MAX_FORMAT:
        return None
    size = data.size
    if wide and size in _UNKNOWN:
        size = int.from_bytes(_read(file, wide.start + 8, 8), "little")
    wrong = _is_wrong(file, begin, data.start, size, end)
    if not wrong and all(chunk.is_padded for chunk in chunks):
        return None
    if wrong or size in _UNKNOWN or data.start + size > end:
        size = end - data.start
    header = b"fmt " + struct.pack("<I", form.size) + _read(file, form.start, form.size)
    return [_riff(header, size), (data.start, data.start + size)]


def mpeg_within_wav(file: IO[bytes], begin: int, end: int) -> Range | None:
    """Where the MPEG audio (mp3, mp2) of the WAV file in [begin, end) is; None if it has other."""
    named = {chunk.name: chunk for chunk in _chunks(file, begin + 12, end)}
    data, form = named.get(b"data"), named.get(b"fmt ")
    if data is None or form is None or _read(file, form.start, 2) not in _MPEG_FORMATS:
        return None
    return data.start, end if data.size in _UNKNOWN else min(end, data.start + data.size)


def repaired_caf(file: IO[bytes], begin: int, end: int) -> tuple[Pieces, str]:
    """The CAF file in [begin, end) with the size of its samples, and what is damaged.

    The size may be unknown, or larger than the file. Chunks after the samples are then missing,
    such as the packet table of compressed audio.
    """
    position = begin + 8
    for _ in range(_MAX_CHUNKS):
        head = _read(file, position, 12)
        if len(head) < 12:
            break
        kind, size = struct.unpack(">4sq", head)
        if kind == b"data":
            stored = end - position - 12
            if 0 < size <= stored:
                break
            right = struct.pack(">4sq", b"data", stored)
            damage = "its end is missing" if size > stored else ""
            return [(begin, position), right, (position + 12, end)], damage
        if size < 0:
            break
        position += 12 + size
    return None, ""


@dataclass(frozen=True)
class _Chunk:
    """A chunk of a WAV file: its first byte after the head; whether the one before was padded."""

    name: bytes
    start: int
    size: int
    is_padded: bool


def _chunks(file: IO[bytes], position: int, end: int) -> list[_Chunk]:
    """The chunks up to the samples. After an odd size some writers forget the padding byte."""
    found: list[_Chunk] = []
    while position + 8 <= end and len(found) < _MAX_CHUNKS:
        is_padded = True
        name, size = struct.unpack("<4sI", _read(file, position, 8))
        if found and found[-1].size % 2 and _read(file, position - 1, 1) != b"\0":
            is_padded, position = False, position - 1
            name, size = struct.unpack("<4sI", _read(file, position, 8))
        if not _is_name(name):
            break
        found.append(_Chunk(name, position + 8, size, is_padded))
        if name == b"data":
            break
        position += 8 + size + size % 2
    return found


def _is_wrong(file: IO[bytes], begin: int, start: int, size: int, end: int) -> bool:
    """Whether the samples go on after `size` bytes: no chunk follows, but the header expects one.

    Also if the file is larger than its header can say.
    """
    stop = start + size + size % 2
    if stop >= end:
        return False
    if end - start > _LIMIT and size < _LIMIT and (end - start - size) % _LIMIT < 1 << 20:
        return True
    riff = int.from_bytes(_read(file, begin + 4, 4), "little")
    stated_end = begin + 8 + riff if riff not in _UNKNOWN else end
    return (size == 0 or stated_end > stop) and not _is_name(_read(file, stop, 4))


def _riff(form: bytes, size: int) -> bytes:
    """A WAV header for `size` bytes of samples."""
    rest = b"WAVE" + form
    if size + len(rest) + 8 < _LIMIT:
        riff = b"RIFF" + struct.pack("<I", size + len(rest) + 8)
        return riff + rest + b"data" + struct.pack("<I", size)
    sizes = struct.pack("<4sIQQQI", b"ds64", 28, size + len(rest) + 44, size, 0, 0)
    return b"RF64\xff\xff\xff\xffWAVE" + sizes + form + b"data\xff\xff\xff\xff"


def _is_name(name: bytes) -> bool:
    return len(name) == 4 and all(32 <= byte < 127 for byte in name)


def _read(file: IO[bytes], position: int, size: int) -> bytes:
    file.seek(position)
    return file.read(size)
