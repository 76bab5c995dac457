"""Read MIDI files as note tables and write them. How notes are paired: `amt.io.midi_notes`."""

from __future__ import annotations

import io
import warnings
from collections.abc import Sequence
from pathlib import Path

import mido
import numpy as np

from amt.errors import FileWarning
from amt.io.atomic import atomic_write
from amt.io.midi_notes import (
    CONTROL,
    NOTE_OFF,
    NOTE_ON,
    TickNotes,
    notes_and_pedal,
    remarks,
    separate,
)
from amt.io.smf import DEFAULT_TEMPO, MAX_TICK, MidiError, parse
from amt.io.tempo_map import (
    TICKS_PER_BEAT,
    TempoMap,
    TickClock,
    TimeSignature,
    steady_clock,
    tick_clock,
)
from amt.notes import Notes, Pedal

__all__ = [
    "MIDI_SUFFIXES",
    "TICKS_PER_BEAT",
    "MidiError",
    "is_midi",
    "parse_midi",
    "read_midi",
    "write_midi",
]

# .rmi: in a RIFF file, of Windows. .kar: with the text of a song.
MIDI_SUFFIXES = (".mid", ".midi", ".rmi", ".kar")


def read_midi(path: Path | str, strict: bool = False) -> Notes:
    """Notes and pedal movements of a MIDI file; a file without notes gives an empty table.

    All tracks and channels are merged, except drums (channel 10); pitches outside 21-108 are
    removed. Offsets are key releases; `extend_sustain` applies the pedal. The tracks of type 2
    follow one another. Of a damaged file what can be read is read; strict: it is an error. Issues a
    FileWarning, one line that names the file, if it is damaged, notes are left out, or an
    instrument is no piano. Raises MidiError, one line too, if the file is missing or not MIDI, if
    nothing in it can be read, or if its times have no unit.
    """
    try:
        notes, issues = parse_midi(Path(path).read_bytes(), strict)
    except OSError as error:
        raise MidiError(f"cannot read {path}: {error.strerror}") from error
    except MidiError as error:
        raise MidiError(f"cannot read {path}: {error}") from error
    if issues:
        warnings.warn(f"{path}: {'; '.join(issues)}", FileWarning, stacklevel=2)
    return notes


def parse_midi(data: bytes, strict: bool = False) -> tuple[Notes, list[str]]:
    """What `read_midi` reads, from the content of a file, and its warnings. Raises MidiError."""
    events = parse(data)
    if strict and (events.faults or events.successive):
        raise MidiError([*events.faults, _type_2(events.successive)][0])
    type_2 = [_type_2(events.successive)] if events.successive else []
    notes, pedal = notes_and_pedal(events)
    table = Notes(
        events.seconds(notes.onset),
        events.seconds(notes.offset),
        notes.pitch,
        notes.velocity,
        Pedal(events.seconds(pedal.tick), pedal.controller, pedal.value, pedal.channel),
        notes.channel,
    )
    return table, [*_faults(events.faults), *type_2, *remarks(events)]


def is_midi(data: bytes) -> bool:
    """Whether the content of a file begins as that of a MIDI file, alone or in a RIFF file."""
    return data.startswith(b"MThd") or (data.startswith(b"RIFF") and data[8:12] == b"RMID")


def _type_2(tracks: int) -> str:
    return f"a MIDI file of type 2: its {tracks} tracks were read one after another"


def _faults(faults: list[str]) -> list[str]:
    """All faults of a file in one line, if there are any."""
    more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
    return [f"read as far as possible: {faults[0]}{more}"] if faults else []


def write_midi(
    path: Path | str,
    notes: Notes,
    ticks_per_beat: int = TICKS_PER_BEAT,
    tempo: int = DEFAULT_TEMPO,
    tempo_map: TempoMap | None = None,
) -> None:
    """Write notes, velocities and pedal as a MIDI file of type 0, atomically.

    tempo: microseconds a beat. Times are rounded to ticks of `tempo` / `ticks_per_beat`
    microseconds. tempo_map: in place of both, changes of tempo and time signatures, with ticks of
    1.04 ms at most. `read_midi` gives back the rounded times and all other values exactly, except
    that notes which overlap the next note of their pitch end at its onset. Within a tick, pedals
    come before note-offs and note-offs before note-ons. Raises MidiError if a time is negative or
    the file cannot be written.
    """
    try:
        data = midi_bytes(notes, ticks_per_beat, tempo, tempo_map)
        with atomic_write(path) as part:
            part.write_bytes(data)
    except MidiError as error:
        raise MidiError(f"cannot write {path}: {error}") from error
    except OSError as error:
        raise MidiError(f"cannot write {path}: {error.strerror}") from error


