"""Parameters and multiply-adds, against counts by hand."""

from __future__ import annotations

import pytest
import torch

from amt.features.frontends import LogFrequency, SpectrogramShape
from amt.models.cost import Cost, network_cost
from amt.models.network import Network
from amt.models.temporal import Cnn, Lstm, Transformer
from amt.models.trunk import ConvTrunk, HarmonicTrunk

FRONT_END = LogFrequency()
SHAPE = FRONT_END.shape
FRAMES = 160


class FreeTrunk(torch.nn.Module):
    """A trunk without a cost: 4 numbers a key."""

    dim, groups = 4, 88

    def forward(self, spec: torch.Tensor) -> torch.Tensor:
        return spec.new_zeros(len(spec), 4, spec.shape[2], 88)


def count(temporal: torch.nn.Module) -> float:
    """Multiply-adds a frame and key, without the heads (4 outputs)."""
    cost = network_cost(FRONT_END, Network(FreeTrunk(), temporal))
    return cost.multiply_adds / FRONT_END.frame_rate / 88 - 4 * temporal.dim


def test_lstm_multiplies_input_and_state_in_four_gates_and_two_directions() -> None:
    assert count(Lstm(4, hidden=6)) == pytest.approx(2 * 4 * 6 * (4 + 6))


def test_convolutions_multiply_their_kernel() -> None:
    assert count(Cnn(4, layers=2, kernel_size=3)) == pytest.approx(2 * 4 * 4 * 3)


def test_attention_compares_every_frame_with_every_frame() -> None:
    linear = 4 * 12 + 4 * 4 + 2 * 4 * 8
    counted = count(Transformer(4, layers=1, heads=2, expansion=2))
    assert counted == pytest.approx(linear + 2 * FRAMES * 4)


def test_harmonic_network_is_small_and_conv_network_is_not() -> None:
    harmonic = network_cost(FRONT_END, Network(HarmonicTrunk(SHAPE), Lstm(32)))
    mel = SpectrogramShape(1, 229)
    conv = Network(ConvTrunk(mel), Lstm(256))
    assert harmonic.parameters == sum(
        p.numel() for p in Network(HarmonicTrunk(SHAPE), Lstm(32)).parameters()
    )
    assert harmonic.parameters < 150_000 < sum(p.numel() for p in conv.parameters())


def test_cost_as_text() -> None:
    assert str(Cost(120424, 3.7e8)) == (
        "120,424 parameters, 370 million multiply-adds per second of audio"
    )


def test_measuring_leaves_the_network_as_it_was() -> None:
    network = Network(HarmonicTrunk(SHAPE, channels=8, blocks=1), Lstm(8)).train()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    network_cost(FRONT_END, network)
    assert network.training
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
