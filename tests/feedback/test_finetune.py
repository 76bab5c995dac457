"""`experiment=finetune`: from a lake to a network that is as before but for its weights."""

from __future__ import annotations

from pathlib import Path

import pytest
from corrected_pairs import hearing, save_pair
from scripts import run
from small_model import small_checkpoint

from amt.cloud.lake import open_lake
from amt.feedback.check import Shares, check_pairs
from amt.feedback.export import export_pairs
from amt.models.checkpoint import CheckpointError, read_checkpoint
from amt.training.resume import model_settings


@pytest.fixture
def corrections(tmp_path: Path) -> Path:
    lake = open_lake(tmp_path / "lake")
    for seed in (0, 1):
        save_pair(lake, f"p{seed}-1-a", seed)
    check_pairs(lake, {"base": hearing(0, 1)}, Shares(0.0, 0.0))
    return export_pairs(lake, tmp_path / "corrections").folder


def test_the_network_and_its_thresholds_stay_those_of_init(
    corrections: Path, tmp_path: Path
) -> None:
    init = small_checkpoint(tmp_path / "small.ckpt")
    folder = tmp_path / "run"
    done = run(
        "train.py", "experiment=finetune", "data=corrections_synthetic", f"init={init}",
        f"paths.corrections={corrections}", f"hydra.run.dir={folder}",
        f"data.cache={tmp_path / 'cache'}", "logger=none", "data.segments_per_epoch=8",
        "data.sources.synthetic.train=1", "data.sources.synthetic.validation=1",
        "data.sources.synthetic.seconds=5", "data.loader_workers=0", "data.prepare_workers=0",
    )  # fmt: skip
    assert "finetune" in done.stdout
    before, after = read_checkpoint(init), read_checkpoint(folder / "checkpoints" / "last.ckpt")
    for part in ("model", "decoder"):
        assert after["hyper_parameters"][part] == before["hyper_parameters"][part]
    old, new = (one["state_dict"]["network.heads.weight"] for one in (before, after))
    assert 0 < (new - old).abs().max() < 0.1


def test_without_an_export_the_folder_is_named() -> None:
    done = run(
        "train.py", "experiment=finetune", "data=corrections_synthetic",
        "paths.corrections=/nowhere", fails=True,
    )  # fmt: skip
    assert "amt feedback export" in done.stderr and done.stderr.count("\n") == 1


def test_settings_of_what_is_no_network(tmp_path: Path) -> None:
    model = {"features": {}, "network": {"_target_": "amt.models.linear.LinearKeys"}}
    settings = {"model": model, "decoder": None}
    fitted = small_checkpoint(tmp_path / "svm.ckpt", hyper_parameters=settings)
    with pytest.raises(CheckpointError, match="fitted"):
        model_settings(fitted)
    with pytest.raises(CheckpointError, match="not a checkpoint"):
        model_settings(small_checkpoint(tmp_path / "other.ckpt", hyper_parameters=None))
