"""What happens in a part of a piece, such as a bar."""

from __future__ import annotations

from amt.answers.fact import Fact, Result
from amt.answers.facts_harmony import chord_words, chords_in_order, key_of
from amt.answers.facts_loudness import dynamics
from amt.answers.facts_notes import pitch_range
from amt.answers.facts_time import UNCERTAIN
from amt.answers.piece import Piece
from amt.answers.wording import listing, plural

MOST_LISTED = 100


def passage(piece: Piece) -> Result:
    """The notes that begin, lowest and highest, the chords in order, the key, how loud it is."""
    tempo = piece.source.analysis.tempo
    result: Result = {"notes": len(piece.notes), "beats_certain": bool(tempo and tempo.certain)}
    if not len(piece.notes):
        return result
    reach = pitch_range(piece)
    return result | {
        "lowest": reach["lowest"],
        "highest": reach["highest"],
        "chords": [one.name for one in chords_in_order(piece)][:MOST_LISTED],
        "key": key_of(piece),
        "loudness": dynamics(piece)["words"],
    }


def _say_passage(result: Result) -> str:
    doubt = f" {UNCERTAIN}, so bars may begin elsewhere."
    return f"{_say_notes(result)}{'' if result['beats_certain'] or 'bar' not in result else doubt}"


def _say_notes(result: Result) -> str:
    if not result["notes"]:
        return "No note begins."
    low, high = result["lowest"]["note"], result["highest"]["note"]
    verb = "is" if result["notes"] == 1 else "are"
    reach = f": {low}" if low == high else f", from {low} to {high}"
    parts = [_say_chords(result["chords"])] if result["chords"] else []
    parts += [f"the key is {result['key']}"] if result["key"] else []
    described = listing([*parts, f"the playing is {result['loudness']}"])
    return (
        f"There {verb} {plural(result['notes'], 'note')}{reach}. "
        f"{described[0].upper()}{described[1:]}."
    )


def _say_chords(names: list[str]) -> str:
    if len(names) == 1:
        return f"the chord is {chord_words(names[0])}"
    return f"the chords are {' – '.join(names[:8])}{' …' if len(names) > 8 else ''}"


PASSAGE_FACTS = (
    Fact(
        "passage",
        "What happens in a bar or another part: how many notes, chords, key, loudness.",
        passage,
        _say_passage,
        of_silence=True,
    ),
)
