"""Times, parts and bars in a question: each becomes a mark, and the arguments of a fact."""

from __future__ import annotations

import re
from collections.abc import Callable

from amt.answers.piece import Piece

# "At the beginning" and "at the end" are so long; a time is meant with so much before and after.
EDGE_SECONDS = 10.0
AROUND_SECONDS = 5.0
# No part is shorter.
MIN_SECONDS = 0.1

Place = dict[str, float]
Meaning = Callable[[re.Match[str], Piece], Place]

UNITS = """
zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen
sixteen seventeen eighteen nineteen
"""
ORDINALS = "first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth"
_TENS = {"twenty": 20, "thirty": 30, "forty": 40, "fifty": 50, "sixty": 60, "ninety": 90}
_NUMBERS = {word: number for number, word in enumerate(UNITS.split())} | _TENS
_ORDINALS = {word: number for number, word in enumerate(ORDINALS.split(), 1)}
_ORDINALS |= {"last": -1, "final": -1}
# Words that the rules below know.
TIME_WORDS = {*_NUMBERS, *_ORDINALS, "minute", "half", "quarter", "middle", "after", "until"}
_WORD = "|".join([rf"(?:{'|'.join(_TENS)}) (?:{'|'.join(UNITS.split()[1:10])})", *_NUMBERS])
_NUMBER = rf"(?:\d+(?:\.\d+)?|{_WORD})"
_MINUTES, _SECONDS = r"(?:minutes?|mins?|m)", r"(?:seconds?|secs?|s)"
_TIME = (
    r"(?:\d+(?::\d\d){1,2}(?:\.\d+)?|half a minute|a minute"
    rf"|{_NUMBER} {_MINUTES}(?: (?:and )?{_NUMBER} {_SECONDS})?|{_NUMBER} {_SECONDS})"
)
_NTH = rf"(?:{'|'.join(_ORDINALS)}|\d+ (?:st|nd|rd|th))"
_SHARES = {"half": 2, "third": 3, "quarter": 4}
_BAR = "(?:bars?|measures?)"


def number(text: str) -> float:
    """A number as digits or in words, up to 99, or an ordinal; -1 for the last."""
    words = text.split()
    if words[0][0].isdigit():
        return float(words[0])
    if words[0] in _ORDINALS and words[0] not in _NUMBERS:
        return float(_ORDINALS[words[0]])
    return float(sum(_NUMBERS[word] for word in words))


def seconds(text: str) -> float:
    """A time in words or digits: "0:12", "1 minute and 5 seconds", "half a minute"."""
    if text in ("half a minute", "a minute"):
        return 30.0 if text.startswith("half") else 60.0
    if ":" in text:
        total = 0.0
        for part in text.split(":"):
            total = 60 * total + float(part)
        return total
    match = re.fullmatch(
        rf"(?:(?P<minutes>{_NUMBER}) {_MINUTES})?(?: ?(?:and )?(?P<seconds>{_NUMBER}) {_SECONDS})?",
        text,
    )
    assert match is not None
    return 60 * number(match["minutes"] or "0") + number(match["seconds"] or "0")


def _part(start: float, stop: float) -> Place:
    start, stop = sorted((max(start, 0.0), max(stop, 0.0)))
    return {"start": start, "stop": max(stop, start + MIN_SECONDS)}


def _bars(first: float, last: float, piece: Piece) -> Place:
    """From the beginning of one bar to the end of another; one that is missing is named."""
    for bar in (first, last):
        try:
            piece.bar(int(bar))
        except ValueError:
            return {"bar": bar}
    return _part(piece.bar(int(first))[0], piece.bar(int(last))[1])


def _edge(word: str, piece: Piece) -> Place:
    if word in ("end", "ending", "close"):
        return _part(piece.seconds - EDGE_SECONDS, piece.seconds)
    if word == "middle":
        middle = piece.seconds / 2
        return _part(middle - AROUND_SECONDS, middle + AROUND_SECONDS)
    return _part(0.0, EDGE_SECONDS)


def _edge_moment(word: str, piece: Piece) -> Place:
    """The first or last onset, or the middle: when a chord is asked for at an edge."""
    if not len(piece.notes):
        return {"time": 0.0}
    if word in ("last", "final", "end", "ends", "ending", "close", "closes", "closing"):
        return {"time": float(piece.notes.onset[-1])}
    return {"time": piece.seconds / 2 if word == "middle" else float(piece.notes.onset[0])}


def _share(nth: str, share: str, piece: Piece) -> Place:
    """The second half, the last third, the first quarter."""
    parts, position = _SHARES[share], number(nth)
    position = parts if position < 0 else min(position, parts)
    length = piece.seconds / parts
    return _part((position - 1) * length, position * length)


def _nth_minute(nth: str, piece: Piece) -> Place:
    position = number(nth)
    if position < 0:
        return _part(piece.seconds - 60, piece.seconds)
    return _part(60 * (position - 1), 60 * position)


def _first_seconds(which: str, time: str, piece: Piece) -> Place:
    if which in ("last", "final", "closing"):
        return _part(piece.seconds - seconds(time), piece.seconds)
    return _part(0.0, seconds(time))


