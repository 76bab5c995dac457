"""Key estimation for a piece and over time, by the algorithm of Krumhansl and Schmuckler.

Krumhansl (1990), "Cognitive Foundations of Musical Pitch": the key is the one whose profile has the
highest correlation with the distribution of pitch classes. The profiles, from the tonic up, are

krumhansl  Krumhansl and Kessler (1982), ratings of probe tones
temperley  Temperley (2007), the examples of Kostka and Payne's textbook
aarden     Aarden (2003), folk songs of the Essen collection
bellman    Bellman (2005), chords that Budge (1943) counted
albrecht   Albrecht and Shanahan (2013), a corpus of pieces of common practice
sapp       Sapp (2011), "simple weights"

`experiments/analysis/key_accuracy.py` compares them on MAESTRO. The key is clearest where a piece
begins and ends, so these parts are added to the whole piece. Keys that a piece never has, which
those of a piece that modulates can add up to, give way to its prevailing key: `estimate_key`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from amt.analysis.pitch import OCTAVE, pitch_class_seconds
from amt.analysis.spelling import spell_key
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
# Chosen on the titles of MAESTRO's train split: see experiments/RESULTS.md.
PROFILE = "albrecht"
OPENING_SECONDS = 20.0
ENDING_SECONDS = 5.0

# Notes with fewer pitch classes fit too many keys.
MIN_PITCH_CLASSES = 5
# The distribution of pitch classes must differ from a uniform one: the 99th percentile of a
# chi-square distribution with 11 degrees of freedom.
MIN_CHI_SQUARE = 24.7
# Below this correlation there is no key; a whole-tone scale has 0.05.
MIN_CORRELATION = 0.3
# Keys over time: window, and gain in correlation that a change of key needs.
WINDOW_SECONDS = 4.0
CHANGE_COST = 0.5


@dataclass(frozen=True)
class Key:
    """A key: name, tonic as a pitch class (0 is C), mode ("major" or "minor"), and correlation.

    correlation: with the profile, at most 1; the mean over the whole piece, its opening and ending.
    """

    name: str
    tonic: int
    mode: str
    correlation: float


@dataclass(frozen=True)
class KeySpan:
    """A key from `start` to `stop` in seconds."""

    start: float
    stop: float
    key: str


def estimate_key(notes: Notes, profile: str = PROFILE) -> Key | None:
    """The key of a piece; None where its notes have no clear key.

    The first of `key_ranking`, if the piece is ever in it; else the key that it is in for half of
    the time or longer, or in which it begins and ends.
    """
    ranked = key_ranking(notes, profile)
    if not ranked:
        return None
    best, path = ranked[0], _key_path(notes, profile)[1]
    if _index(best) in path:
        return best
    prevailing = int(np.bincount(path).argmax())
    if 2 * (path == prevailing).sum() < len(path):
        prevailing = int(path[0]) if path[0] == path[-1] else _index(best)
    return next(key for key in ranked if _index(key) == prevailing)


def key_ranking(notes: Notes, profile: str = PROFILE) -> list[Key]:
    """All 24 keys, the best first; empty where the notes have no clear key."""
    if not _prefers_pitch_classes(np.bincount(notes.pitch % OCTAVE, minlength=OCTAVE)):
        return []
    first, last = notes.onset[0], notes.onset[-1]
    parts = (
        notes.pitch,
        notes.pitch[notes.onset <= first + OPENING_SECONDS],
        notes.pitch[notes.onset >= last - ENDING_SECONDS],
    )
    counts = np.stack([np.bincount(part % OCTAVE, minlength=OCTAVE) for part in parts])
    mean = correlations(counts, profile).mean(0)
    if mean.max() < MIN_CORRELATION:
        return []
    return [_key(index, float(mean[index])) for index in np.argsort(-mean, kind="stable")]


def key_changes(notes: Notes, profile: str = PROFILE) -> list[KeySpan]:
    """The keys of a piece in order, from its first onset to its last offset.

    Their names have the sharps or flats of the piece's key: D# minor in F# major.

    Windows of WINDOW_SECONDS are correlated with the profiles by the durations of their pitch
    classes. A change of key has a cost, so that a passing chord is no modulation. Empty where
    `estimate_key` finds no key.
    """
    main = estimate_key(notes, profile)
    if main is None:
        return []
    edges, path = _key_path(notes, profile)
    return [
        KeySpan(float(edges[first]), float(edges[stop]), key_name(int(path[first]), main.name))
        for first, stop in runs(path)
    ]


def _key_path(notes: Notes, profile: str) -> tuple[np.ndarray, np.ndarray]:
    """Edges of windows (T + 1,) in seconds, and the column of `correlations` of each (T,)."""
    begin, end = float(notes.onset[0]), notes.end
    edges = np.linspace(begin, end, max(int((end - begin) / WINDOW_SECONDS), 1) + 1)
    scores = correlations(pitch_class_seconds(notes, edges), profile)
    return edges, viterbi_path(scores, CHANGE_COST * (1 - np.eye(scores.shape[1])))


def key_at(keys: Sequence[KeySpan], time: float) -> str | None:
    """Name of the key at a time in seconds: before the first and after the last span, theirs."""
    begun = [span.key for span in keys if span.start <= time]
    return begun[-1] if begun else keys[0].key if keys else None


def correlations(weights: np.ndarray, profile: str = PROFILE) -> np.ndarray:
    """Correlation of weights of pitch classes (B, 12) with all keys (B, 24): major, then minor.

    0 where all weights of a row are equal (numpy.corrcoef would give NaN).
    """
    profiles = np.stack([np.roll(mode, tonic) for mode in PROFILES[profile] for tonic in range(12)])
    return _standardised(weights.astype(float)) @ _standardised(profiles.astype(float)).T


def key_name(index: int, main_key: str | None = None) -> str:
    """Name of a column of `correlations`: 0 is C major, 12 is C minor.

    main_key: of the piece, whose sharps or flats are preferred.
    """
    return spell_key(index % OCTAVE, "minor" if index >= OCTAVE else "major", main_key)


def _prefers_pitch_classes(counts: np.ndarray) -> bool:
    """Whether counts of pitch classes (12,) are varied enough and far enough from uniform."""
    expected = max(counts.sum() / OCTAVE, 1e-9)
    chi_square = ((counts - expected) ** 2 / expected).sum()
    return bool((counts > 0).sum() >= MIN_PITCH_CLASSES and chi_square > MIN_CHI_SQUARE)


def _key(index: int, correlation: float) -> Key:
    name = key_name(index)
    return Key(name, int(index % OCTAVE), name.split()[1], correlation)


def _index(key: Key) -> int:
    """The column of `correlations` of a key."""
    return key.tonic + (OCTAVE if key.mode == "minor" else 0)


def _standardised(rows: np.ndarray) -> np.ndarray:
    """Rows with mean 0 and norm 1, whose products are correlations; constant rows become 0."""
    centred = rows - rows.mean(1, keepdims=True)
    length = np.linalg.norm(centred, axis=1, keepdims=True)
    return np.divide(centred, length, out=np.zeros_like(centred), where=length > 1e-9)
