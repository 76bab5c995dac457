"""Options for beats: what they accept, and what they choose."""

import argparse

import pytest

from amt.commands.notation_options import add_notation_options, chosen_notation, tempo_or_map
from amt.score.notated import Notation


def chosen(*words: str, model: str | None = "base") -> Notation:
    parser = argparse.ArgumentParser()
    add_notation_options(parser, usual="map")
    options = argparse.Namespace(model=model, **vars(parser.parse_args(words)))
    return chosen_notation(options, usual="map")


def test_what_is_chosen_by_default() -> None:
    assert chosen() == Notation("map", False, "asap")
    assert chosen("--quantize") == Notation(None, True, "asap")


@pytest.mark.parametrize(("text", "tempo"), [("map", "map"), ("120", 120.0), ("62.5", 62.5)])
def test_tempi(text: str, tempo: float | str) -> None:
    assert chosen("--tempo", text).tempo == tempo


@pytest.mark.parametrize("text", ["fast", "0", "9.9", "501", "nan", "-60", ""])
def test_other_tempi_are_refused(text: str) -> None:
    with pytest.raises(
        argparse.ArgumentTypeError, match="expected map or 10 to 500 beats a minute, got"
    ):
        tempo_or_map(text)


def test_a_checkpoint_has_open_weights_for_beats() -> None:
    options = argparse.Namespace(tempo=None, quantize=False, beats=None, model=None, ckpt="x.ckpt")
    assert chosen_notation(options, usual="certain") == Notation("certain", False, "open")


def test_the_open_model_has_open_weights_for_beats() -> None:
    assert chosen(model="open").weights == "open"
    assert chosen("--beats", "asap", model="open").weights == "asap"
    assert chosen("--beats", "open").weights == "open"


def test_straight_notes_have_one_tempo() -> None:
    assert chosen("--quantize", "--tempo", "90") == Notation(90.0, True, "asap")
    with pytest.raises(ValueError, match="--quantize: has one steady tempo; leave out --tempo map"):
        chosen("--quantize", "--tempo", "map")
