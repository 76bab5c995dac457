"""`amt retrain` and `amt registry`: what they print, and their exit codes."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from retraining_lake import SETTINGS, FakeTools, context, write_takes

from amt import cli
from amt.cloud.folder_lake import FolderLake
from amt.cloud.registry import Registry
from amt.commands import retrain as command
from amt.retraining.retrain import begin, retrain
from amt.retraining.settings import Settings

GCP = ["--project", "p", "--region", "europe-west4", "--image", "image"]


@pytest.fixture
def lake(tmp_path: Path) -> FolderLake:
    lake = FolderLake(tmp_path / "lake")
    write_takes(lake)
    return lake


@pytest.fixture
def fake() -> FakeTools:
    return FakeTools(splits={"take1-1-00000000": "test"})


def faked(
    monkeypatch: pytest.MonkeyPatch, lake: FolderLake, fake: FakeTools, settings: Settings
) -> None:
    """Let the command use fake tools and these settings."""
    here = context(lake, lake.folder.parent / "work", fake, print)
    monkeypatch.setattr(command, "_context", lambda arguments: here)
    monkeypatch.setattr(command, "_read_settings", lambda arguments: settings)


def lines(capsys: pytest.CaptureFixture[str]) -> list[str]:
    return capsys.readouterr().out.splitlines()


def test_exit_codes(
    lake: FolderLake,
    fake: FakeTools,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    fake.f1["fixed", "new"] = 0.5
    faked(monkeypatch, lake, fake, SETTINGS)
    assert cli.main(["retrain", "--lake", lake.uri]) == 1
    assert lines(capsys)[-1].endswith("rejected by the gate (fixed); version 0 stays")
    assert cli.main(["retrain", "--lake", lake.uri]) == 0
    assert lines(capsys)[-1].startswith("nothing to do: 0 new pairs since the run")


def test_runs_are_listed_and_shown(
    lake: FolderLake, fake: FakeTools, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["retrain", "list", "--lake", lake.uri]) == 0
    assert lines(capsys) == [f"{lake.uri}: no run yet; type amt retrain"]
    retrain(context(lake, tmp_path / "work", fake), SETTINGS)
    assert cli.main(["retrain", "--lake", lake.uri, "list"]) == 0
    assert lines(capsys) == ["2026-05-04_03-00-00: version 1 serves now (base)"]
    assert cli.main(["retrain", "show", "--lake", lake.uri]) == 0
    shown = lines(capsys)
    assert shown[0] == (
        "2026-05-04_03-00-00: collect: 2 new pairs, 0 of runs before; the current version is 0"
    )
    assert any("corrections: passed: 0.8000 -> 0.9000 (+0.1000)" in line for line in shown)
    assert cli.main(["retrain", "show", "2025", "--lake", lake.uri]) == 1
    assert "no run 2025; the last ones: 2026-05-04" in capsys.readouterr().err


def test_versions_are_listed_shown_and_rolled_back(
    lake: FolderLake, fake: FakeTools, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    retrain(context(lake, tmp_path / "work", fake), SETTINGS)
    place = ["--lake", lake.uri]
    assert cli.main(["registry", "list", *place]) == 0
    first, second = lines(capsys)
    assert first.startswith("base 0: 2026") and "; served from 2026" in first
    assert second.startswith("base 1: 2026") and "from version 0; serves since 2026" in second
    assert cli.main(["registry", "show", *place]) == 0
    assert lines(capsys)[0] == "# base, version 1"
    assert cli.main(["registry", "show", "base", "0", "--json", *place]) == 0
    assert json.loads(capsys.readouterr().out)["parent"] is None
    assert cli.main(["registry", "rollback", "--dry-run", *place]) == 0
    assert lines(capsys)[-1].endswith("models/base/history.json: append version 0")
    assert Registry(lake, "base").current() == 1
    assert cli.main(["registry", "rollback", "--reason", "worse here", *place]) == 0
    assert lines(capsys)[0].startswith("base: version 0 serves since")
    assert Registry(lake, "base").history()[-1].reason == "worse here"
    assert cli.main(["registry", "rollback", "--to", "7", *place]) == 1
    assert "base has no version 7" in capsys.readouterr().err


def test_settings_that_are_printed_can_be_read(
    lake: FolderLake, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["retrain", "settings", "--lake", lake.uri]) == 0
    text = capsys.readouterr().out
    file = tmp_path / "settings.yaml"
    file.write_text(text.replace("alpha: 0.05", "alpha: 0.01"))
    assert cli.main(["retrain", "settings", "--lake", lake.uri, "--settings", str(file)]) == 0
    assert capsys.readouterr().out == text.replace("alpha: 0.05", "alpha: 0.01")


def test_a_dry_run_writes_nothing(lake: FolderLake, capsys: pytest.CaptureFixture[str]) -> None:
    before = {stored.name for stored in lake.list()}
    assert cli.main(["retrain", "--dry-run", "--lake", lake.uri]) == 0
    printed = lines(capsys)
    assert printed[0] == "collect: 2 new pairs (at least 1 needed)"
    assert any(line.startswith("train: python train.py experiment=finetune") for line in printed)
    assert {stored.name for stored in lake.list()} == before


def test_the_model_of_an_option(lake: FolderLake, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["retrain", "--lake", lake.uri, "--model", "fast"]
    assert cli.main([*words, "--dry-run"]) == 0
    assert f"register: {lake.uri}/models/fast/1" in lines(capsys)
    assert cli.main([*words, "settings"]) == 0
    assert "model: fast" in lines(capsys)
    assert cli.main([*words, "--schedule", "0 3 * * 1"]) == 0
    assert " --model fast >>" in lines(capsys)[0]
    assert cli.main(["retrain", "--lake", lake.uri, "--model", "own", "--dry-run"]) == 1
    assert "no pretrained model is called 'own'" in capsys.readouterr().err
    assert cli.main(["retrain", "--model", "fast", "submit", *GCP, "--lake", "gs://takes"]) == 1
    assert "takes its model from gs://takes/retraining/settings.yaml" in capsys.readouterr().err


def test_another_model_waits_for_the_open_run(
    lake: FolderLake, fake: FakeTools, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    begin(context(lake, tmp_path / "work", fake), SETTINGS)
    assert cli.main(["retrain", "--lake", lake.uri, "--model", "fast"]) == 1
    assert "of base is not over; finish it first: amt retrain --model base" in (
        capsys.readouterr().err
    )


def test_a_schedule_on_this_machine_is_a_line_for_cron(
    lake: FolderLake, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["retrain", "--schedule", "0 3 * * 1", "--lake", lake.uri]) == 0
    (line,) = lines(capsys)
    assert line.startswith("0 3 * * 1 ") and f"-m amt.cli retrain --lake {lake.uri} >>" in line
    assert cli.main(["retrain", "--schedule", "monday", "--lake", lake.uri]) == 1
    assert "expected minute, hour, day of the month" in capsys.readouterr().err


def test_a_schedule_on_vertex_is_a_flag(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["retrain", "submit", *GCP, "--lake", "gs://takes/lab", "--dry-run"]
    assert cli.main([*words, "--schedule", "0 3 * * 1"]) == 0
    assert lines(capsys)[-1].startswith("schedule.create(cron='0 3 * * 1'")
    assert cli.main(words) == 0
    assert lines(capsys)[-1] == "job.submit(service_account=None)"


def test_a_pipeline_needs_a_lake_in_a_bucket(
    lake: FolderLake, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["retrain", "submit", *GCP, "--lake", lake.uri]) == 1
    assert "needs a lake at gs://" in capsys.readouterr().err


def test_without_a_checkout_nothing_begins(
    lake: FolderLake, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["retrain", "--lake", lake.uri, "--checkout", str(tmp_path)]
    assert cli.main(words) == 1
    assert "has no train.py and evaluate.py; clone the repository" in capsys.readouterr().err
    assert not [stored for stored in lake.list() if stored.name.startswith("models/")]


def test_min_new_pairs_holds(
    lake: FolderLake,
    fake: FakeTools,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    faked(monkeypatch, lake, fake, replace(SETTINGS, min_new_pairs=3))
    assert cli.main(["retrain", "--lake", lake.uri]) == 0
    assert lines(capsys) == ["nothing to do: 2 new pairs, 3 needed (min_new_pairs)"]
    assert not fake.calls or fake.calls == ["export"]
