"""Facts of a note or a chord that the question names: how often it comes, and when."""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from amt.analysis.pitch import OCTAVE
from amt.analysis.spelling import NATURAL
from amt.answers.fact import Fact, Result
from amt.answers.facts_harmony import QUALITY_WORDS, chords_in_order
from amt.answers.facts_notes import TOGETHER_SECONDS
from amt.answers.piece import Piece
from amt.answers.wording import clock, clocks, listing, times

MOST_LISTED = 100
# A sentence names so many times at most.
MOST_SAID = 8
NOTE: dict[str, Any] = {
    "note": {"type": "string", "description": "a note name, with octave (C#4) or without (Bb)"}
}
CHORD: dict[str, Any] = {
    "chord": {"type": "string", "description": "a chord name, such as C, F#m, Bb7 or Gmaj7"}
}
_NOTE_NAME = re.compile(r"([A-Ga-g])([#b]{0,2})(-?\d)?")
_CHORD_NAME = re.compile(r"([A-Ga-g])([#b]{0,2})(.*)")


def count_of_note(piece: Piece, note: str) -> Result:
    """How often one note is played, in one octave or in all."""
    name, onset = _onsets(piece, note)
    return {"note": name, "count": len(onset), "first": onset[0] if onset else None}


def note_times(piece: Piece, note: str) -> Result:
    """When one note is played, in one octave or in all; octaves together count as one time."""
    name, onset = _onsets(piece, note)
    begins = np.diff(onset, prepend=-np.inf) > TOGETHER_SECONDS
    moments = np.array(onset)[begins].tolist()
    listed = {"times": moments[:MOST_LISTED], "time_count": len(moments), "last": moments[-1:]}
    return {"note": name, "count": len(onset), **listed}


def _onsets(piece: Piece, note: str) -> tuple[str, list[float]]:
    """The name of a note, and when it is played. Raises ValueError for what is no name."""
    match = _NOTE_NAME.fullmatch(note.strip())
    if match is None:
        raise ValueError(f"note must be a name such as C#4 or Bb, got {note}")
    letter, accidentals, octave = match[1].upper(), match[2], match[3]
    natural = _pitch_class(letter, accidentals)
    if octave is None:
        chosen = piece.notes.pitch % OCTAVE == natural % OCTAVE
    else:
        chosen = piece.notes.pitch == natural + OCTAVE * (int(octave) + 1)
    return letter + accidentals + (octave or ""), piece.notes.onset[chosen].tolist()


def _pitch_class(letter: str, accidentals: str) -> int:
    """Semitones above C; below 0 or above 11 for Cb and B#, which belong to their octave."""
    return NATURAL[letter.upper()] + accidentals.count("#") - accidentals.count("b")


def _say_count_of(result: Result) -> str:
    if not result["count"]:
        return _never_played(result)
    return f"{_played(result)}, first at {clock(result['first'])}."


def _say_note_times(result: Result) -> str:
    if not result["count"]:
        return _never_played(result)
    return f"{_played(result)}: {_when(result['times'], result['time_count'], result['last'][0])}."


def _never_played(result: Result) -> str:
    return f"The note {result['note']} is not played."


def _played(result: Result) -> str:
    octaves = "" if result["note"][-1].isdigit() else ", in all octaves together"
    return f"The note {result['note']} is played {times(result['count'])}{octaves}"


def _when(starts: list[float], count: int, last: float) -> str:
    """The first of `count` times, and the last one."""
    if count <= MOST_SAID:
        return f"at {listing(clocks(starts))}"
    return f"at {listing(clocks(starts[:MOST_SAID]), MOST_SAID, count)}, the last at {clock(last)}"


def chord_times(piece: Piece, chord: str) -> Result:
    """When one chord is played, and how often. Raises ValueError for what is no chord."""
    root, quality = _chord(chord)
    found = [one for one in chords_in_order(piece) if _chord(one.name) == (root, quality)]
    # Spelled as in the piece.
    name = found[0].name if found else chord.strip()[0].upper() + chord.strip()[1:]
    words = f"{name.removesuffix(quality)} {QUALITY_WORDS[quality]}"
    listed = [{"start": one.start, "stop": one.stop} for one in found[:MOST_LISTED]]
    last = [one.start for one in found[-1:]]
    return {"chord": name, "words": words, "count": len(found), "times": listed, "last": last}


def _chord(name: str) -> tuple[int, str]:
    """Pitch class of the root, and quality, of the name of a chord."""
    match = _CHORD_NAME.fullmatch(name.strip())
    if match is None or match[3] not in QUALITY_WORDS:
        raise ValueError(f"chord must be a name such as C, F#m, Bb7 or Gmaj7, got {name}")
    return int(_pitch_class(match[1], match[2]) % OCTAVE), match[3]


def _say_chord_times(result: Result) -> str:
    name = f"The chord {result['words']} ({result['chord']})"
    if not result["count"]:
        return f"{name} is not played."
    starts = [one["start"] for one in result["times"]]
    when = _when(starts, result["count"], result["last"][0])
    return f"{name} is played {times(result['count'])}: {when}."


NAMED_FACTS = (
    Fact(
        "count_of_note",
        "How often one note is played.",
        count_of_note,
        _say_count_of,
        NOTE,
        ("note",),
    ),
    Fact("note_times", "When one note is played.", note_times, _say_note_times, NOTE, ("note",)),
    Fact(
        "chord_times",
        "When one chord is played, and how often.",
        chord_times,
        _say_chord_times,
        CHORD,
        ("chord",),
    ),
)
