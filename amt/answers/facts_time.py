"""Facts of time: length, tempo, metre, density, silence, sections and repeated patterns."""

from __future__ import annotations

import numpy as np

from amt.analysis.symbolic.beats import TEMPO_BEATS
from amt.answers.fact import Fact, NoAnswerError, Result
from amt.answers.patterns import most_repeated_pattern
from amt.answers.piece import Piece
from amt.answers.wording import clock, listing, plural, seconds_text, span, times

# Shorter gaps between notes are articulation.
SILENCE_SECONDS = 1.0
MOST_LISTED = 100
# A steady tempo varies by so much of itself, most of the time.
STEADY_SHARE = 0.08


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
    """The tempo in beats per minute, how much it varies, and whether it is steady."""
    found = piece.source.analysis.tempo
    beats = np.array(piece.source.analysis.beats)
    beats = beats[(beats >= piece.start) & (beats <= piece.seconds)]
    if found is None or (piece.whole and len(beats) <= TEMPO_BEATS):
        raise NoAnswerError("No regular beat was found, so there is no clear tempo.")
    slow, middle, fast = found.slow, found.bpm, found.fast
    if piece.whole:
        seconds = (beats[TEMPO_BEATS:] - beats[:-TEMPO_BEATS]) / TEMPO_BEATS
        slow, middle, fast = np.percentile(60 / seconds, (10, 50, 90)).tolist()
    return {
        "bpm": round(middle, 1),
        "slow": round(slow, 1),
        "fast": round(fast, 1),
        "steady": bool(fast - slow <= STEADY_SHARE * middle),
    }


def _say_tempo(result: Result) -> str:
    slow, fast = round(result["slow"]), round(result["fast"])
    varies = " and steady" if result["steady"] else f"; it varies between {slow} and {fast}"
    return f"The tempo is about {result['bpm']:.0f} beats per minute{varies}."


def metre(piece: Piece) -> Result:
    """The metre: beats in a bar, and how many bars there are."""
    found = piece.source.analysis.metre
    if found is None:
        raise NoAnswerError("No clear metre was found.")
    bars = [time for time in found.downbeats if piece.start <= time < piece.seconds]
    return {"signature": found.signature, "beats_per_bar": found.beats, "bars": len(bars)}


def _say_metre(result: Result) -> str:
    return (
        f"The metre is probably {result['signature']}: {plural(result['beats_per_bar'], 'beat')} "
        f"in a bar, and {plural(result['bars'], 'bar')}."
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
    Fact("tempo", "The tempo in beats per minute, and how it varies.", tempo, _say_tempo),
    Fact("metre", "The metre (time signature) and the number of bars.", metre, _say_metre),
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
