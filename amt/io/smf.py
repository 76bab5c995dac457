"""Parse Standard MIDI Files into arrays of channel messages.

Written here for speed: mido, which builds an object for every message, takes ten times as long
(65 s instead of 7 s for 560 performances of MAESTRO); a test compares the two. symusic is fast but
gives notes, which it pairs wrongly where a note-off is missing (see `amt.io.midi`).
Format: "Standard MIDI Files 1.0" (MIDI Manufacturers Association, 1996).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

import numpy as np

DEFAULT_TEMPO = 500_000

_META, _END_OF_TRACK, _SET_TEMPO = 0xFF, 0x2F, 0x51
_SYSTEM_EXCLUSIVE = (0xF0, 0xF7)
# Data bytes of other system messages, which are not allowed in files but occur.
_SYSTEM_COMMON = {0xF1: 1, 0xF2: 2, 0xF3: 1}
# A message is packed into one integer: the tick, then status and two data bytes.
_MAX_TICK = 1 << 39


class MidiError(ValueError):
    """A MIDI file that cannot be read or written; the message is one line."""


@dataclass(frozen=True)
class Events:
    """Note, aftertouch and controller messages of all tracks, ordered by tick, track, position.

    tick, track, status, first, second: (M,) integers, the last two the data bytes 0-127.
    ends: (tracks,) last tick of each track. tempo_tick, tempo_seconds, tick_seconds: (Q,) tempo
    changes: their tick, their time in seconds, and seconds a tick from there on; the first is at
    tick 0.
    """

    tick: np.ndarray
    track: np.ndarray
    status: np.ndarray
    first: np.ndarray
    second: np.ndarray
    ends: np.ndarray
    tempo_tick: np.ndarray
    tempo_seconds: np.ndarray
    tick_seconds: np.ndarray

    def seconds(self, tick: np.ndarray) -> np.ndarray:
        """Convert ticks to seconds by the tempo map."""
        part = np.searchsorted(self.tempo_tick, tick, side="right") - 1
        since = tick - self.tempo_tick[part]
        return self.tempo_seconds[part] + since * self.tick_seconds[part]


def parse(data: bytes) -> Events:
    """The events of a MIDI file of type 0 or 1. Raises MidiError for any other data."""
    division, chunks = _tracks(data)
    tempos: list[tuple[int, int]] = []
    parts, ends = [], []
    for number, chunk in enumerate(chunks):
        try:
            packed, changes, end = _read_track(chunk)
        except IndexError as error:
            raise MidiError(f"track {number} ends within a message") from error
        if end >= _MAX_TICK:
            raise MidiError(f"track {number} is {end} ticks long; expected fewer than {_MAX_TICK}")
        parts.append(np.array(packed, dtype=np.int64))
        ends.append(end)
        tempos += changes
    return _merge(parts, ends, *_tempo_map(tempos, division))


def _merge(
    parts: list[np.ndarray],
    ends: list[int],
    tempo_tick: np.ndarray,
    tempo_seconds: np.ndarray,
    tick_seconds: np.ndarray,
) -> Events:
    """Unpack the messages of all tracks, sorted by tick."""
    packed = np.concatenate(parts) if parts else np.zeros(0, dtype=np.int64)
    track = np.repeat(np.arange(len(parts)), [len(part) for part in parts])
    order = np.argsort(packed >> 24, kind="stable")
    packed, track = packed[order], track[order]
    # Invalid data bytes above 127 are clipped, as by mido with clip=True.
    first, second = np.minimum(packed >> 8 & 0xFF, 127), np.minimum(packed & 0xFF, 127)
    return Events(
        packed >> 24, track, packed >> 16 & 0xFF, first, second, np.array(ends, dtype=np.int64),
        tempo_tick, tempo_seconds, tick_seconds,
    )  # fmt: skip


def _tracks(data: bytes) -> tuple[int, list[bytes]]:
    """The header's division and the bodies of the track chunks."""
    if data[:4] != b"MThd":
        raise MidiError("not a MIDI file (it does not begin with MThd)")
    if len(data) < 14:
        raise MidiError("truncated within its header")
    size, kind, count, division = struct.unpack(">LHHh", data[4:14])
    if kind > 1:
        raise MidiError(
            f"a MIDI file of type {kind}; expected type 0 or 1, whose tracks are simultaneous"
        )
    if division == 0:
        raise MidiError("its header gives 0 ticks a beat")
    chunks: list[bytes] = []
    position = 8 + size
    while position + 8 <= len(data) and len(chunks) < count:
        name, size = struct.unpack(">4sL", data[position : position + 8])
        chunk = data[position + 8 : position + 8 + size]
        if len(chunk) < size:
            raise MidiError(f"truncated: track {len(chunks)} of {count} is cut off")
        if name == b"MTrk":
            chunks.append(chunk)
        position += 8 + size
    if len(chunks) < count:
        raise MidiError(f"truncated: it has {len(chunks)} of {count} tracks")
    return division, chunks


