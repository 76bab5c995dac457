"""A network that finds beats and downbeats in notes.

A U-net over frames: convolutions at 50 frames a second hold the exact times, blocks of attention
and convolution at an eighth of that rate hold the metre. Attention over time recognises what
returns every beat and every bar; rotary embeddings (Su et al. 2021) give it the distances.
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from amt.analysis.symbolic.beat_features import CHANNELS

# Metres that are told apart.
METRES = ("2/4", "3/4", "4/4", "6/8", "2/2", "3/8", "9/8", "12/8", "6/4", "12/16", "3/2")
# Beat periods that are told apart, in seconds: six in an octave of tempo.
PERIODS = 0.16 * 2 ** (np.arange(25) / 6)
# Logit of a beat in any frame, before training: one in twenty.
RARE = -3.0
# Frames that become one in the middle of the network.
STRIDE = 4
# Distances of frames that attention distinguishes well: up to about so many.
ROTARY_BASE = 2000.0


class BeatNetwork(nn.Module):
    """Features (B, T, CHANNELS) -> logits by name, (B, T) or (B, T, classes); T is a multiple of 4.

    beat, downbeat: (B, T), independent. metre: (B, T, METRES), period: (B, T, PERIODS), each for a
    softmax, constant within STRIDE frames.
    """

    def __init__(
        self,
        width: int = 40,
        dim: int = 96,
        blocks: int = 6,
        heads: int = 3,
        dropout: float = 0.1,
    ) -> None:
        super().__init__()
        self.settings = {
            "width": width,
            "dim": dim,
            "blocks": blocks,
            "heads": heads,
            "dropout": dropout,
        }
        self.read = nn.Linear(CHANNELS, width)
        self.fine = Residual(width, kernel=5)
        self.down1 = nn.Conv1d(width, width, 4, stride=2, padding=1)
        self.middle = Residual(width, kernel=5)
        self.down2 = nn.Conv1d(width, dim, 4, stride=2, padding=1)
        # Every second block attends.
        self.blocks = nn.ModuleList(
            Block(dim, dilation=2**number, heads=number % 2 * heads, dropout=dropout)
            for number in range(blocks)
        )
        self.norm = nn.LayerNorm(dim)
        self.up1 = nn.ConvTranspose1d(dim, width, 2, stride=2)
        self.middle_out = Residual(width, kernel=3)
        self.up2 = nn.ConvTranspose1d(width, width, 2, stride=2)
        self.fine_out = Residual(width, kernel=3)
        self.events = nn.Conv1d(width, 2, 3, padding=1)
        self.summary = nn.Linear(dim, dim)
        self.classes = nn.Linear(2 * dim, len(METRES) + len(PERIODS))
        self.events.bias = nn.Parameter(torch.full((2,), RARE))

    def forward(self, features: Tensor) -> dict[str, Tensor]:
        fine = self.fine(self.read(features).transpose(1, 2))
        middle = self.middle(F.gelu(self.down1(fine)))
        x = self.down2(middle).transpose(1, 2)
        for block in self.blocks:
            x = block(x)
        x = self.norm(x)
        middle = self.middle_out(middle + self.up1(x.transpose(1, 2)))
        beat, downbeat = self.events(self.fine_out(fine + self.up2(middle))).unbind(1)
        sizes = (len(METRES), len(PERIODS))
        # The metre is that of the whole window, mostly.
        summary = F.gelu(self.summary(x)).mean(1, keepdim=True).expand_as(x)
        classes = self.classes(torch.cat([x, summary], dim=2)).repeat_interleave(STRIDE, 1)
        metre, period = classes.split(sizes, dim=2)
        return {"beat": beat, "downbeat": downbeat, "metre": metre, "period": period}


class Residual(nn.Module):
    """Two convolutions over time, added to their input: (B, C, T) -> (B, C, T)."""

    def __init__(self, width: int, kernel: int) -> None:
        super().__init__()
        self.first = nn.Conv1d(width, width, kernel, padding=kernel // 2)
        self.second = nn.Conv1d(width, width, kernel, padding=kernel // 2)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.second(F.gelu(self.first(F.gelu(x))))


class Block(nn.Module):
    """A gated convolution over time; attention, and the mean over time: all added, (B, T, D)."""

    def __init__(self, dim: int, dilation: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.before = nn.LayerNorm(dim)
        self.gated = nn.Conv1d(dim, 2 * dim, 3, padding=dilation, dilation=dilation)
        self.out = nn.Linear(dim, dim)
        self.dropout = nn.Dropout(dropout)
        self.attention = Attention(dim, heads) if heads else None
        # Without normalisation the mean grows from block to block until nothing else is left.
        self.context_norm = nn.LayerNorm(dim)
        self.context = nn.Linear(dim, dim)
        nn.init.zeros_(self.context.weight)

    def forward(self, x: Tensor) -> Tensor:
        gated = F.glu(self.gated(self.before(x).transpose(1, 2)), dim=1)
        x = x + self.dropout(self.out(gated.transpose(1, 2)))
        if self.attention is not None:
            x = x + self.dropout(self.attention(x))
        return x + self.context(self.context_norm(x).mean(1, keepdim=True))


class Attention(nn.Module):
    """Normalisation and self-attention over time with rotary embeddings: (B, T, D)."""

    def __init__(self, dim: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.before = nn.LayerNorm(dim)
        self.qkv = nn.Linear(dim, 3 * dim, bias=False)
        self.out = nn.Linear(dim, dim)

    def forward(self, x: Tensor) -> Tensor:
        batch, frames, dim = x.shape
        parts = self.qkv(self.before(x)).view(batch, frames, 3, self.heads, -1)
        query, key, value = parts.permute(2, 0, 3, 1, 4)
        attended = F.scaled_dot_product_attention(rotate(query), rotate(key), value)
        return self.out(attended.transpose(1, 2).reshape(batch, frames, dim))


def rotate(x: Tensor) -> Tensor:
    """(B, H, T, D) with pairs of channels turned by angles in proportion to time (RoPE)."""
    half = x.shape[-1] // 2
    speed = ROTARY_BASE ** (-torch.arange(half, dtype=torch.float32, device=x.device) / half)
    angle = torch.arange(x.shape[-2], dtype=torch.float32, device=x.device)[:, None] * speed
    first, second = x[..., :half], x[..., half:]
    cos, sin = angle.cos(), angle.sin()
    return torch.cat([first * cos - second * sin, first * sin + second * cos], dim=-1)
