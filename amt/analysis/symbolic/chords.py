"""Chord estimation: the best template for each beat, smoothed over time by Viterbi decoding.

Templates follow Fujishima (1999), "Realtime Chord Recognition of Musical Sound", applied to the
duration of each pitch class in a beat: of its keys and, with less weight, with the pedal. Changes
of chord have a cost (Sheh and Ellis 2003).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from amt.analysis.pitch import OCTAVE, pitch_class_seconds
from amt.analysis.spelling import spell_root
from amt.analysis.symbolic.key import KeySpan, key_at
from amt.analysis.symbolic.viterbi import runs, viterbi_path
from amt.notes import Notes, extend_sustain

# Suffix of a chord's name, and its pitch classes above the root.
QUALITIES = {
    "": (0, 4, 7),
    "m": (0, 3, 7),
    "dim": (0, 3, 6),
    "aug": (0, 4, 8),
    "7": (0, 4, 7, 10),
    "maj7": (0, 4, 7, 11),
    "m7": (0, 3, 7, 10),
    "m7b5": (0, 3, 6, 10),
    "dim7": (0, 3, 6, 9),
}
CHORDS = tuple((root, quality) for quality in QUALITIES for root in range(OCTAVE))
# Similarity below which a beat has no chord.
MIN_SIMILARITY = 0.7
CHANGE_COST = 0.15
# Added to the similarity if the root is the lowest note: distinguishes C6 from Am7.
ROOT_IN_BASS = 0.1
# Weight of the notes as the pedal prolongs them, against their keys alone; chosen by
# experiments/analysis/chord_accuracy.py.
PEDAL_WEIGHT = 0.3


@dataclass(frozen=True)
class Chord:
    """A chord from `start` to `stop` in seconds; names are C, Ebm, G7, F#m7b5 and so on."""

    start: float
    stop: float
    name: str


def estimate_chords(notes: Notes, beats: np.ndarray, keys: Sequence[KeySpan] = ()) -> list[Chord]:
    """Chords in order, given beats (N,) in seconds; beats without a chord are left out.

    keys: over time; each chord is spelled by the key at its beginning.
    """
    if len(beats) < 2:
        return []
    similarity = _similarity(notes, beats)
    none = np.full((len(similarity), 1), MIN_SIMILARITY)
    states = len(CHORDS) + 1
    path = viterbi_path(np.hstack([similarity, none]), CHANGE_COST * (1 - np.eye(states)))
    return [
        Chord(start, float(beats[stop]), chord_name(root, quality, key_at(keys, start)))
        for first, stop in runs(path)
        if path[first] < len(CHORDS)
        for start, (root, quality) in [(float(beats[first]), CHORDS[path[first]])]
    ]


def identify_chord(pitches: Iterable[int], key: str | None) -> str | None:
    """Name of the chord whose notes are exactly these MIDI pitches; None if there is none.

    Where several chords have the same notes (Caug, Eaug), the one whose root is lowest.
    """
    ordered = [int(pitch) for pitch in sorted(pitches)]
    classes = {pitch % OCTAVE for pitch in ordered}
    for root in dict.fromkeys(pitch % OCTAVE for pitch in ordered):
        for quality, intervals in QUALITIES.items():
            if {(root + interval) % OCTAVE for interval in intervals} == classes:
                return chord_name(root, quality, key)
    return None


def chord_name(root: int, quality: str, key: str | None) -> str:
    """Name of a chord, its root a pitch class, spelled by the key: G#m in B major."""
    return spell_root(root, QUALITIES[quality], key) + quality


def _similarity(notes: Notes, beats: np.ndarray) -> np.ndarray:
    """Cosine similarity of each beat with each of CHORDS, plus ROOT_IN_BASS: (N - 1, C)."""
    templates = np.zeros((len(QUALITIES), OCTAVE))
    for row, classes in enumerate(QUALITIES.values()):
        templates[row, list(classes)] = len(classes) ** -0.5
    rotated = np.concatenate([[np.roll(row, root) for root in range(OCTAVE)] for row in templates])
    keys, sounding = (pitch_class_seconds(one, beats) for one in (notes, extend_sustain(notes)))
    seconds = (1 - PEDAL_WEIGHT) * keys + PEDAL_WEIGHT * sounding
    length = np.linalg.norm(seconds, axis=1, keepdims=True)
    direction = np.divide(seconds, length, out=np.zeros_like(seconds), where=length > 0)
    roots = np.tile(np.arange(OCTAVE), len(QUALITIES))
    return direction @ rotated.T + ROOT_IN_BASS * (_bass(notes, beats)[:, None] == roots)


def _bass(notes: Notes, beats: np.ndarray) -> np.ndarray:
    """Pitch class of the lowest note that begins in each beat: (N - 1,), -1 for none."""
    beat = np.searchsorted(beats, notes.onset, side="right") - 1
    inside = (beat >= 0) & (beat < len(beats) - 1)
    lowest = np.full(len(beats) - 1, 1000)
    np.minimum.at(lowest, beat[inside], notes.pitch[inside])
    return np.where(lowest < 1000, lowest % OCTAVE, -1)
