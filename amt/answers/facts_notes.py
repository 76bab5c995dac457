"""Facts of notes: the common, high, low, long, first and last ones, and how many there are."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from amt.analysis.pitch import OCTAVE
from amt.analysis.spelling import pitch_class_names
from amt.answers.fact import Fact, Result
from amt.answers.piece import Piece
from amt.answers.wording import clock, listing, plural, seconds_text, times
from amt.notes import NUM_KEYS

# Notes that begin within so many seconds of the first or the last one belong to its chord.
TOGETHER_SECONDS = 0.05
TOP: dict[str, Any] = {
    "top": {"type": "integer", "minimum": 1, "maximum": 20, "description": "how many notes to list"}
}


def _named(piece: Piece, pitch: int, time: float | None = None) -> Result:
    return {"note": piece.spell(pitch, time), "midi": int(pitch)}


def _label(note: Result) -> str:
    return f"{note['note']} (MIDI number {note['midi']})"


def _counts(piece: Piece) -> np.ndarray:
    """Pitches (P,) from the most common to the least; as in the analysis, ties by duration."""
    notes = piece.notes
    counts = np.bincount(notes.pitch)
    sounding = np.bincount(notes.pitch, notes.offset - notes.onset)
    order = np.lexsort((np.arange(len(counts)), -sounding, -counts))
    return order[counts[order] > 0]


def most_common_note(piece: Piece, top: int = 1) -> Result:
    """The pitch with the most notes, and the `top` most common ones."""
    counts, ranked = np.bincount(piece.notes.pitch), _counts(piece)
    listed = [_named(piece, pitch) | {"count": int(counts[pitch])} for pitch in ranked[:top]]
    ties = [piece.spell(pitch) for pitch in ranked[1:] if counts[pitch] == counts[ranked[0]]]
    result = listed[0] | {"of": len(piece.notes), "equally_common": ties}
    return result | ({"top": listed} if top > 1 else {})


def _say_most_common(result: Result) -> str:
    if len(result.get("top", [])) > 1:
        listed = [f"{_label(note)}, {times(note['count'])}" for note in result["top"]]
        return f"The most common notes are {listing(listed, 20)}."
    text = f"The most common note is {_label(result)}, played {times(result['count'])} among "
    text += plural(result["of"], "note")
    ties = result["equally_common"]
    return (
        f"{text}; {listing(ties, 4)} {'is' if len(ties) == 1 else 'are'} as common."
        if ties
        else f"{text}."
    )


def least_common_note(piece: Piece) -> Result:
    """The pitches with the fewest notes."""
    counts, ranked = np.bincount(piece.notes.pitch), _counts(piece)
    least = int(counts[ranked[-1]])
    rare = sorted(int(pitch) for pitch in ranked if counts[pitch] == least)
    return {"notes": [_named(piece, pitch) for pitch in rare], "count": least}


def _say_least_common(result: Result) -> str:
    notes = [_label(note) for note in result["notes"]]
    return (
        f"The rarest {'note is' if len(notes) == 1 else 'notes are'} {listing(notes, 5)}, played "
        f"{times(result['count'])}{' each' if len(notes) > 1 else ''}."
    )


def note_count(piece: Piece) -> Result:
    """How many notes are played."""
    return {"notes": len(piece.notes)}


def _say_note_count(result: Result) -> str:
    verb = "is" if result["notes"] == 1 else "are"
    return f"There {verb} {plural(result['notes'], 'note')}."


def distinct_notes(piece: Piece) -> Result:
    """How many different pitches are used, and how many names without octaves."""
    pitches = np.unique(piece.notes.pitch)
    names = pitch_class_names(piece.key_name())
    classes = [names[pitch_class] for pitch_class in np.unique(pitches % OCTAVE)]
    return {"distinct_notes": len(pitches), "keys": NUM_KEYS, "names": classes}


def _say_distinct(result: Result) -> str:
    names = result["names"]
    return (
        f"There {'is' if result['distinct_notes'] == 1 else 'are'} "
        f"{plural(result['distinct_notes'], 'different note')} among the {result['keys']} keys of "
        f"a piano, with {plural(len(names), 'name')}: {listing(names, 12)}."
    )


def highest_note(piece: Piece) -> Result:
    """The highest pitch and when it is first played."""
    return _extreme(piece, int(piece.notes.pitch.max()))


def lowest_note(piece: Piece) -> Result:
    """The lowest pitch and when it is first played."""
    return _extreme(piece, int(piece.notes.pitch.min()))


def _extreme(piece: Piece, pitch: int) -> Result:
    onset = piece.notes.onset[piece.notes.pitch == pitch].tolist()
    return _named(piece, pitch, onset[0]) | {"count": len(onset), "first": onset[0]}


def _say_extreme(which: str) -> Callable[[Result], str]:
    def say(result: Result) -> str:
        when = f"{'first ' if result['count'] > 1 else ''}played at {clock(result['first'])}"
        return f"The {which} note is {_label(result)}, {when}."

    return say


def pitch_range(piece: Piece) -> Result:
    """Lowest and highest pitch and the distance between them."""
    ends = {"lowest": lowest_note(piece), "highest": highest_note(piece)}
    named = {end: {name: ends[end][name] for name in ("note", "midi")} for end in ends}
    semitones = ends["highest"]["midi"] - ends["lowest"]["midi"]
    return named | {"semitones": semitones, "octaves": round(semitones / OCTAVE, 2)}


def _say_range(result: Result) -> str:
    text = (
        f"The notes go from {_label(result['lowest'])} to {_label(result['highest'])}, a range of"
    )
    in_all = f" ({result['semitones']} semitones)" if result["semitones"] >= OCTAVE else ""
    return f"{text} {_distance(result['semitones'])}{in_all}."


def _say_octaves(result: Result) -> str:
    return (
        f"The notes span {_distance(result['semitones'])}, from {result['lowest']['note']} to "
        f"{result['highest']['note']}."
    )


def _distance(semitones: int) -> str:
    octaves, rest = divmod(semitones, OCTAVE)
    parts = [plural(octaves, "octave")] if octaves else []
    return listing([*parts, plural(rest, "semitone")] if rest or not parts else parts)


def longest_note(piece: Piece) -> Result:
    """The note whose key is held longest."""
    return _held(piece, int(_seconds(piece).argmax()))


def shortest_note(piece: Piece) -> Result:
    """The note whose key is held for the shortest time."""
    return _held(piece, int(_seconds(piece).argmin()))


def _seconds(piece: Piece) -> np.ndarray:
    """How long each key is held (N,); rounded, so that the first of equal ones is chosen."""
    return np.round(piece.notes.offset - piece.notes.onset, 3)


def _held(piece: Piece, index: int) -> Result:
    start = float(piece.notes.onset[index])
    named = _named(piece, piece.notes.pitch[index], start)
    return named | {"time": start, "seconds": float(_seconds(piece)[index])}


def _say_held(which: str) -> Callable[[Result], str]:
    def say(result: Result) -> str:
        length = seconds_text(result["seconds"])
        return (
            f"The {which} note is {_label(result)} at {clock(result['time'])}, held for {length}."
        )

    return say


def first_note(piece: Piece) -> Result:
    """The note, or the chord, with which the piece begins."""
    return _together(piece, piece.notes.onset <= piece.notes.onset[0] + TOGETHER_SECONDS)


def last_note(piece: Piece) -> Result:
    """The note, or the chord, with which the piece ends."""
    return _together(piece, piece.notes.onset >= piece.notes.onset[-1] - TOGETHER_SECONDS)


def _together(piece: Piece, chosen: np.ndarray) -> Result:
    time = float(piece.notes.onset[chosen].min())
    pitches = np.unique(piece.notes.pitch[chosen])
    return {"time": time, "notes": [_named(piece, pitch, time) for pitch in pitches]}


def _say_together(which: str) -> Callable[[Result], str]:
    def say(result: Result) -> str:
        notes = [_label(note) for note in result["notes"]]
        verb = "note is" if len(notes) == 1 else "notes, played together, are"
        return f"The {which} {verb} {listing(notes)} at {clock(result['time'])}."

    return say


NOTE_FACTS = (
    Fact(
        "most_common_note",
        "The note that is played most often: name, MIDI number, count.",
        most_common_note,
        _say_most_common,
        TOP,
    ),
    Fact(
        "least_common_note",
        "The notes that are played least often.",
        least_common_note,
        _say_least_common,
    ),
    Fact("note_count", "How many notes there are.", note_count, _say_note_count),
    Fact(
        "distinct_notes",
        "How many different notes (keys of the piano) are used.",
        distinct_notes,
        _say_distinct,
    ),
    Fact("octaves", "How many octaves the notes span.", pitch_range, _say_octaves),
    Fact(
        "highest_note", "The highest note and when it comes.", highest_note, _say_extreme("highest")
    ),
    Fact("lowest_note", "The lowest note and when it comes.", lowest_note, _say_extreme("lowest")),
    Fact(
        "range",
        "The range: lowest and highest note, semitones and octaves.",
        pitch_range,
        _say_range,
    ),
    Fact(
        "longest_note",
        "The note that is held longest, and when.",
        longest_note,
        _say_held("longest"),
    ),
    Fact(
        "shortest_note",
        "The note that is held for the shortest time.",
        shortest_note,
        _say_held("shortest"),
    ),
    Fact("first_note", "The first note or notes.", first_note, _say_together("first")),
    Fact("last_note", "The last note or notes.", last_note, _say_together("last")),
)
