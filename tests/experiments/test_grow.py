"""An enlarged network gives the same output, and its new parts can be trained."""

from __future__ import annotations

import grow
import pytest
import torch
from small_model import LSTM, small_checkpoint

from amt.models.build import build_model, load_network
from amt.models.checkpoint import CheckpointError
from amt.training.finish import save_checkpoint


@pytest.fixture(autouse=True)
def short_pieces(monkeypatch):
    monkeypatch.setattr(grow, "PIECES", 2)
    monkeypatch.setattr(grow, "SECONDS", 3.0)


def test_a_grown_network_computes_the_same_and_its_new_parts_learn(tmp_path, capsys):
    small, large = small_checkpoint(tmp_path / "small.ckpt", LSTM), tmp_path / "large.ckpt"
    grow.main(small, large, blocks=3, n_ffts=[2048, 512, 4096])
    assert capsys.readouterr().out.endswith("by at most 0.0000\n")
    audio = torch.randn(2, 20000) * 0.1
    (old_front_end, old, decoder), (front_end, new, same) = map(load_network, (small, large))
    assert len(new.trunk.blocks) == 3 and front_end.shape.channels == 3 and same == decoder
    before, after = old(old_front_end(audio)), new(front_end(audio))
    for name, logits in before.items():
        torch.testing.assert_close(after[name], logits, atol=1e-4, rtol=1e-4)
    after["onset"].square().sum().backward()
    block = new.trunk.blocks[-1]
    for parameter in (*block.harmonics.parameters(), block.local.body[-1].weight):
        assert parameter.grad.abs().max() > 0
    assert new.trunk.stem[1].weight.grad[:, -1].abs().max() > 0


@pytest.mark.parametrize(
    ("blocks", "n_ffts", "reason"),
    [
        (0, None, "has 1 blocks; give 1 or more, not 0"),
        (None, [512, 2048], r"n_ffts are \[2048, 512\]; give these first"),
    ],
)
def test_a_network_cannot_be_made_smaller(blocks, n_ffts, reason, tmp_path):
    small = small_checkpoint(tmp_path / "small.ckpt")
    with pytest.raises(CheckpointError, match=reason):
        grow.main(small, tmp_path / "large.ckpt", blocks=blocks, n_ffts=n_ffts)
    assert not (tmp_path / "large.ckpt").exists()


def test_only_harmonic_trunks_grow(tmp_path):
    model = {
        "features": {"_target_": "amt.features.frontends.LogFrequency"},
        "network": {"_target_": "amt.models.linear.LinearKeys"},
    }
    _, network = build_model(model)
    state = {f"network.{name}": tensor for name, tensor in network.state_dict().items()}
    settings = {"model": model, "decoder": {}}
    save_checkpoint(tmp_path / "svm.ckpt", {"state_dict": state, "hyper_parameters": settings})
    with pytest.raises(CheckpointError, match=r"svm\.ckpt: expected a network with a harmonic"):
        grow.main(tmp_path / "svm.ckpt", tmp_path / "large.ckpt", blocks=2, n_ffts=None)
    assert not (tmp_path / "large.ckpt").exists()
