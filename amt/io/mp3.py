"""The streams of MPEG audio (mp3, mp2) in a file, found frame by frame.

Such a file has no header but what encoders put into its first frame: the number of frames, and
their delay. libsndfile needs it for the length. It may be missing or wrong: several files joined, a
download cut off, tags or junk at either end. So the frames are counted here, and libsndfile gets a
first frame that is right.

The delay of files that do not give it: a decoder delays by 528 + 1 samples, which mpg123 (in
libsndfile) and ffmpeg remove only together with the encoder's delay. That is 576 samples for LAME
since version 3.55 and 528 for encoders derived from ISO's; Fraunhofer's is said to be 1160 (LAME
technical FAQ, http://lame.sourceforge.net/tech-FAQ.txt). Here 576 is assumed: 1105 samples are
removed, 25 ms at 44.1 kHz, which is right within 1 ms but for Fraunhofer's, 13 ms. Of layers I and
II the filter bank alone delays, by 481 samples, whatever the encoder.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import IO

from amt.io.adts import is_adts
from amt.io.containers import HEAD, begins_file
from amt.io.mpeg_frame import (
    FrameHeader,
    Info,
    frame_header,
    info_frame,
    is_frame_at,
    read_info,
)
from amt.io.spliced import Range
from amt.io.tags import after_tags

# Samples.
ENCODER_DELAY = 576
FILTER_BANK_DELAY = 481
# Bytes that are searched for a frame within a stream, and for the first one.
_MAX_JUNK = 1 << 20
_MAX_LEAD = 1 << 16
_FRAME_START = re.compile(rb"\xff[\xe2-\xe7\xf2-\xf7\xfa-\xff][\x10-\xef]", re.DOTALL)


@dataclass
class Mpeg:
    """One stream of MPEG audio.

    first: its first header. ranges: its frames, without what stands between them. info: what its
    first frame says, if it does; that frame is `info_frame`, and not in `ranges`. lost: seconds
    after which frames are damaged, None if none are.
    """

    first: FrameHeader
    info: Info | None = None
    info_frame: bytes = b""
    frames: int = 0
    ranges: list[Range] = field(default_factory=list)
    lost: float | None = None

    @property
    def seconds(self) -> float:
        """The duration of all frames."""
        return self.frames * self.first.samples / self.first.sample_rate

    @property
    def missing_seconds(self) -> float:
        """The duration of frames that should be there; some encoders count their header as one."""
        missing = self.info.frames - self.frames if self.info else 0
        return missing * self.first.samples / self.first.sample_rate if missing > 1 else 0.0

    @property
    def skip(self) -> int:
        """Samples to remove from what libsndfile decodes of `pieces`."""
        return 0 if self.first.layer == 3 else FILTER_BANK_DELAY

    def pieces(self) -> list[bytes | Range]:
        """The stream with a first frame that is right, for `SplicedFile`."""
        if self.first.layer != 3:
            return [*self.ranges]
        info, counted = self.info, self.info and abs(self.info.frames - self.frames) <= 1
        if info and counted and info.delay is not None:
            return [self.info_frame, *self.ranges]
        delay = ENCODER_DELAY if info is None or info.delay is None else info.delay
        padding = info.padding if info and counted else 0
        return [info_frame(self.first, self.frames, delay, padding), *self.ranges]

    def add(self, position: int, size: int) -> None:
        """Append the frame at a byte offset."""
        self.frames += 1
        begin = position
        if self.ranges and self.ranges[-1][1] == position:
            begin = self.ranges.pop()[0]
        self.ranges.append((begin, position + size))


def mpeg_streams(file: IO[bytes], begin: int, end: int) -> list[Mpeg]:
    """All streams of MPEG audio in [begin, end); none if that is something else.

    A stream ends where another first frame follows, another sample rate, layer, or format.
    """
    streams: list[Mpeg] = []
    for position, header, lost in _frames(file, begin, end):
        frame = _read(file, position, header.size)
        info = read_info(header, frame)
        if info or not streams or not header.continues(streams[-1].first):
            streams.append(Mpeg(header, info, frame if info else b""))
        if lost:
            streams[-1].lost = streams[-1].seconds
        if not info:
            streams[-1].add(position, header.size)
    streams = [stream for stream in streams if stream.frames]
    if streams and _is_cut(file, streams[-1], end):
        streams[-1].lost = streams[-1].seconds
    return streams


def _frames(file: IO[bytes], begin: int, end: int) -> Iterator[tuple[int, FrameHeader, bool]]:
    """Offset and header of each whole frame, and whether bytes before it are damaged frames."""
    clean = after_tags(file, begin, end)
    position = first_frame(file, clean, min(end, clean + _MAX_LEAD), end)
    last, lost = None, False
    while position is not None:
        header = frame_header(_read(file, position, 4))
        if header and header.continues(last or header) and position + header.size <= end:
            yield position, header, lost
            last, lost, position = header, False, position + header.size
            continue
        clean = after_tags(file, position, end)
        if last and is_other_format(file, clean, end):
            return
        position = first_frame(file, clean, min(end, clean + _MAX_JUNK), end)
        last, lost = None, position != clean


def first_frame(file: IO[bytes], begin: int, stop: int, end: int) -> int | None:
    """Offset of the first frame in [begin, stop), which some others or the end must follow."""
    data = _read(file, begin, stop - begin)
    places = (begin + match.start() for match in _FRAME_START.finditer(data))
    return next((place for place in places if is_frame_at(file, place, end)), None)


def _is_cut(file: IO[bytes], stream: Mpeg, end: int) -> bool:
    """Whether the file ends within a frame of `stream`, or in bytes that were given up."""
    position = stream.ranges[-1][1]
    header = frame_header(_read(file, position, 4))
    if header and header.continues(stream.first) and position + header.size > end:
        return True
    clean = after_tags(file, position, end)
    return end - clean > _MAX_JUNK and not is_other_format(file, clean, end)


def is_other_format(file: IO[bytes], position: int, end: int) -> bool:
    """Whether a file of another format begins at `position`, joined to this one."""
    return begins_file(_read(file, position, HEAD)) or is_adts(file, position, end)


def _read(file: IO[bytes], position: int, size: int) -> bytes:
    file.seek(position)
    return file.read(size)
