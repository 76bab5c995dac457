"""Parse Standard MIDI Files into arrays of channel messages.

Written here for speed: mido, which builds an object for every message, takes ten times as long
(65 s instead of 7 s for 560 performances of MAESTRO); a test compares the two. symusic is fast but
gives notes, which it pairs wrongly where a note-off is missing (see `amt.io.midi_notes`). Both
refuse damaged files, which players read as far as possible; so does `parse`.
Format: "Standard MIDI Files 1.0" (MIDI Manufacturers Association, 1996).
"""

from __future__ import annotations

from array import array
from dataclasses import dataclass, replace
from itertools import accumulate

import numpy as np

from amt.io.smf_chunks import (
    Header,
    MidiError,
    at_chunk,
    chunk_end,
    find_track,
    next_track,
    read_header,
)

DEFAULT_TEMPO = 500_000

_META, _END_OF_TRACK, _SET_TEMPO = 0xFF, 0x2F, 0x51
_SYSTEM_EXCLUSIVE, _ESCAPE, _END_OF_EXCLUSIVE = 0xF0, 0xF7, b"\xf7"
# Data bytes of other system messages, which are not allowed in files but occur.
_SYSTEM_COMMON = {0xF1: 1, 0xF2: 2, 0xF3: 1}
_SMPTE_RATES = {24: 24.0, 25: 25.0, 29: 30 / 1.001, 30: 30.0}
# A message is packed into one integer: the tick, then status and two data bytes.
MAX_TICK = 1 << 38


