"""Facts of time: length, tempo, metre, density, silence, sections and repeated patterns."""

from __future__ import annotations

from dataclasses import asdict

import numpy as np

from amt.analysis.symbolic.tempo import Tempo, tempo_between
from amt.answers.fact import Fact, NoAnswerError, Result
from amt.answers.patterns import most_repeated_pattern
from amt.answers.piece import Piece
from amt.answers.wording import clock, listing, plural, seconds_text, span, times

# Shorter gaps between notes are articulation.
SILENCE_SECONDS = 1.0
MOST_LISTED = 100
# A steady tempo varies by so much of itself, most of the time.
STEADY_SHARE = 0.08
# Notes as long as a beat, by their length in quarter notes.
BEATS = {
    0.25: "sixteenth",
    0.5: "eighth",
    0.75: "dotted eighth",
    1.0: "quarter",
    1.5: "dotted quarter",
    2.0: "half",
    3.0: "dotted half",
}
UNCERTAIN = "The beats are uncertain"


def duration(piece: Piece) -> Result:
    """How long the recording is, and when its first note begins and its last one ends."""
    notes = piece.notes
    played = (
        {"first_note": float(notes.onset[0]), "last_note_ends": notes.end} if len(notes) else {}
    )
    return {"seconds": piece.seconds - piece.start, **played}


def _say_duration(result: Result) -> str:
    return f"The length is {clock(result['seconds'])} ({seconds_text(result['seconds'])})."


def tempo(piece: Piece) -> Result:
    """The tempo in beats per minute, what note is a beat, how it varies, and how sure it is."""
    found = _tempo_of_part(piece) if piece.whole else piece.analysis.tempo
    if found is None:
        raise NoAnswerError("No regular beat was found, so there is no clear tempo.")
    return {
        "bpm": round(found.bpm, 1),
        "slow": round(found.slow, 1),
        "fast": round(found.fast, 1),
        "steady": bool(found.fast - found.slow <= STEADY_SHARE * found.bpm),
        "beat": BEATS.get(found.beat),
        "certain": found.certain,
    }


def _tempo_of_part(piece: Piece) -> Tempo | None:
    return tempo_between(piece.grid, piece.start, piece.seconds) if piece.grid else None


def _say_tempo(result: Result) -> str:
    slow, fast, beat = round(result["slow"]), round(result["fast"]), result["beat"]
    unit = f" ({beat} notes)" if beat not in (None, "quarter") else ""
    varies = " and steady" if result["steady"] else f"; it varies between {slow} and {fast}"
    doubt = "" if result["certain"] else f" {UNCERTAIN}: it may be half or twice that."
    return f"The tempo is about {result['bpm']:.0f} beats per minute{unit}{varies}.{doubt}"


def metre(piece: Piece) -> Result:
    """The metre: beats in a bar, how many bars there are, and where the metre changes."""
    found, tempo = piece.source.analysis.metre, piece.source.analysis.tempo
    if found is None or tempo is None:
        raise NoAnswerError("No clear metre was found.")
    bars = [time for time in found.downbeats if not piece.whole or _is_inside(time, piece)]
    changes = [asdict(one) for one in found.changes[1:] if _is_inside(one.time, piece)]
    return {
        "signature": found.signature,
        "beats_per_bar": found.beats,
        "bars": len(bars),
        "change_count": len(changes),
        "changes": changes[:MOST_LISTED],
        "certain": tempo.certain,
    }


def _is_inside(time: float, piece: Piece) -> bool:
    return piece.start <= time < piece.seconds


def _say_metre(result: Result) -> str:
    changes = [
        f"{one['signature']} from bar {one['bar']} on ({clock(one['time'])})"
        for one in result["changes"]
    ]
    listed = listing(changes, 6, result["change_count"])
    return (
        f"The metre is probably {result['signature']}: {plural(result['beats_per_bar'], 'beat')} "
        f"in a bar, and {plural(result['bars'], 'bar')}."
        f"{f' It changes: {listed}.' if changes else ''}"
        f"{'' if result['certain'] else f' {UNCERTAIN}.'}"
    )


def density(piece: Piece) -> Result:
    """Notes per second, on average and in the busiest second."""
    onset = piece.notes.onset
    in_next_second = np.searchsorted(onset, onset + 1) - np.arange(len(onset))
    busiest = int(in_next_second.argmax())
    seconds = max(piece.seconds - piece.start, 1e-3)
    return {
        "notes_per_second": round(len(onset) / seconds, 2),
        "busiest_second": {"time": float(onset[busiest]), "notes": int(in_next_second[busiest])},
    }


