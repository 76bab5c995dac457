"""Names of chords and notes in a question: each becomes a mark."""

from __future__ import annotations

import re

from amt.answers.facts_harmony import QUALITY_WORDS

# With an octave, or with an accidental, or as one capital letter; "middle c".
_NOTE_NAME = re.compile(
    r"\b(?P<letter>[A-Ga-g])\s?(?P<accidental>#|♯|♭|sharps?\b|flats?\b|b(?=\d))?\s?(?P<octave>-?\d)\b"
    r"|\b(?P<name>[A-Ga-g])(?P<sign>#|♯|♭|\s?-?sharps?\b|\s?-?flats?\b)"
    r"|\b(?P<flat>[A-G])b\b"
    r"|\b(?P<middle>[Mm]iddle [Cc])\b"
    r"|(?<!^)\b(?P<capital>[B-G])(?:'?s)?\b(?! (?:major|minor))"
    r"|(?<!^)\b(?P<a>A)(?:'?s)?\b(?= (?:played|occurs?|appears?|sounds?|is)\b|\s*[?.!]?\s*$)"
)
_SIGNS = {"#": "#", "♯": "#", "sharp": "#", "♭": "b", "flat": "b", "b": "b"}
# "A minor chord", "a Bb chord"; "chord of F"; "Dm7" alone, but not "Am I". In small letters "a" is
# an article, unless one of these words is before it.
_BEFORE_A = ("an", "the", "first", "second", "third", "last", "next", "any", "every", "all", "many")
_A = "|".join(f"(?i:(?<= {word} ))a" for word in _BEFORE_A)
_ROOT, _ANY_ROOT = r"[A-G]", rf"(?:[A-Gb-g]|{_A})"
_KIND = (
    r"(?i:#|♯|♭|b|[ -]?sharp|[ -]?flat)?"
    r"(?i:[ -]?(?:half[ -]diminished|dominant|major|minor|diminished|augmented|maj|min|m|dim|aug)"
    r"(?![a-z]))?(?i:[ -]?(?:7th|seventh|7))?"
)
_CHORD = r"(?i:chords?|triads?|harmony|harmonies)"
_CHORD_NAME = re.compile(
    rf"\b(?P<before>{_ANY_ROOT}{_KIND}) {_CHORD}\b"
    rf"|\b{_CHORD}(?: of| called)? (?P<after>{_ROOT}{_KIND})(?![\w#])"
    r"|\b(?P<alone>[A-G](?:#|♯|♭|b)?(?:m7b5|maj7|dim7|m7|m|dim|aug))\b(?! I\b)"
)
# Replaced in this order: "minor" before "min".
_QUALITY_SIGNS = {
    "half diminished": "m7b5",
    "diminished": "dim",
    "augmented": "aug",
    "dominant": "",
    "major": "maj",
    "minor": "m",
    "min": "m",
    "seventh": "7",
    "7th": "7",
}


def mark_names(text: str) -> tuple[str, list[str]]:
    """The text with @chord0, @note1, ... for the names in it, and what they are: Bbm7, C#4."""
    names: list[str] = []
    return _mark_notes(_mark_chords(f" {text}", names)[1:], names), names


def _mark_chords(text: str, names: list[str]) -> str:
    def mark(match: re.Match[str]) -> str:
        name = match["before"] or match["after"] or match["alone"]
        root, quality = _chord(name[0].upper(), name[1:].replace("-", " ").lower())
        if quality not in QUALITY_WORDS:
            return match[0]
        names.append(root + quality)
        return f" @chord{len(names) - 1} "

    return _CHORD_NAME.sub(mark, text)


def _chord(letter: str, rest: str) -> tuple[str, str]:
    """Root and quality as the analysis writes them: " flat minor seventh" is b and m7."""
    sign = re.match(r" ?(#|♯|sharp|♭|flat|b)", rest)
    kind = rest[sign.end() :] if sign else rest
    for word, short in _QUALITY_SIGNS.items():
        kind = kind.replace(word, short)
    kind = kind.replace(" ", "").replace("m7b57", "m7b5")
    return letter + (_SIGNS[sign[1]] if sign else ""), "" if kind == "maj" else kind


def _mark_notes(text: str, names: list[str]) -> str:
    # In a text of capitals one letter is no note.
    shouted = text.upper() == text

    def mark(match: re.Match[str]) -> str:
        if shouted and (match["capital"] or match["a"]):
            return match[0]
        names.append(_note_name(match))
        return f" @note{len(names) - 1} "

    return _NOTE_NAME.sub(mark, text)


def _note_name(match: re.Match[str]) -> str:
    if match["middle"]:
        return "C4"
    if match["flat"]:
        return f"{match['flat']}b"
    letter = match["letter"] or match["name"] or match["capital"] or match["a"]
    sign = (match["accidental"] or match["sign"] or "").strip(" -").lower().removesuffix("s")
    return f"{letter.upper()}{_SIGNS.get(sign, '')}{match['octave'] or ''}"
