"""Descriptions of pieces, also of very short and empty ones."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from descriptions import TITLE, sine_player, tune, with_recording
from steady_beats import steady_grid

from amt.analysis.symbolic.grid import MetricalGrid
from amt.inference.batch import run_jobs
from amt.inference.jobs import plan_jobs
from amt.io.midi import write_midi
from amt.notes import Notes
from amt.page.describe import SUFFIXES, describe, describe_job, is_recording, write_description

BOTH = {"recording", "transcription"}


@pytest.mark.parametrize(
    ("name", "expected"),
    [("a.mid", False), ("a.RMI", False), ("a.csv", False), ("a.json", False), ("a.wma", True)],
)
def test_what_is_transcribed_first(name: str, expected: bool) -> None:
    assert is_recording(Path(name)) == expected


def test_json_has_notes_analysis_and_descriptors(tmp_path: Path) -> None:
    write_description(tmp_path / "a.json", with_recording(tune()), TITLE)
    document = json.loads((tmp_path / "a.json").read_text("utf-8"))
    assert document["title"] == TITLE
    assert len(document["notes"]) == document["analysis"]["notes"] == len(tune())
    assert (
        document["analysis"]["melodic_motifs"]
        and document["pedal"]
        and document["descriptors"]["rms"] > 0
    )
    assert "images" not in document


def test_notes_sound_until_the_release_of_the_pedal() -> None:
    description = with_recording(tune(1))
    assert description.page_data["sounding_until"][0] == pytest.approx(1.5)


@pytest.mark.parametrize(
    ("notes", "audio", "notice", "files"),
    [
        (tune(), None, "no recording", {"transcription"}),
        (Notes.empty(), None, "no piano notes", set()),
        (Notes.empty(), np.zeros(16000, np.float32), "No notes were detected", {"recording"}),
        (Notes([0], [0.1], [60], [1]), np.full(1, 0.1, np.float32), "", BOTH),
        (Notes([5.0], [5.0], [21], [127]), None, "no recording", {"transcription"}),
    ],
    ids=["midi", "midi without notes", "silence", "one sample", "a note without length"],
)  # fmt: skip
def test_tiny_pieces_have_pages(
    notes: Notes, audio: np.ndarray | None, notice: str, files: set[str], tmp_path: Path
) -> None:
    description = describe(notes, audio, sine_player)
    assert notice in description.document["notice"]
    assert set(description.audio) == files
    for name in ("a.html", "a.json"):
        write_description(tmp_path / name, description, "a")
        assert (tmp_path / name).stat().st_size


def test_a_broken_file_does_not_stop_the_others(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_midi(tmp_path / "tune.MID", tune())
    (tmp_path / "broken.mid").write_bytes(b"MThd")
    (tmp_path / "other.txt").write_text("no piece")
    jobs = plan_jobs([tmp_path], tmp_path / "out", SUFFIXES)
    assert run_jobs(jobs, ("html", "json"), describe_job(None, "none", sine_player)) == 1
    output, errors = capsys.readouterr()
    assert "broken.mid" in errors and len(errors.splitlines()) == 1
    assert f"{len(tune())} notes" in output
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert names == {"tune.html", "tune.json"}


def test_page_and_score_have_the_same_beats(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def find(notes: Notes, weights: str) -> MetricalGrid:
        asked.append(weights)
        return steady_grid(notes.end, 0.75, metre=(6, 8))

    monkeypatch.setattr("amt.score.notated.estimate_grid", find)
    path = tmp_path / "tune.mid"
    write_midi(path, tune())
    targets = [tmp_path / "a.html", tmp_path / "a.json"]
    describe_job(None, "open", sine_player)(path, targets, "")
    tempo = json.loads(targets[1].read_text("utf-8"))["analysis"]["tempo"]
    assert (tempo["bpm"], tempo["beat"]) == pytest.approx((80, 1.5))
    assert ">80</tspan>" in targets[0].read_text("utf-8")
    assert asked == ["open"]


def test_a_folder_without_music_is_an_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    jobs = plan_jobs([tmp_path], tmp_path / "out", SUFFIXES)
    assert run_jobs(jobs, ("html",), describe_job(None, "none", sine_player)) == 1
    assert "no audio and no MIDI" in capsys.readouterr().err


def test_a_page_is_little_larger_than_its_audio(tmp_path: Path) -> None:
    minute = np.random.default_rng(0).normal(0, 0.1, 16000 * 60).astype(np.float32)
    onset = np.arange(600) / 10
    notes = Notes(onset, onset + 0.5, 40 + np.arange(600) % 40, [64] * 600)
    description = describe(notes, minute, sine_player)
    write_description(tmp_path / "a.html", description, "a")
    mp3_bytes = sum(map(len, description.audio.values()))
    assert mp3_bytes < 2 * 60 * 5100
    assert (tmp_path / "a.html").stat().st_size < 4 / 3 * mp3_bytes + 900_000
