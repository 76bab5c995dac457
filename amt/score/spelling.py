"""Spelling of performed notes: the name that is nearest on the line of fifths to what is around.

As in Temperley (2001), "The Cognition of Basic Musical Structures": ... Bb -2, F -1, C 0, G 1, D 2
... A pitch class has one name every twelve fifths. The centre is the mean of the notes within about
a second and of the key signature. `experiments/score/score_scores.py` compares it with partitura's
ps13.
"""

from __future__ import annotations

import numpy as np

from amt.analysis.spelling import LETTERS, NATURAL
from amt.score.score import Spelling

# The centre of a key's notes above the major tonic of its signature: higher in minor, whose leading
# tone and raised fourth are sharper. It counts for so many notes.
CENTRES = {"major": 2.0, "minor": 3.5}
WEIGHT = 4.0
# Notes around count less with their distance, by e for so many seconds.
SECONDS = 1.0
ROUNDS = 2
# Fifths from the tonic of a major key: its notes lie between. A semitone with two letters is five.
LOWEST_FIFTH, HIGHEST_FIFTH, SEMITONE = -1, 5, 5
# Double sharps and flats are read between these fifths from there: B double flat in D flat major, F
# double sharp in E major. Elsewhere a note has its simpler name.
LOWEST_DOUBLE, HIGHEST_DOUBLE = -4, 9
# A note leads to another that begins so soon after it, and not with it.
LEADING_SECONDS, TOGETHER_SECONDS = 0.5, 0.03
# From Fbb to Bx: more than two sharps or flats have no sign.
FLATTEST, SHARPEST = -15, 19
# MusicXML has these octaves: MIDI numbers below 12, on no piano, are written an octave higher.
LOWEST_OCTAVE, HIGHEST_OCTAVE = 0, 9


def spell(
    onset: np.ndarray, pitch: np.ndarray, fifths: np.ndarray, mode: str = "major"
) -> list[Spelling]:
    """Spellings of notes (N,), sorted by onset, under the key signature of each (N,).

    mode: of the piece, "major" or "minor".
    """
    key = fifths + CENTRES[mode]
    position = _nearest(pitch, key)
    for _ in range(ROUNDS):
        around = _around(onset, position) + WEIGHT * key
        position = _nearest(pitch, around / (_around(onset, np.ones(len(onset))) + WEIGHT))
    position = _simpler(_resolved(onset, pitch, position, fifths), fifths)
    pairs = zip(pitch.tolist(), position.tolist(), strict=True)
    return [spelling_of(number, place) for number, place in pairs]


def _resolved(
    onset: np.ndarray, pitch: np.ndarray, position: np.ndarray, fifths: np.ndarray
) -> np.ndarray:
    """The positions, with notes outside of the key spelled as the semitone to where they lead.

    B natural, not Cb, leads to C: a note and the note of the key a semitone from it that follows
    soon have different letters.
    """
    resolved = position.copy()
    diatonic = (position - fifths >= LOWEST_FIFTH) & (position - fifths <= HIGHEST_FIFTH)
    for number in np.flatnonzero(~diatonic).tolist():
        last = int(np.searchsorted(onset, onset[number] + LEADING_SECONDS))
        after = np.arange(number + 1, last)
        steps = pitch[after] - pitch[number]
        near = after[(np.abs(steps) <= 1) & (onset[after] - onset[number] > TOGETHER_SECONDS)]
        if len(near) and diatonic[near[0]] and pitch[near[0]] != pitch[number]:
            up = pitch[near[0]] > pitch[number]
            wanted = position[near[0]] + (SEMITONE if up else -SEMITONE)
            if (wanted - position[number]) % 12 == 0 and FLATTEST <= wanted <= SHARPEST:
                resolved[number] = wanted
    return resolved


def _simpler(position: np.ndarray, fifths: np.ndarray) -> np.ndarray:
    """The positions, with double sharps and flats that are far from the key renamed."""
    alter = (position + 1) // len(LETTERS)
    sharp = (alter > 1) & (position - fifths > HIGHEST_DOUBLE)
    flat = (alter < -1) & (position - fifths < LOWEST_DOUBLE)
    return position - 12 * sharp + 12 * flat


def spelling_of(pitch: int, position: int) -> Spelling:
    """The spelling of a MIDI pitch by a position on the line of fifths."""
    alter, letter = divmod(position + 1, len(LETTERS))
    step = LETTERS[letter]
    octave = (pitch - NATURAL[step] - alter) // 12 - 1
    return Spelling(step, alter, min(max(octave, LOWEST_OCTAVE), HIGHEST_OCTAVE))


def _nearest(pitch: np.ndarray, centre: np.ndarray) -> np.ndarray:
    """The position of each pitch that is nearest to a centre (N,), of those that have a sign."""
    first = (7 * pitch) % 12
    position = first + 12 * np.round((centre - first) / 12).astype(np.int64)
    position += 12 * (position < FLATTEST) - 12 * (position > SHARPEST)
    return position


def _around(onset: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Sum of the values of all other notes, weighted by their distance in time: (N,)."""
    return _before(onset, values) + _before(-onset[::-1], values[::-1])[::-1]


def _before(onset: np.ndarray, values: np.ndarray) -> np.ndarray:
    total, sums = 0.0, np.zeros(len(onset))
    decay = np.exp(-np.diff(onset, prepend=onset[:1]) / SECONDS)
    for number, value in enumerate(values):
        total *= decay[number]
        sums[number] = total
        total += value
    return sums
