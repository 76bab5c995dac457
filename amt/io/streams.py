"""The streams of sound in a file, one after the other: what is decoded, and what is known of it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import IO

from amt.io.containers import HEAD, container_at, first_container, is_cut_ogg, stream_starts
from amt.io.mp3 import Mpeg, after_tags, mpeg_streams
from amt.io.repairs import mpeg_within_wav, repaired_caf, repaired_wav
from amt.io.spliced import Range

# Where the header may stand in a file that begins with something else, such as a web server's.
_MAX_LEAD = 1 << 16
_ADTS_RATES = (96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000)


@dataclass(frozen=True)
class Stream:
    """One stream in a file.

    part: its bytes; None, the whole file. pieces: what libsndfile reads in their place, with
    another header; None, the bytes as they are. skip_samples, skip_seconds: delay of the codec to
    remove from what libsndfile, or ffmpeg, decodes. damage: what is known to be wrong.
    is_counted: it was read frame by frame, so that ffmpeg could not decode more of it. with_film:
    it may stand beside a film that begins earlier, in a format where ffmpeg has to read both.
    """

    part: Range | None = None
    pieces: list[bytes | Range] | None = None
    skip_samples: int = 0
    skip_seconds: float = 0.0
    damage: str = ""
    is_counted: bool = False
    with_film: bool = False


def find_streams(file: IO[bytes]) -> list[Stream]:
    """The streams of an open file, at least one. Raises AudioError if they are too many."""
    size = file.seek(0, os.SEEK_END)
    begin = after_tags(file, 0, size)
    container = container_at(_read(file, begin, HEAD))
    if container is None:
        mpeg = mpeg_streams(file, 0, size)
        if mpeg:
            return [_mpeg_stream(one) for one in mpeg]
        begin, container = first_container(file, _MAX_LEAD) or (0, None)
    if container is None:
        return [_headless(_read(file, begin, 200))]
    starts = stream_starts(file, container, begin)
    ranges = zip(starts, [*starts[1:], size], strict=True)
    return [
        stream
        for part in ranges
        for stream in _streams(file, container.name, part, part == (0, size))
    ]


def _streams(file: IO[bytes], container: str, part: Range, is_whole: bool) -> list[Stream]:
    """The streams in a range of bytes of a file: one, unless MPEG audio is in it."""
    if container == "wav" and (samples := mpeg_within_wav(file, *part)):
        mpeg = mpeg_streams(file, *samples)
        if mpeg:
            return [_mpeg_stream(one) for one in mpeg]
    return [_stream(file, container, part, is_whole)]


def _stream(file: IO[bytes], container: str, part: Range, is_whole: bool) -> Stream:
    """The stream in a range of bytes of a file."""
    pieces: list[bytes | Range] | None = None
    damage = ""
    if container == "wav":
        pieces = repaired_wav(file, *part)
    elif container == "caf":
        pieces, damage = repaired_caf(file, *part)
    elif container == "ogg" and is_cut_ogg(file, *part):
        damage = "its end is missing"
    if is_whole:
        return Stream(None, pieces, damage=damage)
    return Stream(part, pieces or [part], damage=damage)


def _mpeg_stream(mpeg: Mpeg) -> Stream:
    damage = ""
    if mpeg.missing_seconds:
        damage = f"its header says {mpeg.seconds + mpeg.missing_seconds:.1f} s"
    elif mpeg.lost is not None:
        damage = f"frames are missing at {mpeg.lost:.1f} s"
    part = (mpeg.ranges[0][0], mpeg.ranges[-1][1])
    return Stream(part, mpeg.pieces(), mpeg.skip, damage=damage, is_counted=True)


def _headless(head: bytes) -> Stream:
    """A file of another kind; of raw streams the delay of the codec is known.

    An aac encoder delays by one frame of 1024 samples at least, as ffmpeg's does; ac3 by 256.
    """
    if head[:1] == b"\xff" and len(head) > 2 and head[1] & 0xF6 == 0xF0:
        index = head[2] >> 2 & 15
        return Stream(skip_seconds=1024 / _ADTS_RATES[index] if index < len(_ADTS_RATES) else 0.0)
    if head.startswith(b"\x0b\x77") and len(head) > 4:
        return Stream(skip_seconds=256 / (48000, 44100, 32000, 48000)[head[4] >> 6])
    # MPEG programme streams, and transport streams with packets of 188 and 192 bytes.
    film = head.startswith(b"\0\0\1\xba") or head[188:189] == b"G" == head[:1]
    return Stream(with_film=film or head[196:197] == b"G" == head[4:5])


def _read(file: IO[bytes], position: int, size: int) -> bytes:
    file.seek(position)
    return file.read(size)
