"""Checkpoints of training and weight files: reading, writing, and files that are refused."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from old_checkpoint import MODEL, old_checkpoint, write_old_checkpoint
from safetensors.torch import load_file, save_file
from small_model import CNN, LSTM, small_checkpoint

from amt.decoding.peaks import Decoder
from amt.inference.transcriber import Transcriber
from amt.models.checkpoint import (
    CheckpointError,
    read_checkpoint,
    read_settings,
    write_weights,
)


def noise(samples: int) -> np.ndarray:
    return (np.random.default_rng(1).standard_normal(samples) * 0.1).astype(np.float32)


def shipped(path: Path, temporal: dict[str, Any] = LSTM) -> Path:
    training = small_checkpoint(path.with_name("training.ckpt"), temporal)
    write_weights(path, read_checkpoint(training), "small", "noise: for tests")
    training.unlink()
    return path


def edit_header(path: Path, **changes: Any) -> None:
    """Other settings in a shipped file; None takes one out."""
    settings = {**read_settings(path), **changes}
    kept = {name: value for name, value in settings.items() if value is not None}
    save_file(load_file(path), path, {"amt": json.dumps(kept)})


def test_a_checkpoint_brings_weights_and_thresholds(tmp_path: Path) -> None:
    path = small_checkpoint(tmp_path / "small.ckpt")
    loaded = Transcriber.load(path, precision="float32")
    model = loaded.model
    state = torch.load(path, weights_only=True)["state_dict"]
    assert loaded.decoder == Decoder(onset_threshold=0.45, min_interval=0.2)
    assert loaded.frame_rate == 31.25 and loaded.sample_rate == 16000
    assert not model.network.training and not model.front_end.training
    assert torch.equal(model.network.heads.weight, state["network.heads.weight"])


@pytest.mark.parametrize("decoder", [None, {}])
def test_a_checkpoint_without_thresholds_takes_the_defaults(
    tmp_path: Path, decoder: dict[str, float] | None
) -> None:
    path = small_checkpoint(tmp_path / "small.ckpt")
    checkpoint = torch.load(path, weights_only=True)
    checkpoint["hyper_parameters"]["decoder"] = decoder
    torch.save(checkpoint, path)
    assert Transcriber.load(path).decoder == Decoder()


def test_weight_files_give_the_posteriors_of_the_checkpoint(tmp_path: Path) -> None:
    training = small_checkpoint(tmp_path / "small.ckpt", LSTM)
    path = tmp_path / "small.safetensors"
    write_weights(path, read_checkpoint(training), "small", "noise: for tests")
    one, other = (Transcriber.load(p, precision="float32") for p in (training, path))
    assert one.decoder == other.decoder
    expected, found = one.posteriors(noise(48000)), other.posteriors(noise(48000))
    differences = [float((v - found[name]).abs().max()) for name, v in expected.items()]
    assert 0 < max(differences) < 1e-2


def test_matrices_have_16_bits_and_vectors_32(tmp_path: Path) -> None:
    path = shipped(tmp_path / "small.safetensors")
    state = load_file(path)
    assert state["network.heads.weight"].dtype == torch.float16
    vectors = [t for t in state.values() if t.is_floating_point() and t.ndim == 1]
    assert vectors and all(t.dtype == torch.float32 for t in vectors)
    assert path.stat().st_size < small_checkpoint(tmp_path / "small.ckpt", LSTM).stat().st_size
    wide = read_checkpoint(path)["state_dict"].values()
    assert all(t.dtype == torch.float32 for t in wide if t.is_floating_point())


def test_a_weight_too_large_for_half_precision_keeps_32_bits(tmp_path: Path) -> None:
    checkpoint = read_checkpoint(small_checkpoint(tmp_path / "small.ckpt"))
    checkpoint["state_dict"]["network.heads.weight"][0, 0] = 1e5
    write_weights(tmp_path / "a.safetensors", checkpoint, "a", "none")
    found = read_checkpoint(tmp_path / "a.safetensors")["state_dict"]["network.heads.weight"]
    assert torch.equal(found, checkpoint["state_dict"]["network.heads.weight"])


def test_settings_can_be_read_alone(tmp_path: Path) -> None:
    settings = read_settings(shipped(tmp_path / "small.safetensors"))
    assert set(settings) == {"format", "name", "licence", "model", "decoder"}
    assert (settings["name"], settings["licence"]) == ("small", "noise: for tests")


def _missing(path: Path) -> None:
    path.unlink(missing_ok=True)


def _folder(path: Path) -> None:
    path.mkdir()


def _empty(path: Path) -> None:
    path.touch()


def _text(path: Path) -> None:
    path.write_text("hello\n" * 100)


def _cut_short(path: Path) -> None:
    small_checkpoint(path)
    path.write_bytes(path.read_bytes()[:5000])


def _pickled_objects(path: Path) -> None:
    torch.save(torch.nn.Linear(2, 2), path)


def _other_kind(path: Path) -> None:
    torch.save({"weights": torch.zeros(3)}, path)


def _bare_tensor(path: Path) -> None:
    torch.save(torch.zeros(3), path)


def _tensors_that_do_not_fit(path: Path) -> None:
    other = torch.load(small_checkpoint(path, LSTM), weights_only=True)["state_dict"]
    small_checkpoint(path, CNN, state_dict=other)


def _foreign_class(path: Path) -> None:
    checkpoint = torch.load(small_checkpoint(path), weights_only=True)
    checkpoint["hyper_parameters"]["model"]["temporal"] = {"_target_": "os.system"}
    torch.save(checkpoint, path)


def _unknown_threshold(path: Path) -> None:
    checkpoint = torch.load(small_checkpoint(path), weights_only=True)
    checkpoint["hyper_parameters"]["decoder"] = {"sharpness": 1.0}
    torch.save(checkpoint, path)


def _shipped_cut_short(path: Path) -> None:
    path.write_bytes(shipped(path).read_bytes()[:-100])


def _shipped_cut_in_its_header(path: Path) -> None:
    path.write_bytes(shipped(path).read_bytes()[:500])


def _huge_header(path: Path) -> None:
    path.write_bytes(struct.pack("<Q", 1 << 60) + b"{}")


def _foreign_tensors(path: Path) -> None:
    save_file({"weight": torch.zeros(3)}, path)


def _foreign_settings(path: Path) -> None:
    save_file({"weight": torch.zeros(3)}, path, {"amt": "[1]"})


def _broken_settings(path: Path) -> None:
    save_file({"weight": torch.zeros(3)}, path, {"amt": "{"})


def _other_format(path: Path) -> None:
    edit_header(shipped(path), format=3)


def _old_tensor_names(path: Path) -> None:
    """Today's settings, but tensors from before version 0.1.0."""
    checkpoint = old_checkpoint()
    checkpoint["hyper_parameters"]["model"] = MODEL
    torch.save(checkpoint, path)


