"""The network: trunk, temporal part, heads."""

from __future__ import annotations

import math

from torch import Tensor, nn

from amt.models.temporal import Cnn, Lstm, Transformer
from amt.models.trunk import ConvTrunk, HarmonicTrunk
from amt.notes import NUM_KEYS

Trunk = ConvTrunk | HarmonicTrunk
Temporal = Cnn | Lstm | Transformer

OUTPUTS = ("onset", "offset", "frame", "velocity")


class Network(nn.Module):
    """spec (B, C, T, F) -> logits (B, T, 88) for each of `OUTPUTS`.

    The heads are one linear layer: shared by the keys where the trunk keeps a vector a key, else
    from the frame's vector to all keys.
    """

    def __init__(self, trunk: Trunk, temporal: Temporal, rare: float = 0.02) -> None:
        super().__init__()
        self.trunk = trunk
        self.temporal = temporal
        self.heads = nn.Conv2d(temporal.dim, len(OUTPUTS) * NUM_KEYS // trunk.groups, 1)
        assert self.heads.bias is not None
        nn.init.constant_(self.heads.bias, _logit(rare))

    def forward(self, spec: Tensor) -> dict[str, Tensor]:
        features = self.temporal(self.trunk(spec))
        logits = self.heads(features)
        batch, _, frames, _ = logits.shape
        logits = logits.permute(0, 2, 1, 3).reshape(batch, frames, len(OUTPUTS), NUM_KEYS)
        return {name: logits[:, :, index].float() for index, name in enumerate(OUTPUTS)}


def _logit(probability: float) -> float:
    return math.log(probability / (1 - probability))
