"""The key of a piece and how it changes, by the algorithm of Krumhansl and Schmuckler.

Krumhansl (1990): the key whose profile correlates best with how much of each pitch class there is.
The profiles, each from its tonic up, are

krumhansl  Krumhansl and Kessler (1982), ratings of probe tones
temperley  Temperley (2007), the examples of Kostka and Payne's textbook
aarden     Aarden (2003), folk songs of the Essen collection
bellman    Bellman (2005), chords that Budge (1943) counted
albrecht   Albrecht and Shanahan (2013), a corpus of pieces of common practice
sapp       Sapp (2011), "simple weights"

`experiments/analysis/key_accuracy.py` compares them on MAESTRO. A piece tells its key most plainly where it begins
and where it ends, so both count beside the whole.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from amt.analysis.pitch import OCTAVE, pitch_class_seconds
from amt.analysis.symbolic.viterbi import runs, viterbi_path
from amt.notes import Notes

PROFILES = {
    "krumhansl": (
        (6.35, 2.23, 3.48, 2.33, 4.38, 4.09, 2.52, 5.19, 2.39, 3.66, 2.29, 2.88),
        (6.33, 2.68, 3.52, 5.38, 2.60, 3.53, 2.54, 4.75, 3.98, 2.69, 3.34, 3.17),
    ),
    "temperley": (
        (0.748, 0.060, 0.488, 0.082, 0.670, 0.460, 0.096, 0.715, 0.104, 0.366, 0.057, 0.400),
        (0.712, 0.084, 0.474, 0.618, 0.049, 0.460, 0.105, 0.747, 0.404, 0.067, 0.133, 0.330),
    ),
    "aarden": (
        (17.77, 0.15, 14.93, 0.16, 19.80, 11.36, 0.29, 22.06, 0.15, 8.15, 0.23, 4.95),
        (18.26, 0.74, 14.05, 16.86, 0.70, 14.44, 0.70, 18.62, 4.57, 1.93, 7.38, 1.76),
    ),
    "bellman": (
        (16.80, 0.86, 12.95, 1.41, 13.49, 11.93, 1.25, 20.28, 1.80, 8.04, 0.62, 10.57),
        (18.16, 0.69, 12.99, 13.34, 1.07, 11.15, 1.38, 21.07, 7.49, 1.53, 0.92, 10.21),
    ),
    "albrecht": (
        (0.238, 0.006, 0.111, 0.006, 0.137, 0.094, 0.016, 0.214, 0.009, 0.080, 0.008, 0.081),
        (0.220, 0.006, 0.104, 0.123, 0.019, 0.103, 0.012, 0.214, 0.062, 0.022, 0.061, 0.052),
    ),
    "sapp": ((2, 0, 1, 0, 1, 1, 0, 2, 0, 1, 0, 1), (2, 0, 1, 1, 0, 1, 0, 2, 1, 0, 0.5, 0.5)),
}
# Chosen on the titles of MAESTRO's train split: see experiments/README.md.
PROFILE = "albrecht"
OPENING_SECONDS = 20.0
ENDING_SECONDS = 5.0

# How keys are commonly written; the rarer of two spellings is never used.
MAJOR_TONICS = ("C", "Db", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B")
MINOR_TONICS = ("C", "C#", "D", "Eb", "E", "F", "F#", "G", "G#", "A", "Bb", "B")

# Fewer pitch classes than this are a chord or a figure; many keys hold them all.
MIN_PITCH_CLASSES = 5
# Notes must prefer some pitch classes: 11 degrees of freedom, beyond what chance does in 1 of 100.
MIN_CHI_SQUARE = 24.7
# Below this correlation no key explains the notes; those of a whole-tone scale have 0.05.
MIN_CORRELATION = 0.3
# Of the change over time: what is heard at once, and what a change of key must gain to be believed.
WINDOW_SECONDS = 4.0
CHANGE_COST = 0.5


@dataclass(frozen=True)
class Key:
    """A key: its name, its tonic as a pitch class (0 is C), major or minor, and how well it fits.

    correlation: with the profile, at most 1; of a whole piece the weighted mean over its parts.
    """

    name: str
    tonic: int
    mode: str
    correlation: float


@dataclass(frozen=True)
class KeySpan:
    """Seconds in which one key holds."""

    start: float
    stop: float
    key: str


def estimate_key(notes: Notes, profile: str = PROFILE) -> Key | None:
    """The key of a piece; None where its notes speak for none."""
    ranked = key_ranking(notes, profile)
    return ranked[0] if ranked else None


def key_ranking(notes: Notes, profile: str = PROFILE) -> list[Key]:
    """All 24 keys, the best first; empty where the notes speak for none."""
    if not _tonal(np.bincount(notes.pitch % OCTAVE, minlength=OCTAVE)):
        return []
    first, last = notes.onset[0], notes.onset[-1]
    parts = (
        notes.pitch,
        notes.pitch[notes.onset <= first + OPENING_SECONDS],
        notes.pitch[notes.onset >= last - ENDING_SECONDS],
    )
    counts = np.stack([np.bincount(part % OCTAVE, minlength=OCTAVE) for part in parts])
    fit = correlations(counts, profile).mean(0)
    if fit.max() < MIN_CORRELATION:
        return []
    return [_key(index, float(fit[index])) for index in np.argsort(-fit, kind="stable")]


def key_changes(notes: Notes, profile: str = PROFILE) -> list[KeySpan]:
    """The keys that a piece goes through, in order, from its first onset to its last offset.

    Windows of some seconds vote by how long their notes sound; a change must pay for itself, so
    that a passing chord is none. Empty where `estimate_key` finds no key.
    """
    if estimate_key(notes, profile) is None:
        return []
    start, stop = float(notes.onset[0]), notes.end
    edges = np.linspace(start, stop, max(int((stop - start) / WINDOW_SECONDS), 1) + 1)
    fit = correlations(pitch_class_seconds(notes, edges), profile)
    path = viterbi_path(fit, CHANGE_COST * (1 - np.eye(fit.shape[1])))
    return [
        KeySpan(float(edges[first]), float(edges[past]), key_name(int(path[first])))
        for first, past in runs(path)
    ]


def correlations(weights: np.ndarray, profile: str = PROFILE) -> np.ndarray:
    """Pitch classes (B, 12) with the profiles of the 12 major, then the 12 minor keys: (B, 24).

    0 for all where the pitch classes do not differ.
    """
    profiles = np.stack([np.roll(mode, tonic) for mode in PROFILES[profile] for tonic in range(12)])
    return _standard(weights.astype(float)) @ _standard(profiles.astype(float)).T


def key_name(index: int) -> str:
    """The name of the key that stands at `index` of `correlations`: 0 is C major, 12 C minor."""
    tonics, mode = (MINOR_TONICS, "minor") if index >= OCTAVE else (MAJOR_TONICS, "major")
    return f"{tonics[index % OCTAVE]} {mode}"


def _tonal(counts: np.ndarray) -> bool:
    """Whether notes of these pitch classes (12,) can speak for a key at all."""
    expected = max(counts.sum() / OCTAVE, 1e-9)
    chi_square = ((counts - expected) ** 2 / expected).sum()
    return bool((counts > 0).sum() >= MIN_PITCH_CLASSES and chi_square > MIN_CHI_SQUARE)


def _key(index: int, correlation: float) -> Key:
    name = key_name(index)
    return Key(name, int(index % OCTAVE), name.split()[1], correlation)


def _standard(rows: np.ndarray) -> np.ndarray:
    """Rows with mean 0 and length 1, so that products are correlations; flat rows are all 0."""
    centred = rows - rows.mean(1, keepdims=True)
    length = np.linalg.norm(centred, axis=1, keepdims=True)
    return np.divide(centred, length, out=np.zeros_like(centred), where=length > 1e-9)