def _without_model(path: Path) -> None:
    edit_header(shipped(path), model=None)


def _shipped_foreign_class(path: Path) -> None:
    model = read_settings(shipped(path))["model"]
    edit_header(path, model={**model, "trunk": {"_target_": "os.system"}})


def _shipped_decoder_of_another_kind(path: Path) -> None:
    edit_header(shipped(path), decoder=[0.5])


def _shipped_tensors_that_do_not_fit(path: Path) -> None:
    model = read_settings(shipped(path))["model"]
    edit_header(path, model={**model, "temporal": CNN})


def _pointer_of_git_lfs(path: Path) -> None:
    path.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n")


@pytest.mark.parametrize(
    ("suffix", "make", "reason"),
    [
        (".ckpt", _missing, "no such checkpoint"),
        (".ckpt", _folder, "has no model.json"),
        (".ckpt", _empty, "not a complete file of tensors"),
        (".ckpt", _text, "not a complete file of tensors"),
        (".ckpt", _pointer_of_git_lfs, "git lfs pull"),
        (".safetensors", _pointer_of_git_lfs, "git lfs pull"),
        (".ckpt", _cut_short, "not a complete file of tensors"),
        (".ckpt", _pickled_objects, "not a complete file of tensors"),
        (".ckpt", _other_kind, "not a checkpoint of amt"),
        (".ckpt", _bare_tensor, "not a checkpoint of amt"),
        (".ckpt", _tensors_that_do_not_fit, "do not fit"),
        (".ckpt", _foreign_class, "os.system"),
        (".ckpt", _unknown_threshold, "sharpness"),
        (".ckpt", write_old_checkpoint, r"do not fit .*amt\.features\.LogFreq.*migrate\.py OLD"),
        (".ckpt", _old_tensor_names, r"do not fit .*migrate\.py OLD NEW\.safetensors"),
        (".safetensors", _missing, "no such checkpoint"),
        (".safetensors", _folder, "has no model.json"),
        (".safetensors", _empty, "not a complete safetensors file"),
        (".safetensors", _text, "not a complete safetensors file"),
        (".safetensors", _shipped_cut_short, "not a complete safetensors file"),
        (".safetensors", _shipped_cut_in_its_header, "not a complete safetensors file"),
        (".safetensors", _huge_header, "not a complete safetensors file"),
        (".safetensors", _other_kind, "not a complete safetensors file"),
        (".safetensors", _foreign_tensors, "not a model of amt"),
        (".safetensors", _foreign_settings, "not a model of amt"),
        (".safetensors", _broken_settings, "not a model of amt"),
        (".safetensors", _other_format, "has format 3, expected 2"),
        (".safetensors", write_old_checkpoint, r"has format 1, expected 2; convert .*migrate\.py"),
        (".safetensors", _without_model, "not a checkpoint of amt"),
        (".safetensors", _shipped_foreign_class, "os.system"),
        (".safetensors", _shipped_decoder_of_another_kind, "do not fit"),
        (".safetensors", _shipped_tensors_that_do_not_fit, "do not fit"),
    ],
)
def test_files_that_cannot_be_used_are_refused_in_one_line(  # type: ignore[no-untyped-def]
    tmp_path: Path, suffix: str, make, reason: str
) -> None:
    path = tmp_path / f"odd{suffix}"
    make(path)
    with pytest.raises(CheckpointError, match=reason) as caught:
        Transcriber.load(path)
    text = str(caught.value)
    assert str(path) in text
    assert "\n" not in text and len(text) < 300 + len(str(path))
