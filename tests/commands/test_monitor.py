"""`amt monitor`: from recordings to numbers, a profile, a verdict, a page and an exit code."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from recording_numbers import entries, profile, quieter, recordings
from small_model import small_checkpoint
from small_recordings import write_pair

from amt.cli import main
from amt.cloud.lake import open_lake
from amt.cloud.registry import Registry
from amt.commands.monitor_options import DRIFTED
from amt.io.audio import save
from amt.monitoring.entries import lines, read_entries
from amt.monitoring.profile import read_profile, write_profile


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """A log in which the newest recordings are quieter, and the profile of the model."""
    found = recordings(50) + quieter(recordings(50, seed=1), 14)
    path = tmp_path / "lake" / "monitoring" / "2026-03-06" / "a.jsonl"
    path.parent.mkdir(parents=True)
    path.write_bytes(lines(entries(found, "own") + entries(found[:3], "another")))
    write_profile(tmp_path / "own.profile.json", profile(model="own"))
    return tmp_path


def compare(log: Path, *more: str) -> int:
    options = ["--profile", str(log / "own.profile.json"), "--window", "50", *more]
    return main(["monitor", "compare", str(log / "lake"), *options])


def test_a_drift_has_words_and_an_exit_code(log: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert compare(log, "--prometheus", str(log / "amt.prom")) == DRIFTED
    said = capsys.readouterr()
    assert said.out.splitlines()[0].startswith("2026-03-01 00:00 to 2026-03-03 01:00: ok")
    assert "verdict: alarm" in said.out and "  level fell by 1" in said.out
    assert "inputs of other models than own left out: 3 of another;" in said.err
    assert 'amt_drift_verdict{model="own"} 2.0' in (log / "amt.prom").read_text("utf-8")
    assert compare(log, "--fail-on", "never") == 0


def test_results_for_programs(log: Path, capsys: pytest.CaptureFixture[str]) -> None:
    compare(log, "--format", "json")
    document = json.loads(capsys.readouterr().out)
    assert [one["verdict"] for one in document["windows"]] == ["ok", "alarm"]
    compare(log, "--format", "log", "--since", "2026-03-03T12:00")
    line = json.loads(capsys.readouterr().out)
    assert (line["severity"], line["verdict"], line["recordings"]) == ("ERROR", "alarm", 40)


def test_the_report(log: Path) -> None:
    options = ["--profile", str(log / "own.profile.json"), "-o", str(log / "drift.html")]
    assert main(["monitor", "report", str(log / "lake"), *options]) == DRIFTED
    assert "Verdict: alarm" in (log / "drift.html").read_text("utf-8")


def test_wrong_options_are_told(log: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert compare(log, "--since", "yesterday") == 1
    assert "'yesterday': expected 7d, 24h or a date" in capsys.readouterr().err
    assert main(["monitor", "compare", str(log / "lake"), "--model", str(log / "x.ckpt")]) == 1
    assert compare(log, "--since", "2027-01-01") == 1
    assert "own: 0 recordings, 0 rejected: expected at least 10 in all" in capsys.readouterr().err


def test_recordings_are_measured_and_make_a_profile(tmp_path: Path) -> None:
    checkpoint = small_checkpoint(tmp_path / "own.ckpt")
    folder = tmp_path / "recordings"
    rng = np.random.default_rng(0)
    for number in range(12):
        save(folder / f"{number:02}.wav", rng.standard_normal(16000).astype(np.float32) * 0.1)
    write_pair(folder, "tune")
    (folder / "no.wav").write_bytes(b"no audio")
    numbers = tmp_path / "numbers.jsonl"
    words = ["monitor", "measure", str(folder), "--model", str(checkpoint), "-o", str(numbers)]
    assert main(words) == 1  # One of them is no audio.
    found = read_entries(numbers)
    assert [entry.rejected for entry in found if not entry.numbers] == ["not_audio"]
    assert len(found) == 14 and {entry.model for entry in found} == {"own"}
    more = tmp_path / "more.jsonl"
    more.write_bytes(lines(found * 3))
    target = tmp_path / "own.profile.json"
    assert main(["monitor", "profile", str(checkpoint), str(more), "-o", str(target)]) == 0
    made = read_profile(target)
    assert (made.model, made.recordings, made.f1) == ("own", 39, None)
    assert made.rejected == pytest.approx(3 / 42)
    # The profile beside the checkpoint is found.
    words = ["monitor", "compare", str(numbers), "--model", str(checkpoint), "--window", "14"]
    assert main(words) == 0


def test_a_registered_model_is_compared_with_its_own_profile(
    log: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = log / "lake" / "models" / "own"
    write_profile(place / "1" / "profile.json", profile(model="own"))
    (place / "1" / "version.json").write_text('{"model": "own", "version": 1}')
    Registry(open_lake(log / "lake"), "own").serve(1, "me", "for the test")
    words = ["monitor", "compare", str(log / "lake"), "--model", str(place)]
    assert main(words) == 1
    said = capsys.readouterr().err
    assert "left out: 3 of another, 100 of own;" in said
    assert "own-v1: 0 recordings, 0 rejected: expected at least 10 in all" in said
    (log / "lake" / "monitoring" / "b.jsonl").write_bytes(
        lines(entries(recordings(50), "own-v1", rejected=2))
    )
    assert main(words) == 0
    assert "ok    50 recordings, 2 rejected, 0 numbers moved" in capsys.readouterr().out