def _say_density(result: Result) -> str:
    busiest = result["busiest_second"]
    return (
        f"On average {result['notes_per_second']:.1f} notes are played per second; the busiest "
        f"second, at {clock(busiest['time'])}, has {plural(busiest['notes'], 'note')}."
    )


def polyphony(piece: Piece) -> Result:
    """The most notes that are held at once, and when."""
    notes = piece.notes
    times = np.concatenate([notes.offset, notes.onset])
    change = np.repeat([-1, 1], len(notes))
    order = np.lexsort((change, times))
    held = np.cumsum(change[order])
    most = int(held.argmax())
    return {"most_notes": int(held[most]), "time": float(times[order][most])}


def _say_polyphony(result: Result) -> str:
    most = plural(result["most_notes"], "key is", "keys are")
    return f"At most {most} held at once, at {clock(result['time'])}."


def silence(piece: Piece) -> Result:
    """Where no note sounds, the pedal included."""
    sounding = piece.sounding
    latest = np.append(piece.start, np.maximum.accumulate(sounding.offset))
    begins = np.append(sounding.onset, piece.seconds)
    gaps = np.flatnonzero(begins - latest >= SILENCE_SECONDS)
    listed = [{"start": float(latest[gap]), "stop": float(begins[gap])} for gap in gaps]
    lengths = [gap["stop"] - gap["start"] for gap in listed]
    longest = listed[int(np.argmax(lengths))] if listed else None
    seconds = round(sum(lengths), 3)
    return {
        "count": len(listed),
        "seconds": seconds,
        "longest": longest,
        "gaps": listed[:MOST_LISTED],
    }


def _say_silence(result: Result) -> str:
    if not result["count"]:
        return "There is no silence of a second or more."
    longest, gaps = result["longest"], [span(gap["start"], gap["stop"]) for gap in result["gaps"]]
    if result["count"] == 1:
        return f"There is silence once, for {seconds_text(result['seconds'])}: {gaps[0]}."
    return (
        f"There are {result['count']} silences, {seconds_text(result['seconds'])} in all; the "
        f"longest is {span(longest['start'], longest['stop'])}. "
        f"They are {listing(gaps, 6, result['count'])}."
    )


def sections(piece: Piece) -> Result:
    """The sections of the piece; those that are alike have the same letter."""
    found = piece.analysis.sections
    if not found:
        raise NoAnswerError("No sections were found.")
    listed = [{"start": one.start, "stop": one.stop, "label": one.label} for one in found]
    return {"count": len(found), "sections": listed[:MOST_LISTED]}


def _say_sections(result: Result) -> str:
    listed = [f"{one['label']} ({span(one['start'], one['stop'])})" for one in result["sections"]]
    if result["count"] == 1:
        return "The piece is one section: nothing in it contrasts clearly."
    return (
        f"There are {result['count']} sections: {listing(listed, 10, result['count'])}. "
        "Those with the same letter are alike."
    )


def pattern(piece: Piece) -> Result:
    """The pattern of notes in the melody that is repeated most often, at any pitch."""
    found = most_repeated_pattern(piece)
    if found is None:
        raise NoAnswerError("No pattern of the melody is repeated.")
    first = found.times[0][0]
    notes = [{"note": piece.spell(pitch, first), "midi": pitch} for pitch in found.pitches]
    listed = [{"start": start, "stop": stop} for start, stop in found.times[:MOST_LISTED]]
    return {"notes": notes, "count": len(found.times), "times": listed}


def _say_pattern(result: Result) -> str:
    notes = " ".join(note["note"] for note in result["notes"][:16])
    more = " ..." if len(result["notes"]) > 16 else ""
    when = listing([clock(time["start"]) for time in result["times"]], 6, result["count"])
    return (
        f"The most repeated pattern has {plural(len(result['notes']), 'note')}, {notes}{more}, and "
        f"comes {times(result['count'])}: at {when}."
    )


TIME_FACTS = (
    Fact("duration", "How long the recording is.", duration, _say_duration, of_silence=True),
    Fact(
        "tempo",
        "The tempo in beats per minute, how it varies, and whether the beats are certain.",
        tempo,
        _say_tempo,
    ),
    Fact(
        "metre",
        "The metre (time signature), the number of bars, and where the metre changes.",
        metre,
        _say_metre,
    ),
    Fact("density", "Notes per second, and the busiest second.", density, _say_density),
    Fact("polyphony", "The most notes held at once, and when.", polyphony, _say_polyphony),
    Fact("silence", "Where nothing sounds.", silence, _say_silence, of_silence=True),
    Fact("sections", "The sections (form) of the piece, with times.", sections, _say_sections),
    Fact(
        "most_repeated_pattern",
        "The most repeated pattern of notes, with times.",
        pattern,
        _say_pattern,
    ),
)
