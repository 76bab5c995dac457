"""train.py and evaluate.py in processes of their own: a checkout with short ones in their place."""

from __future__ import annotations

import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from amt.retraining.runs import RunError
from amt.retraining.scripts import (
    EvaluateJob,
    TrainJob,
    evaluate,
    find_checkout,
    set_overrides,
    train,
)
from amt.retraining.settings import FixedSet

TRAIN = """
import pathlib, sys
given = dict(word.split("=", 1) for word in sys.argv[1:])
if "fail" in given: print("progress"); sys.exit("train.py: no such data")
path = pathlib.Path(given["hydra.run.dir"], "checkpoints", "last.ckpt")
path.parent.mkdir(parents=True, exist_ok=True)
path.write_text(given.get("resume", "new"))
"""
EVALUATE = """
import pathlib, sys
given = dict(word.split("=", 1) for word in sys.argv[1:])
folder = pathlib.Path(given["output"])
lines = ["name,set,seconds,note_f1,pedal_f1", "1,room,1.5,0.5,", "b,room,2,1.0,0.25"]
(folder / "test.csv").write_text("\\n".join(lines))
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    folder = tmp_path / "checkout"
    folder.mkdir()
    (folder / "train.py").write_text(TRAIN)
    (folder / "evaluate.py").write_text(EVALUATE)
    return folder


def job(checkout: Path, *overrides: str) -> TrainJob:
    base = checkout.parent
    return TrainJob(checkout, base / "i", base / "pairs", base / "run", base / "c", overrides, 1)


def test_a_training_that_was_interrupted_is_resumed(checkout: Path) -> None:
    path = train(job(checkout))
    assert path.read_text() == "new"
    assert train(job(checkout)).read_text() == str(path)


def test_a_training_that_began_with_other_settings_begins_again(checkout: Path) -> None:
    said: list[str] = []
    first = replace(job(checkout), report=said.append)
    train(first)
    (checkout / "conf").mkdir()
    (checkout / "conf" / "config.yaml").write_text("seed: 2")
    for changed in (first, replace(first, seed=2)):
        said.clear()
        assert train(changed).read_text() == "new"
        assert said == ["train: command or conf changed since it began; it begins again"]
        assert train(changed).read_text() == str(changed.checkpoint) and len(said) == 1


def test_an_error_is_the_last_line(checkout: Path) -> None:
    with pytest.raises(
        RunError, match=r"train.py failed: train.py: no such data \(all it printed:"
    ):
        train(job(checkout, "fail=1"))


def test_scores_are_read_by_piece(checkout: Path, tmp_path: Path) -> None:
    rows = evaluate(EvaluateJob(checkout, tmp_path / "m", tmp_path / "s", tmp_path, "test", ()))
    assert rows == [
        {"name": "1", "set": "room", "seconds": 1.5, "note_f1": 0.5},
        {"name": "b", "set": "room", "seconds": 2.0, "note_f1": 1.0, "pedal_f1": 0.25},
    ]


@pytest.mark.skipif(sys.platform == "win32", reason="nothing is locked there")
def test_no_second_training_beside_one_whose_parent_was_killed(
    checkout: Path, tmp_path: Path
) -> None:
    (checkout / "train.py").write_text(f"import time\n{TRAIN}\ntime.sleep(3)")
    script = (
        "import sys, pathlib\nfrom amt.retraining.scripts import TrainJob, train\n"
        "path = pathlib.Path(sys.argv[1])\nbase = path.parent\n"
        "train(TrainJob(path, base / 'i', base / 'p', base / 'run', base / 'c', (), 1))"
    )
    parent = subprocess.Popen([sys.executable, "-c", script, str(checkout)])
    checkpoint = tmp_path / "run" / "checkpoints" / "last.ckpt"
    while not checkpoint.is_file():
        time.sleep(0.02)
    parent.kill()
    parent.wait()
    with pytest.raises(RunError, match="is still running; wait for its end"):
        train(job(checkout))


def test_a_package_without_checkout_says_what_to_type(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="--checkout DIR"):
        find_checkout(tmp_path)
    assert (find_checkout(None) / "train.py").is_file()


def test_overrides_of_sets(tmp_path: Path) -> None:
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "list").touch()

    def data(place: str) -> str:
        return set_overrides(FixedSet(place=place), "list")[0]

    assert data("gs://takes/prepared/set") == data(str(tmp_path / "set")) == "data=prepared"
    assert data(str(tmp_path)) == "data=folder"
    assert set_overrides(FixedSet(overrides=("data=maps",)), "list") == ("data=maps",)
