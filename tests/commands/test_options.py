"""Command-line options from the fields of a dataclass."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import pytest

from amt.commands.options import add_dataclass_options, build_dataclass

Colour = Literal["red", "green"]


@dataclass(frozen=True)
class Paint:
    place: str
    coats: int = 2
    thickness: float = 0.5
    glossy: bool = False
    colours: Sequence[Colour] = ("red", "green")
    brush: str | Sequence[str] = "round"
    limit: int | None = None
    name: str = "paint"


def parse(*words: str) -> Paint:
    parser = argparse.ArgumentParser()
    add_dataclass_options(parser, Paint, without=("name",))
    return build_dataclass(parser, parser.parse_args(words), Paint)


def test_options_that_are_not_given_keep_their_defaults() -> None:
    assert parse("--place", "wall") == Paint("wall")


def test_every_kind_of_field() -> None:
    words = "--place x --coats 3 --thickness 1 --glossy --colours green --brush a b --limit 7"
    assert parse(*words.split()) == Paint("x", 3, 1.0, True, ["green"], ["a", "b"], 7)
    assert isinstance(parse("--place", "x", "--thickness", "1").thickness, float)
    assert parse("--place", "x", "--no-glossy").glossy is False


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ([], "give --place"),
        (["--place", "x", "--coats", "many"], "invalid int value: 'many'"),
        (["--place", "x", "--name", "y"], "unrecognized arguments"),
    ],
)
def test_invalid_options_end_with_usage(
    words: list[str], reason: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        parse(*words)
    assert caught.value.code == 2
    assert reason in capsys.readouterr().err


def test_help_shows_defaults(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parse("--help")
    text = capsys.readouterr().out
    assert "(required)" in text and "(default: red green)" in text and "(default: 0.5)" in text
