"""Read MIDI files as note tables and write them.

How notes are paired: a key of a piano sounds one note at a time, so a note-on ends a sounding note
of its pitch. A missing note-off therefore affects one note only. A note-on and a note-off of one
pitch at one tick, in either order, are the end of the previous note and the start of the next. A
note that nothing ends lasts until the end of its track. A note of zero length gets one tick; of
several notes of a pitch that begin at one tick (two tracks, two hands) the longest is kept.

No library pairs them so. Where a note-off is missing, symusic 0.6 pairs first note-on with first
note-off, which makes all later offsets of the pitch wrong and loses its last note; pretty_midi 0.2
ends all sounding notes of the pitch together; both drop notes without a note-off, and pretty_midi
drops those of zero length. mido gives messages, not notes. On MAESTRO pairing first with first
gives the same notes.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path

import mido
import numpy as np

from amt.io.atomic import atomic_write
from amt.io.smf import DEFAULT_TEMPO, Events, MidiError, parse
from amt.notes import MAX_PITCH, MIN_PITCH, PEDALS, Notes, Pedal

__all__ = ["TICKS_PER_BEAT", "MidiError", "read_midi", "write_midi"]

# 0.52 ms a tick at the default tempo of 120 beats a minute; MAESTRO has 1.04 and 1.3 ms. Some
# sequencers refuse more than 960.
TICKS_PER_BEAT = 960

_NOTE_OFF, _NOTE_ON, _CONTROL = 0x8, 0x9, 0xB
_DRUMS = 9


@dataclass(frozen=True)
class _TickNotes:
    """A note table with times in ticks; each column (N,)."""

    onset: np.ndarray
    offset: np.ndarray
    pitch: np.ndarray
    velocity: np.ndarray

    def select(self, index: np.ndarray) -> _TickNotes:
        return _TickNotes(
            self.onset[index], self.offset[index], self.pitch[index], self.velocity[index]
        )


def read_midi(path: Path | str) -> Notes:
    """Notes and pedal movements of a MIDI file; a file without notes gives an empty table.

    All tracks and channels are merged, except drums (channel 10); pitches outside 21-108 are
    removed. Offsets are key releases; `extend_sustain` applies the pedal. Raises MidiError, one
    line that names the file, if it is missing, not MIDI, of type 2 or truncated.
    """
    try:
        events = parse(Path(path).read_bytes())
    except OSError as error:
        raise MidiError(f"cannot read {path}: {error.strerror}") from error
    except MidiError as error:
        raise MidiError(f"cannot read {path}: {error}") from error
    notes = _separate(_pair(events))
    notes = notes.select((notes.pitch >= MIN_PITCH) & (notes.pitch <= MAX_PITCH))
    onset, offset = events.seconds(notes.onset), events.seconds(notes.offset)
    return Notes(onset, offset, notes.pitch, notes.velocity, _pedal(events))


def write_midi(
    path: Path | str,
    notes: Notes,
    ticks_per_beat: int = TICKS_PER_BEAT,
    tempo: int = DEFAULT_TEMPO,
) -> None:
    """Write notes, velocities and pedal as a MIDI file of type 0, atomically.

    tempo: microseconds a beat. Times are rounded to ticks of `tempo` / `ticks_per_beat`
    microseconds. `read_midi` gives back the rounded times and all other values exactly, except that
    notes which overlap the next note of their pitch end at its onset. Within a tick, pedals come
    before note-offs and note-offs before note-ons. Raises MidiError if a time is negative, a value
    is out of range or the file cannot be written.
    """
    try:
        data = midi_bytes(notes, ticks_per_beat, tempo)
        with atomic_write(path) as part:
            part.write_bytes(data)
    except MidiError as error:
        raise MidiError(f"cannot write {path}: {error}") from error
    except OSError as error:
        raise MidiError(f"cannot write {path}: {error.strerror}") from error


def midi_bytes(
    notes: Notes, ticks_per_beat: int = TICKS_PER_BEAT, tempo: int = DEFAULT_TEMPO
) -> bytes:
    """The content of the file that `write_midi` writes; raises MidiError for invalid values."""
    _check(notes)
    track = mido.MidiTrack([mido.MetaMessage("set_tempo", tempo=tempo)])
    track.append(mido.Message("program_change", program=0))
    track.extend(_messages(notes, tempo / 1e6 / ticks_per_beat))
    data = io.BytesIO()
    mido.MidiFile(type=0, ticks_per_beat=ticks_per_beat, tracks=[track]).save(file=data)
    return data.getvalue()


def _pair(events: Events) -> _TickNotes:
    """Each note-on with its end: the next note event of its pitch in its track and channel."""
    kind, channel = events.status >> 4, events.status & 0xF
    chosen = ((kind == _NOTE_ON) | (kind == _NOTE_OFF)) & (channel != _DRUMS)
    key = ((events.track * 16 + channel) * 128 + events.first)[chosen]
    order = np.argsort(key, kind="stable")
    key, tick = key[order], events.tick[chosen][order]
    velocity = np.where(kind == _NOTE_ON, events.second, 0)[chosen][order]
    track = events.track[chosen][order]

    kept = ~_reversed_note_offs(key, tick, velocity > 0)
    key, tick, velocity, track = key[kept], tick[kept], velocity[kept], track[kept]
    last = np.append(key[1:] != key[:-1], True)[: len(key)]
    offset = np.where(last, events.ends[track], np.append(tick[1:], 0)[: len(key)])
    return _TickNotes(tick, offset, key % 128, velocity).select(velocity > 0)


def _reversed_note_offs(key: np.ndarray, tick: np.ndarray, on: np.ndarray) -> np.ndarray:
    """Mask of note-offs that follow a note-on of the same tick but end the note before it."""
    found = np.zeros(len(key), dtype=bool)
    one_key = (key[2:] == key[1:-1]) & (key[1:-1] == key[:-2])
    found[2:] = one_key & on[:-2] & on[1:-1] & ~on[2:] & (tick[2:] == tick[1:-1])
    return found


def _separate(notes: _TickNotes) -> _TickNotes:
    """Remove overlaps within a pitch; each note lasts a tick at least; sorted by pitch, onset."""
    notes = notes.select(np.lexsort((notes.velocity, notes.offset, notes.onset, notes.pitch)))
    same = (notes.pitch[1:] == notes.pitch[:-1]) & (notes.onset[1:] == notes.onset[:-1])
    notes = notes.select(np.append(~same, True)[: len(notes.onset)])
    offset = np.maximum(notes.offset, notes.onset + 1)
    again = notes.pitch[1:] == notes.pitch[:-1]
    offset[:-1] = np.where(again, np.minimum(offset[:-1], notes.onset[1:]), offset[:-1])
    return _TickNotes(notes.onset, offset, notes.pitch, notes.velocity)


def _pedal(events: Events) -> Pedal:
    control = (events.status >> 4 == _CONTROL) & ((events.status & 0xF) != _DRUMS)
    index = control & np.isin(events.first, PEDALS)
    return Pedal(events.seconds(events.tick[index]), events.first[index], events.second[index])


def _check(notes: Notes) -> None:
    """Raise MidiError for values that MIDI cannot represent."""
    columns = {
        "times": (np.append(notes.onset, notes.pedal.time), 0, np.inf),
        "pitches": (notes.pitch, 0, 127),
        "velocities": (notes.velocity, 1, 127),
        "pedal values": (notes.pedal.value, 0, 127),
        "pedal controllers": (notes.pedal.controller, min(PEDALS), max(PEDALS)),
    }
    for name, (column, low, high) in columns.items():
        if not ((column >= low) & (column <= high)).all():
            found = f"{column.min():g} to {column.max():g}"
            raise MidiError(f"{name} must be {low} to {high}, got {found}")


def _messages(notes: Notes, tick_seconds: float) -> list[mido.Message]:
    """The pedal and note messages in order of time, with delta times in ticks."""
    onset, offset, pedal_tick = (
        np.rint(time / tick_seconds).astype(np.int64)
        for time in (notes.onset, notes.offset, notes.pedal.time)
    )
    separate = _separate(_TickNotes(onset, offset, notes.pitch, notes.velocity))
    tick = np.concatenate([pedal_tick, separate.offset, separate.onset])
    first = np.concatenate([notes.pedal.controller, separate.pitch, separate.pitch])
    second = np.concatenate([notes.pedal.value, np.zeros_like(separate.pitch), separate.velocity])
    sizes = [len(pedal_tick), len(separate.pitch), len(separate.pitch)]
    status = np.repeat([_CONTROL << 4, _NOTE_OFF << 4, _NOTE_ON << 4], sizes)
    order = np.argsort(tick, kind="stable")
    delta = np.diff(tick[order], prepend=0)
    return [
        mido.Message.from_bytes(row, time=int(time))
        for row, time in zip(
            np.stack([status, first, second], axis=1)[order].tolist(), delta, strict=True
        )
    ]