def midi_bytes(
    notes: Notes,
    ticks_per_beat: int = TICKS_PER_BEAT,
    tempo: int = DEFAULT_TEMPO,
    tempo_map: TempoMap | None = None,
) -> bytes:
    """The content of the file that `write_midi` writes; raises MidiError for invalid values."""
    clock = tick_clock(tempo_map) if tempo_map else steady_clock(ticks_per_beat, tempo)
    tick_seconds = float(clock.tempo[-1]) / 1e6 / clock.ticks_per_beat
    room = MAX_TICK - 1 - int(clock.tick[-1])
    _check_times(notes, float(clock.seconds[-1]) + room * tick_seconds)
    signatures = tempo_map.signatures if tempo_map else ()
    timed = [*_head(clock, signatures), *_messages(notes, clock)]
    timed.sort(key=lambda pair: pair[0])
    delta = np.diff([tick for tick, _ in timed], prepend=0).tolist()
    for (_, message), time in zip(timed, delta, strict=True):
        message.time = time
    track = mido.MidiTrack(message for _, message in timed)
    data = io.BytesIO()
    mido.MidiFile(type=0, ticks_per_beat=clock.ticks_per_beat, tracks=[track]).save(file=data)
    return data.getvalue()


def _check_times(notes: Notes, latest: float) -> None:
    """Raise MidiError for times before 0 or after `latest` seconds."""
    times = np.concatenate([notes.onset, notes.offset, notes.pedal.time, [0.0]])
    if times.min() < 0 or times.max() > latest:
        found = f"{times.min():g} to {times.max():g}"
        raise MidiError(f"times must be 0 to {latest:.0f} s, got {found}")


def _head(
    clock: TickClock, signatures: Sequence[TimeSignature]
) -> list[tuple[int, mido.Message | mido.MetaMessage]]:
    """Changes of tempo, time signatures and the instrument, each with its tick."""
    tempi = zip(clock.tick.tolist(), clock.tempo.tolist(), strict=True)
    return [
        *((tick, mido.MetaMessage("set_tempo", tempo=tempo)) for tick, tempo in tempi),
        *((round(one.quarter * clock.ticks_per_beat), _signature(one)) for one in signatures),
        (0, mido.Message("program_change", program=0)),
    ]


def _signature(signature: TimeSignature) -> mido.MetaMessage:
    numbers = {"numerator": signature.numerator, "denominator": signature.denominator}
    return mido.MetaMessage("time_signature", **numbers)


def _messages(notes: Notes, clock: TickClock) -> list[tuple[int, mido.Message]]:
    """The pedal and note messages in order of time, each with its tick."""
    onset, offset, pedal_tick = (
        clock.ticks(time) for time in (notes.onset, notes.offset, notes.pedal.time)
    )
    played = separate(TickNotes(onset, offset, notes.pitch, notes.velocity, notes.channel))
    tick = np.concatenate([pedal_tick, played.offset, played.onset])
    first = np.concatenate([notes.pedal.controller, played.pitch, played.pitch])
    second = np.concatenate([notes.pedal.value, np.zeros_like(played.pitch), played.velocity])
    sizes = [len(pedal_tick), len(played.pitch), len(played.pitch)]
    kind = np.repeat([CONTROL, NOTE_OFF, NOTE_ON], sizes)
    channel = np.concatenate([notes.pedal.channel, played.channel, played.channel])
    status = kind << 4 | channel
    order = np.argsort(tick, kind="stable")
    rows = np.stack([status, first, second], axis=1)[order].tolist()
    return [
        (time, mido.Message.from_bytes(row))
        for row, time in zip(rows, tick[order].tolist(), strict=True)
    ]
