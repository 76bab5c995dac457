"""Checkpoints from before version 0.1.0, converted: the same model under today's names."""

from __future__ import annotations

from pathlib import Path

import migrate
import numpy as np
import pytest
import torch
from old_checkpoint import DECODER, MODEL, new_checkpoint, old_checkpoint, write_old_checkpoint

from amt.decoding.peaks import Decoder
from amt.inference.transcriber import Transcriber
from amt.models.checkpoint import CheckpointError, read_settings

AUDIO = (np.random.default_rng(0).standard_normal(40000) * 0.1).astype(np.float32)


@pytest.mark.parametrize("suffix", [".ckpt", ".safetensors"])
def test_a_converted_checkpoint_gives_identical_posteriors(tmp_path: Path, suffix: str) -> None:
    old = write_old_checkpoint(tmp_path / f"old{suffix}")
    migrate.main(old, tmp_path / "new.safetensors", None)
    torch.save(new_checkpoint(), tmp_path / "expected.ckpt")
    expected, converted = (
        Transcriber.load(tmp_path / name, precision="float32")
        for name in ("expected.ckpt", "new.safetensors")
    )
    posteriors = expected.posteriors(AUDIO)
    found = converted.posteriors(AUDIO)
    assert set(found) == set(posteriors) >= {"onset", "velocity", "release", "pedal"}
    assert all(torch.equal(found[name], values) for name, values in posteriors.items())
    assert converted.decoder == expected.decoder == Decoder(**DECODER)


def test_settings_get_todays_names_and_keep_name_and_licence(tmp_path: Path) -> None:
    old = write_old_checkpoint(tmp_path / "old.safetensors")
    migrate.main(old, tmp_path / "new.safetensors", None)
    settings = read_settings(tmp_path / "new.safetensors")
    assert settings["model"] == MODEL
    assert (settings["name"], settings["licence"]) == ("small", "noise")
    migrate.main(old, tmp_path / "other.safetensors", "public domain")
    assert read_settings(tmp_path / "other.safetensors")["licence"] == "public domain"


def test_the_old_checkpoint_of_this_test_has_other_names() -> None:
    names = set(old_checkpoint()["state_dict"]) ^ set(new_checkpoint()["state_dict"])
    parts = {"keyboard.say", "direct", "touch.around", "touch.join", "trunk.key", "pedal.body"}
    assert all(any(f"network.{part}" in name for name in names) for part in parts)


def test_a_file_that_is_not_a_checkpoint_is_refused_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "odd.ckpt").write_text("hello\n")
    with pytest.raises(CheckpointError, match=r"odd\.ckpt: not a checkpoint of amt"):
        migrate.main(tmp_path / "odd.ckpt", tmp_path / "new.safetensors", None)
    with pytest.raises(CheckpointError, match=r"missing\.safetensors: "):
        migrate.main(tmp_path / "missing.safetensors", tmp_path / "new.safetensors", None)
    assert not (tmp_path / "new.safetensors").exists()


def test_todays_checkpoints_and_existing_files_are_refused(tmp_path: Path) -> None:
    torch.save(new_checkpoint(), tmp_path / "new.ckpt")
    with pytest.raises(CheckpointError, match="has today's names already"):
        migrate.main(tmp_path / "new.ckpt", tmp_path / "out.safetensors", None)
    old = write_old_checkpoint(tmp_path / "old.safetensors")
    for target in (old, tmp_path / "out.ckpt"):
        with pytest.raises(CheckpointError, match=r"expected a new file NEW\.safetensors"):
            migrate.main(old, target, None)
