"""Metre estimation: beats per bar and division of the beat, from the accents of the beats.

On strong beats notes are louder, lower and longer, and the harmony changes (Temperley 2001, "The
Cognition of Basic Musical Structures"). If every m-th beat is strong, m means, one for each
position in the bar, explain the accents better than one mean. The Bayesian information criterion
decides whether they do so by more than m means always do.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from amt.analysis.pitch import pitch_class_seconds
from amt.notes import Notes

BEATS_PER_BAR = (2, 3, 4)
# Beats in a segment that has its own downbeats: a missing beat shifts the bars of one segment.
SEGMENT_BEATS = 24
# Largest distance, in beats, of an onset from a division of the beat.
DIVISION_TOLERANCE = 0.08
# Smallest number of onsets between the beats that shows a division.
MIN_DIVISION_ONSETS = 8


@dataclass(frozen=True)
class Metre:
    """Metre of a piece.

    beats: per bar. division: parts of a beat, 2 or 3; None if beats are not divided. signature:
    "3/4", or "6/8" for two beats of three parts; the note value of a beat is a convention.
    downbeats: times in seconds at which a bar begins.
    """

    beats: int
    division: int | None
    signature: str
    downbeats: tuple[float, ...]


def estimate_metre(notes: Notes, beats: np.ndarray) -> Metre | None:
    """Metre, given beats (N,) in seconds; None where no beats are accented regularly."""
    if len(beats) < 2 * max(BEATS_PER_BAR):
        return None
    accents = beat_accents(notes, beats)
    gain = {size: _information_gain(accents, size) for size in BEATS_PER_BAR}
    size = max(gain, key=lambda size: gain[size])
    if gain[size] <= 0:
        return None
    division = _division(notes, beats)
    signature = f"{3 * size}/8" if division == 3 else f"{size}/4"
    return Metre(size, division, signature, _downbeats(accents, beats, size))


def beat_accents(notes: Notes, beats: np.ndarray) -> np.ndarray:
    """Accent features (N, 4) of each beat, larger on stronger beats; standard deviation 1 or 0.

    Of the notes that begin there: log of the summed velocities, minus the lowest pitch, log of the
    longest duration; and how much the pitch classes differ from those of the beat before.
    """
    nearest = np.searchsorted((beats[1:] + beats[:-1]) / 2, notes.onset)
    period = np.median(np.diff(beats))
    near = np.flatnonzero(np.abs(beats[nearest] - notes.onset) < 0.25 * period)
    loudness = np.bincount(nearest[near], notes.velocity[near], len(beats))
    lowest = np.full(len(beats), float(notes.pitch.max()))
    np.minimum.at(lowest, nearest[near], notes.pitch[near])
    longest = np.zeros(len(beats))
    np.maximum.at(longest, nearest[near], (notes.offset - notes.onset)[near])
    chroma = pitch_class_seconds(notes, np.append(beats, beats[-1] + period))
    chroma = chroma / np.maximum(np.linalg.norm(chroma, axis=1, keepdims=True), 1e-9)
    change = 1 - np.append(1.0, (chroma[1:] * chroma[:-1]).sum(1))
    lengths = np.log(longest + 0.1 * period)
    columns = np.stack([np.log1p(loudness), -lowest, lengths, change], axis=1)
    spread = columns.std(0)
    return np.divide(
        columns - columns.mean(0), spread, out=np.zeros_like(columns), where=spread > 1e-9
    )


def _information_gain(accents: np.ndarray, size: int) -> float:
    """Log-likelihood that bars of `size` beats add, less the penalty of the criterion; in nats."""
    gain = 0.0
    for segment in np.array_split(accents, max(len(accents) // SEGMENT_BEATS, 1)):
        position = np.eye(size)[np.arange(len(segment)) % size]
        means = position.T @ segment / position.sum(0)[:, None]
        residual = segment - position @ means
        variance = [np.maximum((x - x.mean(0)).var(0), 1e-2) for x in (segment, residual)]
        explained = 0.5 * len(segment) * np.log(variance[0] / variance[1]).sum()
        gain += explained - 0.5 * (size - 1) * segment.shape[1] * np.log(len(segment))
    return float(gain)


def _downbeats(accents: np.ndarray, beats: np.ndarray, size: int) -> tuple[float, ...]:
    """Downbeats in seconds: in each segment every `size`-th beat, at the most accented position."""
    downbeats: list[float] = []
    segments = max(len(accents) // SEGMENT_BEATS, 1)
    for index in np.array_split(np.arange(len(beats)), segments):
        accent = accents[index].sum(1)
        position = max(range(size), key=lambda first: float(accent[first::size].mean()))
        downbeats.extend(beats[index[position::size]].tolist())
    return tuple(downbeats)


def _division(notes: Notes, beats: np.ndarray) -> int | None:
    """Parts of a beat, 2 or 3, by the onsets between beats; None if there are few."""
    inside = notes.onset[(notes.onset >= beats[0]) & (notes.onset < beats[-1])]
    before = np.searchsorted(beats, inside, side="right") - 1
    phase = (inside - beats[before]) / np.diff(beats)[before]
    halves = int((np.abs(phase - 1 / 2) < DIVISION_TOLERANCE).sum())
    thirds = int(
        (np.minimum(np.abs(phase - 1 / 3), np.abs(phase - 2 / 3)) < DIVISION_TOLERANCE).sum()
    )
    if halves + thirds < MIN_DIVISION_ONSETS:
        return None
    # By chance twice as many onsets are near the two thirds as near the half.
    return 3 if thirds > 2 * halves else 2
