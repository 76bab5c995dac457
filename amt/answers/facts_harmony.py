"""Facts of harmony: key and its changes, chords, and the notes that sound at a time."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace

import numpy as np

from amt.analysis.symbolic.chords import Chord, identify_chord
from amt.analysis.symbolic.key import KeySpan
from amt.analysis.symbolic.skyline import chords as onset_groups
from amt.answers.fact import TIME, Fact, NoAnswerError, Result
from amt.answers.piece import Piece
from amt.answers.wording import clock, listing, plural, times
from amt.notes import Notes

# A time is said to the second: notes that begin shortly after it are meant as well.
LATER_SECONDS = 0.1
# Notes of a chord, at least.
CHORD_NOTES = 3
# A result lists so many chords and key changes at most.
MOST_LISTED = 100
# The most common chord and those that follow it.
MOST_CHORDS = 4
QUALITY_WORDS = {
    "": "major",
    "m": "minor",
    "dim": "diminished",
    "aug": "augmented",
    "7": "dominant seventh",
    "maj7": "major seventh",
    "m7": "minor seventh",
    "m7b5": "half-diminished seventh",
    "dim7": "diminished seventh",
}


def chord_words(name: str) -> str:
    """A chord in words: "G#m" is "G# minor"."""
    accidentals = name[1:3].count("#") + name[1:3].count("b")
    return f"{name[: 1 + accidentals]} {QUALITY_WORDS[name[1 + accidentals :]]}"


def key(piece: Piece, time: float | None = None) -> Result:
    """The key of the piece, of a part of it, or at a time."""
    found = piece.key_name(time) if time is not None else key_of(piece)
    if found is None:
        raise NoAnswerError("No clear key was found.")
    tonic, mode = found.split()
    result: Result = {"key": found, "tonic": tonic, "mode": mode}
    return result if time is None else result | {"time": time}


def key_of(piece: Piece) -> str | None:
    """Name of the key of a piece, or of most of a part of it; None if there is no clear key."""
    if piece.whole is None:
        return piece.key_name()
    seconds: dict[str, float] = defaultdict(float)
    for one in piece.source.analysis.key_changes:
        seconds[one.key] += max(min(one.stop, piece.seconds) - max(one.start, piece.start), 0.0)
    return max(seconds, key=lambda name: seconds[name], default=None)


def _say_key(result: Result) -> str:
    if "time" in result:
        return f"At {clock(result['time'])} the key is {result['key']}."
    return f"The key is {result['key']}."


def key_changes(piece: Piece) -> Result:
    """Where the key changes, and to which key."""
    spans = [one for one in piece.source.analysis.key_changes if _overlaps(one, piece)]
    if not spans:
        raise NoAnswerError("No clear key was found.")
    changes = [{"time": one.start, "key": one.key} for one in spans[1:]]
    return {"key": spans[0].key, "count": len(changes), "changes": changes[:MOST_LISTED]}


def _say_key_changes(result: Result) -> str:
    if not result["count"]:
        return f"The key does not change: it stays {result['key']}."
    changes = [f"to {one['key']} at {clock(one['time'])}" for one in result["changes"]]
    return (
        f"The key changes {times(result['count'])}: it begins in {result['key']} and goes "
        f"{listing(changes, 8, result['count'])}."
    )


def _overlaps(one: Chord | KeySpan, piece: Piece) -> bool:
    return one.stop > piece.start and one.start < piece.seconds


def notes_at(piece: Piece, time: float) -> Result:
    """The notes that sound at a time, held by their keys or by the pedal."""
    held, sounding = (_at(notes, time) for notes in (piece.notes, piece.sounding))
    return {
        "time": time,
        "notes": _names(piece, sounding, time),
        "held_by_pedal": _names(piece, np.setdiff1d(sounding, held), time),
    }


def _names(piece: Piece, pitches: np.ndarray, time: float) -> list[Result]:
    return [{"note": piece.spell(pitch, time), "midi": int(pitch)} for pitch in np.unique(pitches)]


def _at(notes: Notes, time: float) -> np.ndarray:
    """Pitches that sound at a time or begin shortly after it."""
    moment = time + LATER_SECONDS
    return notes.pitch[(notes.onset <= moment) & (notes.offset > moment)]


def _say_notes_at(result: Result) -> str:
    when, names = clock(result["time"]), [note["note"] for note in result["notes"]]
    if not names:
        return f"At {when} no note sounds."
    text = f"At {when} {plural(len(names), 'note')} {'sounds' if len(names) == 1 else 'sound'}: "
    held = [note["note"] for note in result["held_by_pedal"]]
    pedal = f" ({listing(held)} by the pedal)" if held and len(held) < len(names) else ""
    return f"{text}{listing(names, 16)}{pedal}."


def chord_at(piece: Piece, time: float) -> Result:
    """The chord at a time: what its notes are exactly, or what fits the beats around it best."""
    moment = time + LATER_SECONDS
    where = piece.key_name(moment)
    held, sounding = (np.unique(_at(notes, time)) for notes in (piece.notes, piece.sounding))
    exact = [(identify_chord(pitches, where), pitches) for pitches in (held, sounding)]
    around = [(one.name, sounding) for one in _chords(piece) if one.start <= moment < one.stop]
    found = [(chord, pitches) for chord, pitches in [*exact, *around] if chord]
    name, pitches = found[0] if found else (None, sounding)
    if name is None and not len(sounding):
        raise NoAnswerError(f"At {clock(time)} no note sounds.")
    notes = _names(piece, pitches, time)
    return {"time": time, "chord": name, "words": name and chord_words(name), "notes": notes}


def _say_chord_at(result: Result) -> str:
    when, names = clock(result["time"]), [note["note"] for note in result["notes"]]
    if result["chord"] is None:
        verb = "sounds" if len(names) == 1 else "sound"
        return f"At {when} there is no clear chord: {listing(names, 16)} {verb}."
    notes = f"; {listing(names, 16)} sound" if len(names) > 1 else ""
    return f"At {when} the chord is {result['words']} ({result['chord']}){notes}."


def chords(piece: Piece) -> Result:
    """The chords in order, with their times, how many different ones, how many changes."""
    found = chords_in_order(piece)
    if not found:
        raise NoAnswerError("No clear chords were found.")
    listed = [{"start": one.start, "stop": one.stop, "chord": one.name} for one in found]
    different = list(dict.fromkeys(one.name for one in found))
    return {
        "different": different,
        "different_count": len(different),
        "changes": len(found) - 1,
        "chords": listed[:MOST_LISTED],
    }


def chords_in_order(piece: Piece) -> list[Chord]:
    """The chords of a piece, or of a part of it; equal ones that follow one another are one."""
    found = list[Chord]()
    for one in _chords(piece):
        if found and found[-1].name == one.name:
            found[-1] = replace(found[-1], stop=one.stop)
        else:
            found.append(one)
    return [one for one in found if _overlaps(one, piece)]


def _say_chords(result: Result) -> str:
    different = result["different"]
    if len(different) == 1:
        return f"The chord is {chord_words(different[0])} ({different[0]})."
    changes = result["changes"]
    order = [f"{one['chord']} ({clock(one['start'])})" for one in result["chords"]]
    return (
        f"There are {len(different)} different chords, {listing(different, 10)}, and the chord "
        f"changes {times(changes)}: {listing(order, 12, changes + 1)}."
    )


def most_common_chord(piece: Piece) -> Result:
    """The chord that sounds longest in all."""
    seconds: dict[str, float] = defaultdict(float)
    for one in _chords(piece):
        if _overlaps(one, piece):
            seconds[one.name] += min(one.stop, piece.seconds) - max(one.start, piece.start)
    if not seconds:
        raise NoAnswerError("No clear chords were found.")
    names = sorted(seconds, key=lambda name: -seconds[name])[:MOST_CHORDS]
    share = seconds[names[0]] / max(piece.seconds - piece.start, 1e-9)
    return {
        "chord": names[0],
        "words": chord_words(names[0]),
        "seconds": round(seconds[names[0]], 3),
        "share": round(share, 4),
        "most_common": [{"chord": name, "seconds": round(seconds[name], 3)} for name in names],
    }


def _say_most_common_chord(result: Result) -> str:
    others = [one["chord"] for one in result["most_common"][1:]]
    text = f"The most common chord is {result['words']} ({result['chord']})"
    return f"{text}, followed by {listing(others)}." if others else f"{text}."


def _chords(piece: Piece) -> list[Chord]:
    """Chords of the whole piece by its beats; without beats, those whose notes begin together."""
    source = piece.source
    return source.analysis.chords or _block_chords(source)


def _block_chords(piece: Piece) -> list[Chord]:
    """Chords of notes that begin together, each until the next ones begin; equal ones are one."""
    notes, found = piece.notes, list[Chord]()
    if not len(notes):
        return found
    firsts = np.flatnonzero(np.diff(onset_groups(notes), prepend=-1))
    stops = np.append(notes.onset[firsts[1:]], notes.end)
    for group, stop in zip(np.split(np.arange(len(notes)), firsts[1:]), stops, strict=True):
        start = float(notes.onset[group[0]])
        name = identify_chord(notes.pitch[group], piece.key_name(start))
        if name and found and found[-1].name == name and found[-1].stop == start:
            found[-1] = Chord(found[-1].start, float(stop), name)
        elif name:
            found.append(Chord(start, float(stop), name))
    return found


HARMONY_FACTS = (
    Fact(
        "key", "The key, and whether it is major or minor; also at one time.", key, _say_key, TIME
    ),
    Fact("key_changes", "Where the key changes, and to which key.", key_changes, _say_key_changes),
    Fact(
        "chord_at",
        "The chord at one time.",
        chord_at,
        _say_chord_at,
        TIME,
        ("time",),
        of_parts=False,
    ),
    Fact(
        "notes_at",
        "The notes that sound at one time.",
        notes_at,
        _say_notes_at,
        TIME,
        ("time",),
        of_parts=False,
    ),
    Fact(
        "chords",
        "The chords in order, with their times; how many different ones and how many changes.",
        chords,
        _say_chords,
    ),
    Fact(
        "most_common_chord",
        "The chord that sounds longest in all.",
        most_common_chord,
        _say_most_common_chord,
    ),
)
