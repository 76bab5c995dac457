"""Pieces to ask about, whose facts were counted by hand: what is written here is the truth.

song    F major, 4/4, 120 beats per minute, 16 bars of 2 s, 32 s. Each bar has a triad below and
        four quarter notes above; C5 D5 C5 A4 comes six times (bars 1, 3, 5, 7, 11, 13).
        109 notes: 16 triads, 15 bars of four notes, and F4 for 2 s, the longest, in bar 16.
        C5 (72) comes 18 times; 19 different pitches with 7 names; from G2 (43), once, in bar 10
        (0:18), to G5 (79), first in bar 8 (0:14.5): 36 semitones. Loudest at 0:23 (G5, velocity
        110), softest at 0:30. Pedal down four times for 1.5 s, at 0, 2, 4 and 6 s.
lament  A minor, C minor from 1:04 on and again A minor from 1:36 on; one bar is 4 s, in all 2:08.
        Slow, soft, without pedal. 192 notes: 32 bars of a triad and three notes above. Four times
        Am Dm E Am, twice Cm Fm G Cm, twice Am Dm E Am. The melody of four bars, 12 notes, comes
        eight times. From A2 to Eb5, 30 semitones.
"""

from __future__ import annotations

import numpy as np
from steady_beats import steady_grid

from amt.analysis.pitch import PITCH_CLASSES
from amt.answers.piece import Piece
from amt.notes import Notes, pedal_from_presses

MOTIF = "C5 D5 C5 A4"
# Triad and melody of each bar; A# is Bb.
SONG = (
    ("F3 A3 C4", MOTIF),
    ("A#2 D3 F3", "A#4 D5 F5 D5"),
    ("F3 A3 C4", MOTIF),
    ("C3 E3 G3", "G4 C5 E5 C5"),
    ("F3 A3 C4", MOTIF),
    ("A#2 D3 F3", "D5 A#4 F4 A#4"),
    ("F3 A3 C4", MOTIF),
    ("C3 E3 G3", "E5 G5 E5 C5"),
    ("D3 F3 A3", "F5 A4 D5 A4"),
    ("G2 A#2 D3", "G4 A#4 D5 G4"),
    ("F3 A3 C4", MOTIF),
    ("C3 E3 G3", "C5 E5 G5 C5"),
    ("F3 A3 C4", MOTIF),
    ("A#2 D3 F3", "F5 D5 A#4 F4"),
    ("C3 E3 G3", "E5 C5 G4 E4"),
    ("F3 A3 C4", "F4"),
)
IN_A, IN_C = (
    (
        ("A2 C3 E3", "A4 C5 B4"),
        ("D3 F3 A3", "F4 A4 D4"),
        ("E3 G#3 B3", "G#4 B4 E4"),
        ("A2 C3 E3", "A4 E4 C5"),
    ),
    (
        ("C3 D#3 G3", "C5 D#5 D5"),
        ("F3 G#3 C4", "G#4 C5 F4"),
        ("G3 B3 D4", "B4 D5 G4"),
        ("C3 D#3 G3", "C5 G4 D#5"),
    ),
)
LAMENT = (*4 * IN_A, *2 * IN_C, *2 * IN_A)


def song() -> Piece:
    """The piece `song` of above."""
    notes = _notes(SONG, bar_seconds=2.0, beats=4, velocities=(50, 70))
    velocity = notes.velocity.copy()
    velocity[(notes.pitch == 79) & (notes.onset == 23.0)] = 110
    velocity[notes.onset == 30.0] = 30
    pedal = pedal_from_presses(np.array([[start, start + 1.5] for start in (0.0, 2.0, 4.0, 6.0)]))
    notes = Notes(notes.onset, notes.offset, notes.pitch, velocity, pedal)
    return Piece(notes, 32.0, "song", find_grid=lambda _: steady_grid(32.0, 0.5))


def lament() -> Piece:
    """The piece `lament` of above."""
    notes = _notes(LAMENT, bar_seconds=4.0, beats=4, velocities=(30, 38))
    return Piece(notes, 128.0, "lament", find_grid=lambda _: steady_grid(128.0, 1.0))


def _notes(
    bars: tuple[tuple[str, str], ...], bar_seconds: float, beats: int, velocities: tuple[int, int]
) -> Notes:
    """Triads of nine tenths of a bar; melodies in beats, the last note to the end of its bar."""
    rows = []
    for number, (triad, melody) in enumerate(bars):
        start, beat = number * bar_seconds, bar_seconds / beats
        rows += [
            (start, start + 0.9 * bar_seconds, midi(name), velocities[0]) for name in triad.split()
        ]
        names = melody.split()
        for place, name in enumerate(names):
            last = place == len(names) - 1
            stop = start + bar_seconds if last else start + (place + 0.9) * beat
            rows.append((start + place * beat, stop, midi(name), velocities[1]))
    return Notes(*np.array(rows).T)


def midi(name: str) -> int:
    """MIDI number of a name with sharps: C4 is 60."""
    return PITCH_CLASSES.index(name[:-1]) + 12 * (int(name[-1]) + 1)
