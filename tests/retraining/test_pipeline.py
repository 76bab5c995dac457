"""The pipeline of kfp: compiled, kept current, run on this machine."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from retraining_lake import SETTINGS, FakeTools, context
from retraining_takes import TINY, write_flat_takes

from amt.cloud.folder_lake import FolderLake
from amt.retraining import tasks
from amt.retraining.runs import IMAGE, STEPS, TEMPLATE, outcome, runs

ROOT = Path(__file__).parents[2]
# In a process of its own: kfp changes the types of Python's typing for its own use.
COMPILE = """
import sys
from pathlib import Path
from amt.retraining.pipeline import compile_pipeline
compile_pipeline(Path(sys.argv[1]))
"""
RUN = """
import sys
from kfp import local
from amt.retraining.pipeline import retraining
lake, work, checkout, root = sys.argv[1:]
local.init(runner=local.SubprocessRunner(use_venv=False), pipeline_root=root)
retraining(lake=lake, work=work, checkout=checkout)
"""


def python(code: str, *words: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", code, *map(str, words)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    return subprocess.run(command, capture_output=True, text=True, env=environment, check=False)


def specification(path: Path) -> dict:
    """A compiled pipeline, without the version of kfp that compiled it."""
    return {**yaml.safe_load(path.read_text("utf-8")), "sdkVersion": ""}


def test_the_template_is_current(tmp_path: Path) -> None:
    done = python(COMPILE, tmp_path / "pipeline.yaml")
    assert done.returncode == 0, done.stderr
    advice = "type: python -m amt.retraining.pipeline"
    assert specification(tmp_path / "pipeline.yaml") == specification(TEMPLATE), advice


def test_the_template_has_a_task_for_each_step() -> None:
    found = specification(TEMPLATE)
    names = [task["taskInfo"]["name"] for task in found["root"]["dag"]["tasks"].values()]
    assert sorted(names) == sorted(STEPS)
    executors = found["deploymentSpec"]["executors"].values()
    assert {one["container"]["image"] for one in executors} == {IMAGE}
    assert not any("pip install" in str(one) for one in executors)


def test_tasks_do_the_steps(
    lake: FolderLake, fake: FakeTools, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = context(lake, tmp_path / "work", fake)
    monkeypatch.setattr(tasks, "task_context", lambda *_: here)
    monkeypatch.setattr(tasks, "read_settings", lambda *_: SETTINGS)
    run = tasks.begin_task(lake.uri, "", "", False)
    for step in STEPS[1:]:
        assert tasks.step_task(lake.uri, "", "", run, step) == run
    assert [outcome(one.results()) for one in runs(lake)] == ["deployed"]
    assert tasks.begin_task(lake.uri, "", "", False) == ""
    assert all(tasks.step_task(lake.uri, "", "", "", step) == "" for step in STEPS[1:])


def test_a_rejected_model_fails_the_pipeline(
    lake: FolderLake, fake: FakeTools, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake.f1["fixed", "new"] = 0.9
    here = context(lake, tmp_path / "work", fake)
    monkeypatch.setattr(tasks, "task_context", lambda *_: here)
    monkeypatch.setattr(tasks, "read_settings", lambda *_: SETTINGS)
    run = tasks.begin_task(lake.uri, "", "", False)
    for step in STEPS[1:5]:
        tasks.step_task(lake.uri, "", "", run, step)
    for step in ("gate", "gate", "register"):
        with pytest.raises(SystemExit, match="rejected by the gate"):
            tasks.step_task(lake.uri, "", "", run, step)


@pytest.mark.slow
def test_on_this_machine_by_the_runner_of_kfp(tmp_path: Path) -> None:
    """All tasks, each in a process of its own: first without a pair, then on a small lake."""
    lake = FolderLake(tmp_path / "lake")
    lake.write("retraining/settings.yaml", TINY.encode())
    for outcomes in ([], ["deployed"]):
        done = python(RUN, Path(lake.uri), tmp_path / "work", ROOT, tmp_path / "root")
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
        assert [outcome(run.results()) for run in runs(lake)] == outcomes
        if not outcomes:
            write_flat_takes(lake)
