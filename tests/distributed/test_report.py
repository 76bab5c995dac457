"""The report of a run: totals, a row for each recording."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from amt.distributed.recordings import Outcome
from amt.distributed.report import COLUMNS, MAX_FAILURES, Report, in_words
from amt.inference.jobs import Job


def job(name: str) -> Job:
    return Job(Path(name + ".wav"), Path("out") / name)


def test_totals_and_rows(tmp_path: Path) -> None:
    with Report(tmp_path, "run-1") as report:
        report.add(Outcome(job("a"), "done", notes=7, seconds=1800.0, took=2.0))
        report.add(Outcome(job("b"), "skipped", notes=5, seconds=3600.0))
        report.add(Outcome(job("tab\there"), "failed", reason="it is\tbroken"))
        report.write()
        text = str(report)
    totals = json.loads((tmp_path / "ledger/report.json").read_text())
    counts = {name: totals[name] for name in ("run", "done", "skipped", "failed", "audio_hours")}
    assert counts == {"run": "run-1", "done": 1, "skipped": 1, "failed": 1, "audio_hours": 0.5}
    with (tmp_path / "ledger/report.tsv").open(newline="") as file:
        columns, *rows = csv.reader(file, dialect="excel-tab")
    assert tuple(columns) == COLUMNS
    assert [row[2] for row in rows] == ["done", "skipped", "failed"]
    assert rows[2][0] == "tab\there.wav" and rows[2][-1] == "it is\tbroken"
    for part in ("1 transcribed, 1 skipped", "30.0 min of audio in 0 s", "it is\tbroken"):
        assert part in text


def test_only_some_failures_are_named(tmp_path: Path) -> None:
    with Report(tmp_path, "run-1") as report:
        for number in range(MAX_FAILURES + 3):
            report.add(Outcome(job("a"), "failed", reason=f"reason {number}"))
        assert str(report).endswith("and 3 more")
        assert len(report.totals()["failures"]) == MAX_FAILURES


def test_a_run_that_ends_early_leaves_no_report(tmp_path: Path) -> None:
    with Report(tmp_path, "run-1") as report:
        report.add(Outcome(job("a"), "done"))
    assert not list(tmp_path.iterdir())


def test_small_amounts_are_not_rounded_to_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    times = iter((0.0, 88.0))
    monkeypatch.setattr("amt.distributed.report.time.perf_counter", lambda: next(times))
    with Report(tmp_path, "run-1") as report:
        report.add(Outcome(job("a"), "done", seconds=36.0))
        assert "; 36 s of audio in 1.5 min, 0.4 x real time; " in str(report)
    assert [in_words(seconds) for seconds in (59, 3599, 9000)] == ["59 s", "60.0 min", "2.50 h"]
