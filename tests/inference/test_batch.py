"""Transcribing many recordings: files found, output paths, errors that do not stop the others."""

from __future__ import annotations

import errno
import io
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from amt.inference import batch
from amt.inference.batch import error_line, find_files, plan_jobs, transcribe_jobs
from amt.inference.transcriber import Transcriber
from amt.io.audio import save
from amt.io.midi import read_midi
from amt.notes import Notes

# Ten frames per second.
CLOCK = SimpleNamespace(sample_rate=16000, hop_length=1600)


class OneNote(Transcriber):
    """Finds one note in all audio, but fails for audio of 0.5 s."""

    def posteriors(
        self,
        audio: np.ndarray,
        progress: Callable[[float], object] | None = None,
        threads: int | None = None,
    ) -> dict[str, torch.Tensor]:
        if len(audio) == 8000:
            raise RuntimeError("out of\n memory")
        assert progress is not None
        progress(len(audio) / self.sample_rate)
        onset = torch.zeros(20, 88)
        onset[5, 39] = 1
        return {"onset": onset, "offset": onset.roll(5, 0), "frame": onset, "velocity": onset / 2}


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

    def posteriors(self, audio: np.ndarray, *arguments: Any) -> dict[str, torch.Tensor]:
        found = super().posteriors(audio, *arguments)
        pedal = torch.zeros(20, 1)
        pedal[4:12] = 1
        frame = torch.zeros(20, 88)
        frame[5:12, 39] = 1
        return {**found, "offset": 0 * frame, "frame": frame, "pedal": pedal,
                "release": found["onset"].roll(2, 0)}  # fmt: skip


def test_both_kinds_of_note_ends(tmp_path: Path) -> None:
    jobs = plan_jobs([recording(tmp_path / "a.wav")], tmp_path / "out")
    for ends in ("key", "sound"):
        transcribe_jobs(OneNoteWithPedal(CLOCK), jobs, ("mid",), silent, ends)
        notes = read_midi(tmp_path / "out" / "a.mid")
        if ends == "key":
            np.testing.assert_allclose(notes.offset, [0.7], atol=1e-3)
            np.testing.assert_allclose(notes.pedal.time, [0.35, 1.15], atol=1e-3)
        else:
            np.testing.assert_allclose(notes.offset, [1.15], atol=1e-3)
            assert len(notes.pedal) == 0


def test_folders_are_searched_and_keep_their_shape(tmp_path: Path) -> None:
    music = tmp_path / "music"
    for name in ("a.wav", "b/c.flac", "b/D.MP3", ".hidden/e.wav", ".f.wav"):
        recording(music / name)
    (music / "b" / "notes.txt").write_text("x")
    found = dict(find_files([music]))
    assert {str(place) for place in found.values()} == {"a.wav", "b/c.flac", "b/D.MP3"}
    assert {str(job.target) for job in plan_jobs([music], Path("out"))} == {
        "out/a",
        "out/b/c",
        "out/b/D",
    }


def test_a_recording_that_is_named_twice_is_done_once(tmp_path: Path) -> None:
    path = recording(tmp_path / "music" / "a.wav")
    link = tmp_path / "link.wav"
    link.symlink_to(path)
    assert [job.source for job in plan_jobs([path, path.parent, link], Path("out"))] == [path]


def test_same_names_do_not_overwrite_each_other(tmp_path: Path) -> None:
    inputs = [tmp_path / "x" / "a.wav", tmp_path / "y" / "a.mp3", tmp_path / "a_2.wav"]
    inputs.append(tmp_path / "z" / "A.wav")
    names = [job.target.name for job in plan_jobs(inputs, Path("out"))]
    assert names == ["a", "a_2", "a_2_2", "A_3"]


@given(st.lists(st.sampled_from(["a", "A", "a_2", "a_3", "b", "a_2_2", "dir/a"]), max_size=12))
def test_targets_differ_even_where_case_does_not_count(names: list[str]) -> None:
    inputs = [Path(f"/nowhere/{number}/{name}.wav") for number, name in enumerate(names)]
    targets = [str(job.target).casefold() for job in plan_jobs(inputs, Path("out"))]
    assert len(set(targets)) == len(names)


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


def test_a_full_disk_ends_it_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(path: Path, *_: Any) -> None:
        raise ValueError(f"cannot write {path}") from OSError(errno.ENOSPC, "No space left")

    monkeypatch.setattr(batch, "write", fail)
    inputs = [recording(tmp_path / f"{name}.wav") for name in "abc"]
    assert run(inputs, tmp_path / "out") == 3
    errors = capsys.readouterr().err.splitlines()
    assert len(errors) == 2 and "not done: 2 more" in errors[1]
    assert run(inputs[:1], tmp_path / "out") == 1
    assert len(capsys.readouterr().err.splitlines()) == 1


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
    assert error_line(KeyError("x"), path) == "a.wav: KeyError: 'x'"
    full = OSError(errno.ENOSPC, "No space left on device", "/out/a.mid")
    assert error_line(full, path) == "a.wav: cannot write /out/a.mid: No space left on device"
    assert error_line(MemoryError(), path) == "a.wav: MemoryError: MemoryError"