def _read_track(data: bytes) -> tuple[list[int], list[tuple[int, int]], int]:
    """Packed messages, tempo changes (tick, microseconds a beat) and the last tick of a track.

    Raises IndexError if the data ends within a message.
    """
    messages: list[int] = []
    tempos: list[tuple[int, int]] = []
    tick = position = running = 0
    while position < len(data):
        delta = data[position]
        position += 1
        if delta > 127:
            delta, position = _variable_int(data, position - 1)
        tick += delta
        status = data[position]
        if status > 127:
            position += 1
        else:
            status = running
        if 0x80 <= status < 0xF0:
            running = status
            if status < 0xC0:
                first, second = data[position], data[position + 1]
                messages.append(tick << 24 | status << 16 | first << 8 | second)
            position += 1 if 0xC0 <= status < 0xE0 else 2
        else:
            kind, body, position = _system_message(data, status, position)
            if kind == _END_OF_TRACK:
                break
            if kind == _SET_TEMPO and len(body) == 3 and any(body):
                tempos.append((tick, int.from_bytes(body)))
    return messages, tempos, tick


def _system_message(data: bytes, status: int, position: int) -> tuple[int, bytes, int]:
    """The type of a meta message (0 for others), its body, and the position after it."""
    kind = 0
    if status == _META:
        kind = data[position]
        length, position = _variable_int(data, position + 1)
    elif status in _SYSTEM_EXCLUSIVE:
        length, position = _variable_int(data, position)
    elif status:
        length = _SYSTEM_COMMON.get(status, 0)
    else:
        raise MidiError("a track has data bytes where a message should begin")
    if position + length > len(data):
        raise IndexError
    return kind, data[position : position + length], position + length


def _variable_int(data: bytes, position: int) -> tuple[int, int]:
    """A variable-length integer, and the position after it."""
    value = 0
    while True:
        byte = data[position]
        position += 1
        value = value << 7 | byte & 0x7F
        if byte < 0x80:
            return value, position


def _tempo_map(
    changes: list[tuple[int, int]], division: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Tempo changes: tick, second, and seconds a tick from there on."""
    if division < 0:
        # SMPTE time code: minus the frames a second in the high byte, ticks a frame in the low one.
        frames, ticks = -(division >> 8), max(1, division & 0xFF)
        rate = 30 / 1.001 if frames == 29 else frames
        return np.zeros(1, dtype=np.int64), np.zeros(1), np.array([1 / (rate * ticks)])
    table = np.array([(0, DEFAULT_TEMPO), *changes], dtype=np.int64)
    tick, tempo = table[np.argsort(table[:, 0], kind="stable")].T
    tick_seconds = tempo / 1e6 / division
    seconds = np.concatenate([[0.0], np.cumsum(np.diff(tick) * tick_seconds[:-1])])
    return tick, seconds, tick_seconds
