"""Straight notes: onsets and values moved to the grid, played at one steady tempo."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np

from amt.analysis.symbolic.bars import covering
from amt.analysis.symbolic.grid import MetricalGrid
from amt.analysis.symbolic.metrical import DEFAULT_WEIGHTS
from amt.analysis.symbolic.tempo import tempo_of
from amt.io.tempo_map import TempoMap, TimeSignature, changes
from amt.notes import Notes
from amt.score.bars import bars_of
from amt.score.chords import chords
from amt.score.hands import right_hand
from amt.score.placing import even_position
from amt.score.quantise import quantised
from amt.score.score import Bar

# Values are multiples of this, in quarter notes; of triplets, of the triplet's notes.
UNIT = Fraction(1, 4)
# A note that would fall on the one before it on its key begins so many beats after it.
APART = 1 / 12
SLOWEST = 10.0


def straight(
    notes: Notes, grid: MetricalGrid, bpm: float | None = None, weights: str = DEFAULT_WEIGHTS
) -> tuple[Notes, TempoMap]:
    """The notes on the grid, and the tempo and time signatures of their MIDI file.

    bpm: quarter notes a minute; None: the whole number nearest to the median of the performance.
    weights: how hands are found, see `amt.score.hands.right_hand`.
    The file begins with the first bar, of which a pickup is the end. The pedal moves with the
    beats. Notes that fall together on a key are kept apart.
    """
    bpm = bpm or steady_tempo(grid)
    grid = covering(grid, notes)
    place = _apart(notes, _places(notes, grid, right_hand(notes, weights)))
    onset = grid.quarters(place)
    offset = onset + _values(notes, grid, onset)
    pedal = grid.quarters(grid.position(notes.pedal.time))
    bars = bars_of(grid)
    lead = float(grid.metre(0).beats * bars[0].beat - bars[0].length) if bars[0].pickup else 0.0
    onset, offset, pedal = ((lead + quarters) * 60 / bpm for quarters in (onset, offset, pedal))
    movements = replace(notes.pedal, time=np.maximum(pedal, 0))
    moved = Notes(onset, offset, notes.pitch, notes.velocity, movements, notes.channel)
    return moved, replace(TempoMap.steady(bpm), signatures=_signatures(bars, lead))


def _signatures(bars: list[Bar], lead: float) -> tuple[TimeSignature, ...]:
    """Where the signature changes; the first bar begins `lead` quarter notes before its notes."""
    starts = [0.0, *(lead + float(bar.start) for bar in bars[1:])]
    numbers = [(bar.numerator, bar.denominator) for bar in bars]
    return changes(TimeSignature(at, *own) for at, own in zip(starts, numbers, strict=True))


def steady_tempo(grid: MetricalGrid) -> float:
    """Quarter notes a minute: the whole number nearest to the median over the beats."""
    return max(float(np.rint(tempo_of(grid).quarters)), SLOWEST)


def _places(notes: Notes, grid: MetricalGrid, right: np.ndarray) -> np.ndarray:
    """Onsets on the grid (N,), in beats; each hand has its own divisions of the beat."""
    position = even_position(grid, notes.onset)
    period = np.diff(grid.beats, append=2 * grid.beats[-1] - grid.beats[-2])
    compound = np.array([Fraction(length).numerator == 3 for length in grid.beat_lengths()])
    place = np.zeros(len(notes))
    for hand in (right, ~right):
        chord = chords(notes.onset[hand])
        if len(chord):
            mean = np.bincount(chord, position[hand]) / np.bincount(chord)
            found = quantised(mean, period, compound)
            place[hand] = np.array([float(one) for one in found])[chord]
    return place


def _apart(notes: Notes, place: np.ndarray) -> np.ndarray:
    """Places (N,) at which no two notes of a pitch begin together."""
    place = place.copy()
    last: dict[int, float] = {}
    for note, pitch in enumerate(notes.pitch.tolist()):
        place[note] = max(place[note], last.get(pitch, -np.inf) + APART)
        last[pitch] = float(place[note])
    return place


def _values(notes: Notes, grid: MetricalGrid, onset: np.ndarray) -> np.ndarray:
    """Values of the notes in quarter notes (N,); `onset`: where they begin."""
    played = grid.quarters(grid.position(notes.offset)) - grid.quarters(grid.position(notes.onset))
    parts = [Fraction(at).limit_denominator(48).denominator for at in onset.tolist()]
    unit = np.array([1 / part if part % 3 == 0 else float(UNIT) for part in parts])
    return np.maximum(np.rint(played / unit), 1) * unit
