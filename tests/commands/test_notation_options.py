"""Options for beats: what they accept, and what they choose."""

import argparse
from pathlib import Path

import pytest

from amt.cli import _parser, main
from amt.commands.notation_options import (
    add_notation_options,
    check_notation_has_effect,
    chosen_notation,
    tempo_or_map,
)
from amt.commands.transcribe import _notation
from amt.inference.writers import FORMATS
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


@pytest.mark.parametrize(
    ("words", "tempo"),
    [
        ("", "certain"),
        ("--format tsv,musicxml", "certain"),
        ("--tempo 120", 120.0),
        ("--quantize --format tsv", None),
    ],
)
def test_the_tempo_of_transcriptions(words: str, tempo: float | str | None) -> None:
    found = _notation(transcription(words))
    assert found is not None and found.tempo == tempo


def test_transcriptions_without_beats_need_no_notation() -> None:
    assert _notation(transcription("--format tsv")) is None


def transcription(options: str) -> argparse.Namespace:
    words = f"transcribe a.wav {options}".split()
    return _parser(words).parse_args(words)


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ("score a.mid --tempo map", "--tempo: has no effect on musicxml,pdf;"),
        ("score a.mid --quantize --format json", "--quantize: has no effect on json;"),
        ("transcribe a.wav --tempo 90 --format tsv,pdf", "--tempo: has no effect on tsv,pdf;"),
        ("transcribe a.wav --quantize --format svg", "--quantize: has no effect on svg;"),
    ],
)
def test_options_without_effect_are_refused(
    words: str,
    reason: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(words.split()) == 1
    assert capsys.readouterr().err == f"amt: {reason} add mid to --format\n"
    assert list(tmp_path.iterdir()) == []


def test_straight_notes_at_a_tempo_need_no_midi_file() -> None:
    options = transcription("--quantize --tempo 90 --format tsv")
    check_notation_has_effect(options, quantized=FORMATS)
    assert _notation(options) == Notation(90.0, True, "asap")
