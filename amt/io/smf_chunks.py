"""The chunks of a Standard MIDI File: its header, and where its tracks begin and end."""

from __future__ import annotations

import struct
from dataclasses import dataclass

from amt.errors import stand_in

_HEADER, _TRACK = b"MThd", b"MTrk"


class MidiError(ValueError):
    """A MIDI file that cannot be read or written; the message is one line."""


@dataclass(frozen=True)
class Header:
    """What the header of a file gives.

    kind: the type of the file, 0, 1 or 2. count: number of tracks. division: ticks a beat, or if
    negative an SMPTE time code. end: the position after the header.
    """

    kind: int
    count: int
    division: int
    end: int


def read_header(data: bytes, faults: list[str]) -> Header:
    """The header; what is wrong with it is added to `faults`. Raises MidiError if there is none.

    It may stand within another file: RIFF (.rmi), or after the header of an old Macintosh file.
    """
    start = data.find(_HEADER)
    if start < 0:
        found = stand_in(data) or "it does not begin with MThd"
        raise MidiError(f"not a MIDI file ({found})")
    if start and not data.startswith(b"RIFF"):
        faults.append(f"{start} bytes before its header are not MIDI")
    if len(data) < start + 14:
        raise MidiError("truncated within its header")
    size, kind, count, division = struct.unpack(">LHHh", data[start + 4 : start + 14])
    # The low byte of an SMPTE time code is the number of ticks a frame.
    if division == 0 or (division < 0 and not division & 0xFF):
        raise MidiError(f"its header gives 0 ticks a {'frame' if division else 'beat'}")
    if kind > 2:
        faults.append(f"a MIDI file of type {kind}, read as type 1; expected 0, 1 or 2")
        kind = 1
    end = start + 8 + size
    if size < 6 or not (size == 6 or at_chunk(data, end)):
        faults.append(f"its header is {size} bytes long; expected 6")
        end = start + 14
    return Header(kind, count, division, end)


def find_track(data: bytes, position: int, faults: list[str]) -> int | None:
    """Where the next track chunk begins, at or after the end of a chunk; None if there is none.

    Chunks of other kinds are skipped. Other bytes are too, and are added to `faults`.
    """
    while at_chunk(data, position) and position < len(data):
        if data.startswith(_TRACK, position):
            return position
        if data.startswith(_HEADER, position):
            break
        position = chunk_end(data, position)
    start = next_track(data, position)
    if _HEADER in data[position:start]:
        faults.append("another MIDI file follows in the same file and is not read")
        return None
    if start + 8 > len(data):
        return None
    faults.append(f"{start - position} bytes before a track are not MIDI")
    return start


def next_track(data: bytes, position: int) -> int:
    """Where the name of a track chunk occurs next, or the end of the file."""
    found = data.find(_TRACK, position)
    return found if found >= 0 else len(data)


def chunk_end(data: bytes, position: int) -> int:
    """Where the chunk at `position` ends by its length."""
    return position + 8 + int.from_bytes(data[position + 4 : position + 8])


def at_chunk(data: bytes, position: int) -> bool:
    """Whether a chunk begins at `position`, or the file ends there."""
    if position + 8 > len(data):
        return position == len(data)
    name = data[position : position + 4]
    known = name in (_HEADER, _TRACK)
    return known or (name.isalnum() and chunk_end(data, position) <= len(data))
