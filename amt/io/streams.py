"""The streams of sound in a file, one after the other: what is decoded, and what is known of it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import IO

from amt.io.adts import adts_delay, adts_end, is_adts
from amt.io.containers import (
    MAX_STREAMS,
    begins_file,
    container_at,
    first_container,
    is_cut_ogg,
    is_for_ffmpeg,
    is_mpeg_film,
    stream_starts,
    too_many,
)
from amt.io.joined import next_format, stream_at
from amt.io.mp3 import Mpeg, is_other_format, mpeg_streams
from amt.io.repairs import mpeg_within_wav, repaired_caf, repaired_wav
from amt.io.spliced import Range
from amt.io.tags import after_tags, is_id3_wrong

# Where the header may stand in a file that begins with something else, such as a web server's.
_MAX_LEAD = 1 << 16
_FILMS = ("matroska", "mp4", "asf", "flv", "avi")


@dataclass(frozen=True)
class Stream:
    """One stream in a file.

    part: its bytes; None, the whole file. pieces: what libsndfile reads in their place, with
    another header; None, the bytes as they are. skip_samples, skip_seconds: delay of the codec to
    remove from what libsndfile, or ffmpeg, decodes. damage: what is known to be wrong.
    is_counted: it was read frame by frame, so that ffmpeg could not decode more of it. with_film:
    ffmpeg has to read a film beside it, which may begin earlier or end later. has_start: as in
    `read_clock`.
    """

    part: Range | None = None
    pieces: list[bytes | Range] | None = None
    skip_samples: int = 0
    skip_seconds: float = 0.0
    damage: str = ""
    is_counted: bool = False
    with_film: bool = False
    has_start: bool = True


def find_streams(file: IO[bytes]) -> list[Stream]:
    """The streams of an open file, at least one. Raises AudioError if they are too many."""
    size = file.seek(0, os.SEEK_END)
    streams, begin = _of_one_format(file, 0, size)
    while begin < size:
        found, begin = _of_one_format(file, begin, size)
        streams += found
        if len(streams) > MAX_STREAMS:
            raise too_many()
    return streams


def _of_one_format(file: IO[bytes], begin: int, end: int) -> tuple[list[Stream], int]:
    """The streams at `begin`, up to where another format begins, which is also returned."""
    start = after_tags(file, begin, end)
    head = _read(file, start, 200)
    container = container_at(head)
    if container is None and is_adts(file, start, end):
        stop = stream_at(file, adts_end(file, start, end), end) or end
        return [_headless(head, None if (begin, stop) == (0, end) else (start, stop))], stop
    if container is None and not is_for_ffmpeg(head):
        if mpeg := mpeg_streams(file, begin, end):
            stop = after_tags(file, mpeg[-1].ranges[-1][1], end)
            stop = stop if is_other_format(file, stop, end) else end
            wrong_tag = is_id3_wrong(file, begin, end)
            return [_mpeg_stream(one, wrong_tag) for one in mpeg], stop
        start, container = first_container(file, begin, _MAX_LEAD) or (start, None)
    if container is None:
        return [_headless(head, (start, end) if begin else None)], end
    stop, following = next_format(file, container, start, end)
    starts = stream_starts(file, container, start, stop)
    ranges = zip(starts, [*starts[1:], stop], strict=True)
    streams = [_streams(file, container.name, part, part == (0, end)) for part in ranges]
    return [one for several in streams for one in several], following


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
    film = container in _FILMS
    return Stream(part, pieces or [part], damage=damage, with_film=film)


def _mpeg_stream(mpeg: Mpeg, wrong_tag: bool = False) -> Stream:
    damage = "its ID3 tag is shorter than stated" if wrong_tag else ""
    if mpeg.missing_seconds:
        damage = f"its header says {mpeg.seconds + mpeg.missing_seconds:.1f} s"
    elif mpeg.lost is not None:
        damage = f"frames are missing at {mpeg.lost:.1f} s"
    part = (mpeg.ranges[0][0], mpeg.ranges[-1][1])
    return Stream(part, mpeg.pieces(), mpeg.skip, damage=damage, is_counted=True)


def _headless(head: bytes, part: Range | None) -> Stream:
    """A file of another kind, or a part of one; of raw streams the delay of the codec is known.

    An aac encoder delays by one frame of 1024 samples at least, as ffmpeg's does; ac3 by 256.
    """
    delay = adts_delay(head)
    if head.startswith(b"\x0b\x77") and len(head) > 4:
        delay = 256 / (48000, 44100, 32000, 48000)[head[4] >> 6]
    pieces: list[bytes | Range] | None = [part] if part else None
    film = is_mpeg_film(head)
    has_start = film or begins_file(head)
    return Stream(part, pieces, skip_seconds=delay, with_film=film, has_start=has_start)


def _read(file: IO[bytes], position: int, size: int) -> bytes:
    file.seek(position)
    return file.read(size)
