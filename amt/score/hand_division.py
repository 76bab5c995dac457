"""Hands without a network: a pitch that divides them, chord by chord.

Notes below the dividing pitch are of the left hand, the others of the right. The path of divisions
with the highest score (Viterbi) is a conditional random field: each chord scores each division by
features of the notes around it, and moving the division costs. The weights were fitted to the
staves of ASAP's training split (`experiments/score/hand_weights.py`); they are 18 numbers.
"""

from __future__ import annotations

import numpy as np

from amt.analysis.symbolic.viterbi import viterbi_path
from amt.notes import Notes
from amt.score.chords import CHORD_SECONDS, chords

# Dividing pitches considered: a note at the pitch itself is of the right hand.
DIVISIONS = np.arange(36, 91)
# Notes near a division: scales of the distance in semitones and in seconds.
NEAR = ((1.5, 0.05), (1.5, 0.3), (4.0, 0.05), (4.0, 0.3), (4.0, 1.0), (10.0, 0.3))
# Spans of a hand that cost: what sounds within so many seconds, beyond so many semitones.
SPANS = ((CHORD_SECONDS, 7), (CHORD_SECONDS, 12), (0.15, 14))
# Keys that are still held count to a span if they were struck within so many seconds.
HELD_SECONDS, HELD_SPAN = 3.0, 14
BALANCE_SECONDS = 0.15
MIDDLE_SECONDS = (1.0, 3.0)
MIDDLE_C = 61
# Of the features in the order of `features`, and of moving: for each semitone, and at all. From a
# fit of seven minutes in which each hand had its own weights, of which these are the means.
WEIGHTS = np.array(
    [
        *(0.16, -0.85, 0.64, -0.08, -0.46, 0.26),  # near
        *(-0.08, -0.24, -0.41, -0.63),  # spans, and of what is held
        *(-0.59, -0.27),  # imbalance, distance from middle C
        *(-0.35, -0.29, -0.18, -0.23),  # distances from means and middles
    ]
)
MOVE_SEMITONE, MOVE = 0.09, 0.15


def divided(notes: Notes) -> np.ndarray:
    """Whether each note is of the right hand: (N,)."""
    if not len(notes):
        return np.zeros(0, dtype=bool)
    chord = chords(notes.onset)
    distance = np.abs(DIVISIONS[:, None] - DIVISIONS)
    cost = MOVE_SEMITONE * distance + MOVE * (distance > 0)
    path = viterbi_path(features(notes, chord) @ WEIGHTS, cost)
    return notes.pitch >= DIVISIONS[path][chord]


def features(notes: Notes, chord: np.ndarray) -> np.ndarray:
    """What speaks for or against each division in each chord: (C, D, F)."""
    times = notes.onset[np.flatnonzero(np.diff(chord, prepend=-1))]
    columns = [_near(notes, times, *scales) for scales in NEAR]
    for seconds, semitones in SPANS:
        columns.append(_span(_windows(notes, times, seconds), semitones))
    columns.append(_span(_held(notes, times), HELD_SPAN))
    columns.append(_imbalance(_windows(notes, times, BALANCE_SECONDS)))
    columns.append(np.tile(((DIVISIONS - MIDDLE_C) / 12) ** 2, (len(times), 1)))
    for seconds in MIDDLE_SECONDS:
        around = _windows(notes, times, seconds)
        means = np.array([pitches.mean() for pitches in around])
        middles = np.array([(pitches[0] + pitches[-1]) / 2 for pitches in around])
        columns += [((DIVISIONS - centre[:, None]) / 12) ** 2 for centre in (means, middles)]
    return np.stack(columns, axis=2)


def _near(notes: Notes, times: np.ndarray, semitones: float, seconds: float) -> np.ndarray:
    """How near the notes around each chord are to each division: (C, D)."""
    kernel = np.exp(-np.abs(notes.pitch[:, None] + 0.5 - DIVISIONS) / semitones)
    first, last = _bounds(notes, times, 3 * seconds)
    near = np.empty((len(times), len(DIVISIONS)))
    for number, time in enumerate(times):
        window = slice(first[number], last[number])
        weight = np.exp(-np.abs(notes.onset[window] - time) / seconds)
        near[number] = weight @ kernel[window] / np.sqrt(weight.sum())
    return near


def _bounds(notes: Notes, times: np.ndarray, seconds: float) -> tuple[np.ndarray, np.ndarray]:
    """First and last note (excluded) within so many seconds of each time."""
    first = np.searchsorted(notes.onset, times - seconds)
    return first, np.searchsorted(notes.onset, times + seconds, "right")


def _windows(notes: Notes, times: np.ndarray, seconds: float) -> list[np.ndarray]:
    """Sorted pitches within so many seconds of each time."""
    bounds = zip(*_bounds(notes, times, seconds), strict=True)
    return [np.sort(notes.pitch[first:last]) for first, last in bounds]


def _held(notes: Notes, times: np.ndarray) -> list[np.ndarray]:
    """Sorted pitches of the keys that are down just after each time."""
    first = np.searchsorted(notes.onset, times - HELD_SECONDS)
    last = np.searchsorted(notes.onset, times + CHORD_SECONDS, "right")
    return [
        np.sort(notes.pitch[start:stop][notes.offset[start:stop] > time + CHORD_SECONDS])
        for start, stop, time in zip(first, last, times, strict=True)
    ]


def _span(windows: list[np.ndarray], semitones: int) -> np.ndarray:
    """By how many half octaves the hands' spans exceed so many semitones: (C, D)."""
    excess = np.zeros((len(windows), len(DIVISIONS)))
    for number, pitches in enumerate(windows):
        if len(pitches) < 2 or pitches[-1] - pitches[0] <= semitones:
            continue
        left = np.searchsorted(pitches, DIVISIONS)
        low = pitches[np.maximum(left - 1, 0)] - pitches[0]
        high = pitches[-1] - pitches[np.minimum(left, len(pitches) - 1)]
        excess[number] = (np.maximum(low - semitones, 0) + np.maximum(high - semitones, 0)) / 6
    return excess


def _imbalance(windows: list[np.ndarray]) -> np.ndarray:
    """Difference of the numbers of both hands' notes, as a part of all: (C, D)."""
    left = np.array([np.searchsorted(pitches, DIVISIONS) for pitches in windows])
    count = np.array([len(pitches) for pitches in windows])[:, None]
    return np.abs(count - 2 * left) / np.maximum(count, 1)
