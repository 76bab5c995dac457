"""Where streams begin that were joined in one file, such as the links of an Ogg chain.

Radio recordings, resumed recorders and `cat a.mp3 b.mp3` make such files. Decoders read the first
stream alone, so each is decoded as a file of its own. mp3 is in `amt.io.mp3`, files of different
formats are in `amt.io.joined`; raw aac, ac3 and MPEG transport streams have no header, and ffmpeg
reads them through.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO

from amt.io.audio_errors import AudioError

# More streams in one file are refused: each takes milliseconds to open, whatever its length.
MAX_STREAMS = 1000
_BLOCK = 1 << 20
_MAX_OGG_PAGE = 1 << 16
# Bytes that show which container a file is, and the size of an Ogg page.
HEAD = 64
OGG_HEAD = 27 + 255


@dataclass(frozen=True)
class Container:
    """A container whose streams can be joined.

    mark: constant bytes of its header, `offset` bytes after its beginning. header: matches the
    whole beginning; it is far too long to occur in coded audio by chance.
    """

    name: str
    mark: bytes
    offset: int
    header: re.Pattern[bytes]


def _container(name: str, mark: bytes, offset: int = 0, header: bytes = b"") -> Container:
    return Container(name, mark, offset, re.compile(header or re.escape(mark), re.DOTALL))


_RIFF_CHUNK = rb"(?:fmt |ds64|bext|fact|iXML|[A-Z]{4}|[a-z]{4}|PAD )"
CONTAINERS = (
    # Flags 2: the first page of a logical stream.
    _container("ogg", b"OggS\0\2"),
    # A block STREAMINFO of 34 bytes.
    _container("flac", b"fLaC\0\0\0\x22"),
    _container("wav", b"WAVE", 8, rb"(?:RIFF|RF64|BW64).{4}WAVE" + _RIFF_CHUNK),
    _container("aiff", b"AIF", 8, rb"FORM.{4}AIF[FC](?:COMM|FVER|SSND|[A-Z]{4})"),
    _container("caf", b"caff\0\1\0\0desc"),
    _container("w64", b"riff\x2e\x91\xcf\x11\xa5\xd6\x28\xdb\x04\xc1\0\0"),
    # Encoding, sample rate and number of channels are small numbers.
    _container("au", b".snd\0\0", 0, rb"\.snd\0\0.{6}\0{3}[\x01-\x1f]\0.{3}\0{3}[\x01-\x20]"),
    _container("matroska", b"\x1a\x45\xdf\xa3", 0, rb"\x1a\x45\xdf\xa3.{1,50}?(?:webm|matroska)"),
    _container("mp4", b"ftyp", 4, rb"\0\0[\0\x01].ftyp[ -~]{4}"),
    _container("asf", b"\x30\x26\xb2\x75\x8e\x66\xcf\x11\xa6\xd9\x00\xaa\x00\x62\xce\x6c"),
    _container("flv", b"FLV\1", 0, rb"FLV\x01[\x01\x04\x05]\0\0\0\x09\0{4}"),
    _container("avi", b"AVI LIST", 8, rb"RIFF.{4}AVI LIST"),
)


# What WavPack, Monkey's Audio, TAK, TTA, DSD, Musepack and AMR begin with. The first three may hold
# the header of the WAV file that they were made from.
_OTHERS = (b"wvpk", b"MAC ", b"tBaK", b"TTA1", b"TTA2", b"DSD ", b"MPCK", b"#!AMR")
_AC3 = b"\x0b\x77"


def container_at(head: bytes) -> Container | None:
    """The container whose header `head` begins with; None if it is another."""
    return next((one for one in CONTAINERS if one.header.match(head)), None)


def is_mpeg_film(head: bytes) -> bool:
    """Whether it is an MPEG programme stream, or transport stream (packets of 188 or 192 bytes)."""
    transport = head[188:189] == b"G" == head[:1] or head[196:197] == b"G" == head[4:5]
    return transport or head.startswith(b"\0\0\1\xba")


def is_for_ffmpeg(head: bytes) -> bool:
    """Whether ffmpeg alone reads what `head`, of 200 bytes, begins."""
    return head.startswith((*_OTHERS, _AC3)) or is_mpeg_film(head)


def begins_file(head: bytes) -> bool:
    """Whether a file of a format with a long header begins with `head`."""
    return container_at(head) is not None or head.startswith(_OTHERS)


def stream_starts(file: IO[bytes], container: Container, begin: int, end: int) -> list[int]:
    """Offsets of all streams in [begin, end), the first included. Raises AudioError if too many."""
    starts: list[int] = []
    for place in find_mark(file, container.mark, begin, end):
        start = place - container.offset
        if start < begin or not container.header.match(_bytes_at(file, start, HEAD)):
            continue
        starts.append(start)
        if len(starts) > 2 * MAX_STREAMS:
            break
    if container.name == "ogg":
        starts = [start for start in starts if not _is_ogg_head_page_before(file, start, starts)]
    if len(starts) > MAX_STREAMS:
        raise too_many()
    return starts


def too_many() -> AudioError:
    """The error for over MAX_STREAMS streams."""
    return AudioError(f"over {MAX_STREAMS} streams are joined in it; split it first")


def first_container(file: IO[bytes], begin: int, most: int) -> tuple[int, Container] | None:
    """Offset and kind of the first header within `most` bytes: junk may stand before it."""
    data = _bytes_at(file, begin, most)
    found = [(begin + m.start(), one) for one in CONTAINERS if (m := one.header.search(data))]
    return min(found, key=lambda one: one[0], default=None)


def is_cut_ogg(file: IO[bytes], begin: int, end: int) -> bool:
    """Whether the last page in [begin, end) is incomplete."""
    start = max(begin, end - _MAX_OGG_PAGE)
    file.seek(start)
    last = file.read(end - start).rfind(b"OggS")
    return last >= 0 and _ogg_page_end(file, start + last) > end


def find_mark(file: IO[bytes], mark: bytes, begin: int, end: int) -> Iterator[int]:
    """Offsets of `mark` in [begin, end) of a file."""
    file.seek(begin)
    tail, base = b"", begin
    while block := file.read(min(_BLOCK, end - base - len(tail))):
        data = tail + block
        place = data.find(mark)
        while place >= 0:
            yield base + place
            place = data.find(mark, place + 1)
        tail = data[len(data) - len(mark) + 1 :]
        base += len(data) - len(tail)
        file.seek(base + len(tail))


def _bytes_at(file: IO[bytes], start: int, size: int) -> bytes:
    file.seek(start)
    return file.read(size)


def _is_ogg_head_page_before(file: IO[bytes], start: int, starts: list[int]) -> bool:
    """Whether another first page ends at `start`: streams side by side, as of sound and film."""
    return any(_ogg_page_end(file, one) == start for one in starts if start - 512 < one < start)


def _ogg_page_end(file: IO[bytes], start: int) -> int:
    return start + ogg_page_size(_bytes_at(file, start, OGG_HEAD))


def ogg_page_size(head: bytes) -> int:
    """Bytes of the Ogg page that begins with `head`, of which OGG_HEAD are enough."""
    segments = head[26] if len(head) > 26 else 0
    return 27 + segments + sum(head[27 : 27 + segments])
