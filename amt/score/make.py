"""From performed notes and a metrical grid to a score."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction

import numpy as np

from amt.analysis.symbolic.bars import covering
from amt.analysis.symbolic.grid import MetricalGrid
from amt.analysis.symbolic.metrical import DEFAULT_WEIGHTS
from amt.analysis.symbolic.tempo import tempo_of
from amt.notes import Notes
from amt.score.bars import Beats, bars_of, beats_of, first_bars
from amt.score.clefs import clefs_of
from amt.score.dynamics import dynamics_of
from amt.score.hands import right_hand
from amt.score.octaves import octave_shifts
from amt.score.pedal import pedal_marks
from amt.score.placing import Placed, placed_hands
from amt.score.score import HANDS, Bar, Score, ScoreNote, Spelling, Tempo
from amt.score.signatures import signatures
from amt.score.spelling import spell
from amt.score.tempo_marks import tempo_marks
from amt.score.voices import Timed, Voiced, voiced

# Of a grace note, which has no value: it needs its bar.
SHORTEST = Fraction(1, 64)


def make_score(
    notes: Notes, grid: MetricalGrid, title: str = "", weights: str = DEFAULT_WEIGHTS
) -> Score:
    """The score of performed notes (onset, offset, pitch, velocity, pedal) on a grid.

    weights: how hands are found, see `amt.score.hands.right_hand`. Every performed note is in the
    score, alone or as part of a trill. Deterministic.
    """
    tempo = tempo_of(grid)
    grid = covering(grid, notes)
    bars = bars_of(grid)
    beats = beats_of(bars)
    placed = placed_hands(notes, grid, right_hand(notes, weights))
    bar = _bar_of_each(placed, beats, len(notes))
    fifths, mode = signatures(notes, bar, len(bars))
    bars = [replace(one, fifths=int(own), mode=mode) for one, own in zip(bars, fifths, strict=True)]
    names = spell(notes.onset, notes.pitch, fifths[bar], mode)
    written = [
        note
        for hand, own in zip(HANDS, placed, strict=True)
        for note in _written(hand, own, notes, grid, beats, names)
    ]
    written.sort(key=lambda one: (one.bar, one.position, not one.grace, one.order, one.pitch))
    grid = first_bars(grid, _bars_with_notes(bars, written))
    bars = bars[: len(grid.bar_starts())]
    clefs = clefs_of(written, bars)
    return Score(
        title=title,
        bars=tuple(bars),
        notes=tuple(written),
        clefs=tuple(clefs),
        octaves=tuple(octave_shifts(written, bars, clefs)),
        dynamics=tuple(dynamics_of(written, len(bars))),
        pedals=tuple(pedal_marks(notes, grid, bars, beats_of(bars))),
        tempo=Tempo(tempo.quarters / float(bars[0].beat), bars[0].beat),
        tempo_marks=tuple(tempo_marks(grid, bars)),
        performed=notes,
        grid=grid,
    )


def _bars_with_notes(bars: Sequence[Bar], written: Sequence[ScoreNote]) -> int:
    """The number of bars up to the end of the last note; all without notes."""
    ends = [bars[one.bar].start + one.position + max(one.value, SHORTEST) for one in written]
    return sum(bar.start < max(ends) for bar in bars) if ends else len(bars)


def _bar_of_each(placed: Sequence[Sequence[Placed]], beats: Beats, count: int) -> np.ndarray:
    """The bar of each performed note (N,)."""
    bar = np.zeros(count, dtype=np.int64)
    for one in (one for hand in placed for one in hand):
        bar[list(one.struck.performed)] = beats.bar[int(one.place)]
    return bar


def _written(
    hand: str,
    placed: Sequence[Placed],
    notes: Notes,
    grid: MetricalGrid,
    beats: Beats,
    names: Sequence[Spelling],
) -> list[ScoreNote]:
    """The notes of one hand: those that have a value with their voices, and grace notes."""
    release = grid.quarters(grid.position(notes.offset))
    main = [one for one in placed if not one.grace]
    timed = [
        Timed(one.struck.pitch, beats.quarter(one.place), float(release[one.struck.performed[-1]]))
        for one in main
    ]
    values = voiced(timed, beats.edges, 60 / tempo_of(grid).quarters)
    written = [
        _note(hand, one, value, notes, beats, names)
        for one, value in zip(main, values, strict=True)
    ]
    voice_at = {one.place: value.voice for one, value in zip(main, values, strict=True)}
    graces = [one for one in placed if one.grace]
    return written + [
        _note(hand, one, Voiced(voice_at[one.place], Fraction(0)), notes, beats, names)
        for one in graces
    ]


def _note(
    hand: str,
    placed: Placed,
    voiced: Voiced,
    notes: Notes,
    beats: Beats,
    names: Sequence[Spelling],
) -> ScoreNote:
    beat = int(placed.place)
    performed = placed.struck.performed
    lowest = min(performed, key=lambda index: notes.pitch[index])
    return ScoreNote(
        pitch=placed.struck.pitch,
        velocity=int(notes.velocity[list(performed)].max()),
        hand=hand,
        voice=voiced.voice,
        bar=beats.bar[beat],
        position=beats.in_bar[beat] + (placed.place - beat) * beats.length[beat],
        value=voiced.value,
        spelling=names[lowest],
        performed=performed,
        grace=placed.grace,
        order=placed.order,
        arpeggio=placed.arpeggio,
        ornament="trill-mark" if placed.struck.trill else "",
    )
