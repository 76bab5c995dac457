"""Plain words of a question: lower case, without typing errors, with marks for note names."""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from difflib import get_close_matches
from functools import cache, lru_cache
from itertools import product

from amt.answers.prompts_names import mark_names
from amt.answers.prompts_phrases import PHRASES
from amt.answers.prompts_times import TIME_WORDS
from amt.answers.prompts_words import BEYOND, FILLER, FOREIGN, MEANINGS, ORDERS, OTHER

# What is beyond is not read: questions are short.
MAX_CHARACTERS = 1500
# So many unknown words are looked up, since each takes a moment.
MAX_CORRECTIONS = 40
MIN_SIMILARITY = 0.65
# Words of other lengths have no errors; from LONG_WORD on there may be two; of three letters, which
# have too many neighbours, only the order is corrected.
MIN_LENGTH, LONG_WORD, MAX_LENGTH = 3, 8, 20

_TOKEN = re.compile(r"@\w+|\d+(?::\d\d)+(?:\.\d+)?|\d+(?:\.\d+)?|[a-z][a-z0-9]*|[?.!,;&/+\n]")


_GIVEN = {one: word for word, forms in MEANINGS.items() for one in forms.split()}
_PLURALS = {one + "s": word for one, word in _GIVEN.items() if not one.endswith(("s", "ed", "ing"))}
MEANING = _PLURALS | _GIVEN
_FOREIGN = frozenset(FOREIGN.split())
KNOWN = {
    *MEANING,
    *ORDERS.split(),
    *OTHER.split(),
    *BEYOND.split(),
    *FILLER.split(),
    *" ".join(PHRASES).split(),
    *TIME_WORDS,
}


def is_foreign(prompt: str) -> bool:
    """Whether a prompt has words of another language, and none that asks for something here."""
    words = set(_words(prompt))
    return not words.isdisjoint(_FOREIGN) and words.isdisjoint(MEANING)


def is_english(prompt: str) -> bool:
    """Whether a prompt has English words, or none at all; with typing errors they are not known."""
    words = set(_words(prompt))
    return not words or (words.isdisjoint(_FOREIGN) and not words.isdisjoint(KNOWN))


def _words(prompt: str) -> list[str]:
    text = unicodedata.normalize("NFKC", prompt[:MAX_CHARACTERS]).lower()
    return re.findall(r"[^\W\d_]+", text)


def plain(prompt: str) -> tuple[str, list[str]]:
    """The question in lower-case words with single spaces, and the names marked in it.

    Names of chords and notes become @chord0, @note1, ...; punctuation that ends a question stays.
    """
    # The marks of this module begin with @.
    text = unicodedata.normalize("NFKC", prompt[:MAX_CHARACTERS])[:MAX_CHARACTERS].replace("@", " ")
    text, names = mark_names(text)
    text = unicodedata.normalize("NFKD", text.lower())
    text = re.sub(r"['’`´\u0300-\u036f]", "", text)
    text = re.sub(r"\b[2-9]\s?/\s?[248]\b", "metre", text)
    text = re.sub(r"(\d)m(\d+)s\b", r"\1 m \2 s", text)
    text = re.sub(r"[–—]|(?<=\d)-(?=\d)", " to ", text)
    tokens = _corrected(_TOKEN.findall(text))
    text = f" {' '.join(tokens)} "
    for phrase, replacement in PHRASES.items():
        text = text.replace(f" {phrase} ", f" {replacement} ")
    return re.sub(" +", " ", text), names


def _corrected(tokens: list[str]) -> list[str]:
    unknown = [token for token in tokens if token.isalpha() and token not in KNOWN]
    fixed = {token: _correction(token) for token in list(dict.fromkeys(unknown))[:MAX_CORRECTIONS]}
    return [fixed.get(token, token) for token in tokens]


@lru_cache(maxsize=4096)
def _correction(word: str) -> str:
    """The most similar known word that is few typing errors away, or the word itself."""
    if not MIN_LENGTH <= len(word) <= MAX_LENGTH:
        return word
    allowed = 1 if len(word) < LONG_WORD else 2
    letters, lengths = dict.fromkeys(word[:2]), range(len(word) - allowed, len(word) + allowed + 1)
    near = [known for place in product(letters, lengths) for known in _known_words()[place]]
    for known in get_close_matches(word, near, 5, MIN_SIMILARITY):
        if typing_errors(word, known) <= allowed and (
            len(word) > 3 or sorted(word) == sorted(known)
        ):
            return known
    return word


def typing_errors(word: str, other: str) -> int:
    """Letters to add, drop, replace or swap with their neighbour (Damerau 1964; Levenshtein)."""
    before, above = [0] * (len(other) + 1), list(range(len(other) + 1))
    for row, letter in enumerate(word, 1):
        current = [row]
        for column, wanted in enumerate(other, 1):
            cost = min(current[-1] + 1, above[column] + 1, above[column - 1] + (letter != wanted))
            swapped = word[row - 2 : row] == other[column - 2 : column][::-1]
            if row > 1 and column > 1 and swapped:
                cost = min(cost, before[column - 2] + 1)
            current.append(cost)
        before, above = above, current
    return above[-1]


@cache
def _known_words() -> dict[tuple[str, int], list[str]]:
    """Known words by first letter and length."""
    found: dict[tuple[str, int], list[str]] = defaultdict(list)
    for word in sorted(KNOWN):
        found[word[0], len(word)].append(word)
    return found
