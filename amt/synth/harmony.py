"""Random keys, scales and chord progressions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from amt.notes import MAX_PITCH, MIN_PITCH

PITCHES = np.arange(MIN_PITCH, MAX_PITCH + 1)

SCALES: dict[str, tuple[int, ...]] = {
    "major": (0, 2, 4, 5, 7, 9, 11),
    "minor": (0, 2, 3, 5, 7, 8, 10),
    "harmonic minor": (0, 2, 3, 5, 7, 8, 11),
    "dorian": (0, 2, 3, 5, 7, 9, 10),
    "mixolydian": (0, 2, 4, 5, 7, 9, 10),
    "pentatonic": (0, 2, 4, 7, 9),
    "whole tone": (0, 2, 4, 6, 8, 10),
    "octatonic": (0, 1, 3, 4, 6, 7, 9, 10),
    "chromatic": tuple(range(12)),
}
SCALE_WEIGHTS = np.array([30, 20, 18, 6, 6, 6, 3, 4, 7], dtype=np.float64)

# Transition weights between scale degrees I-VII: from row to column.
NEXT_DEGREE = np.array(
    [
        [1, 2, 1, 4, 4, 3, 1],
        [1, 0, 1, 1, 6, 1, 1],
        [1, 1, 0, 3, 1, 4, 0],
        [3, 2, 0, 0, 5, 1, 1],
        [6, 0, 1, 1, 0, 3, 0],
        [1, 4, 1, 3, 2, 0, 0],
        [5, 0, 2, 0, 1, 1, 0],
    ],
    dtype=np.float64,
)
DOMINANT_SEVENTH = (0, 4, 7, 10)
# Chords on a random root, in semitones.
NON_DIATONIC_CHORDS = (
    DOMINANT_SEVENTH,
    (0, 3, 6, 9),
    (0, 4, 8),
    (0, 4, 7),
    (0, 3, 7),
    (0, 3, 6, 10),
    (0, 4, 7, 11, 14),
)


@dataclass(frozen=True)
class Chord:
    """A chord that lasts `beats`: all pitches (MIDI) of its tones and of its scale, ascending."""

    beats: float
    tones: np.ndarray
    scale: np.ndarray


def progression(rng: np.random.Generator, beats: float) -> list[Chord]:
    """Chords for at least `beats` beats, with non-diatonic chords and changes of key."""
    chords: list[Chord] = []
    tonic, scale = _new_key(rng)
    degree, sevenths, total = 0, rng.random() ** 2, 0.0
    usual_beats = float(rng.choice([1, 1, 2, 2, 2, 4]))
    while total < beats:
        if rng.random() < 0.02:
            tonic, scale = _new_key(rng)
        length = usual_beats if rng.random() < 0.8 else float(rng.choice([1, 2, 3, 4, 8]))
        chords.append(chord_on(rng, tonic, scale, degree, sevenths, length))
        total += length
        degree = next_degree(rng, degree)
    return chords


def next_degree(rng: np.random.Generator, degree: int) -> int:
    """A scale degree (0 to 6) that follows `degree`."""
    return int(rng.choice(7, p=NEXT_DEGREE[degree] / NEXT_DEGREE[degree].sum()))


def _new_key(rng: np.random.Generator) -> tuple[int, tuple[int, ...]]:
    """A random tonic (pitch class) and scale (semitones above the tonic)."""
    names = list(SCALES)
    name = names[rng.choice(len(names), p=SCALE_WEIGHTS / SCALE_WEIGHTS.sum())]
    return int(rng.integers(12)), SCALES[name]


def chord_on(
    rng: np.random.Generator,
    tonic: int,
    scale: tuple[int, ...],
    degree: int,
    sevenths: float,
    beats: float,
) -> Chord:
    """A chord of thirds on `degree`, with probability 0.12 a non-diatonic one.

    sevenths: probability of a seventh.
    """
    if rng.random() < 0.12:
        root = int(rng.integers(12))
        shape = NON_DIATONIC_CHORDS[rng.integers(len(NON_DIATONIC_CHORDS))]
        classes = [(root + step) % 12 for step in shape]
        steps = {(tonic + step) % 12 for step in scale} | set(classes)
        return Chord(beats, _all_octaves(classes), _all_octaves(sorted(steps)))
    size = 3 + int(rng.random() < sevenths) + int(rng.random() < 0.3 * sevenths)
    degrees = [(degree + 2 * third) % len(scale) for third in range(size)]
    classes = [(tonic + scale[step]) % 12 for step in degrees]
    return Chord(beats, _all_octaves(classes), _all_octaves([(tonic + s) % 12 for s in scale]))


def _all_octaves(classes: list[int]) -> np.ndarray:
    """All piano pitches of these pitch classes."""
    return PITCHES[np.isin(PITCHES % 12, classes)]
