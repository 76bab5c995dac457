"""`amt score`, and scores as a format of `amt transcribe`."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile
from generated_pieces import melody, piece
from steady_beats import steady_beats

from amt.cli import main
from amt.inference.transcriber import Options, Transcription
from amt.io.audio import SAMPLE_RATE
from amt.io.midi import read_midi, write_midi
from amt.io.note_tables import write_table
from amt.notes import Notes, extend_sustain
from amt.score.render import RenderError

NOTES = piece(bars=2, bpm=120, jitter=0)


@pytest.fixture(autouse=True)
def _beats(monkeypatch: pytest.MonkeyPatch) -> None:
    steady_beats(monkeypatch)


def test_notes_become_scores(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of MIDI files and note tables; what cannot be read does not stop the others."""
    monkeypatch.chdir(tmp_path)
    write_midi(Path("two_parts.mid"), NOTES)
    write_table(Path("table.tsv"), NOTES)
    write_midi(Path("silence.mid"), Notes.empty())
    names = ["missing.mid", "silence.mid", "two_parts.mid", "table.tsv"]
    assert main(["score", *names, "--output", "out", "--format", "musicxml,mid,pdf,svg,json"]) == 1
    ends = ("json", "mid", "musicxml", "pdf", "svg")
    expected = [f"{name}.{end}" for name in ("table", "two_parts") for end in ends]
    assert sorted(path.name for path in Path("out").iterdir()) == expected
    assert "<work-title>two parts</work-title>" in Path("out/two_parts.musicxml").read_text()
    assert json.loads(Path("out/table.json").read_text())["key"] == "C major"
    found = read_midi(Path("out/two_parts.mid"))
    assert np.allclose(found.onset, NOTES.onset, atol=1e-3)
    said = capsys.readouterr()
    assert said.out.count("bars, 4/4, C major in ") == 2
    assert said.err.count("\n") == 2 and "silence.mid: there are no notes" in said.err


def test_inputs_are_not_replaced(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "song.mid"
    write_midi(path, NOTES)
    before = path.read_bytes()
    assert main(["score", str(path), "--output", str(tmp_path), "--format", "mid"]) == 1
    assert "choose another folder" in capsys.readouterr().err
    assert path.read_bytes() == before


def test_pages_that_cannot_be_drawn_take_nothing_along(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> bytes:
        raise RenderError("not drawn")

    monkeypatch.setattr("amt.score.notated.pdf_bytes", fail)
    write_midi(tmp_path / "song.mid", NOTES)
    words = ["score", str(tmp_path / "song.mid"), "--output", str(tmp_path / "out")]
    assert main([*words, "--format", "pdf,musicxml,json"]) == 1
    assert "song.mid: not drawn" in capsys.readouterr().err
    written = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert written == ["song.json", "song.musicxml"]


@pytest.mark.parametrize("command", ["score", "transcribe"])
def test_missing_libraries_are_said_before_any_work(
    command: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("amt.score.render.find_spec", lambda name: None)
    output = tmp_path / "out"
    words = [command, "nothing.mp3", "--output", str(output), "--format", "mid,pdf"]
    assert main(words) == 1 and not output.exists()
    assert capsys.readouterr().err.endswith("install them: pip install 'amt[score]'\n")


def test_transcriptions_become_scores(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """MIDI has the ends of the sound, and is there without beats, too."""
    played = {"song": NOTES, "noise": melody([60, 64])}

    class Pretended:
        def run(self, path: Path, options: Options, *_: object) -> Transcription:
            assert options.keyed
            keyed = played[path.stem]
            held = Notes(keyed.onset, keyed.offset + 0.1, keyed.pitch, keyed.velocity)
            return Transcription(held, 9.0, keyed=keyed)

    monkeypatch.setattr("amt.commands.transcribe.load_transcriber", lambda _: Pretended())
    for name in played:
        soundfile.write(tmp_path / f"{name}.wav", np.zeros(SAMPLE_RATE), SAMPLE_RATE)
    output = tmp_path / "out"
    words = ["transcribe", str(tmp_path / "song.wav"), str(tmp_path / "noise.wav")]
    assert main([*words, "--format", "musicxml,mid", "--output", str(output)]) == 1
    assert sorted(path.name for path in output.iterdir()) == [
        "noise.mid",
        "song.mid",
        "song.musicxml",
    ]
    found = read_midi(output / "song.mid")
    assert np.allclose(extend_sustain(found).offset.max(), NOTES.offset.max() + 0.1, atol=1e-3)
    said = capsys.readouterr()
    assert "noise.wav: no beats were found" in said.err
    assert "song.musicxml, .mid" in said.out
