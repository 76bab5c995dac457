"""What a prompt asks for: facts and their arguments, without a language model.

A prompt is cut into clauses at punctuation and "and". In each clause the pattern of
`prompts_patterns.PATTERNS` that weighs most is found, then others of one word among what is left.
"highest and lowest note" is completed to "highest note" and "lowest note".
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import zip_longest
from typing import Any

from amt.answers.facts import FACT
from amt.answers.piece import Piece
from amt.answers.prompts_patterns import LISTED, MIN_WEIGHT, PATTERNS, SUPERLATIVES, WEAK
from amt.answers.prompts_text import KNOWN, MEANING, plain
from amt.answers.prompts_times import AROUND_SECONDS, Place, mark_places, number, repeat_places
from amt.answers.prompts_words import ELSEWHERE, FILLER, ORDERS
from amt.notes import Notes

# A prompt has so many clauses and asks for so many facts at most; what is beyond is not read.
MAX_CLAUSES = 30
MAX_FACTS = 12
_SEPARATOR = re.compile(r"([?.!,;&/+\n]| and | also | plus | then | as well as | but )")
_ENDS = ("?", ".", "!", "\n")
_TOP = re.compile(r"\btop (\w+)\b|\b(\w+) most (?:common|frequent|popular|played|used)")
# A clause that begins with one of these is a question of its own.
_QUESTION_WORDS = ("what", "whats", "which", "how", "is", "are", "where", "when", "does")
_ARTICLES = ("the", "a", "an")
# They stand for a noun of the clause before: "the longest note and the shortest one".
_PRONOUNS = ("one", "ones")
_NOUNS = ("note", "chord", "key", "keys", "pattern")
# They are about all of a piece, whatever time is named before.
_OVERALL = frozenset(("overall", "whole", "entire", "altogether", "total", "throughout"))
# "How fast is a cheetah": the last word, if it is not known, is what the question is about.
_SUBJECT = re.compile(
    r"\bhow \w+ (?:is|are|was|were|does|do|did|can|could|will) (?:the |a |an |my |your |our )?([a-z]+)"
)
_ONLY = ("@only",)
_WEAK, _FILLER, _LISTED, _SUPERLATIVES, _ORDERS, _ELSEWHERE = (
    frozenset(words.split()) for words in (WEAK, FILLER, LISTED, SUPERLATIVES, ORDERS, ELSEWHERE)
)
# What is asked of a part by these is asked of a moment by those.
_AT_ONE_TIME = {"chords": "chord_at", "distinct_notes": "notes_at", "note_count": "notes_at"}
_OF_A_PART = {"chord_at": "chords", "notes_at": "distinct_notes"}

Question = tuple[str, dict[str, Any]]


@dataclass
class _Clause:
    """Words of a clause, whether a sentence begins with it, and the facts that it asks for."""

    words: list[str]
    anew: bool = True
    facts: list[str] = field(default_factory=list)

    @cached_property
    def meanings(self) -> list[str]:
        """The words as PATTERNS use them; those without a meaning are left out."""
        if self._elsewhere:
            return []
        found = []
        for word, following in zip_longest(self.words, self.words[1:], fillvalue=""):
            meaning = word.rstrip("0123456789") if word[0] == "@" else MEANING.get(word)
            strange = len(following) > 2 and following.isalpha() and following not in KNOWN
            if meaning and not (meaning in _SUPERLATIVES and strange):
                found.append(meaning)
        return found

    @cached_property
    def _elsewhere(self) -> bool:
        """Whether the clause is about something else than a piece of music."""
        subject = _SUBJECT.search(" ".join(self.words))
        return (
            not _ORDERS.isdisjoint(self.words[:1])
            or not _ELSEWHERE.isdisjoint(self.words)
            or (subject is not None and subject[1] not in KNOWN)
        )

    @cached_property
    def unknown(self) -> bool:
        """Whether there are words besides those that matter and FILLER."""
        return any(
            word not in MEANING and word not in _FILLER and word[0] != "@" for word in self.words
        )

    def marks(self, *kinds: str) -> list[int]:
        """Numbers of the marks of these kinds, in order."""
        return [
            int(match[1])
            for word in self.words
            if (match := re.fullmatch(rf"@(?:{'|'.join(kinds)})(\d+)", word))
        ]


Groups = tuple[tuple[str, ...], ...]


def _weight(groups: Groups) -> int:
    return sum(1 if group[0] in _WEAK else 2 for group in groups)


def _by_weight() -> list[tuple[str, Groups]]:
    """Facts and patterns, those that weigh most first."""
    split = [
        (fact, tuple(tuple(one.split("|")) for one in words.split())) for fact, words in PATTERNS
    ]
    return sorted(split, key=lambda pattern: -_weight(pattern[1]))


_PATTERNS = [pattern for pattern in _by_weight() if _weight(pattern[1]) >= MIN_WEIGHT]


def parse(prompt: str, piece: Piece | None = None) -> list[Question]:
    """Facts and arguments that a prompt asks for, in order, each once; none if it asks for none.

    piece: says when it ends and where its bars are. Never raises.
    """
    piece = piece or Piece(Notes.empty(), 0.0)
    text, notes = plain(prompt)
    text, places = mark_places(text, piece)
    text = repeat_places(text)
    clauses = _clauses(text)
    top = _top(text)
    questions: list[Question] = []
    for clause in clauses:
        where = _place_of(clause, clauses, places)
        for fact in clause.facts:
            question = _with_arguments(fact, where, _note_of(clause, clauses, notes), top)
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


def _clauses(text: str) -> list[_Clause]:
    """The clauses of a text with the facts they ask for; one clause if none of them asks."""
    clauses = _split(text)[:MAX_CLAUSES]
    for index, clause in enumerate(clauses):
        before = clauses[index - 1] if index else None
        after = clauses[index + 1] if index + 1 < len(clauses) else None
        clause.facts = _facts_of(_completed(clause, before, after))
        if before and _is_place(clause):
            clause.facts = before.facts
    if any(clause.facts for clause in clauses):
        return clauses
    whole = _Clause(_SEPARATOR.sub(" ", text).split())
    whole.facts = _facts_of(whole)
    return [whole]


def _split(text: str) -> list[_Clause]:
    """The clauses of a text. A sentence that begins with "and" goes on with the one before."""
    clauses, anew = list[_Clause](), True
    for part in _SEPARATOR.split(text):
        if part in _ENDS:
            anew = True
        elif _SEPARATOR.fullmatch(part):
            anew = False
        elif words := part.split():
            clauses.append(_Clause(words, anew or not clauses))
            anew = False
    return clauses


def _completed(clause: _Clause, before: _Clause | None, after: _Clause | None) -> _Clause:
    """The clause, with words of its neighbours if it asks for more with them.

    "most common note and chord": "most common" also belongs to "chord". "first and last note":
    "note" also belongs to "first".
    """
    candidates = [clause]
    if before and not any(word in clause.meanings for word in _NOUNS):
        candidates += _with_noun(clause, before)
    begins_anew = clause.words[0] in (*_QUESTION_WORDS, *_ARTICLES)
    if before and len(clause.meanings) == 1 and not begins_anew:
        shared = [word for word in before.words if MEANING.get(word) in _WEAK]
        candidates.append(_Clause(shared + clause.words))
    if after and len(clause.meanings) and len(_strong(clause)) == 0:
        last = [word for word in after.words if MEANING.get(word) and MEANING[word] not in _WEAK]
        candidates.append(_Clause(clause.words + last[-1:]))
    return max(candidates, key=_asked_weight)


def _with_noun(clause: _Clause, before: _Clause) -> list[_Clause]:
    """The clause with the noun of the one before, if a word stands for it or none is missing."""
    nouns = [word for word in before.words if MEANING.get(word) in _NOUNS]
    stands = any(word in _PRONOUNS for word in clause.words)
    if not nouns or clause.unknown and not stands:
        return []
    words = [word for word in clause.words if word not in _PRONOUNS]
    return [_Clause([*words, nouns[0]])] if stands or not _strong(clause) else []


def _asked_weight(clause: _Clause) -> int:
    match = _best(clause.meanings, clause.unknown)
    return _weight(match[1]) if match else 0


def _is_place(clause: _Clause) -> bool:
    """Whether a clause is one time, part or bar more: "which chord is at 0:03 and at 0:12"."""
    places = clause.marks("time", "part", "bar")
    return bool(places) and len(places) == len(clause.meanings) and not clause.unknown


def _strong(clause: _Clause) -> list[str]:
    return [word for word in clause.meanings if word not in _WEAK or word[0] == "@"]


def _facts_of(clause: _Clause) -> list[str]:
    """Facts that a clause asks for: of the best pattern, then of the LISTED words beside it."""
    found: list[tuple[int, str]] = []
    left = clause.meanings
    while match := _best(left, clause.unknown):
        fact, groups = match
        used = {word for group in groups for word in group}
        found.append((min(clause.meanings.index(word) for word in used if word in left), fact))
        left = [word for word in left if word not in used and word in _LISTED]
    return [fact for _, fact in sorted(found)]


def _best(meanings: Sequence[str], unknown: bool) -> tuple[str, Groups] | None:
    """The first of the patterns that fits."""
    if not meanings:
        return None
    present = set(meanings)
    fitting = (pattern for pattern in _PATTERNS if _fits(pattern[1], present, unknown))
    return next(fitting, None)


def _fits(groups: Groups, present: set[str], unknown: bool) -> bool:
    for group in groups:
        if group == _ONLY:
            used = {word for one in groups for word in one}
            if unknown or present - used - {"what", "does", "how"}:
                return False
        elif present.isdisjoint(group):
            return False
    return True


def _place_of(clause: _Clause, clauses: Sequence[_Clause], places: Sequence[Place]) -> Place:
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
        if short and one.words[0] not in _QUESTION_WORDS
    ]
    alone = [one for one in clauses if not one.facts]
    needs_one = any("time" in FACT[fact].required for fact in clause.facts)
    for one in (clause, *following, *before, *alone, *(clauses if needs_one else ())):
        marks = one.marks("time", "part", "bar")
        if marks:
            return places[marks[0]]
    return {}


def _that_begins(index: int, clauses: Sequence[_Clause]) -> list[_Clause]:
    """The clause of the same sentence, before this one, that begins with a place; the nearest."""
    while index and not clauses[index].anew:
        index -= 1
        if clauses[index].words[0].startswith(("@time", "@part", "@bar")):
            return [clauses[index]]
    return []


def _note_of(clause: _Clause, clauses: Sequence[_Clause], notes: Sequence[str]) -> str:
    """The note that a clause names, or else another one; empty if none does."""
    marks = [mark for one in (clause, *clauses) for mark in one.marks("note")]
    return notes[marks[0]] if marks else ""


def _with_arguments(fact: str, place: Place, note: str, top: int) -> Question:
    """A fact and its arguments from the place and the note that a clause names."""
    arguments: dict[str, Any] = {"note": note} if fact == "count_of_note" else {}
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
