"""The key signature of each bar: that of the piece, and others where the notes ask for them."""

from __future__ import annotations

import numpy as np

from amt.analysis.pitch import OCTAVE
from amt.analysis.spelling import LETTERS, MOST_ACCIDENTALS, NATURAL_TONIC
from amt.analysis.symbolic.key import estimate_key
from amt.analysis.symbolic.viterbi import viterbi_path
from amt.notes import Notes

# Share of each pitch class, from the tonic of the major key that has the signature, in the scores
# of ASAP's training split.
SHARES = np.array([14.5, 2.2, 12.0, 2.6, 13.8, 9.2, 3.6, 14.1, 3.5, 12.1, 2.5, 10.0]) / 100
# Notes of one bar are not independent: their logarithms count for this part, and like those of this
# many notes at most.
INDEPENDENT, MOST_NOTES = 0.3, 8.0
# Cost of a change, and gain of each bar in the key of the piece.
CHANGE, MAIN = 10.0, 0.2


def signatures(notes: Notes, bar: np.ndarray, bars: int) -> tuple[np.ndarray, str]:
    """Sharps of the key signature of each bar, or minus the number of flats, and the piece's mode.

    bar: of each note (N,). The first signature is that of the piece's key; a change is written with
    the fewer accidentals.
    """
    key = estimate_key(notes)
    main = signature_of(key.name) if key else 0
    counts = np.zeros((bars, OCTAVE))
    np.add.at(counts, (bar, notes.pitch % OCTAVE), 1)
    shares = np.stack([np.roll(np.log(SHARES), 7 * place) for place in range(OCTAVE)], axis=1)
    weight = INDEPENDENT * MOST_NOTES / (MOST_NOTES + counts.sum(1))
    scores = weight[:, None] * (counts @ shares)
    scores[:, main % OCTAVE] += MAIN
    path = viterbi_path(scores, CHANGE * (1 - np.eye(OCTAVE)))
    return np.array([written(int(place), main) for place in path]), key.mode if key else "major"


def signature_of(key: str) -> int:
    """Sharps of a key ("D minor": -1), or minus the number of its flats."""
    tonic, mode = key.split()
    accidentals = tonic.count("#") - tonic.count("b")
    fifths = LETTERS.index(tonic[0]) - 1 + len(LETTERS) * accidentals - NATURAL_TONIC[mode]
    return max(min(fifths, MOST_ACCIDENTALS), -MOST_ACCIDENTALS)


def written(place: int, main: int) -> int:
    """The signature of a place on the circle of fifths (0 to 11), beside the piece's main one."""
    if (place - main) % OCTAVE == 0:
        return main
    fifths = place if place <= OCTAVE // 2 else place - OCTAVE
    return -6 if fifths == OCTAVE // 2 and main < 0 else fifths
