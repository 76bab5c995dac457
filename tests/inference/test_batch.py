"""Transcribing many recordings: files found, output paths, errors that do not stop the others."""

from __future__ import annotations

import errno
import io
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from amt.inference import batch
from amt.inference.batch import error_line, transcribe_jobs
from amt.inference.jobs import plan_jobs
from amt.inference.note_reporter import NoteReporter
from amt.inference.transcriber import Options, Transcriber
from amt.io.audio import save
from amt.io.midi import read_midi
from amt.notes import Notes

# Ten frames per second.
CPU = torch.device("cpu")
CLOCK = SimpleNamespace(sample_rate=16000, hop_length=1600, feature_width=2, device=CPU)


class OneNote(Transcriber):
    """Finds one note in all audio, but fails for audio of 0.5 s."""

    def _compute(
        self,
        audio: np.ndarray,
        options: Options,
        progress: Callable[[float], object] | None = None,
        reporter: NoteReporter | None = None,
    ) -> tuple[dict[str, torch.Tensor], np.ndarray | None]:
        if len(audio) == 8000:
            raise RuntimeError("out of\n memory")
        assert progress is not None
        progress(len(audio) / self.sample_rate)
        onset = torch.zeros(20, 88)
        onset[5, 39] = 1
        found = {"onset": onset, "offset": onset.roll(5, 0), "frame": onset, "velocity": onset / 2}
        return found, np.ones(4, dtype=np.float32) if options.embedding else None


def silent(notes: Notes) -> np.ndarray:
    return np.zeros(100, dtype=np.float32)


def recording(path: Path, seconds: float = 0.1) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    save(path, np.zeros(round(seconds * 16000), dtype=np.float32))
    return path


def run(inputs: list[Path], output: Path, formats: tuple[str, ...] = ("mid",)) -> int:
    return transcribe_jobs(OneNote(CLOCK), plan_jobs(inputs, output), formats, silent)


class OneNoteWithPedal(OneNote):
    """The note's key is released early, while the pedal is down."""

    def _compute(self, *arguments: Any) -> tuple[dict[str, torch.Tensor], np.ndarray | None]:
        found, embedding = super()._compute(*arguments)
        pedal = torch.zeros(20, 1)
        pedal[4:12] = 1
        frame = torch.zeros(20, 88)
        frame[5:12, 39] = 1
        changed = {"offset": 0 * frame, "frame": frame, "release": found["onset"].roll(2, 0)}
        return {**found, **changed, "pedal": pedal}, embedding


def test_both_kinds_of_note_ends(tmp_path: Path) -> None:
    jobs = plan_jobs([recording(tmp_path / "a.wav")], tmp_path / "out")
    for ends in ("key", "sound"):
        transcribe_jobs(OneNoteWithPedal(CLOCK), jobs, ("mid",), silent, Options(ends))
        notes = read_midi(tmp_path / "out" / "a.mid")
        if ends == "key":
            np.testing.assert_allclose(notes.offset, [0.7], atol=1e-3)
            np.testing.assert_allclose(notes.pedal.time, [0.35, 1.15], atol=1e-3)
        else:
            np.testing.assert_allclose(notes.offset, [1.15], atol=1e-3)
            assert len(notes.pedal) == 0


def test_arrays(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run([recording(tmp_path / "a.wav")], tmp_path / "out", ("npy", "mid")) == 0
    roll, embedding = (
        np.load(tmp_path / "out" / f"a_{name}.npy") for name in ("piano_roll", "embedding")
    )
    assert roll[:, 39].any() and not np.delete(roll, 39, axis=1).any()
    assert embedding.tolist() == [1.0] * 4
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        "a.mid", "a_piano_roll.npy", "a_embedding.npy"
    }  # fmt: skip
    line = capsys.readouterr().out.splitlines()[-1]
    assert line.endswith(f"{tmp_path}/out/a_piano_roll.npy, _embedding.npy, .mid")


def test_a_model_without_features_gives_no_arrays(tmp_path: Path) -> None:
    old = OneNote(SimpleNamespace(sample_rate=16000, hop_length=1600, feature_width=0, device=CPU))
    jobs = plan_jobs([recording(tmp_path / "a.wav")], tmp_path / "out")
    with pytest.raises(ValueError, match=r"--format npy: an older version .* export it again"):
        transcribe_jobs(old, jobs, ("mid", "npy"), silent)
    assert not (tmp_path / "out").exists()


def test_dots_in_names_stay(tmp_path: Path) -> None:
    recording(tmp_path / "Op. 10 No. 1.wav")
    assert run([tmp_path / "Op. 10 No. 1.wav"], tmp_path / "out") == 0
    assert (tmp_path / "out" / "Op. 10 No. 1.mid").is_file()


