"""The real loop, small: train.py and evaluate.py of this checkout, killed at every step."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from retraining_takes import TINY, write_flat_takes

from amt.cloud.folder_lake import FolderLake
from amt.cloud.registry import Registry
from amt.inference.transcriber import Transcriber
from amt.retraining.runs import STEPS, outcome, runs
from amt.serving.model import load_model
from amt.serving.settings import Settings

ROOT = Path(__file__).parents[2]


def command(lake: FolderLake, work: Path) -> list[str]:
    places = ["--lake", lake.uri, "--work", str(work)]
    return [sys.executable, "-m", "amt.cli", "retrain", *places]


def kill_after(lake: FolderLake, work: Path, step: str, delay: float) -> None:
    """Kill `amt retrain` so long after it finished a step, in the midst of the next one.

    Where a script of one that was killed before is still running, it is started again until then.
    """
    while True:
        with subprocess.Popen(command(lake, work), stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            for line in process.stdout:
                if f": {step}: " in line:
                    time.sleep(delay)
                    process.send_signal(signal.SIGKILL)
                    return
        time.sleep(1.0)


def again(lake: FolderLake, work: Path) -> subprocess.CompletedProcess[str]:
    """`amt retrain`, once a script that a killed one had started has ended."""
    while True:
        done = subprocess.run(command(lake, work), capture_output=True, text=True, check=False)
        if "is still running" not in done.stderr:
            return done
        time.sleep(1.0)


@pytest.mark.slow
def test_a_real_retraining_that_is_killed_in_every_step(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(os.environ, "OMP_NUM_THREADS", "1")
    lake, work = FolderLake(tmp_path / "lake"), tmp_path / "work"
    lake.write("retraining/settings.yaml", TINY.encode())
    write_flat_takes(lake)
    for number, step in enumerate(STEPS[:-1]):
        # Short steps may be done before the process is killed.
        if step not in [done for run in runs(lake) for done in run.results()]:
            kill_after(lake, work, step, 0.3 * (number % 4))
    done = again(lake, work)
    assert done.returncode == 0, done.stdout + done.stderr
    assert [outcome(run.results()) for run in runs(lake)] == ["deployed"]
    registry = Registry(lake, "fast")
    assert [one.version for one in registry.history()] == [0, 1]
    about = registry.read(1)
    assert about["recipe"]["seed"] == 1 and len(about["pairs"]) == 6
    assert set(about["sha256"]) >= {"weights.safetensors", "export/model.onnx"}
    assert Transcriber.load(lake.folder / "models/fast/1/export").frame_rate > 0
    assert load_model(Settings(storage_uri=f"{lake.uri}/models/fast")).name == "fast-v1"
    second = again(lake, work)
    assert second.returncode == 0 and second.stdout.startswith("nothing to do: 0 new pairs")
