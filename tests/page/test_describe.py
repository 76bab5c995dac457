"""Portraits of pieces, and of what is hardly one."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from described import TITLE, beeps, recorded, tune

from amt.inference.batch import plan, run_jobs
from amt.io.midi import write_midi
from amt.notes import Notes
from amt.page.describe import SUFFIXES, describe, describer, write_description

BOTH = {"recording", "transcription"}


def test_json_tells_notes_patterns_and_sound(tmp_path: Path) -> None:
    write_description(tmp_path / "a.json", recorded(tune()), TITLE)
    told = json.loads((tmp_path / "a.json").read_text("utf-8"))
    assert told["title"] == TITLE
    assert len(told["notes"]) == told["patterns"]["notes"] == len(tune())
    assert told["patterns"]["melodic_motifs"] and told["pedal"] and told["sound"]["rms"] > 0
    assert "views" not in told


def test_what_rings_under_the_pedal_is_drawn_until_it_comes_up() -> None:
    portrait = recorded(tune(1))
    assert portrait.drawings["rings"][0] == pytest.approx(1.5)


@pytest.mark.parametrize(
    ("notes", "audio", "notice", "sounds"),
    [
        (tune(), None, "no recording", {"transcription"}),
        (Notes.empty(), None, "no notes of a piano", set()),
        (Notes.empty(), np.zeros(16000, np.float32), "No notes were heard", {"recording"}),
        (Notes([0], [0.1], [60], [1]), np.full(1, 0.1, np.float32), "", BOTH),
        (Notes([5.0], [5.0], [21], [127]), None, "no recording", {"transcription"}),
    ],
    ids=["midi", "midi without notes", "silence", "one sample", "a note without length"],
)  # fmt: skip
def test_odd_pieces_have_pages(
    notes: Notes, audio: np.ndarray | None, notice: str, sounds: set[str], tmp_path: Path
) -> None:
    portrait = describe(notes, audio, beeps)
    assert notice in portrait.document["notice"]
    assert set(portrait.sounds) == sounds
    for name in ("a.html", "a.json"):
        write_description(tmp_path / name, portrait, "a")
        assert (tmp_path / name).stat().st_size


def test_midi_is_read_and_a_broken_file_stops_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_midi(tmp_path / "tune.MID", tune())
    (tmp_path / "broken.mid").write_bytes(b"MThd")
    (tmp_path / "other.txt").write_text("no piece")
    jobs = plan([tmp_path], tmp_path / "out", SUFFIXES)
    assert run_jobs(jobs, ("html", "json"), describer(None, "none", beeps)) == 1
    output, errors = capsys.readouterr()
    assert "broken.mid" in errors and len(errors.splitlines()) == 1
    assert f"{len(tune())} notes" in output
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert names == {"tune.html", "tune.json"}


def test_a_folder_without_music_is_an_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    jobs = plan([tmp_path], tmp_path / "out", SUFFIXES)
    assert run_jobs(jobs, ("html",), describer(None, "none", beeps)) == 1
    assert "no audio and no MIDI" in capsys.readouterr().err


def test_a_page_weighs_little_but_its_sound(tmp_path: Path) -> None:
    minute = np.random.default_rng(0).normal(0, 0.1, 16000 * 60).astype(np.float32)
    onset = np.arange(600) / 10
    notes = Notes(onset, onset + 0.5, 40 + np.arange(600) % 40, [64] * 600)
    portrait = describe(notes, minute, beeps)
    write_description(tmp_path / "a.html", portrait, "a")
    sound = sum(map(len, portrait.sounds.values()))
    assert sound < 2 * 60 * 5100
    assert (tmp_path / "a.html").stat().st_size < 4 / 3 * sound + 900_000
