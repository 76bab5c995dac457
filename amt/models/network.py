"""The network: trunk, temporal part, heads."""

from __future__ import annotations

import math

from torch import Tensor, nn

from amt.models.temporal import Cnn, Keyboard, Lstm, Transformer
from amt.models.touch import Touch
from amt.models.trunk import ConvTrunk, HarmonicTrunk
from amt.notes import NUM_KEYS

Trunk = ConvTrunk | HarmonicTrunk
Temporal = Cnn | Lstm | Transformer

# What every network says of every key, and what one that knows the pedal adds.
OUTPUTS = ("onset", "offset", "frame", "velocity")
RELEASE = "release"
PEDAL = "pedal"


class Network(nn.Module):
    """spec (B, C, T, F) -> logits (B, T, 88) for each of `OUTPUTS`.

    With `pedal` also of the key's release (B, T, 88), and of the sustain pedal (B, T, 1). The heads
    of the keys are one linear layer: shared by the keys where the trunk keeps a vector a key, else
    from the frame's vector to all keys. `keyboard` units hear all keys at once, 0 for none; with
    `direct` the heads read the trunk as well, past the temporal part. `touch` adds to velocities
    what it hears in the spectrogram itself and in the trunk.
    """

    def __init__(
        self,
        trunk: Trunk,
        temporal: Temporal,
        pedal: bool = False,
        keyboard: int = 0,
        direct: bool = False,
        touch: Touch | None = None,
        rare: float = 0.02,
    ) -> None:
        super().__init__()
        self.trunk = trunk
        self.temporal = temporal
        self.names = (*OUTPUTS, RELEASE) if pedal else OUTPUTS
        outputs = len(self.names) * NUM_KEYS // trunk.groups
        self.keyboard = Keyboard(trunk.dim, keyboard) if keyboard else None
        self.heads = nn.Conv2d(temporal.dim, outputs, 1)
        assert self.heads.bias is not None
        nn.init.constant_(self.heads.bias, _logit(rare))
        self.direct = nn.Conv2d(trunk.dim, outputs, 1, bias=False) if direct else None
        if self.direct is not None:
            nn.init.zeros_(self.direct.weight)
        self.touch = touch
        self.pedal = PedalHead(temporal.dim) if pedal else None
        self.pedal_name = PEDAL  # TorchScript sees what belongs to a module, and no globals.
        # The name of every output, and how many columns it has.
        self.widths = dict.fromkeys(self.names, NUM_KEYS) | ({PEDAL: 1} if pedal else {})

    def forward(self, spec: Tensor) -> dict[str, Tensor]:
        heard = self.trunk(spec)
        if self.keyboard is not None:
            heard = heard + self.keyboard(heard).to(heard.dtype)
        features = self.temporal(heard)
        logits = self.heads(features)
        if self.direct is not None:
            logits = logits + self.direct(heard)
        # Of what comes in: the exporter to ONNX believes that it knows those of what is inside.
        batch, _, frames, _ = spec.shape
        logits = logits.permute(0, 2, 1, 3).reshape(batch, frames, len(self.names), -1)
        outputs: dict[str, Tensor] = {}
        for index, name in enumerate(self.names):
            outputs[name] = logits[:, :, index].float()
        if self.touch is not None:
            outputs["velocity"] = outputs["velocity"] + self.touch(spec, heard).float()
        if self.pedal is not None:
            outputs[self.pedal_name] = self.pedal(features).float()
        return outputs


class PedalHead(nn.Module):
    """Features (B, D, T, G) -> logits (B, T, 1): the pedal acts on all strings at once."""

    def __init__(self, dim: int, hidden: int = 32, kernel_size: int = 9) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv1d(dim, hidden, kernel_size, padding=kernel_size // 2),
            nn.ReLU(),
            nn.Conv1d(hidden, 1, kernel_size, padding=kernel_size // 2),
        )

    def forward(self, features: Tensor) -> Tensor:
        return self.body(features.mean(dim=-1)).transpose(1, 2)


def _logit(probability: float) -> float:
    return math.log(probability / (1 - probability))
