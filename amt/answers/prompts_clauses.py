"""The clauses of a prompt, and the facts that each asks for.

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

from amt.answers.prompts_patterns import LISTED, MIN_WEIGHT, PATTERNS, SUPERLATIVES, WEAK
from amt.answers.prompts_text import KNOWN, MEANING
from amt.answers.prompts_words import BEYOND, ELSEWHERE, FILLER, ORDERS

# A prompt has so many clauses at most; what is beyond is not read.
MAX_CLAUSES = 30
# A clause that begins with one of these is a question of its own.
QUESTION_WORDS = ("what", "whats", "which", "how", "is", "are", "where", "when", "does")
_SEPARATOR = re.compile(r"([?.!,;&/+\n]| and | also | plus | then | as well as | but )")
_ENDS = ("?", ".", "!", "\n")
_ARTICLES = ("the", "a", "an")
# They stand for a noun of the clause before: "the longest note and the shortest one".
_PRONOUNS = ("one", "ones")
_NOUNS = ("note", "chord", "key", "keys", "pattern")
# "How fast is a cheetah": a subject that is not known is none of music.
_SUBJECT = re.compile(
    r"\bhow \w+ (?:is|are|was|were|does|do|did|can|could|will) "
    r"(?:(?:the|a|an|my|your|our) )?([a-z][a-z0-9]*)"
)
_ONLY = ("@only",)
_WEAK, _FILLER, _LISTED, _SUPERLATIVES, _ORDERS, _ELSEWHERE = (
    frozenset(words.split())
    for words in (WEAK, FILLER, LISTED, SUPERLATIVES, ORDERS, f"{ELSEWHERE} {BEYOND}")
)
Groups = tuple[tuple[str, ...], ...]


@dataclass
class Clause:
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
            or (subject is not None and subject[1] not in KNOWN and not self._plays)
        )

    @cached_property
    def _plays(self) -> bool:
        return any(MEANING.get(word) == "played" for word in self.words)

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


def _weight(groups: Groups) -> int:
    return sum(1 if group[0] in _WEAK else 2 for group in groups)


def _by_weight() -> list[tuple[str, Groups]]:
    """Facts and patterns, those that weigh most first."""
    split = [
        (fact, tuple(tuple(one.split("|")) for one in words.split())) for fact, words in PATTERNS
    ]
    return sorted(split, key=lambda pattern: -_weight(pattern[1]))


_PATTERNS = [pattern for pattern in _by_weight() if _weight(pattern[1]) >= MIN_WEIGHT]


def clauses_of(text: str) -> list[Clause]:
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
    whole = Clause(_SEPARATOR.sub(" ", text).split())
    whole.facts = _facts_of(whole)
    return [whole]


def _split(text: str) -> list[Clause]:
    """The clauses of a text. A sentence that begins with "and" goes on with the one before."""
    clauses, anew = list[Clause](), True
    for part in _SEPARATOR.split(text):
        if part in _ENDS:
            anew = True
        elif _SEPARATOR.fullmatch(part):
            anew = False
        elif words := part.split():
            clauses.append(Clause(words, anew or not clauses))
            anew = False
    return clauses


def _completed(clause: Clause, before: Clause | None, after: Clause | None) -> Clause:
    """The clause, with words of its neighbours if it asks for more with them.

    "most common note and chord": "most common" also belongs to "chord". "first and last note":
    "note" also belongs to "first".
    """
    candidates = [clause]
    if before and not any(word in clause.meanings for word in _NOUNS):
        candidates += _with_noun(clause, before)
    begins_anew = clause.words[0] in (*QUESTION_WORDS, *_ARTICLES)
    if before and len(clause.meanings) == 1 and not begins_anew:
        shared = [word for word in before.words if MEANING.get(word) in _WEAK]
        candidates.append(Clause(shared + clause.words))
    if after and len(clause.meanings) and len(_strong(clause)) == 0:
        last = [word for word in after.words if MEANING.get(word) and MEANING[word] not in _WEAK]
        candidates.append(Clause(clause.words + last[-1:]))
    return max(candidates, key=_asked_weight)


def _with_noun(clause: Clause, before: Clause) -> list[Clause]:
    """The clause with the noun of the one before, if a word stands for it or it says little."""
    nouns = [word for word in before.words if MEANING.get(word) in _NOUNS]
    stands = any(word in _PRONOUNS for word in clause.words)
    if not nouns or (clause.unknown and not stands):
        return []
    words = [word for word in clause.words if word not in _PRONOUNS]
    needs = not _strong(clause) and "it" not in clause.words
    return [Clause([*words, nouns[0]])] if stands or needs else []


def _asked_weight(clause: Clause) -> int:
    match = _best(clause.meanings, clause.unknown)
    return _weight(match[1]) if match else 0


def _is_place(clause: Clause) -> bool:
    """Whether a clause is one time, part or bar more: "which chord is at 0:03 and at 0:12"."""
    places = clause.marks("time", "part", "bar")
    return bool(places) and len(places) == len(clause.meanings) and not clause.unknown


def _strong(clause: Clause) -> list[str]:
    return [word for word in clause.meanings if word not in _WEAK or word[0] == "@"]


def _facts_of(clause: Clause) -> list[str]:
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
            if unknown or present - used - {"what", "does", "how", "@part"}:
                return False
        elif present.isdisjoint(group):
            return False
    return True