def test_a_line_for_every_recording(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    inputs = [recording(tmp_path / "a.wav", 2.0), recording(tmp_path / "b.wav")]
    assert run(inputs, tmp_path / "out", ("mid", "json")) == 0
    output, errors = capsys.readouterr()
    first, second = output.splitlines()
    assert first.startswith(f"{inputs[0]}: 1 note, 2.0 s in ")
    assert "x real time" in first and first.endswith("a.mid, .json")
    assert second.startswith(f"{inputs[1]}: 1 note, 0.1 s in ")
    assert errors == ""
    found = read_midi(tmp_path / "out" / "a.mid")
    assert found.pitch.tolist() == [60] and found.onset[0] == pytest.approx(0.5, abs=1e-3)


def test_bad_files_do_not_stop_the_others(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "text.mp3").write_text("hello\n")
    (tmp_path / "empty").mkdir()
    inputs = [tmp_path / "text.mp3", tmp_path / "missing.wav", tmp_path / "empty"]
    inputs += [recording(tmp_path / "breaks.wav", 0.5), recording(tmp_path / "good.wav")]
    assert run(inputs, tmp_path / "out") == 4
    output, errors = capsys.readouterr()
    assert len(output.splitlines()) == 1 and "good.wav" in output
    lines = errors.splitlines()
    assert len(lines) == 4
    for line, path in zip(lines, inputs[:4], strict=True):
        assert line.startswith("amt: ") and str(path) in line
    assert "no such file" in lines[1] and "no audio in this folder" in lines[2]
    assert lines[3].endswith("RuntimeError: out of memory")
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["good.mid"]


def test_results_are_replaced(tmp_path: Path) -> None:
    path = recording(tmp_path / "a.wav")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "a.mid").write_text("old")
    assert run([path], tmp_path / "out") == 0
    assert len(read_midi(tmp_path / "out" / "a.mid")) == 1


def test_a_recording_is_never_replaced(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = recording(tmp_path / "a.wav", 1.0)
    before = path.read_bytes()
    assert run([path], tmp_path, ("mid", "wav")) == 1
    assert "is one of the recordings" in capsys.readouterr().err
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_another_name_of_a_recording_is_noticed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = recording(tmp_path / "a.flac")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "a.wav").hardlink_to(path)
    assert run([path], tmp_path / "out", ("wav",)) == 1
    assert "is one of the recordings" in capsys.readouterr().err


def test_a_sound_file_beside_the_recording_is_not_replaced(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    original = recording(tmp_path / "a.wav")
    before = original.read_bytes()
    assert run([recording(tmp_path / "a.flac")], tmp_path, ("wav",)) == 1
    assert "lies beside a.flac and may be a recording too" in capsys.readouterr().err
    assert original.read_bytes() == before


def test_a_folder_that_cannot_be_read_fails_and_the_others_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    recording(tmp_path / "music" / "a.wav")
    recording(tmp_path / "music" / "locked" / "b.wav")
    read = Path.iterdir

    def refuse(path: Path) -> Any:
        if path.name == "locked":
            raise PermissionError(13, "Permission denied", str(path))
        return read(path)

    monkeypatch.setattr(Path, "iterdir", refuse)
    assert run([tmp_path / "music"], tmp_path / "out") == 1
    output, errors = capsys.readouterr()
    assert "a.wav" in output
    assert "locked: the folder cannot be read: Permission denied" in errors


def test_a_full_disk_ends_it_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(paths: Sequence[Path], *_: Any) -> None:
        raise ValueError(f"cannot write {paths[0]}") from OSError(errno.ENOSPC, "No space left")

    monkeypatch.setattr(batch, "write_all", fail)
    inputs = [recording(tmp_path / f"{name}.wav") for name in "abc"]
    assert run(inputs, tmp_path / "out") == 3
    errors = capsys.readouterr().err.splitlines()
    assert len(errors) == 2 and "not done: 2 more" in errors[1]
    assert run(inputs[:1], tmp_path / "out") == 1
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_after_the_reader_of_the_output_has_ended_nothing_more_is_transcribed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def closed(*_: Any, **__: Any) -> None:
        raise BrokenPipeError(errno.EPIPE, "Broken pipe")

    monkeypatch.setattr(batch.tqdm, "write", closed)
    recordings = [recording(tmp_path / f"{name}.wav") for name in "ab"]
    with pytest.raises(BrokenPipeError):
        run(recordings, tmp_path / "out")
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["a.mid"]
    assert capsys.readouterr().err == ""


def test_a_terminal_shows_progress(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    assert run([recording(tmp_path / "a.wav", 2.0)], tmp_path / "out") == 0
    shown = terminal.getvalue()
    assert "1/1 a.wav: reading" in shown and "0/2 s of audio" in shown


def test_errors_become_one_line() -> None:
    path = Path("a.wav")
    assert error_line(ValueError("cannot decode a.wav:\n  odd"), path) == "cannot decode a.wav: odd"
    assert error_line(ValueError("odd"), path) == "a.wav: odd"
    odd = Path("a\nb.wav")
    assert error_line(ValueError(f"cannot decode {odd}: odd"), odd) == "cannot decode a b.wav: odd"
    assert error_line(KeyError("x"), path) == "a.wav: KeyError: 'x'"
    full = OSError(errno.ENOSPC, "No space left on device", "/out/a.mid")
    missing = FileNotFoundError(errno.ENOENT, "No such file", "a.wav")
    assert error_line(missing, path) == "a.wav: No such file"
    assert error_line(full, path) == "a.wav: cannot write /out/a.mid: No space left on device"
    assert error_line(MemoryError(), path) == "a.wav: MemoryError: MemoryError"