@dataclass(frozen=True)
class Events:
    """Note, aftertouch, controller and program messages of all tracks, by tick, track, position.

    tick, track, status, first, second: (M,) integers, the last two the data bytes 0-127.
    ends: (tracks,) last tick of each track. tempo_tick, tempo_seconds, tick_seconds: (Q,) tempo
    changes: their tick, their time in seconds, and seconds a tick from there on; the first is at
    tick 0. faults: one line for each part of the file that is damaged; messages may be missing.
    successive: the number of tracks if they follow one another (type 2), else 0.
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
    faults: list[str]
    successive: int = 0

    def seconds(self, tick: np.ndarray) -> np.ndarray:
        """Convert ticks to seconds by the tempo map."""
        part = np.searchsorted(self.tempo_tick, tick, side="right") - 1
        since = tick - self.tempo_tick[part]
        return self.tempo_seconds[part] + since * self.tick_seconds[part]


@dataclass(frozen=True)
class _Track:
    """The packed messages of a track, and its tempo changes (tick, microseconds a beat).

    end: its last tick. size: bytes up to its end-of-track message, 0 without one. fault: why the
    rest of it cannot be read; empty if it can.
    """

    messages: array[int]
    tempos: list[tuple[int, int]]
    end: int
    size: int
    fault: str


class _DamageError(Exception):
    """A track cannot be read from here on; the message goes on from "track N"."""


def parse(data: bytes) -> Events:
    """The events of a MIDI file, as far as it can be read; `faults` has what is damaged.

    Raises MidiError for other data and for a damaged file without a message that can be read.
    """
    faults: list[str] = []
    header = read_header(data, faults)
    tracks = _read_tracks(data, header, faults)
    if faults and not any(len(track.messages) for track in tracks):
        raise MidiError(faults[0])
    starts = [0] * len(tracks)
    if header.kind == 2 and len(tracks) > 1:
        starts = list(accumulate((track.end for track in tracks[:-1]), initial=0))
    if starts and starts[-1] + tracks[-1].end >= MAX_TICK:
        raise MidiError(f"it is over {MAX_TICK} ticks long")
    events = _merge(tracks, starts, header.division, faults)
    return replace(events, successive=len(tracks)) if any(starts) else events


def _merge(tracks: list[_Track], starts: list[int], division: int, faults: list[str]) -> Events:
    """The messages of all tracks, each of which begins at a tick of `starts`, sorted by tick."""
    parts = [np.array(track.messages) for track in tracks]
    packed = np.concatenate(parts) if parts else np.zeros(0, dtype=np.int64)
    track = np.repeat(np.arange(len(parts)), [len(part) for part in parts])
    tick = (packed >> 24) + np.array([*starts, 0])[track]
    order = np.argsort(tick, kind="stable")
    packed, track, tick = packed[order], track[order], tick[order]
    # Invalid data bytes above 127 are clipped, as by mido with clip=True.
    first, second = np.minimum(packed >> 8 & 0xFF, 127), np.minimum(packed & 0xFF, 127)
    ends = [start + track.end for start, track in zip(starts, tracks, strict=True)]
    tempos = _tempo_map(_tempo_changes(tracks, starts), division, faults)
    return Events(
        tick, track, packed >> 16 & 0xFF, first, second, np.array(ends, dtype=np.int64), *tempos,
        faults,
    )  # fmt: skip


def _read_tracks(data: bytes, header: Header, faults: list[str]) -> list[_Track]:
    """All tracks. What is damaged is added to `faults`."""
    tracks: list[_Track] = []
    position = find_track(data, header.end, faults)
    while position is not None:
        track, end = _read_chunk(data, position, len(tracks), faults)
        tracks.append(track)
        position = find_track(data, end, faults)
    if len(tracks) < header.count:
        faults.append(f"truncated: it has {len(tracks)} of {header.count} tracks")
    elif len(tracks) > header.count:
        faults.append(f"it has {len(tracks)} tracks; its header gives {header.count}")
    return tracks


def _read_chunk(data: bytes, position: int, number: int, faults: list[str]) -> tuple[_Track, int]:
    """The track whose chunk is at `position`, and where the next chunk is expected.

    If no chunk begins where this one ends by its length, or a track begins before, the length is
    wrong: the track ends at its end-of-track message, or else where the next one begins.
    """
    begin, declared = position + 8, chunk_end(data, position)
    fits, following = at_chunk(data, declared), next_track(data, begin)
    stop, later = min(declared, following), declared if fits else following
    track = _read_track(data[begin:stop])
    if not track.size and later > stop and (track.fault or not fits):
        longer = _read_track(data[begin:later])
        if longer.size or track.fault:
            track, stop = longer, later
    end = begin + track.size if track.size else stop
    fault = track.fault
    if fits and not end <= following < declared:
        end = declared
    elif end == len(data) < declared and not track.size:
        fault = "is cut off by the end of the file"
    elif end != declared:
        fault = f"is {end - begin} bytes long; its length is given as {declared - begin}"
    if fault:
        faults.append(f"track {number} {fault}")
    return track, end


def _read_track(data: bytes) -> _Track:
    """The track in the body of a chunk, up to its end-of-track message or to damage."""
    messages, tempos = array("q"), list[tuple[int, int]]()
    try:
        end, size = _read_messages(data, messages, tempos)
    except IndexError:
        fault = "ends within a message"
    except _DamageError as error:
        fault = str(error)
    else:
        return _Track(messages, tempos, end, size, "")
    return _Track(messages, tempos, messages[-1] >> 24 if messages else 0, 0, fault)


def _read_messages(
    data: bytes, messages: array[int], tempos: list[tuple[int, int]]
) -> tuple[int, int]:
    """Fill `messages` and `tempos`; gives the last tick, and the size as in `_Track`.

    Raises IndexError if the data end within a message, _DamageError if they cannot be read.
    """
    tick = position = running = 0
    while position < len(data):
        delta = data[position]
        position += 1
        if delta > 127:
            delta, position = _variable_int(data, position - 1)
            if tick + delta >= MAX_TICK:
                raise _DamageError(f"is over {MAX_TICK} ticks long")
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
            elif status < 0xD0:
                messages.append(tick << 24 | status << 16 | data[position] << 8)
            position += 1 if 0xC0 <= status < 0xE0 else 2
        else:
            kind, body, position = _system_message(data, status, position)
            if kind == _END_OF_TRACK:
                return tick, position
            if kind == _SET_TEMPO and len(body) == 3 and any(body):
                tempos.append((tick, int.from_bytes(body)))
    return tick, 0


def _system_message(data: bytes, status: int, position: int) -> tuple[int, bytes, int]:
    """The type of a meta message (0 for others), its body, and the position after it."""
    kind = 0
    if status == _META:
        kind = data[position]
        length, position = _variable_int(data, position + 1)
    elif status in (_SYSTEM_EXCLUSIVE, _ESCAPE):
        length, position = _variable_int(data, position)
    elif status:
        length = _SYSTEM_COMMON.get(status, 0)
    else:
        raise _DamageError("has data bytes where a message should begin")
    end = position + length
    if status == _SYSTEM_EXCLUSIVE and data[end - 1 : end] != _END_OF_EXCLUSIVE:
        # Written as it is sent, without a length: what was taken for one belongs to the message.
        end = 1 + data.find(_END_OF_EXCLUSIVE, position, end) or end
    if end > len(data):
        raise IndexError
    return kind, data[position:end], end


def _variable_int(data: bytes, position: int) -> tuple[int, int]:
    """A variable-length integer, and the position after it."""
    value = 0
    while value < MAX_TICK:
        byte = data[position]
        position += 1
        value = value << 7 | byte & 0x7F
        if byte < 0x80:
            return value, position
    raise _DamageError(f"has a time or a length of over {MAX_TICK}")


def _tempo_changes(tracks: list[_Track], starts: list[int]) -> list[tuple[int, int]]:
    """Tempo changes of all tracks: tick, microseconds a beat. Each start sets the tempo back."""
    changes = [(start, DEFAULT_TEMPO) for start in sorted(set(starts))]
    for start, track in zip(starts, tracks, strict=True):
        changes += [(start + tick, tempo) for tick, tempo in track.tempos]
    return changes


def _tempo_map(
    changes: list[tuple[int, int]], division: int, faults: list[str]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Tempo changes: tick, second, and seconds a tick from there on."""
    if division < 0:
        # SMPTE time code: minus the frames a second in the high byte, ticks a frame in the low one.
        frames, ticks = -(division >> 8), division & 0xFF
        if frames not in _SMPTE_RATES:
            faults.append(f"its header gives {frames} frames a second; expected 24, 25, 29 or 30")
        rate = _SMPTE_RATES.get(frames, frames)
        return np.zeros(1, dtype=np.int64), np.zeros(1), np.array([1 / (rate * ticks)])
    table = np.array([(0, DEFAULT_TEMPO), *changes], dtype=np.int64)
    tick, tempo = table[np.argsort(table[:, 0], kind="stable")].T
    tick_seconds = tempo / 1e6 / division
    seconds = np.concatenate([[0.0], np.cumsum(np.diff(tick) * tick_seconds[:-1])])
    return tick, seconds, tick_seconds
