"""The network: trunk, temporal model, heads."""

from __future__ import annotations

import math

from torch import Tensor, nn

from amt.models.heads import PedalHead, VelocityHead
from amt.models.temporal import Cnn, GlobalContext, Lstm, Transformer
from amt.models.trunk import ConvTrunk, HarmonicTrunk
from amt.notes import NUM_KEYS

Trunk = ConvTrunk | HarmonicTrunk
Temporal = Cnn | Lstm | Transformer

# The outputs of every network, and the two that `pedal=True` adds.
OUTPUTS = ("onset", "offset", "frame", "velocity")
RELEASE = "release"
PEDAL = "pedal"


class Network(nn.Module):
    """spec (B, C, T, F) -> logits (B, T, 88) for each of `OUTPUTS`.

    The note heads are one linear layer. If the trunk gives one vector per key, all keys share it;
    otherwise it maps the vector of a frame to all keys.

    pedal: also predict key releases (B, T, 88) and the sustain pedal (B, T, 1). "offset" is the end
    of a note's sound, which the pedal may prolong; "release" is when the key itself comes up.
    global_context: hidden units of a BiLSTM over all keys, whose output is added to the trunk's
    features (`GlobalContext`); 0 for none.
    skip_heads: a second linear layer from the trunk's features to the same logits, past the
    temporal model.
    velocity_head: its output is added to the velocity logits.
    prior: the probability that the untrained heads predict everywhere. It is small because notes
    are rare: from 0.5, the loss of the many silent frames would dominate the first steps of
    training (Lin et al. 2017, "Focal Loss for Dense Object Detection", section 3.3).
    """

    def __init__(
        self,
        trunk: Trunk,
        temporal: Temporal,
        pedal: bool = False,
        global_context: int = 0,
        skip_heads: bool = False,
        velocity_head: VelocityHead | None = None,
        prior: float = 0.02,
    ) -> None:
        super().__init__()
        self.trunk = trunk
        self.temporal = temporal
        self.names = (*OUTPUTS, RELEASE) if pedal else OUTPUTS
        outputs = len(self.names) * NUM_KEYS // trunk.groups
        self.global_context = GlobalContext(trunk.dim, global_context) if global_context else None
        self.heads = nn.Conv2d(temporal.dim, outputs, 1)
        assert self.heads.bias is not None
        nn.init.constant_(self.heads.bias, math.log(prior / (1 - prior)))
        self.skip_heads = nn.Conv2d(trunk.dim, outputs, 1, bias=False) if skip_heads else None
        if self.skip_heads is not None:
            nn.init.zeros_(self.skip_heads.weight)
        self.velocity_head = velocity_head
        self.pedal_head = PedalHead(temporal.dim) if pedal else None
        self.pedal_name = PEDAL  # TorchScript can read attributes of a module, but no globals.
        # The number of columns of each output.
        self.widths = dict.fromkeys(self.names, NUM_KEYS) | ({PEDAL: 1} if pedal else {})
        self.feature_width = trunk.dim

    def forward(self, spec: Tensor) -> dict[str, Tensor]:
        return self.outputs(spec, self.features(spec))

    def features(self, spec: Tensor) -> Tensor:
        """The trunk's features (B, D, T, G), before any module that reads the whole window."""
        return self.trunk(spec)

    def outputs(self, spec: Tensor, trunk: Tensor) -> dict[str, Tensor]:
        """The logits, from `features(spec)`."""
        if self.global_context is not None:
            trunk = trunk + self.global_context(trunk).to(trunk.dtype)
        sequences = self.temporal(trunk)
        logits = self.heads(sequences)
        if self.skip_heads is not None:
            logits = logits + self.skip_heads(trunk)
        # From the input's shape, since the ONNX exporter treats other tensors' shapes as constants.
        batch, _, frames, _ = spec.shape
        logits = logits.permute(0, 2, 1, 3).reshape(batch, frames, len(self.names), -1)
        outputs: dict[str, Tensor] = {}
        for index, name in enumerate(self.names):
            outputs[name] = logits[:, :, index].float()
        if self.velocity_head is not None:
            outputs["velocity"] = outputs["velocity"] + self.velocity_head(spec, trunk).float()
        if self.pedal_head is not None:
            outputs[self.pedal_name] = self.pedal_head(sequences).float()
        return outputs
