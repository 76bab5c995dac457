"""Which numbers, times and note names in a text do not come from the facts it was written from."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

# A time (1:05, 1:05.5), a note name with octave (C4, F#3, Bb-1, E♭5), or a number (12, 0.5, 1,200).
_TOKEN = re.compile(
    r"(?P<time>\b\d+:\d\d(?::\d\d)?(?:\.\d+)?)"
    r"|(?P<note>\b[A-G](?:#|b|♯|♭)?-?\d\b)"
    r"|(?P<number>(?<![\w.])-?\d{1,3}(?:,\d{3})+(?:\.\d+)?|(?<![\w.])-?\d+(?:\.\d+)?)"
)
_ACCIDENTALS = str.maketrans("♯♭", "#b")
# A share of 0.25 may be written as 25 %, seconds as minutes.
_SCALES = (1.0, 100.0, 1 / 60)


def unsupported(text: str, evidence: Iterable[Any]) -> list[str]:
    """The times, note names and numbers of `text` that are not in `evidence`, as they are written.

    evidence: texts, numbers, and lists and dictionaries of them. A number is supported if one in
    the evidence rounds to it with as many decimals, as it is or as a percentage; a time if one in
    seconds does. Numbers up to 1 are supported, since they count few things ("one of the ...").
    """
    strings, values = _flatten(list(evidence))
    known = {match.group().translate(_ACCIDENTALS) for one in strings for match in _matches(one)}
    values += [value for one in strings for value in _values(one)]
    wrong = []
    for match in _matches(text):
        token = match.group()
        if token.translate(_ACCIDENTALS) not in known and not _is_known(match, values):
            wrong.append(token)
    return list(dict.fromkeys(wrong))


def _is_known(match: re.Match[str], values: list[float]) -> bool:
    if match["note"]:
        return False
    if match["time"]:
        return _among(_seconds(match["time"]), 1.0, values, (1.0,))
    number = float(match["number"].replace(",", ""))
    decimals = len(match["number"].partition(".")[2])
    return (abs(number) <= 1 and not decimals) or _among(number, 10.0**-decimals, values, _SCALES)


def _among(number: float, unit: float, values: list[float], scales: tuple[float, ...]) -> bool:
    """Whether a value, in one of the scales, is within one unit of the last digit of `number`.

    One unit and not half of one: some round down, as clocks do.
    """
    return any(abs(value * scale - number) < unit for value in values for scale in scales)


def _flatten(evidence: Any) -> tuple[list[str], list[float]]:
    """All texts and all numbers in nested lists and dictionaries; a list also by its length."""
    strings: list[str] = []
    values: list[float] = []
    waiting = [evidence]
    while waiting:
        one = waiting.pop()
        if isinstance(one, str):
            strings.append(one)
        elif isinstance(one, dict):
            waiting += [*one.keys(), *one.values()]
        elif isinstance(one, list | tuple):
            values.append(len(one))
            waiting += one
        elif isinstance(one, int | float):
            values.append(float(one))
    return strings, values


def _values(text: str) -> Iterator[float]:
    """The numbers in a text, times in seconds."""
    for match in _matches(text):
        if match["time"]:
            yield _seconds(match["time"])
        elif match["number"]:
            yield float(match["number"].replace(",", ""))


def _matches(text: str) -> Iterator[re.Match[str]]:
    return _TOKEN.finditer(text)


def _seconds(time: str) -> float:
    """1:05.5 or 1:02:05 in seconds."""
    seconds = 0.0
    for part in time.split(":"):
        seconds = 60 * seconds + float(part)
    return seconds
