"""What a prompt asks for: facts and their arguments, without a language model.

`prompts_clauses` finds the facts, this module the time, part, bar, note or chord of each.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from amt.answers.facts import FACT
from amt.answers.piece import Piece
from amt.answers.prompts_clauses import QUESTION_WORDS, Clause, clauses_of
from amt.answers.prompts_text import is_foreign, plain
from amt.answers.prompts_times import AROUND_SECONDS, Place, mark_places, number, repeat_places
from amt.notes import Notes

# A prompt asks for so many facts at most; what is beyond is not read.
MAX_FACTS = 12
_TOP = re.compile(r"\btop (\w+)\b|\b(\w+) most (?:common|frequent|popular|played|used)")
# They are about all of a piece, whatever time is named before.
_OVERALL = frozenset(("overall", "whole", "entire", "altogether", "total", "throughout"))
# What is asked of a part by these is asked of a moment by those.
_AT_ONE_TIME = {"chords": "chord_at", "distinct_notes": "notes_at", "note_count": "notes_at"}
_OF_A_PART = {"chord_at": "chords", "notes_at": "distinct_notes"}

Question = tuple[str, dict[str, Any]]


def parse(prompt: str, piece: Piece | None = None) -> list[Question]:
    """Facts and arguments that a prompt asks for, in order, each once; none if it asks for none.

    piece: says when it ends and where its bars are. Never raises.
    """
    piece = piece or Piece(Notes.empty(), 0.0)
    if is_foreign(prompt):
        return []
    text, names = plain(prompt)
    text, places = mark_places(text, piece)
    text = repeat_places(text)
    clauses = clauses_of(text)
    top = _top(text)
    questions: list[Question] = []
    for clause in clauses:
        where = _place_of(clause, clauses, places)
        for fact in clause.facts:
            question = _with_arguments(fact, where, _name_of(fact, clause, clauses, names), top)
            if question not in questions:
                questions.append(question)
    return _without_ends(questions)[:MAX_FACTS]


def _without_ends(questions: list[Question]) -> list[Question]:
    """Highest and lowest note are left out beside the distance between them, which names both."""
    ends = {"highest_note", "lowest_note"}
    asked = {fact for fact, _ in questions}
    if asked >= ends and asked & {"range", "octaves"}:
        return [question for question in questions if question[0] not in ends]
    return questions


def _place_of(clause: Clause, clauses: Sequence[Clause], places: Sequence[Place]) -> Place:
    """The time, part or bar of a clause; of another one if that asks for nothing else.

    "In the first minute, what is ...": the first clause is about the others. "highest and lowest
    note at 0:12": a short clause shares the place of the next one. "At 0:12, which chord is it and
    what key": a sentence is about the place that it begins with. A chord needs a time, whoever
    names it.
    """
    index = next(number for number, one in enumerate(clauses) if one is clause)
    overall = not _OVERALL.isdisjoint(clause.words)
    before = [] if overall else _that_begins(index, clauses)
    short = len(clause.meanings) <= 2
    following = [
        one
        for one in clauses[index + 1 : index + 2]
        if short and one.words[0] not in QUESTION_WORDS
    ]
    alone = [one for one in (*clauses[:index][::-1], *clauses[index:]) if not one.facts]
    needs_one = any("time" in FACT[fact].required for fact in clause.facts)
    for one in (clause, *following, *before, *alone, *(clauses if needs_one else ())):
        marks = one.marks("time", "part", "bar")
        if marks:
            return places[marks[0]]
    return {}


def _that_begins(index: int, clauses: Sequence[Clause]) -> list[Clause]:
    """The clause of the same sentence, before this one, that begins with a place; the nearest."""
    while index and not clauses[index].anew:
        index -= 1
        if clauses[index].words[0].startswith(("@time", "@part", "@bar")):
            return [clauses[index]]
    return []


def _name_of(
    fact: str, clause: Clause, clauses: Sequence[Clause], names: Sequence[str]
) -> dict[str, str]:
    """The note or chord of a fact that needs one: what the clause names, or else another one."""
    for kind in ("note", "chord"):
        if kind in FACT[fact].required:
            marks = [mark for one in (clause, *clauses) for mark in one.marks(kind)]
            return {kind: names[marks[0]]}
    return {}


def _with_arguments(fact: str, place: Place, named: dict[str, str], top: int) -> Question:
    """A fact and its arguments from the place and the name that a clause contains."""
    arguments: dict[str, Any] = dict(named)
    if fact == "most_common_note" and top > 1:
        arguments["top"] = top
    if "time" in place:
        fact = _AT_ONE_TIME.get(fact, fact)
    if "time" in place and fact == "duration":
        return fact, arguments
    if "time" in place and "time" in FACT[fact].properties:
        return fact, arguments | {"time": place["time"]}
    if "time" in FACT[fact].required:
        fact = _OF_A_PART[fact]
    return fact, arguments | _part(place)


def _part(place: Place) -> dict[str, Any]:
    if "time" in place:
        start = max(place["time"] - AROUND_SECONDS, 0.0)
        return {"start": start, "stop": place["time"] + AROUND_SECONDS}
    return {name: int(value) if name == "bar" else value for name, value in place.items()}


def _top(text: str) -> int:
    """How many notes "top three" or "3 most common" asks for; 1 if it does not."""
    for match in _TOP.finditer(text):
        try:
            found = int(number(match[1] or match[2]))
        except KeyError:
            continue
        return min(max(found, 1), 20)
    return 1
