"""MIDI files to note tables and back.

A piano key sounds one note at a time, so a note-on of a sounding pitch ends the former note. That
heals a missing note-off at the next note of the pitch, where pairing first with first would shift
every later note of it; both give the same notes on MAESTRO. A note-on and a note-off of a pitch at
one tick, in either order, are the end of a former note and the start of the next. A note that
nothing ends lasts to the end of its track. A note without length gets one tick, so that none is
lost; of the notes of a pitch that begin at one tick (two hands, two tracks) the longest stays.
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

# With the default tempo of 120 beats a minute 0.52 ms a tick, finer than any transcription; MAESTRO
# has 1.04 and 1.3 ms. Every sequencer takes 960, not every one takes more.
TICKS_PER_BEAT = 960

_NOTE_OFF, _NOTE_ON, _CONTROL = 0x8, 0x9, 0xB
_DRUMS = 9


@dataclass(frozen=True)
class _TickNotes:
    """Columns of notes (N,) whose times are ticks."""

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

    All tracks and channels are merged, except drums (channel 10); pitches off the piano are left
    out. Offsets are those of the keys: `extend_sustain` adds the pedal. Raises MidiError, in one
    line that names the file, where it is missing, not MIDI, of type 2 or truncated.
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
    """Write notes, velocities and pedal as a MIDI file; whole or not at all.

    Times are rounded to ticks of `tempo` / `ticks_per_beat` microseconds; reading gives these times
    and all else back exactly, but for notes that overlap another of their pitch: they are cut where
    the other begins. At one tick pedals come before note-offs, note-offs before note-ons. Raises
    MidiError where a time is negative, a value does not fit or the file cannot be written.
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
    """What `write_midi` writes. Raises MidiError where a value does not fit."""
    _check(notes)
    track = mido.MidiTrack([mido.MetaMessage("set_tempo", tempo=tempo)])
    track.append(mido.Message("program_change", program=0))
    track.extend(_messages(notes, tempo / 1e6 / ticks_per_beat))
    data = io.BytesIO()
    mido.MidiFile(type=0, ticks_per_beat=ticks_per_beat, tracks=[track]).save(file=data)
    return data.getvalue()


def _pair(events: Events) -> _TickNotes:
    """Each note-on with what ends it: the next event of its key in its track and channel."""
    kind, channel = events.status >> 4, events.status & 0xF
    chosen = ((kind == _NOTE_ON) | (kind == _NOTE_OFF)) & (channel != _DRUMS)
    key = ((events.track * 16 + channel) * 128 + events.first)[chosen]
    order = np.argsort(key, kind="stable")
    key, tick = key[order], events.tick[chosen][order]
    velocity = np.where(kind == _NOTE_ON, events.second, 0)[chosen][order]
    track = events.track[chosen][order]

    kept = ~_late_offs(key, tick, velocity > 0)
    key, tick, velocity, track = key[kept], tick[kept], velocity[kept], track[kept]
    last = np.append(key[1:] != key[:-1], True)[: len(key)]
    offset = np.where(last, events.ends[track], np.append(tick[1:], 0)[: len(key)])
    return _TickNotes(tick, offset, key % 128, velocity).select(velocity > 0)


def _late_offs(key: np.ndarray, tick: np.ndarray, on: np.ndarray) -> np.ndarray:
    """Note-offs that stand behind a note-on of their tick but end the note before it."""
    late = np.zeros(len(key), dtype=bool)
    one_key = (key[2:] == key[1:-1]) & (key[1:-1] == key[:-2])
    late[2:] = one_key & on[:-2] & on[1:-1] & ~on[2:] & (tick[2:] == tick[1:-1])
    return late


def _separate(notes: _TickNotes) -> _TickNotes:
    """One note a key at a time, each at least a tick long, by pitch, then onset."""
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
            raise MidiError(f"{name} from {low} to {high} fit, not {found}")


def _messages(notes: Notes, tick_seconds: float) -> list[mido.Message]:
    """The pedal and note messages in playing order, their times as differences in ticks."""
    onset, offset, pedal_tick = (
        np.rint(time / tick_seconds).astype(np.int64)
        for time in (notes.onset, notes.offset, notes.pedal.time)
    )
    apart = _separate(_TickNotes(onset, offset, notes.pitch, notes.velocity))
    tick = np.concatenate([pedal_tick, apart.offset, apart.onset])
    first = np.concatenate([notes.pedal.controller, apart.pitch, apart.pitch])
    second = np.concatenate([notes.pedal.value, np.zeros_like(apart.pitch), apart.velocity])
    sizes = [len(pedal_tick), len(apart.pitch), len(apart.pitch)]
    status = np.repeat([_CONTROL << 4, _NOTE_OFF << 4, _NOTE_ON << 4], sizes)
    order = np.argsort(tick, kind="stable")
    delta = np.diff(tick[order], prepend=0)
    return [
        mido.Message.from_bytes(row, time=int(time))
        for row, time in zip(
            np.stack([status, first, second], axis=1)[order].tolist(), delta, strict=True
        )
    ]
