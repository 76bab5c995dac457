"""Spelling of keys, pitches and chords: the sharps and flats that a key asks for.

Names are positions on the line of fifths (Temperley 2001, "The Cognition of Basic Musical
Structures"): ... Bb -2, F -1, C 0, G 1, D 2 ... Each sharp adds seven, each flat takes seven away.
A pitch class has one name every twelve positions, and of these the one nearest to the centre of the
key is chosen; a chord is spelled as a whole, so that G# minor is no Ab minor in B major.
"""

from __future__ import annotations

from collections.abc import Sequence

from amt.analysis.pitch import OCTAVE

LETTERS = "FCGDAEB"
# Pitch classes of LETTERS, for octave numbers.
NATURAL = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
# From Fb to C##, the leading tone of D# minor: names beyond are hard to read.
FLATTEST, SHARPEST = -8, 14
# The centre of a key above its tonic: near the mean of its scale, the harmonic one in minor.
CENTRE = {"major": 1.5, "minor": 0.5}
# Of two names that are about as near, the one with fewer sharps or flats is easier to read: each
# step away from the mean of the natural notes counts as much as this part of a step from the key.
NATURAL_MEAN, ACCIDENTAL_COST = 2, 0.22
# Position of the tonic without sharps or flats, and the largest number of them in a key.
NATURAL_TONIC = {"major": 0, "minor": 3}
MOST_ACCIDENTALS = 7
# Without a key, as in this one.
DEFAULT_KEY = "C major"
# Positions that each interval above a root adds, in semitones: 3 is a minor third, 6 a diminished
# and 8 an augmented fifth. 9 is the seventh of a diminished chord, counted as a major sixth: as a
# diminished seventh, which has double flats, it would make a B#dim7 of Cdim7.
STEPS = {0: 0, 3: -3, 4: 4, 6: -6, 7: 1, 8: 8, 9: 3, 10: -2, 11: 5}


def spell_key(tonic: int, mode: str, main_key: str | None = None) -> str:
    """Name of the key on a pitch class: "Db major", "G# minor".

    main_key: of the piece: the name with the nearest signature is chosen, D# minor in F# major. Of
    itself the name with fewer sharps or flats; of six each the more common, F# major and Eb minor.
    """
    natural = NATURAL_TONIC[mode]
    main = _signature(main_key) if main_key else 0
    signatures = [
        position - natural
        for position in _positions(tonic)
        if abs(position - natural) <= MOST_ACCIDENTALS
    ]
    best = min(
        signatures,
        key=lambda own: (abs(own - main), abs(own), own < 0 if mode == "major" else own > 0),
    )
    return f"{_name(best + natural)} {mode}"


def pitch_class_names(key: str | None) -> list[str]:
    """Names of the 12 pitch classes from C to B in a key: Bb in F major, A# in B major."""
    return [_name(_nearest(pitch_class, (0,), key)) for pitch_class in range(OCTAVE)]


def spell_pitch(pitch: int, key: str | None) -> str:
    """Name of a MIDI pitch with its octave: 61 is C#4 in D major and Db4 in Ab major."""
    name = pitch_class_names(key)[pitch % OCTAVE]
    # The octave is that of the letter: Cb5 sounds as B4.
    sounding = NATURAL[name[0]] + name.count("#") - name.count("b")
    return f"{name}{(pitch - sounding) // OCTAVE - 1}"


def spell_root(root: int, intervals: Sequence[int], key: str | None) -> str:
    """Name of the root of a chord, a pitch class, so that all its notes are near the key.

    intervals: of the chord above its root, in semitones (keys of STEPS).
    """
    return _name(_nearest(root, [STEPS[interval] for interval in intervals], key))


def _nearest(pitch_class: int, steps: Sequence[int], key: str | None) -> int:
    """Position of a pitch class so that it and those `steps` above it are near the key."""
    tonic, mode = (key or DEFAULT_KEY).split()
    centre = _position(tonic) + CENTRE[mode] - sum(steps) / len(steps)

    def cost(position: int) -> float:
        return abs(position - centre) + ACCIDENTAL_COST * abs(position - NATURAL_MEAN)

    return min(_positions(pitch_class), key=cost)


def _positions(pitch_class: int) -> list[int]:
    """All positions of a pitch class from FLATTEST to SHARPEST."""
    places = range(FLATTEST, SHARPEST + 1)
    return [place for place in places if (7 * place - pitch_class) % OCTAVE == 0]


def _signature(key: str) -> int:
    """Sharps of a key, or minus its flats."""
    tonic, mode = key.split()
    return _position(tonic) - NATURAL_TONIC[mode]


def _name(position: int) -> str:
    accidentals, letter = divmod(position + 1, len(LETTERS))
    return LETTERS[letter] + ("#" * accidentals if accidentals > 0 else "b" * -accidentals)


def _position(name: str) -> int:
    return LETTERS.index(name[0]) - 1 + len(LETTERS) * (name.count("#") - name.count("b"))
