"""How many beats make a bar, and how a beat is divided: a guess from what the beats carry.

In music with a metre some beats are louder, lower, longer, and bring the new harmony (Temperley
2001, The Cognition of Basic Musical Structures). If every m-th beat does, then m means, one for
each place in the bar, describe the beats better than one mean; the Bayesian information criterion
says whether by more than m means always do.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from amt.analysis.pitch import pitch_class_seconds
from amt.notes import Notes

BARS = (2, 3, 4)
# Beats that are judged together: a lost beat shifts the bars of its stretch only.
STRETCH = 24
# How far from its place in the beat, in beats, a note of a division may begin.
NEAR = 0.08
# Fewer notes between the beats tell no division.
MIN_DIVIDED = 8


@dataclass(frozen=True)
class Metre:
    """The bar: its beats, the parts of a beat (2 or 3; None if beats are not divided), a signature.

    signature: "3/4", or "6/8" for two beats in three parts each; the unit is convention. downbeats:
    seconds at which a bar begins.
    """

    beats: int
    division: int | None
    signature: str
    downbeats: tuple[float, ...]


def estimate_metre(notes: Notes, beats: np.ndarray) -> Metre | None:
    """The metre of notes with `beats` (B,) in seconds; None where no beat stands out regularly."""
    if len(beats) < 2 * max(BARS):
        return None
    accents = beat_accents(notes, beats)
    gain = {size: _gain(accents, size) for size in BARS}
    size = max(gain, key=lambda size: gain[size])
    if gain[size] <= 0:
        return None
    division = _division(notes, beats)
    signature = f"{3 * size}/8" if division == 3 else f"{size}/4"
    return Metre(size, division, signature, _downbeats(accents, beats, size))


def beat_accents(notes: Notes, beats: np.ndarray) -> np.ndarray:
    """Of each beat (B, 4), the larger the stronger, each with deviation 1 or 0 throughout.

    What begins there: loudness (log of the summed velocities), depth (minus the lowest pitch),
    length (log of the longest); and how much the pitch classes differ from those a beat before.
    """
    near = np.searchsorted((beats[1:] + beats[:-1]) / 2, notes.onset)
    step = np.median(np.diff(beats))
    own = np.flatnonzero(np.abs(beats[near] - notes.onset) < 0.25 * step)
    loud = np.bincount(near[own], notes.velocity[own], len(beats))
    low = np.full(len(beats), float(notes.pitch.max()))
    np.minimum.at(low, near[own], notes.pitch[own])
    long = np.zeros(len(beats))
    np.maximum.at(long, near[own], (notes.offset - notes.onset)[own])
    chroma = pitch_class_seconds(notes, np.append(beats, beats[-1] + step))
    chroma = chroma / np.maximum(np.linalg.norm(chroma, axis=1, keepdims=True), 1e-9)
    new = 1 - np.append(1.0, (chroma[1:] * chroma[:-1]).sum(1))
    columns = np.stack([np.log1p(loud), -low, np.log(long + 0.1 * step), new], axis=1)
    spread = columns.std(0)
    return np.divide(
        columns - columns.mean(0), spread, out=np.zeros_like(columns), where=spread > 1e-9
    )


def _gain(accents: np.ndarray, size: int) -> float:
    """What bars of `size` beats explain of the accents (nats), less its price."""
    gain = 0.0
    for stretch in np.array_split(accents, max(len(accents) // STRETCH, 1)):
        place = np.eye(size)[np.arange(len(stretch)) % size]
        means = place.T @ stretch / place.sum(0)[:, None]
        rest = stretch - place @ means
        variance = [np.maximum((x - x.mean(0)).var(0), 1e-2) for x in (stretch, rest)]
        explained = 0.5 * len(stretch) * np.log(variance[0] / variance[1]).sum()
        gain += explained - 0.5 * (size - 1) * stretch.shape[1] * np.log(len(stretch))
    return float(gain)


def _downbeats(accents: np.ndarray, beats: np.ndarray, size: int) -> tuple[float, ...]:
    """The beats that begin bars: of each stretch every `size`-th, from the place of most stress."""
    found: list[float] = []
    parts = max(len(accents) // STRETCH, 1)
    for index in np.array_split(np.arange(len(beats)), parts):
        stress = accents[index].sum(1)
        place = max(range(size), key=lambda first: float(stress[first::size].mean()))
        found.extend(beats[index[place::size]].tolist())
    return tuple(found)


def _division(notes: Notes, beats: np.ndarray) -> int | None:
    """Whether the notes between the beats halve or third them; None if few are there."""
    inside = notes.onset[(notes.onset >= beats[0]) & (notes.onset < beats[-1])]
    before = np.searchsorted(beats, inside, side="right") - 1
    phase = (inside - beats[before]) / np.diff(beats)[before]
    halves = int((np.abs(phase - 1 / 2) < NEAR).sum())
    thirds = int((np.minimum(np.abs(phase - 1 / 3), np.abs(phase - 2 / 3)) < NEAR).sum())
    if halves + thirds < MIN_DIVIDED:
        return None
    # Chance puts twice as many near two places as near one.
    return 3 if thirds > 2 * halves else 2
