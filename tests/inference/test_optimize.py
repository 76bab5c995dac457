"""Optimised networks give the same outputs."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from amt.features.frontends import SpectrogramShape
from amt.inference.optimize import optimize_for_inference
from amt.models.heads import VelocityHead
from amt.models.network import Network
from amt.models.temporal import Cnn, Lstm, Transformer
from amt.models.trunk import ConvTrunk, HarmonicTrunk

SHAPE = SpectrogramShape(2, 264, 3)


def network(trunk: str, temporal: str) -> Network:
    """A network whose batch norms have statistics of some input."""
    torch.manual_seed(0)
    below = (
        HarmonicTrunk(SHAPE, channels=8, blocks=1, stem_channels=4, separable=trunk == "separable")
        if trunk != "conv"
        else ConvTrunk(SHAPE, channels=4, dim=16)
    )
    above = {"cnn": Cnn, "lstm": Lstm, "transformer": Transformer}[temporal](below.dim)
    velocity_head = VelocityHead(SHAPE, below.dim, hidden=4) if trunk != "conv" else None
    made = Network(
        below, above, pedal=True, global_context=6, skip_heads=True, velocity_head=velocity_head
    ).train()
    assert made.global_context is not None and made.skip_heads is not None
    if velocity_head is not None:
        nn.init.normal_(velocity_head.output.weight, std=0.1)
    nn.init.normal_(made.global_context.output.weight, std=0.1)
    nn.init.normal_(made.skip_heads.weight, std=0.1)
    with torch.no_grad():
        made(torch.randn(2, 2, 40, 264) * 2 - 3)
    return made.eval()


@pytest.mark.parametrize("trunk", ["harmonic", "separable", "conv"])
@pytest.mark.parametrize("temporal", ["cnn", "lstm", "transformer"])
@pytest.mark.parametrize(
    ("precision", "tolerance"), [(torch.float32, 1e-5), (torch.bfloat16, 0.03)]
)
def test_the_outputs_stay(
    trunk: str, temporal: str, precision: torch.dtype, tolerance: float
) -> None:
    plain = network(trunk, temporal)
    quick = copy.deepcopy(plain)
    optimize_for_inference(quick, precision)
    spec = torch.randn(1, 2, 50, 264) * 2 - 3
    with torch.inference_mode():
        expected = plain(spec)
        with torch.autocast("cpu", precision, enabled=precision != torch.float32):
            found = quick(spec)
    assert list(found) == list(expected)
    for name, values in expected.items():
        assert values.shape == found[name].shape
        assert (values.sigmoid() - found[name].sigmoid()).abs().max() < tolerance, name


@pytest.mark.parametrize("trunk", ["harmonic", "separable"])
def test_norms_after_convolutions_vanish_and_the_others_keep_32_bits(trunk: str) -> None:
    quick = network(trunk, "cnn")
    before = sum(isinstance(module, nn.BatchNorm2d) for module in quick.modules())
    optimize_for_inference(quick, torch.bfloat16)
    norms = [module for module in quick.modules() if isinstance(module, nn.BatchNorm2d)]
    # What is left: both norms of the input, and the one after the sum in the harmonic block.
    assert len(norms) == 3 < before
    for norm in norms:
        assert norm.weight.dtype == torch.float32
    assert quick.heads.weight.dtype == torch.bfloat16
