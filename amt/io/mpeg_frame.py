"""The header of a frame of MPEG audio, and what encoders write into the first frame of an mp3 file.

mutagen reads both, but it does not count the frames, and could not write them.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from functools import lru_cache
from typing import IO

# kbit/s by whether it is MPEG version 1, and layer.
_BIT_RATES = {
    (True, 1): (32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448),
    (True, 2): (32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (True, 3): (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (False, 1): (32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
    (False, 2): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
    (False, 3): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
_SAMPLE_RATES = (44100, 48000, 32000)
_SAME_STREAM = 0xFFFE0C00  # Synchronisation, version, layer, sample rate.
# Frames that must follow each other at the start, and where frames were lost.
_SURE = 4
# What a frame needs to hold an Info header.
_MIN_INFO_FRAME = 200


@dataclass(frozen=True)
class FrameHeader:
    """The first four bytes of a frame, as a number; size in bytes, sample rate in Hz."""

    bits: int
    mpeg1: bool
    layer: int
    sample_rate: int
    size: int

    @property
    def samples(self) -> int:
        """Samples per channel."""
        return {1: 384, 2: 1152, 3: 1152 if self.mpeg1 else 576}[self.layer]

    @property
    def info_offset(self) -> int:
        """Where Xing or Info stands in a frame: after this header and the side information."""
        mono = self.bits >> 6 & 3 == 3
        return 4 + (17 if self.mpeg1 == mono else 32 if self.mpeg1 else 9)

    def continues(self, other: FrameHeader) -> bool:
        """Whether both may belong to one stream: version, layer and sample rate are the same."""
        return not (self.bits ^ other.bits) & _SAME_STREAM


@lru_cache(maxsize=4096)
def frame_header(data: bytes) -> FrameHeader | None:
    """The header in four bytes; None for anything else, and for frames of free size."""
    bits = int.from_bytes(data, "big")
    version, layer = bits >> 19 & 3, 4 - (bits >> 17 & 3)
    rate_index, sample_rate_index = bits >> 12 & 15, bits >> 10 & 3
    valid = len(data) == 4 and bits >> 21 == 0x7FF and version != 1 and layer != 4
    if not valid or rate_index in (0, 15) or sample_rate_index == 3:
        return None
    mpeg1 = version == 3
    sample_rate = _SAMPLE_RATES[sample_rate_index] >> {3: 0, 2: 1, 0: 2}[version]
    bit_rate, padding = _BIT_RATES[mpeg1, layer][rate_index - 1] * 1000, bits >> 9 & 1
    if layer == 1:
        size = (12 * bit_rate // sample_rate + padding) * 4
    else:
        size = (72 if layer == 3 and not mpeg1 else 144) * bit_rate // sample_rate + padding
    return FrameHeader(bits, mpeg1, layer, sample_rate, size)


def is_frame_at(file: IO[bytes], position: int, end: int) -> bool:
    """Whether a frame begins at `position`, which some others or the end must follow."""
    first = None
    for _ in range(_SURE):
        if first and position == end:
            return True
        file.seek(position)
        header = frame_header(file.read(4))
        if header is None or not header.continues(first or header):
            return False
        first, position = first or header, position + header.size
    return position <= end


@dataclass(frozen=True)
class Info:
    """What the first frame of an mp3 file says of the others.

    frames: their number, 0 if it is not given. delay, padding: samples of silence that the encoder
    added at the start and at the end; the delay is None if it is not given.
    """

    frames: int
    delay: int | None
    padding: int


def read_info(header: FrameHeader, frame: bytes) -> Info | None:
    """The header Xing, Info (of LAME and others) or VBRI (Fraunhofer) in a frame, if any."""
    if frame[36:40] == b"VBRI" and len(frame) >= 54:
        return Info(int.from_bytes(frame[50:54], "big"), None, 0)
    body = frame[header.info_offset :]
    if body[:4] not in (b"Xing", b"Info") or len(body) < 8:
        return None
    flags = body[7]
    frames = int.from_bytes(body[8:12], "big") if flags & 1 else 0
    # Optional fields: number of frames, bytes, table of contents, quality.
    start = (
        8 + 4 * (flags & 1) + 4 * (flags >> 1 & 1) + 100 * (flags >> 2 & 1) + 4 * (flags >> 3 & 1)
    )
    encoder, gaps = body[start : start + 4], int.from_bytes(body[start + 21 : start + 24], "big")
    # A tool that copies the frames of a file without a header writes 0.
    known = encoder.isalnum() and gaps >> 12
    return Info(frames, gaps >> 12, gaps & 0xFFF) if known else Info(frames, None, 0)


def info_frame(like: FrameHeader, frames: int, delay: int, padding: int) -> bytes:
    """A first frame for `frames` frames like the one given (layer III)."""
    # Without checksum (bit 16 set) and padding.
    bits = (like.bits | 1 << 16) & ~(0xF << 12) & ~(1 << 9)
    candidates = (frame_header((bits | index << 12).to_bytes(4, "big")) for index in range(1, 15))
    header = next(one for one in candidates if one and one.size >= _MIN_INFO_FRAME)
    info = b"Info" + struct.pack(">II", 1, frames) + b"LAME3.100".ljust(21, b"\0")
    info += (delay << 12 | padding).to_bytes(3, "big")
    start = header.bits.to_bytes(4, "big").ljust(header.info_offset, b"\0")
    return (start + info).ljust(header.size, b"\0")