# Each expression and what it means; of several that match the first.
_RULES: tuple[tuple[str, Meaning], ...] = (
    (
        rf"(?:between |from )?{_BAR} ({_NUMBER}) (?:to|and|until|through) (?:{_BAR} )?({_NUMBER})",
        lambda match, piece: _bars(number(match[1]), number(match[2]), piece),
    ),
    (
        rf"(?:in |at |of |during )?(?:the )?({_NTH}) {_BAR}\b",
        lambda match, piece: {"bar": number(match[1])},
    ),
    (
        rf"(?:in |at |of |during )?{_BAR} (?:number )?({_NUMBER})",
        lambda match, piece: {"bar": number(match[1])},
    ),
    (
        rf"(?:between|from) ({_TIME}|{_NUMBER}) (?:and|to|until|till) ({_TIME})",
        lambda match, piece: _part(_seconds_or_number(match[1]), seconds(match[2])),
    ),
    (
        rf"({_TIME}) (?:to|until|till) ({_TIME})",
        lambda match, piece: _part(seconds(match[1]), seconds(match[2])),
    ),
    (
        r"(?:in |during |for |of |over )?(?:the )?(?:very )?"
        rf"(first|opening|initial|last|final|closing) ({_TIME})",
        lambda match, piece: _first_seconds(match[1], match[2], piece),
    ),
    (
        rf"(?:in |during |of |over )?(?:the )?({_NTH}) (half|third|quarter)\b",
        lambda match, piece: _share(match[1], match[2], piece),
    ),
    (
        rf"(?:in |during |of |over )?(?:the )?({_NTH}) minute\b",
        lambda match, piece: _nth_minute(match[1], piece),
    ),
    (
        rf"(?:after|since|past) (?:the )?({_TIME})(?: mark)?",
        lambda match, piece: {"start": seconds(match[1])},
    ),
    (
        rf"from ({_TIME}) (?:on|onward|onwards)\b",
        lambda match, piece: {"start": seconds(match[1])},
    ),
    (
        rf"(?:before|until|till|up to|by) (?:the )?({_TIME})(?: mark)?",
        lambda match, piece: {"stop": max(seconds(match[1]), MIN_SECONDS)},
    ),
    (
        rf"(?:at |around |about |near |in )?(?:the )?({_TIME})(?: in| mark| into)?\b",
        lambda match, piece: {"time": seconds(match[1])},
    ),
    (
        rf"(?:at (?=\d)|(?:at |in )?(?:second |sec ))({_NUMBER})\b(?! (?:bar|time|note))",
        lambda match, piece: {"time": number(match[1])},
    ),
    (
        r"(?:at|in|near|towards) the (?:very )?(beginning|start|opening|middle|end|ending|close)\b",
        lambda match, piece: _edge(match[1], piece),
    ),
)
_COMPILED = [(re.compile(rf"(?<![\w@]){pattern}"), meaning) for pattern, meaning in _RULES]
# "The last chord", "which key does it begin in": moments, not parts.
_EDGE_MOMENT = re.compile(
    r"\b(first|opening|last|final|closing) (?=(?:chord|key)\b)"
    r"|(?:(?<= chord )|(?<= key ))(?=(?:(?!and )\w+ )*"
    r"(starts?|begins?|ends?|closes?|beginning|ending|middle)\b)"
)


# A mark, or words that mean the place of the last one; "how many are there" does not.
_MARK_OR_SAME = re.compile(
    r"(?P<mark>@(?:time|part|bar)\d+)"
    r"|(?P<same>\b(?:(?:at|in|during|around|for) (?:that|this|the same|said) (?:same |very )?"
    r"(?:time|moment|point|instant|second|place|spot|bar|measure|part|passage|section|stretch|one)"
    r"|(?:right |just )?(?<!\bis )(?<!\bare )(?<!\bwas )(?<!\bwere )there"
    r"|(?:just |right |by )?then(?= *(?:[?.!,;&]|$))"
    r"|(?<=\bis )(?:that|it)(?= *(?:[?.!,;&]|$))"
    r"|(?<=\bare )(?:those|they|these)(?= *(?:[?.!,;&]|$)))\b)"
)


def mark_places(text: str, piece: Piece) -> tuple[str, list[Place]]:
    """The text with @time0, @part1, @bar2, ... for its times, parts and bars, and what they are.

    text: lower-case words with single spaces.
    """
    places: list[Place] = []

    def mark(place: Place) -> str:
        places.append(place)
        kind = "bar" if "bar" in place else "time" if "time" in place else "part"
        return f" @{kind}{len(places) - 1} "

    text = _EDGE_MOMENT.sub(
        lambda match: mark(_edge_moment(match[1] or match[2], piece)), text, count=1
    )

    def marker(meaning: Meaning) -> Callable[[re.Match[str]], str]:
        return lambda match: mark(meaning(match, piece))

    for pattern, meaning in _COMPILED:
        text = pattern.sub(marker(meaning), text)
    return re.sub(" +", " ", text), places


def repeat_places(text: str) -> str:
    """The text of `mark_places`, where "there" and "at that moment" are marked as the place before.

    In "which chord is at 1:10, and what key are we in there" both questions are about 1:10.
    """
    pieces, last, end = list[str](), "", 0
    for match in _MARK_OR_SAME.finditer(text):
        pieces.append(text[end : match.start()])
        pieces.append(last if last and match["same"] else match[0])
        last, end = match["mark"] or last, match.end()
    return "".join([*pieces, text[end:]])


def _seconds_or_number(text: str) -> float:
    return number(text) if re.fullmatch(_NUMBER, text) else seconds(text)
