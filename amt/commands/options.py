"""Command-line options: from the fields of a dataclass, and lists of words."""

from __future__ import annotations

import argparse
import dataclasses
import types
import typing
from collections.abc import Callable, Collection, Sequence
from typing import Any


def add_options(parser: argparse.ArgumentParser, made: type, without: Collection[str]) -> None:
    """An option for every field of the dataclass `made` but those named in `without`."""
    hints = typing.get_type_hints(made)
    for field in dataclasses.fields(made):
        if field.name not in without:
            _add_option(parser, field, hints[field.name])


def build(parser: argparse.ArgumentParser, parsed: argparse.Namespace, made: type) -> Any:
    """An instance of `made` from the options that were given; ends with usage if one is missing."""
    fields = dataclasses.fields(made)
    missing = [f for f in fields if f.default is dataclasses.MISSING and f.name not in parsed]
    if missing:
        parser.error(f"give {' and '.join(map(_option, missing))}")
    return made(**{f.name: getattr(parsed, f.name) for f in fields if f.name in parsed})


def _add_option(parser: argparse.ArgumentParser, field: dataclasses.Field, hint: Any) -> None:
    alternatives = _alternatives(hint)
    kinds = {_scalar(alternative) for alternative in alternatives} - {type(None)}
    settings: dict[str, Any] = {
        # What is not given stays out, so that the field's own default counts.
        "default": argparse.SUPPRESS,
        "dest": field.name,
        "help": f"(default: {_shown(field.default)})",
    }
    if field.default is dataclasses.MISSING:
        settings["help"] = "(needed)"
    if kinds == {bool}:
        parser.add_argument(_option(field), action=argparse.BooleanOptionalAction, **settings)
        return
    if any(_is_sequence(alternative) for alternative in alternatives):
        settings["nargs"] = "+"
    kind = kinds.pop() if len(kinds) == 1 else str
    parser.add_argument(_option(field), type=kind, metavar=field.name.upper(), **settings)


def _option(field: dataclasses.Field) -> str:
    return f"--{field.name.replace('_', '-')}"


def _alternatives(hint: Any) -> tuple[Any, ...]:
    """The members of a union; anything else alone."""
    union = typing.get_origin(hint) in (typing.Union, types.UnionType)
    return typing.get_args(hint) if union else (hint,)


def _is_sequence(hint: Any) -> bool:
    origin = typing.get_origin(hint)
    return isinstance(origin, type) and issubclass(origin, Sequence)


def _scalar(hint: Any) -> type:
    """The type of one value: of the items for a sequence, of the choices for a Literal."""
    if _is_sequence(hint):
        return _scalar(typing.get_args(hint)[0])
    return type(typing.get_args(hint)[0]) if typing.get_origin(hint) is typing.Literal else hint


def _shown(default: Any) -> str:
    return " ".join(map(str, default)) if isinstance(default, tuple) else str(default)


def list_of(*known: str) -> Callable[[str], tuple[str, ...]]:
    """A type for argparse: words of `known` with commas between, each once."""

    def read(text: str) -> tuple[str, ...]:
        chosen = tuple(dict.fromkeys(text.replace(" ", "").lower().split(",")))
        if not set(chosen) <= set(known):
            expected = ",".join(known)
            raise argparse.ArgumentTypeError(f"{text!r}: expected one or more of {expected}")
        return chosen

    return read
