"""The copy of a run in the lake: after each checkpoint, never half, enough to go on from."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from buckets import BUCKET
from fault_proxy import Proxy, faulty_storage
from lightning.pytorch.callbacks import ModelCheckpoint

from amt.cloud import gcs, transfer
from amt.cloud.lake import Lake, StorageError, open_lake
from amt.errors import FileWarning
from amt.training.copies import (
    CopiedCheckpoints,
    RunCheckpoints,
    check_place,
    copy_run,
    fetch_run,
    keep_in_run,
)

PLACE = f"gs://{BUCKET}/models/small/1"


@pytest.fixture
def proxy(monkeypatch: pytest.MonkeyPatch) -> Iterator[Proxy]:
    monkeypatch.setattr(transfer, "PART_BYTES", 1 << 18)
    with faulty_storage(monkeypatch) as proxy:
        yield proxy


@pytest.fixture
def lake(proxy: Proxy) -> Lake:
    return open_lake(PLACE)


def save(folder: Path, step: int, name: str = "last.ckpt") -> Path:
    """Save a checkpoint of 0.8 MB as Lightning does."""
    path = folder / "checkpoints" / name
    state = {"dirpath": str(path.parent), "best_model_path": str(path.with_name("best.ckpt")),
             "best_model_score": torch.tensor(0.5), "last_model_path": "",
             "best_k_models": {str(path.with_name("best.ckpt")): torch.tensor(0.5)}}  # fmt: skip
    weights = {"w": torch.full((200_000,), float(step))}
    checkpoint = {"state_dict": weights, "hyper_parameters": {}, "global_step": step}
    CopiedCheckpoints(PLACE).save_checkpoint({**checkpoint, "callbacks": {"best": state}}, path)
    return path


def test_each_checkpoint_is_copied_whole(proxy: Proxy, lake: Lake, tmp_path: Path) -> None:
    save(tmp_path, 1)
    (tmp_path / "metrics.csv").write_text("step\n1\n")
    proxy.choose = lambda request: "cut" if len(proxy.requests) % 2 else None
    path = save(tmp_path, 2)
    assert lake.read("checkpoints/last.ckpt") == path.read_bytes()
    assert lake.read("metrics.csv") == b"step\n1\n"


def test_a_copy_that_fails_is_a_warning_and_leaves_the_last_one(
    proxy: Proxy, lake: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = save(tmp_path, 1).read_bytes()
    monkeypatch.setattr(gcs, "RETRY_SECONDS", 0.1)
    proxy.choose = lambda request: "cut" if request.is_upload else None
    with pytest.warns(FileWarning, match=r"last.ckpt was not copied: gs://.*training goes on"):
        save(tmp_path, 2)
    proxy.choose = lambda request: None
    assert lake.read("checkpoints/last.ckpt") == old


def test_another_run_is_not_replaced(lake: Lake, tmp_path: Path) -> None:
    check_place(PLACE, resumed=False)
    save(tmp_path, 1)
    check_place(PLACE, resumed=True)
    with pytest.raises(StorageError, match="choose another VERSION"):
        check_place(PLACE, resumed=False)
    with pytest.raises(StorageError, match="there is no such bucket"):
        check_place("gs://nowhere/x", resumed=False)


def test_results_are_copied_with_the_checkpoints(lake: Lake, tmp_path: Path) -> None:
    save(tmp_path, 1)
    (tmp_path / "test.csv").write_text("name\n")
    (tmp_path / ".hydra").mkdir()
    assert "test.csv, last.ckpt" in copy_run(tmp_path, PLACE)
    assert [stored.name for stored in lake.list()] == ["checkpoints/last.ckpt", "test.csv"]


def test_a_fetched_run_keeps_its_best_score(lake: Lake, tmp_path: Path) -> None:
    save(tmp_path / "old", 1, "best.ckpt")
    (tmp_path / "old" / "metrics.csv").write_text("step\n1\n")
    save(tmp_path / "old", 2)
    path = fetch_run(f"{PLACE}/checkpoints/last.ckpt", tmp_path / "new")
    assert path == Path(os.path.realpath(tmp_path / "new/checkpoints/last.ckpt"))
    assert (tmp_path / "new" / "metrics.csv").is_file()
    callback = resumed(path)
    assert callback.best_model_score == 0.5
    assert torch.load(callback.best_model_path, weights_only=True)["global_step"] == 1


def resumed(path: Path) -> ModelCheckpoint:
    """The callback that saves the best checkpoint, in the state that a checkpoint holds."""
    checkpoint = RunCheckpoints().load_checkpoint(path, weights_only=True)
    callback = ModelCheckpoint(path.parent, "best", monitor="val/note_f1", mode="max")
    callback.dirpath = os.path.realpath(path.parent)
    callback.load_state_dict(checkpoint["callbacks"]["best"])
    return callback


@pytest.mark.parametrize("old_remains", [True, False])
@pytest.mark.parametrize("with_best", [True, False])
def test_a_copied_or_moved_run_names_its_own_files_only(
    tmp_path: Path, old_remains: bool, with_best: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("amt.training.copies.open_lake", lambda place: pytest.fail("copied"))
    monkeypatch.setattr(CopiedCheckpoints, "save_checkpoint", RunCheckpoints.save_checkpoint)
    for name in ("best.ckpt", "last.ckpt"):
        save(tmp_path / "old", 1, name)
    shutil.copytree(tmp_path / "old", tmp_path / "new")
    if not old_remains:
        shutil.rmtree(tmp_path / "old")
    best = tmp_path / "new" / "checkpoints" / "best.ckpt"
    if not with_best:
        best.unlink()
    callback = resumed(best.with_name("last.ckpt"))
    assert callback.best_model_path == (os.path.realpath(best) if with_best else "")
    assert callback.best_model_score == (0.5 if with_best else None)
    assert list(callback.best_k_models) == ([os.path.realpath(best)] if with_best else [])


def test_checkpoints_outside_a_run_are_copied_into_the_new_one(tmp_path: Path) -> None:
    for name in ("best.ckpt", "last.ckpt"):
        (tmp_path / name).write_text(name)
    path = keep_in_run(tmp_path / "last.ckpt", tmp_path / "run")
    assert path == Path(os.path.realpath(tmp_path / "run")) / "checkpoints" / "last.ckpt"
    assert [found.read_text() for found in sorted(path.parent.iterdir())] == [
        "best.ckpt",
        "last.ckpt",
    ]
    assert keep_in_run(path, tmp_path / "other") == path and not (tmp_path / "other").exists()
