"""What the bar network reads: the notes of each beat, and how beats resemble earlier ones."""

from __future__ import annotations

import numpy as np

from amt.analysis.pitch import OCTAVE
from amt.notes import Notes

# Places in a beat to which onsets are rounded: halves, thirds, quarters and sixths are among them.
PLACES = 12
# Beats back with which each beat is compared.
LAGS = (1, 2, 3, 4, 6, 8, 9, 12)
SUMMARY = 9
# Beats closer than this, in seconds, are errors.
MIN_PERIOD = 0.05
CHANNELS = 2 * PLACES + 2 * OCTAVE + 3 * len(LAGS) + SUMMARY


def bar_features(notes: Notes, beats: np.ndarray) -> np.ndarray:
    """Features (N, CHANNELS) float32 of beats (N,) in seconds, at least two.

    Number and loudness of the notes that begin at each place of the beat; pitch classes of these
    notes, and of the lowest; similarity of places, pitch classes and pitches to those of the beats
    LAGS before; and `_summary`.
    """
    edges = np.append(beats, 2 * beats[-1] - beats[-2])
    period = np.maximum(np.diff(edges), MIN_PERIOD)
    place = _places(notes.onset, edges)
    inside = (place >= 0) & (place < PLACES * len(beats))
    notes, place = notes.select(inside), place[inside]
    beat = place // PLACES
    size = PLACES * len(beats)
    number = np.bincount(place, minlength=size).reshape(-1, PLACES)
    loudness = np.bincount(place, notes.velocity / 64, size).reshape(-1, PLACES)
    pitches = np.zeros((len(beats), 128))
    np.add.at(pitches, (beat, notes.pitch), 1.0)
    classes = _fold(pitches)
    lowest = np.full(len(beats), 127)
    np.minimum.at(lowest, beat, notes.pitch)
    bass = np.eye(OCTAVE)[lowest % OCTAVE] * (lowest < 127)[:, None]
    alike = [_similarities(part) for part in (loudness, classes, pitches)]
    summary = _summary(notes, place, lowest, period)
    parts = [np.log1p(number), np.log1p(loudness), np.log1p(classes), bass, *alike, summary]
    return np.concatenate(parts, axis=1).astype(np.float32)


def _places(onset: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """The nearest place of each onset, counted from the first beat: PLACES to a beat."""
    position = np.interp(onset, edges, np.arange(len(edges)), left=-1.0, right=len(edges) + 1.0)
    return np.rint(position * PLACES).astype(np.int64)


def _fold(pitches: np.ndarray) -> np.ndarray:
    """Pitch classes (N, 12) of pitches (N, 128)."""
    return pitches @ np.eye(OCTAVE)[np.arange(128) % OCTAVE]


def _similarities(rows: np.ndarray) -> np.ndarray:
    """Cosine of each row (N, C) with the rows LAGS before: (N, LAGS); 0 at the beginning."""
    unit = rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9)
    found = np.zeros((len(rows), len(LAGS)))
    for column, lag in enumerate(LAGS):
        found[lag:, column] = (unit[lag:] * unit[:-lag]).sum(1)
    return found


def _summary(notes: Notes, place: np.ndarray, lowest: np.ndarray, period: np.ndarray) -> np.ndarray:
    """Of the notes on the beat (N, SUMMARY): how many, loud, long (in beats), low and high.

    Also the lowest pitch in the whole beat, how much lower it is than that of the beat before, the
    logarithm of the beat period in seconds, and its change.
    """
    count = len(period)
    on_beat = place % PLACES == 0
    beat, chosen = place[on_beat] // PLACES, notes.select(on_beat)
    found = np.zeros((count, SUMMARY))
    found[:, 0] = np.log1p(np.bincount(beat, minlength=count))
    length = (chosen.offset - chosen.onset) / period[beat]
    low, high = np.full(count, 127.0), np.zeros(count)
    np.maximum.at(found[:, 1], beat, chosen.velocity / 64)
    np.maximum.at(found[:, 2], beat, np.minimum(np.log2(1 + length), 4))
    np.minimum.at(low, beat, chosen.pitch)
    np.maximum.at(high, beat, chosen.pitch)
    found[:, 3] = np.where(low < 127, (low - 50) / 12, 2)
    found[:, 4] = np.where(high > 0, (high - 70) / 12, -2)
    found[:, 5] = (np.minimum(lowest, 90) - 50) / 12
    found[1:, 6] = np.diff(found[:, 5])
    found[:, 7] = np.log2(period)
    found[1:, 8] = np.diff(found[:, 7])
    return found
