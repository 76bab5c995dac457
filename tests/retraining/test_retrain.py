"""A whole retraining with tools that compute nothing: order, resuming, outcomes."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from retraining_lake import (
    NOW,
    SETTINGS,
    FakeTools,
    content,
    context,
    later,
    settings,
    write_take,
)

from amt.cloud.folder_lake import FolderLake
from amt.cloud.registry import Registry
from amt.models.checkpoint import read_checkpoint
from amt.retraining.retrain import begin, do_step, retrain
from amt.retraining.runs import STEPS, RunError, open_run, outcome, runs
from amt.retraining.settings import GateSettings, SettingsError, read_settings


def test_a_better_model_is_registered_and_serves(
    lake: FolderLake, fake: FakeTools, tmp_path: Path
) -> None:
    lines: list[str] = []
    run = retrain(context(lake, tmp_path / "work", fake, lines.append), SETTINGS)
    assert run is not None and outcome(run.results()) == "deployed"
    assert list(run.results()) == list(STEPS)
    registry = Registry(lake, "base")
    assert [one.version for one in registry.history()] == [0, 1] and registry.versions() == [0, 1]
    about = registry.read(1)
    assert (about["parent"], about["run"], about["seed"]) == (0, "2026-05-04_03-00-00", 1)
    assert about["code"] == {"amt": "1", "commit": "abc"}
    assert {pair["pair"] for pair in about["pairs"]} == {"take0-1-00000000", "take1-1-00000000"}
    scores = about["scores"]["corrections"]
    assert scores["pieces"] == 6 and scores["new"] - scores["current"] == pytest.approx(0.1)
    assert about["gate"]["passed"] and about["settings"]["gate"]["sets"].keys() == {"fixed"}
    files = {
        name.rpartition("/1/")[2] for name in content(lake) if name.startswith("models/base/1/")
    }
    assert files == {
        "weights.safetensors",
        "export/model.json",
        "export/profile.json",
        "MODEL_CARD.md",
        "profile.json",
        "version.json",
    }
    assert (
        "| corrections | 6 | 0.8000 | 0.9000 |" in lake.read("models/base/1/MODEL_CARD.md").decode()
    )
    assert lines[-1] == "2026-05-04_03-00-00: version 1 serves now"
    assert read_checkpoint(lake.folder / "models/base/1/weights.safetensors")["state_dict"]


def test_copies_of_the_corrections_do_not_outlive_the_run(
    lake: FolderLake, fake: FakeTools, tmp_path: Path
) -> None:
    retrain(context(lake, tmp_path / "work", fake), SETTINGS)
    assert not [name for name in content(lake) if "/pairs/" in name]
    assert not (tmp_path / "work" / "2026-05-04_03-00-00").exists()


def test_without_new_pairs_nothing_is_done(
    lake: FolderLake, fake: FakeTools, tmp_path: Path
) -> None:
    retrain(context(lake, tmp_path / "work", fake), SETTINGS)
    before, calls, lines = content(lake), list(fake.calls), []
    again = context(lake, tmp_path / "work", fake, lines.append, later(7))
    assert retrain(again, SETTINGS) is None
    assert (content(lake), fake.calls) == (before, calls)
    assert lines == [
        "nothing to do: 0 new pairs since the run 2026-05-04_03-00-00, 1 needed (min_new_pairs)"
    ]


def test_new_pairs_are_added_to_those_of_runs_before(
    lake: FolderLake, fake: FakeTools, tmp_path: Path
) -> None:
    retrain(context(lake, tmp_path / "work", fake), SETTINGS)
    write_take(lake, "another")
    run = retrain(context(lake, tmp_path / "work", fake, now=later(7)), SETTINGS)
    assert run is not None
    results = run.results()
    assert results["collect"]["new"] == ["another-1-00000000"]
    assert len(results["prepare"]["pairs"]) == 3 and results["collect"]["parent"] == 1
    assert Registry(lake, "base").read(2)["parent"] == 1


def test_pairs_are_new_for_each_model(lake: FolderLake, fake: FakeTools, tmp_path: Path) -> None:
    retrain(context(lake, tmp_path / "work", fake), SETTINGS)
    fast = replace(SETTINGS, model="fast")
    run = retrain(context(lake, tmp_path / "work", fake, now=later(1)), fast)
    assert run is not None and len(run.results()["collect"]["new"]) == 2
    assert Registry(lake, "fast").current() == Registry(lake, "base").current() == 1


def test_force_trains_again_on_what_is_known(
    lake: FolderLake, fake: FakeTools, tmp_path: Path
) -> None:
    retrain(context(lake, tmp_path / "work", fake), SETTINGS)
    run = retrain(context(lake, tmp_path / "work", fake, now=later(1)), SETTINGS, force=True)
    assert run is not None and outcome(run.results()) == "deployed"
    assert len(runs(lake)) == 2


def test_a_rejected_model_is_not_registered_and_says_why(
    lake: FolderLake, fake: FakeTools, tmp_path: Path
) -> None:
    fake.f1["fixed", "new"] = 0.93
    lines: list[str] = []
    run = retrain(context(lake, tmp_path / "work", fake, lines.append), SETTINGS)
    assert run is not None and outcome(run.results()) == "rejected"
    assert Registry(lake, "base").versions() == [0]
    assert (
        "fixed: FAILED: 0.9500 -> 0.9300 (-0.0200), 8 pieces; not worse by 0.01: p = 1" in lines[-2]
    )
    assert lines[-1] == "2026-05-04_03-00-00: rejected by the gate (fixed); version 0 stays"
    again = context(lake, tmp_path / "work", fake, now=later(7))
    assert retrain(again, SETTINGS) is None  # The same pairs would be rejected again.


def test_too_few_accepted_pairs_end_the_run(
    lake: FolderLake, fake: FakeTools, tmp_path: Path
) -> None:
    fake.rejected = {"take0-1-00000000"}
    lines: list[str] = []
    run = retrain(context(lake, tmp_path / "work", fake, lines.append), settings(min_new_pairs=2))
    assert run is not None and outcome(run.results()) == "skipped"
    assert lines[-1].endswith("skipped: 1 new pairs accepted, 0 pairs to train on")
    assert "train" not in fake.calls


def test_a_slower_model_is_taken_back(lake: FolderLake, fake: FakeTools, tmp_path: Path) -> None:
    fake.slowdown = 3.0
    lines: list[str] = []
    run = retrain(context(lake, tmp_path / "work", fake, lines.append), SETTINGS)
    assert run is not None and outcome(run.results()) == "back"
    assert Registry(lake, "base").current() == 0 and Registry(lake, "base").versions() == [0, 1]
    assert "version 1 was taken back: time: 3.00 times as long, 2 are allowed" in lines[-1]


def test_a_version_that_was_compared_with_another_one_is_taken_back(
    lake: FolderLake, fake: FakeTools, tmp_path: Path
) -> None:
    surroundings = context(lake, tmp_path / "work", fake)
    run = begin(surroundings, SETTINGS)
    assert run is not None
    for step in STEPS[1:-1]:
        do_step(surroundings, run, step)
    registry = Registry(lake, "base")
    text = json.dumps({**registry.read(1), "version": 2, "run": "by hand"})
    lake.write(registry.path(2, "version.json"), text.encode())
    registry.serve(2, "me", "by hand", NOW)
    result = do_step(surroundings, run, STEPS[-1])
    assert result["reasons"] == ["version 2 serves now, but was compared with 0"]
    assert registry.current() == 2


def test_a_run_goes_on_with_the_settings_of_its_begin(
    lake: FolderLake, fake: FakeTools, tmp_path: Path
) -> None:
    surroundings = context(lake, tmp_path / "work", fake)
    begin(surroundings, SETTINGS)
    stricter = settings(gate=replace(SETTINGS.gate, alpha=0.001))
    run = retrain(surroundings, stricter)
    assert run is not None and outcome(run.results()) == "deployed"
    assert run.results()["collect"]["settings"]["gate"]["alpha"] == 0.05


def test_steps_are_done_once_and_in_order(
    lake: FolderLake, fake: FakeTools, tmp_path: Path
) -> None:
    surroundings = context(lake, tmp_path / "work", fake)
    run = begin(surroundings, SETTINGS)
    assert run is not None and begin(surroundings, SETTINGS) == run == open_run(lake)
    with pytest.raises(RunError, match="is at validate; train cannot be done now"):
        do_step(surroundings, run, "train")
    assert do_step(surroundings, run, "validate") == do_step(surroundings, run, "validate")
    assert fake.calls.count("check") == 1


def test_a_step_on_another_machine_fetches_what_it_needs(
    lake: FolderLake, fake: FakeTools, tmp_path: Path
) -> None:
    run = begin(context(lake, tmp_path / "0", fake), SETTINGS)
    assert run is not None
    for number, step in enumerate(STEPS[1:], start=1):
        do_step(context(lake, tmp_path / str(number), fake), run, step)
    assert outcome(run.results()) == "deployed"


def test_settings_of_the_lake_hold(lake: FolderLake) -> None:
    assert read_settings(lake).gate.sets.keys() == {"synthetic"}
    text = "min_new_pairs: 5\ngate: {sets: {room: {place: /data/room, margin: 0.02}}}\n"
    lake.write("retraining/settings.yaml", text.encode())
    found = read_settings(lake)
    assert (found.min_new_pairs, found.gate.alpha) == (5, 0.05)
    assert found.gate.sets.keys() == {"room"} and found.gate.sets["room"].margin == 0.02


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("modell: base", "modell: unknown; expected one of model, seed"),
        ("gate: {alpha: 2}", "gate: alpha: 2.0: expected a level between"),
        ("gate: {alpha: high}", "gate.alpha: 'high': expected a float"),
        ("gate: {sets: {a: {}}}", "gate.sets.a: expected either a place or overrides"),
        ("gate: {sets: {corrections: {place: x}}}", "choose another name"),
        (
            "gate: {corrections: {few_pieces: maybe}}",
            "few_pieces: 'maybe': expected mean or refuse",
        ),
        ("train: {overrides: a=b}", "train.overrides: 'a=b': expected a list"),
        ("vertex: {project: p}", "vertex: .*missing 2 required"),
        ("vertex: {project: p, region: r, image: i}", "needs a lake at gs://"),
        ("- model", "expected settings, such as model: base"),
        ("a: b: c", "not YAML"),
    ],
)
def test_wrong_settings_are_named(lake: FolderLake, text: str, message: str) -> None:
    lake.write("retraining/settings.yaml", text.encode())
    with pytest.raises(SettingsError, match=message) as caught:
        read_settings(lake)
    assert "\n" not in str(caught.value)


def test_the_gate_has_no_sets_by_accident() -> None:
    assert not GateSettings().sets
