"""What is known of a checkpoint, from what stands beside it and in it."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_model import small_checkpoint

from amt.inference.model_card import UNKNOWN, ModelFacts, card, model_facts
from amt.inference.pretrained import pretrained_checkpoint, pretrained_names

DESCRIBED = {
    "name": "small",
    "version": "1",
    "licence": "any use",
    "sample_rate": 16000,
    "hop_length": 512,
    "outputs": {"onset": 88},
    "files": {"model.pt": "abc"},
    "parity": {"onnx": 3e-6},
}


@pytest.mark.parametrize("name", pretrained_names())
def test_models_that_come_along_tell_of_themselves(name: str) -> None:
    facts = model_facts(pretrained_checkpoint(name))
    assert facts.name == name and facts.data.strip() and facts.licence != UNKNOWN
    scores = [value for row in facts.metrics.values() for value in row.values()]
    assert len(scores) >= 6 and all(0 <= value <= 1 for value in scores)
    assert "](" not in facts.card
    written = card(facts, DESCRIBED)
    assert facts.card in written and "onnx 3e-06" in written


def test_a_run_tells_its_scores_and_its_data(tmp_path: Path) -> None:
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / "test.csv").write_text(
        "name,seconds,note_f1,note_precision,pedal_f1\na,1,0.5,1,\nb,2,0.7,1,\n"
    )
    path = small_checkpoint(tmp_path / "checkpoints" / "best.ckpt")
    facts = model_facts(path)
    assert facts.metrics == {"2 test pieces": {"note_f1": pytest.approx(0.6)}}
    assert facts.name == "best" and facts.licence == UNKNOWN
    assert "| 2 test pieces | note_f1 | 0.600 |" in card(facts, DESCRIBED)


def test_what_is_said_comes_first(tmp_path: Path) -> None:
    facts = model_facts(small_checkpoint(tmp_path / "small.ckpt"), "any use")
    assert facts == ModelFacts("small", "not stated", "any use", {})
