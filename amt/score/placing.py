"""Where each note of a hand is written: its place on the grid; grace notes and arpeggios."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from scipy.interpolate import PchipInterpolator

from amt.analysis.symbolic.grid import MetricalGrid
from amt.notes import Notes
from amt.score.events import Chord, Struck, chords_of
from amt.score.quantise import quantised_hands

# What is struck before the last chord of a place is part of an arpeggio if its key is held so many
# seconds longer than to the last chord's onset; else it is a grace note.
HELD = 0.08
# An arpeggio takes no longer, in seconds. A chord has its sign if it takes so long or longer: in
# ASAP's training and validation split 19 of 35 rolled chords that do have it, of others 14 of 431.
ARPEGGIO_SECONDS, SIGN_SECONDS = 0.5, 0.1
# What is struck so little before a chord, and is no neighbour of its notes in semitones, is of it:
# of 361 notes within 0.05 s before a chord in pieces of ASAP's training and validation split, 181
# were of the chord, 20 were grace notes.
SPREAD_SECONDS, NEIGHBOUR = 0.055, 2


@dataclass(frozen=True)
class Placed:
    """A note at its place, in beats from the first of the grid. order: of the grace notes there."""

    struck: Struck
    place: Fraction
    grace: bool = False
    order: int = 0
    arpeggio: bool = False


def placed_hands(notes: Notes, grid: MetricalGrid, right: np.ndarray) -> list[list[Placed]]:
    """The notes of the right and of the left hand at their places; grid: it covers all notes."""
    chords = [chords_of(notes, np.flatnonzero(own)) for own in (right, ~right)]
    positions = [even_position(grid, np.array([chord.onset for chord in own])) for own in chords]
    period = np.diff(grid.beats, append=2 * grid.beats[-1] - grid.beats[-2])
    compound = np.isin(grid.beat_lengths(), (0.75, 1.5, 3.0))
    places = quantised_hands(positions, period, compound)
    return [_placed(notes, own, at) for own, at in zip(chords, places, strict=True)]


def even_position(grid: MetricalGrid, seconds: np.ndarray) -> np.ndarray:
    """Positions of times in beats, where the tempo inside a beat changes as around it.

    A ritardando goes on inside a beat: between the beats the positions follow a cubic that rises
    with them (Fritsch and Carlson 1980), not a straight line.
    """
    curve = PchipInterpolator(grid.beats, np.arange(len(grid.beats)))
    inside = (seconds >= grid.beats[0]) & (seconds <= grid.beats[-1])
    return np.where(inside, curve(np.clip(seconds, *grid.beats[[0, -1]])), grid.position(seconds))


def _placed(notes: Notes, chords: Sequence[Chord], places: Sequence[Fraction]) -> list[Placed]:
    """The notes of chords, with what falls on one place told apart."""
    placed: list[Placed] = []
    first = 0
    while first < len(chords):
        last = first
        while last + 1 < len(chords) and places[last + 1] == places[first]:
            last += 1
        placed += _together(notes, chords[first : last + 1], places[first])
        first = last + 1
    return placed


def _together(notes: Notes, chords: Sequence[Chord], place: Fraction) -> list[Placed]:
    """The notes of the chords at one place: an arpeggio, or grace notes before the last chord."""
    main = chords[-1]
    written = {one.pitch for one in main.struck}
    short = main.onset - chords[0].onset <= ARPEGGIO_SECONDS
    held: list[Struck] = []
    spread: list[Struck] = []
    graces: list[Struck] = []
    for before, one in ((own, one) for own in chords[:-1] for one in own.struck):
        rings = float(notes.offset[one.performed[-1]]) - main.onset
        if rings >= HELD and short and one.pitch not in written:
            held.append(one)
        elif main.onset - before.onset <= SPREAD_SECONDS and _apart(one.pitch, written):
            spread.append(one)
        else:
            graces.append(one)
            continue
        written.add(one.pitch)
    chord = [*held, *spread, *main.struck]
    struck = notes.onset[[one.performed[0] for one in chord]]
    arpeggio = (main.rolled or len(held) > 1) and np.ptp(struck) >= SIGN_SECONDS
    return [
        *(Placed(one, place, grace=True, order=order) for order, one in enumerate(graces)),
        *(Placed(one, place, arpeggio=bool(arpeggio)) for one in chord),
    ]


def _apart(pitch: int, others: set[int]) -> bool:
    return all(abs(pitch - other) > NEIGHBOUR for other in others)
