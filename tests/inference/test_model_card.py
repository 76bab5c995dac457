"""Name, data, licence and scores of a checkpoint, read from it and from the files beside it."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_model import small_checkpoint

from amt.inference.model_card import UNKNOWN, ModelInfo, model_card, model_info
from amt.inference.pretrained import pretrained_checkpoint, pretrained_names

DESCRIPTION = {
    "name": "small",
    "version": "1",
    "licence": "any use",
    "sample_rate": 16000,
    "hop_length": 512,
    "outputs": {"onset": 88},
    "features": 32,
    "files": {"model.pt": "abc"},
    "parity": {"onnx": 3e-6},
}


@pytest.mark.parametrize("name", pretrained_names())
def test_facts_of_pretrained_models_come_from_their_cards(name: str) -> None:
    info = model_info(pretrained_checkpoint(name))
    assert info.name == name and info.data.strip() and info.licence != UNKNOWN
    scores = [value for row in info.metrics.values() for value in row.values()]
    assert len(scores) >= 6 and all(0 <= value <= 1 for value in scores)
    assert "](" not in info.card
    written = model_card(info, DESCRIPTION)
    assert info.card in written and "onnx 3e-06" in written


def test_facts_of_a_training_run_come_from_its_tables(tmp_path: Path) -> None:
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / "test.csv").write_text(
        "name,seconds,note_f1,note_precision,pedal_f1\na,1,0.5,1,\nb,2,0.7,1,\n"
    )
    path = small_checkpoint(tmp_path / "checkpoints" / "best.ckpt")
    info = model_info(path)
    assert info.metrics == {"2 test pieces": {"note_f1": pytest.approx(0.6)}}
    assert info.name == "best" and info.licence == UNKNOWN
    assert "| 2 test pieces | note_f1 | 0.600 |" in model_card(info, DESCRIPTION)


def test_a_licence_that_is_given_replaces_the_stated_one(tmp_path: Path) -> None:
    info = model_info(small_checkpoint(tmp_path / "small.ckpt"), "any use")
    assert info == ModelInfo("small", "not stated", "any use", {})
