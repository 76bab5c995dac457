"""A question that notes can answer: how it is computed, and the sentence that says it.

Facts are also the tools of a language model, so their results are plain types and their arguments,
which may come from it, are checked.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from amt.answers.piece import Piece
from amt.answers.wording import clock, span

Result = dict[str, Any]

# Parameters by which most facts can be asked of a part of the piece.
PART: dict[str, Any] = {
    "start": {"type": "number", "minimum": 0, "description": "only from this time on, in seconds"},
    "stop": {"type": "number", "minimum": 0, "description": "only up to this time, in seconds"},
    "bar": {
        "type": "integer",
        "minimum": -1,
        "description": "only in this bar, counted from 1; -1 is the last bar",
    },
}
TIME: dict[str, Any] = {
    "time": {"type": "number", "minimum": 0, "description": "a time in seconds"},
}
MAX_TEXT = 100


class NoAnswerError(Exception):
    """The notes do not answer a question; the message is a sentence that says why."""


@dataclass(frozen=True)
class Fact:
    """A question about a piece.

    name, description: for a language model and for lists of what can be asked. find: computes the
    result, raises NoAnswerError if there is none. say: the sentence for a result. properties: JSON
    schemas of the arguments, those of PART left out. required: names of arguments. of_parts:
    whether it can be asked of a part of the piece. of_silence: whether it needs no notes.
    """

    name: str
    description: str
    find: Callable[..., Result]
    say: Callable[[Result], str]
    properties: Mapping[str, Any] = field(default_factory=dict)
    required: tuple[str, ...] = ()
    of_parts: bool = True
    of_silence: bool = False

    @property
    def parameters(self) -> dict[str, Any]:
        """JSON schema of the arguments."""
        properties = {**self.properties, **(PART if self.of_parts else {})}
        return {"type": "object", "properties": properties, "required": list(self.required)}

    def compute(self, piece: Piece, **arguments: Any) -> Result:
        """The result in plain types: times in seconds, names spelled by the key, MIDI numbers.

        {"unknown": sentence} if the notes do not answer. Of a part of the piece also `from` and
        `to`. Raises ValueError for wrong arguments.
        """
        given = self._checked(arguments)
        asked = piece
        part = {name: given.pop(name) for name in PART if self.of_parts and name in given}
        try:
            if given.get("time", 0.0) > piece.seconds:
                raise NoAnswerError(f"The recording ends at {clock(piece.seconds)}.")
            asked = _part_of(piece, part) if part else piece
            if not len(asked.notes) and not self.of_silence:
                raise NoAnswerError("There are no notes.")
            found = self.find(asked, **given)
        except NoAnswerError as reason:
            found = {"unknown": str(reason)}
        # Gemini and the sentence need to know which part a result is about.
        return found | _described(asked, part) if part and "unknown" not in found else found

    def sentence(self, result: Result) -> str:
        """The result in one or two plain sentences."""
        if "unknown" in result:
            return str(result["unknown"])
        text = self.say(result)
        return f"{_where(result)}{text[0].lower()}{text[1:]}" if "from" in result else text

    def _checked(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        schemas = self.parameters["properties"]
        for name in self.required:
            if name not in arguments:
                raise ValueError(f"{self.name} needs {name}")
        for name in arguments:
            if name not in schemas:
                known = ", ".join(schemas) or "no arguments"
                raise ValueError(f"{self.name} takes {known}, got {str(name)[:MAX_TEXT]}")
        return {name: _valid(name, value, schemas[name]) for name, value in arguments.items()}


def _valid(name: str, value: Any, schema: Mapping[str, Any]) -> Any:
    """The argument if its schema allows it, whole numbers as int. Raises ValueError."""
    kind = schema["type"]
    if kind == "string":
        if not isinstance(value, str) or len(value) > MAX_TEXT:
            raise ValueError(f"{name} must be a text of at most {MAX_TEXT} characters")
        return value
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError(f"{name} must be a number")
    if value < schema.get("minimum", value) or value > schema.get("maximum", value):
        limits = f"from {schema['minimum']} to {schema.get('maximum', 'any')}"
        raise ValueError(f"{name} must be {limits}, got {value}")
    if kind == "integer" and value != int(value):
        raise ValueError(f"{name} must be a whole number, got {value}")
    return int(value) if kind == "integer" else float(value)


def _part_of(piece: Piece, part: Mapping[str, Any]) -> Piece:
    """The part of a piece that `start`, `stop` and `bar` name."""
    try:
        start, stop = piece.bar(part["bar"]) if "bar" in part else (piece.start, piece.seconds)
    except ValueError as reason:
        raise NoAnswerError(str(reason)) from None
    start, stop = max(start, part.get("start", start)), min(stop, part.get("stop", stop))
    if part.get("start", 0.0) >= piece.seconds:
        raise NoAnswerError(f"The recording ends at {clock(piece.seconds)}.")
    if start >= stop:
        raise ValueError("start must be before stop")
    return piece.within(start, stop)


def _described(piece: Piece, part: Mapping[str, Any]) -> Result:
    described: Result = {"from": round(piece.start, 3), "to": round(piece.seconds, 3)}
    return described | ({"bar": part["bar"]} if "bar" in part else {})


def _where(result: Result) -> str:
    times = span(result["from"], result["to"])
    if "bar" not in result:
        return f"From {times}, "
    bar = "the last bar" if result["bar"] == -1 else f"bar {result['bar']}"
    return f"In {bar} ({times}), "
