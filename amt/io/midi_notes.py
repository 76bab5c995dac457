"""Messages of a MIDI file to notes and pedal movements, with times in ticks.

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

Channel mode messages: those that include "all notes off" end the notes of their channel which began
before their tick; "reset all controllers" lifts its pedals, "all sound off" its sustain pedal.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from amt.io.smf import Events
from amt.notes import MAX_PITCH, MIN_PITCH, PEDALS, SUSTAIN

NOTE_OFF, NOTE_ON, CONTROL, _PROGRAM = 0x8, 0x9, 0xB, 0xC
# Channel 10, counted from 1.
_DRUMS = 9
_ALL_SOUND_OFF, _RESET_CONTROLLERS = 120, 121
# All notes off; and omni off, omni on, mono, poly, which include it.
_ALL_NOTES_OFF = (_ALL_SOUND_OFF, 123, 124, 125, 126, 127)
# Programs 1-8 of General MIDI are pianos, electric pianos, harpsichord and clavinet.
_LAST_PIANO = 8


@dataclass(frozen=True)
class TickNotes:
    """A note table with times in ticks; each column (N,)."""

    onset: np.ndarray
    offset: np.ndarray
    pitch: np.ndarray
    velocity: np.ndarray
    channel: np.ndarray

    def select(self, index: np.ndarray) -> TickNotes:
        """The notes at `index` (positions or a mask)."""
        return TickNotes(*(column[index] for column in vars(self).values()))


@dataclass(frozen=True)
class TickPedal:
    """Pedal movements with times in ticks; each column (P,)."""

    tick: np.ndarray
    controller: np.ndarray
    value: np.ndarray
    channel: np.ndarray

    def select(self, index: np.ndarray) -> TickPedal:
        """The movements at `index` (positions or a mask)."""
        return TickPedal(*(column[index] for column in vars(self).values()))


def notes_and_pedal(events: Events) -> tuple[TickNotes, TickPedal]:
    """The piano notes of all tracks and channels, and the pedal movements of the same channels.

    Drums (channel 10) and pitches outside 21-108 are left out. If no channel has notes as well as
    pedal movements (the pedal of a player piano may have a channel of its own), channels count as
    one.
    """
    notes, pedal = separate(_pair(events)), _pedal(events)
    notes = notes.select((notes.pitch >= MIN_PITCH) & (notes.pitch <= MAX_PITCH))
    same = np.isin(pedal.channel, notes.channel)
    if same.any():
        return notes, pedal.select(same)
    return (
        replace(notes, channel=np.zeros_like(notes.channel)),
        replace(pedal, channel=np.zeros_like(pedal.channel)),
    )


def separate(notes: TickNotes) -> TickNotes:
    """Remove overlaps within a pitch; each note lasts a tick at least; sorted by pitch, onset."""
    notes = notes.select(np.lexsort((notes.velocity, notes.offset, notes.onset, notes.pitch)))
    same = (notes.pitch[1:] == notes.pitch[:-1]) & (notes.onset[1:] == notes.onset[:-1])
    notes = notes.select(np.append(~same, True)[: len(notes.onset)])
    offset = np.maximum(notes.offset, notes.onset + 1)
    again = notes.pitch[1:] == notes.pitch[:-1]
    offset[:-1] = np.where(again, np.minimum(offset[:-1], notes.onset[1:]), offset[:-1])
    return replace(notes, offset=offset)


def remarks(events: Events) -> list[str]:
    """What a reader of the notes should know: what is left out, and what no piano plays."""
    found = (events.status >> 4 == NOTE_ON) & (events.second > 0)
    drums = found & (events.status & 0xF == _DRUMS)
    off_piano = found & ~drums & ((events.first < MIN_PITCH) | (events.first > MAX_PITCH))
    programs = 1 + _programs(events)[found & ~drums]
    others = np.unique(programs[programs > _LAST_PIANO]).tolist()
    counts = {
        "drum notes of channel 10": drums.sum(),
        f"notes outside {MIN_PITCH} to {MAX_PITCH}": off_piano.sum(),
    }
    left_out = ", ".join(f"{what} ({count})" for what, count in counts.items() if count)
    lines = [f"left out: {left_out}"] if left_out else []
    if others:
        listed = f"{', '.join(map(str, others[:3]))}{', ...' * (len(others) > 3)}"
        lines.append(f"notes of other instruments (programs {listed}) are read as piano notes")
    return lines


def _programs(events: Events) -> np.ndarray:
    """The program of the channel of each message, counted from 0: (M,)."""
    programs = np.zeros(len(events.tick), dtype=np.int64)
    changes = events.status >> 4 == _PROGRAM
    for channel in np.unique(events.status[changes] & 0xF):
        own = changes & (events.status & 0xF == channel)
        last = np.append(0, events.first[own])[np.cumsum(own)]
        programs = np.where(events.status & 0xF == channel, last, programs)
    return programs


def _pair(events: Events) -> TickNotes:
    """Each note-on with its end: the next note event of its pitch in its track and channel."""
    kind, channel = events.status >> 4, events.status & 0xF
    chosen = ((kind == NOTE_ON) | (kind == NOTE_OFF)) & (channel != _DRUMS)
    key = ((events.track * 16 + channel) * 128 + events.first)[chosen]
    order = np.argsort(key, kind="stable")
    key, tick = key[order], events.tick[chosen][order]
    velocity = np.where(kind == NOTE_ON, events.second, 0)[chosen][order]
    track = events.track[chosen][order]

    kept = ~_reversed_note_offs(key, tick, velocity > 0)
    key, tick, velocity, track = key[kept], tick[kept], velocity[kept], track[kept]
    last = np.append(key[1:] != key[:-1], True)[: len(key)]
    offset = np.where(last, events.ends[track], np.append(tick[1:], 0)[: len(key)])
    notes = TickNotes(tick, offset, key % 128, velocity, key // 128 % 16).select(velocity > 0)
    return _end_by_channel_mode(notes, events)


def _reversed_note_offs(key: np.ndarray, tick: np.ndarray, on: np.ndarray) -> np.ndarray:
    """Mask of note-offs that follow a note-on of the same tick but end the note before it.

    That note sounds: its note-on comes before the two, or before other such pairs (repeated notes).
    """
    found = np.zeros(len(key), dtype=bool)
    one_key = (key[2:] == key[1:-1]) & (key[1:-1] == key[:-2])
    pair = one_key & on[1:-1] & ~on[2:] & (tick[2:] == tick[1:-1])
    # The note-offs of adjacent pairs are two messages apart.
    for own, before, result in zip(
        (pair[::2], pair[1::2]), (on[:-2:2], on[1:-2:2]), (found[2::2], found[3::2]), strict=True
    ):
        first = own & ~np.append(False, own[:-1])[: len(own)]
        start = np.maximum.accumulate(np.where(first, np.arange(len(own)), 0))
        result[:] = own & before[start]
    return found


def _end_by_channel_mode(notes: TickNotes, events: Events) -> TickNotes:
    """End notes at the first "all notes off" of their channel, in any track, after their onset."""
    offset = notes.offset.copy()
    ending = (events.status >> 4 == CONTROL) & np.isin(events.first, _ALL_NOTES_OFF)
    for channel in np.unique(events.status[ending] & 0xF):
        tick = events.tick[ending & (events.status & 0xF == channel)]
        own = notes.channel == channel
        following = np.searchsorted(tick, notes.onset[own], side="right")
        offset[own] = np.minimum(offset[own], np.append(tick, offset.max(initial=0))[following])
    return replace(notes, offset=offset)


def _pedal(events: Events) -> TickPedal:
    """Pedal movements, in order, and those that channel mode messages imply."""
    control = (events.status >> 4 == CONTROL) & (events.status & 0xF != _DRUMS)
    moved, reset, silenced = (
        np.flatnonzero(control & np.isin(events.first, numbers))
        for numbers in (PEDALS, _RESET_CONTROLLERS, _ALL_SOUND_OFF)
    )
    index = np.concatenate([moved, np.repeat(reset, len(PEDALS)), silenced])
    controller = np.concatenate(
        [events.first[moved], np.tile(PEDALS, len(reset)), np.full(len(silenced), SUSTAIN)]
    )
    value = np.append(events.second[moved], np.zeros(len(index) - len(moved), dtype=np.int64))
    pedal = TickPedal(events.tick[index], controller, value, events.status[index] & 0xF)
    order = np.argsort(index, kind="stable")
    pedal, implied = pedal.select(order), order >= len(moved)
    return pedal.select(~implied | (_values_before(pedal) > 0))


def _values_before(pedal: TickPedal) -> np.ndarray:
    """Where each movement finds its pedal: the value of the one before, 0 at first: (P,)."""
    key = pedal.channel * 128 + pedal.controller
    order = np.argsort(key, kind="stable")
    same = key[order][1:] == key[order][:-1]
    before = np.zeros_like(pedal.value)
    before[order[1:][same]] = pedal.value[order][:-1][same]
    return before
