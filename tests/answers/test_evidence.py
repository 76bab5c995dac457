"""Numbers, times and note names of an answer must come from the facts."""

from __future__ import annotations

import pytest

from amt.answers.evidence import unsupported

FACTS = [
    "How many notes are there between 0:10 and 0:20?",
    {"name": "C#4", "midi": 61, "count": 1234, "share": 0.3174, "tempo": 98.73},
    {"times": [65.4, 130.0], "key": "C# minor", "sections": ["A", "B"]},
]


@pytest.mark.parametrize(
    "text",
    [
        "The most common note is C#4 (MIDI 61), with 1,234 notes.",
        "It is C♯4, played 1234 times, 32 % of all notes.",
        "About 31.7 percent; 98.7 or 99 beats per minute.",
        "The two loudest moments are at 1:05 and 2:10.",
        "Between 0:10 and 0:20 there is 1 note.",
        "It is in C# minor and has a calm mood.",
        "It lasts 2.2 minutes.",
        "",
    ],
)
def test_what_the_facts_contain_is_accepted(text: str) -> None:
    assert unsupported(text, FACTS) == []


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("The most common note is C4.", ["C4"]),
        ("It has 1,235 notes, C#4 and D5.", ["1,235", "D5"]),
        ("At 1:20 it is loudest.", ["1:20"]),
        ("The tempo is 120.", ["120"]),
        ("33 % of the notes, 33 of them.", ["33"]),
        ("It is 98.6 beats per minute.", ["98.6"]),
    ],
)
def test_what_they_do_not_contain_is_found(text: str, wrong: list[str]) -> None:
    assert unsupported(text, FACTS) == wrong
