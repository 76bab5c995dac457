"""Output heads besides the linear note heads of `network`: velocity, and the sustain pedal."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from amt.features.frontends import SpectrogramShape
from amt.models.trunk import HarmonicConv
from amt.notes import NUM_KEYS

# Frames before and after a frame that the velocity head reads: 0.13 s at 31.25 frames per second.
VELOCITY_CONTEXT_FRAMES = 4


class VelocityHead(nn.Module):
    """spec (B, C, T, F) and trunk features (B, D, T, 88) -> logits (B, T, 88) to add to velocity.

    Velocity is mostly a matter of level, and the trunk, which is trained to detect notes at any
    level, normalises most of it away. So this head reads the level around each key and at its
    harmonics from the spectrogram. All keys share its weights. hidden: number of channels. The
    output layer starts at zero: the head can be added to a trained network without changing its
    output. Raises ValueError if the spectrogram is not logarithmic in frequency.
    """

    def __init__(
        self, shape: SpectrogramShape, dim: int, hidden: int = 32, harmonics: int = 8
    ) -> None:
        super().__init__()
        if hidden < 1:
            raise ValueError(
                f"velocity_head={hidden}: expected a number of channels, or 0 for no velocity head"
            )
        steps = shape.bins_per_semitone
        if not steps or shape.num_bins != steps * NUM_KEYS:
            raise ValueError(
                "the velocity head needs a front end that is logarithmic in frequency: "
                "use features=logfreq or features=cqt, or model.velocity_head=0"
            )
        self.norm = nn.BatchNorm2d(shape.channels)
        self.local = nn.Conv2d(
            shape.channels,
            hidden,
            (2 * VELOCITY_CONTEXT_FRAMES + 1, steps),
            stride=(1, steps),
            padding=(VELOCITY_CONTEXT_FRAMES, 0),
        )
        self.harmonics = HarmonicConv(hidden, harmonics)
        self.combine = nn.Conv2d(hidden + dim, 2 * hidden, 1)
        self.output = nn.Conv2d(2 * hidden, 1, 1)
        nn.init.zeros_(self.output.weight)
        assert self.output.bias is not None
        nn.init.zeros_(self.output.bias)

    def forward(self, spec: Tensor, features: Tensor) -> Tensor:
        local = torch.relu(self.local(self.norm(spec)))
        levels = torch.relu(local + self.harmonics(local))
        combined = self.combine(torch.cat([levels, features.to(levels.dtype)], dim=1))
        return self.output(torch.relu(combined))[:, 0]


class PedalHead(nn.Module):
    """Features (B, D, T, G) -> logits (B, T, 1) of the sustain pedal, which acts on all keys.

    So it reads the mean over all keys, and two convolutions over time.
    """

    def __init__(self, dim: int, hidden: int = 32, kernel_size: int = 9) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv1d(dim, hidden, kernel_size, padding=kernel_size // 2),
            nn.ReLU(),
            nn.Conv1d(hidden, 1, kernel_size, padding=kernel_size // 2),
        )

    def forward(self, features: Tensor) -> Tensor:
        return self.body(features.mean(dim=-1)).transpose(1, 2)
