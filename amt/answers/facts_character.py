"""Facts of a whole piece: what was transcribed, summary, mood and caption."""

from __future__ import annotations

from amt.answers.fact import Fact, Result
from amt.answers.facts_loudness import dynamics
from amt.answers.facts_notes import distinct_notes, most_common_note, pitch_range
from amt.answers.mood import character, mood_of
from amt.answers.piece import Piece
from amt.answers.wording import clock, percent, plural, times
from amt.notes import has_sustain

# The pedal is worth a word in the caption from this share of the time on.
MUCH_PEDAL = 0.3


def summary(piece: Piece) -> Result:
    """Length, notes, key, tempo, metre, range, loudness, pedal, sections and mood."""
    result: Result = {"seconds": round(piece.seconds - piece.start, 3), "notes": len(piece.notes)}
    if not len(piece.notes):
        return result
    analysis = piece.analysis
    reach, common = pitch_range(piece), most_common_note(piece)
    return result | {
        "key": piece.key_name(),
        "bpm": round(analysis.tempo.bpm, 1) if analysis.tempo else None,
        "metre": analysis.metre.signature if analysis.metre else None,
        "beats_certain": analysis.tempo.certain if analysis.tempo else False,
        "distinct_notes": distinct_notes(piece)["distinct_notes"],
        "lowest": reach["lowest"],
        "highest": reach["highest"],
        "most_common_note": {name: common[name] for name in ("note", "midi", "count")},
        "loudness": dynamics(piece)["words"],
        "mean_velocity": dynamics(piece)["mean_velocity"],
        "pedal_share": _pedal_share(piece),
        "sections": [section.label for section in analysis.sections],
        "mood": mood_of(piece)[0],
    }


def _pedal_share(piece: Piece) -> float | None:
    used = piece.analysis.pedalling
    return round(used.down, 4) if used and has_sustain(piece.notes) else None


def _say_summary(result: Result) -> str:
    notes, length = plural(result["notes"], "note"), clock(result["seconds"])
    if not result["notes"]:
        return f"The recording is {length} long, and no piano notes were found in it."
    return " ".join(
        [
            f"The piece has {notes} in {length}{_in_key_and_tempo(result)}.",
            f"Its notes go from {result['lowest']['note']} to {result['highest']['note']}, and the "
            f"most common one is {result['most_common_note']['note']} "
            f"({times(result['most_common_note']['count'])}).",
            f"The playing is {result['loudness']}{_with_pedal(result)}, and the mood is "
            f"{result['mood'].lower()}.",
            *_in_sections(result),
        ]
    )


def _in_key_and_tempo(result: Result) -> str:
    key = f", in {result['key']}" if result["key"] else ""
    if not result["bpm"]:
        return key
    metre = f" in {result['metre']}" if result["metre"] else ""
    doubt = "" if result["beats_certain"] else " (uncertain)"
    return f"{key}, at about {result['bpm']:.0f} beats per minute{metre}{doubt}"


def _with_pedal(result: Result) -> str:
    share = result["pedal_share"]
    return "" if share is None else f", with the pedal down for {percent(share)} of the time"


def _in_sections(result: Result) -> list[str]:
    labels = result["sections"]
    return [f"It has {len(labels)} sections: {' '.join(labels[:12])}."] if len(labels) > 1 else []


def transcribe(piece: Piece) -> Result:
    """What was transcribed: notes, length, range, pedal."""
    result: Result = {"notes": len(piece.notes), "seconds": round(piece.seconds - piece.start, 3)}
    if not len(piece.notes):
        return result
    reach, used = pitch_range(piece), piece.analysis.pedalling
    presses = used.presses if used else 0
    return result | {
        "lowest": reach["lowest"],
        "highest": reach["highest"],
        "pedal_presses": presses,
    }


def _say_transcribe(result: Result) -> str:
    if not result["notes"]:
        return f"No piano notes were found in {clock(result['seconds'])} of sound."
    pedal = plural(result["pedal_presses"], "press", "presses") + " of the pedal"
    return (
        f"The transcription has {plural(result['notes'], 'note')} in {clock(result['seconds'])}, "
        f"from {result['lowest']['note']} to {result['highest']['note']}"
        f"{f', and {pedal}' if result['pedal_presses'] else ''}."
    )


def mood(piece: Piece) -> Result:
    """The mood, one of five, and why."""
    found, reason = mood_of(piece)
    return {"mood": found, "reason": reason}


def _say_mood(result: Result) -> str:
    reason = result["reason"]
    return f"The mood is {result['mood'].lower()}: {reason[0].lower()}{reason[1:]}"


def caption(piece: Piece) -> Result:
    """The piece in one sentence."""
    return {"caption": caption_of(piece)}


def caption_of(piece: Piece) -> str:
    """A sentence for a list of recordings, made of mood, tempo, key, loudness and pedal."""
    if not len(piece.notes):
        return "A recording in which no piano notes were found."
    judged, key = character(piece), piece.key_name()
    mood = mood_of(piece)[0].lower()
    kind = f"{mood}, {judged.speed}" if judged.speed else mood
    article = "An" if kind[0] in "aeiou" else "A"
    where = f" in {key}" if key else ""
    pedal = ", with much pedal" if (_pedal_share(piece) or 0) > MUCH_PEDAL else ""
    return f"{article} {kind} piano piece{where}, {judged.loudness} and {judged.density}{pedal}."


CHARACTER_FACTS = (
    Fact(
        "summary",
        "A summary: length, notes, key, tempo, metre, range, loudness, pedal, sections, mood.",
        summary,
        _say_summary,
        of_silence=True,
    ),
    Fact("transcribe", "What was transcribed.", transcribe, _say_transcribe, of_silence=True),
    Fact("mood", "The mood, one of five, and why.", mood, _say_mood, of_silence=True),
    Fact(
        "caption",
        "The piece in one sentence.",
        caption,
        lambda result: str(result["caption"]),
        of_silence=True,
    ),
)
