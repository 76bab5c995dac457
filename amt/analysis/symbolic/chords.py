"""The chords of a piece: the best template for each beat, smoothed over the beats.

Templates are as in Fujishima (1999), "Realtime chord recognition of musical sound", here against
how long each pitch class sounds in a beat; the path through them is the best one where a change of
chord costs something (Sheh and Ellis 2003).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from amt.analysis.pitch import OCTAVE, pitch_class_seconds
from amt.analysis.symbolic.key import MAJOR_TONICS
from amt.analysis.symbolic.viterbi import runs, viterbi_path
from amt.notes import Notes

# What follows the root in a chord's name, and its pitch classes above the root.
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
NAMES = tuple(root + quality for quality in QUALITIES for root in MAJOR_TONICS)
# A beat that agrees less with every template has no chord.
MIN_AGREEMENT = 0.7
CHANGE_COST = 0.15
# How much more a chord agrees if its root is the lowest note; it tells C6 from Am7.
ROOT_IN_BASS = 0.1


@dataclass(frozen=True)
class Chord:
    """Seconds in which a chord is heard: C, Ebm, G7, F#m7b5 ..."""

    start: float
    stop: float
    name: str


def estimate_chords(notes: Notes, beats: np.ndarray) -> list[Chord]:
    """The chords between the beats (B,) in seconds, in order; beats without one are left out."""
    if len(beats) < 2:
        return []
    agreement = _agreement(notes, beats)
    none = np.full((len(agreement), 1), MIN_AGREEMENT)
    states = len(NAMES) + 1
    path = viterbi_path(np.hstack([agreement, none]), CHANGE_COST * (1 - np.eye(states)))
    return [
        Chord(float(beats[first]), float(beats[past]), NAMES[path[first]])
        for first, past in runs(path)
        if path[first] < len(NAMES)
    ]


def _agreement(notes: Notes, beats: np.ndarray) -> np.ndarray:
    """Cosine of each beat's pitch classes with each template, and a little for the bass: (B, C)."""
    templates = np.zeros((len(QUALITIES), OCTAVE))
    for row, classes in enumerate(QUALITIES.values()):
        templates[row, list(classes)] = len(classes) ** -0.5
    turned = np.concatenate([[np.roll(row, root) for root in range(OCTAVE)] for row in templates])
    seconds = pitch_class_seconds(notes, beats)
    length = np.linalg.norm(seconds, axis=1, keepdims=True)
    direction = np.divide(seconds, length, out=np.zeros_like(seconds), where=length > 0)
    roots = np.tile(np.arange(OCTAVE), len(QUALITIES))
    return direction @ turned.T + ROOT_IN_BASS * (_bass(notes, beats)[:, None] == roots)


def _bass(notes: Notes, beats: np.ndarray) -> np.ndarray:
    """Pitch class of the lowest note that begins between neighbouring beats: (B,), -1 for none."""
    beat = np.searchsorted(beats, notes.onset, side="right") - 1
    inside = (beat >= 0) & (beat < len(beats) - 1)
    lowest = np.full(len(beats) - 1, 1000)
    np.minimum.at(lowest, beat[inside], notes.pitch[inside])
    return np.where(lowest < 1000, lowest % OCTAVE, -1)
