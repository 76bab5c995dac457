"""`amt ask`: answers about MIDI files and recordings, here and by an app."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from app_server import app_server
from served import clip
from small_model import small_checkpoint
from steady_beats import steady_grid

from amt.analysis.symbolic.grid import MetricalGrid
from amt.cli import main
from amt.io.midi import write_midi
from amt.notes import Notes

TUNE = Notes([0.0, 0.5, 1.0], [0.4, 0.9, 1.4], [60, 64, 60], [80, 90, 80])


@pytest.fixture(autouse=True)
def without_gemini(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("GEMINI_API_KEY", "GOOGLE_API_KEY", "GOOGLE_GENAI_USE_VERTEXAI"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def midi(tmp_path: Path) -> str:
    write_midi(tmp_path / "tune.mid", TUNE)
    return str(tmp_path / "tune.mid")


def test_a_midi_file_is_asked(midi: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ask", midi, "How", "many", "notes?"]) == 0
    assert "3 notes" in capsys.readouterr().out


def test_options_may_stand_before_between_and_after(
    midi: str, capsys: pytest.CaptureFixture[str]
) -> None:
    for words in (["--json", midi, "how many"], [midi, "--json", "how many"], [midi, "how many"]):
        assert main(["ask", *words, "notes?", "--device=cpu"]) == 0
        assert "There are 3 notes." in capsys.readouterr().out
    with pytest.raises(SystemExit):
        main(["ask", midi, "--jsom", "key?"])
    assert "usage: amt ask" in capsys.readouterr().err


def test_without_a_question_it_is_summarised(midi: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ask", midi]) == 0
    assert "3 notes" in capsys.readouterr().out


def test_facts_as_json(midi: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ask", midi, "most common note?", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["source"] == "offline"
    assert [fact["name"] for fact in found["facts"]] == ["most_common_note"]


def test_the_network_for_beats_goes_with_the_model(
    midi: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked: list[str] = []

    def find(notes: Notes, weights: str) -> MetricalGrid:
        asked.append(weights)
        return steady_grid(8.0, 0.5)

    monkeypatch.setattr("amt.analysis.symbolic.metrical.estimate_grid", find)
    for options in ([], ["--model", "open"]):
        assert main(["ask", midi, "tempo", "and", "metre?", *options]) == 0
        assert "about 120 beats per minute" in capsys.readouterr().out
    assert asked == ["asap", "open"]


def test_a_recording_is_transcribed_first(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a.wav").write_bytes(clip(1.0))
    checkpoint = str(small_checkpoint(tmp_path / "small.ckpt"))
    words = ["ask", str(tmp_path / "a.wav"), "how long is it?", "--ckpt", checkpoint]
    assert main(words) == 0
    assert "0:01" in capsys.readouterr().out


def test_an_app_is_asked_and_keeps_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a.wav").write_bytes(clip(1.0))
    with app_server(tmp_path / "lake") as address:
        words = ["ask", str(tmp_path / "a.wav"), "how long is it?", "--url", address]
        assert main(words) == 0
    assert "0:01" in capsys.readouterr().out
    assert not [path for path in (tmp_path / "lake").rglob("*.wav")]


def test_an_app_keeps_nothing_of_what_it_cannot_transcribe(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a.wav").write_text("no sound")
    with app_server(tmp_path / "lake") as address:
        assert main(["ask", str(tmp_path / "a.wav"), "key?", "--url", address]) == 1
    assert "a.wav: " in capsys.readouterr().err
    assert not list((tmp_path / "lake" / "recordings").rglob("*.json"))


def test_an_app_answers_about_a_midi_file_as_this_machine_does(
    tmp_path: Path, midi: str, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["ask", midi, "--json"])
    here = json.loads(capsys.readouterr().out)
    with app_server(tmp_path / "lake") as address:
        assert main(["ask", midi, "--json", "--url", address]) == 0
    there = json.loads(capsys.readouterr().out)
    assert there.keys() == here.keys()
    assert there["facts"] == here["facts"] and there["caption"] == here["caption"]
    assert there["response"] in here["response"]
    assert not [path for path in (tmp_path / "lake").rglob("*.mid")]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "expected a file and a question, as in: amt ask song.mp3"),
        (["missing.mid", "key?"], "missing.mid: no such file"),
        (["What key is it in?"], "no such file; expected a file and a question, as in: amt ask"),
        (["."], "is a folder; expected one file"),
        (["FILE", "key?", "--url", "ftp://localhost"], "expected the address"),
        (["FILE", "--url", "http://localhost", "--model", "base"], "uses its own model"),
        (["FILE", "--url", "http://localhost", "--dev=cpu"], "leave out --device or --url"),
    ],
)
def test_errors_are_one_line(
    words: list[str], message: str, midi: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["ask", *[midi if word == "FILE" else word for word in words]]) == 1
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
