"""Temporal models: features (B, D, T, G) -> (B, D', T, G); all G groups share the weights."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Cnn(nn.Module):
    """Residual convolutions over time with dilations 1, 2, 4, ... (van den Oord et al. 2016)."""

    def __init__(self, dim: int, layers: int = 5, kernel_size: int = 3) -> None:
        super().__init__()
        self.dim = dim
        self.layers = nn.ModuleList(
            nn.Sequential(
                nn.Conv2d(
                    dim,
                    dim,
                    (kernel_size, 1),
                    dilation=(2**layer, 1),
                    padding=(kernel_size // 2 * 2**layer, 0),
                    bias=False,
                ),
                nn.BatchNorm2d(dim),
            )
            for layer in range(layers)
        )

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.layers:
            x = torch.relu(x + layer(x))
        return x


class Lstm(nn.Module):
    """An LSTM over time, uni- or bidirectional. hidden: units per direction."""

    def __init__(
        self, dim: int, hidden: int = 24, layers: int = 1, bidirectional: bool = True
    ) -> None:
        super().__init__()
        self.dim = hidden * (2 if bidirectional else 1)
        self.lstm = nn.LSTM(dim, hidden, layers, batch_first=True, bidirectional=bidirectional)

    def forward(self, x: Tensor) -> Tensor:
        batch, _, _, groups = x.shape
        return _from_sequences(self.lstm(_to_sequences(x))[0], batch, groups)


class Transformer(nn.Module):
    """Transformer encoder over time, with layer norms before each sublayer.

    Instead of position embeddings, attention is lowered in proportion to distance in time (ALiBi,
    Press et al. 2022), so that the model works on windows longer than the training segments.
    """

    def __init__(
        self,
        dim: int,
        layers: int = 2,
        heads: int = 2,
        expansion: int = 2,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.dim = dim
        self.layers = nn.ModuleList(
            TransformerBlock(dim, heads, expansion, dropout) for _ in range(layers)
        )
        self.norm = nn.LayerNorm(dim)

    def forward(self, x: Tensor) -> Tensor:
        batch, _, _, groups = x.shape
        sequences = _to_sequences(x)
        for layer in self.layers:
            sequences = layer(sequences)
        return _from_sequences(self.norm(sequences), batch, groups)


class GlobalContext(nn.Module):
    """Features of the whole frame: (B, D, T, G) -> (B, D, T, 1), to be added to those of each key.

    A BiLSTM over time reads the mean and the maximum over all keys. These carry what no single key
    shows, such as the level of the recording and changes of the pedal. The output layer starts at
    zero: the module can be added to a trained network without changing its output.
    """

    def __init__(self, dim: int, hidden: int) -> None:
        super().__init__()
        self.lstm = nn.LSTM(2 * dim, hidden, batch_first=True, bidirectional=True)
        self.output = nn.Linear(2 * hidden, dim)
        nn.init.zeros_(self.output.weight)
        nn.init.zeros_(self.output.bias)

    def forward(self, x: Tensor) -> Tensor:
        pooled = torch.cat([x.mean(dim=-1), x.amax(dim=-1)], dim=1).transpose(1, 2)
        return self.output(self.lstm(pooled)[0]).transpose(1, 2)[..., None]


class TransformerBlock(nn.Module):
    """Self-attention over time, then a two-layer perceptron.

    Not torch's TransformerEncoderLayer: it takes a bias that differs by head only as a full mask
    (B * heads, T, T), which for 88 sequences per recording needs too much memory.
    """

    def __init__(self, dim: int, heads: int, expansion: int, dropout: float) -> None:
        super().__init__()
        if dim % heads:
            raise ValueError(f"a transformer's dim ({dim}) must be a multiple of heads ({heads})")
        self.heads = heads
        self.attention_norm = nn.LayerNorm(dim)
        self.project_in = nn.Linear(dim, 3 * dim)
        self.project_out = nn.Linear(dim, dim)
        self.perceptron = nn.Sequential(
            nn.LayerNorm(dim),
            nn.Linear(dim, expansion * dim),
            nn.GELU(),
            nn.Linear(expansion * dim, dim),
            nn.Dropout(dropout),
        )

    def forward(self, x: Tensor) -> Tensor:
        x = x + self._attend(self.attention_norm(x))
        return x + self.perceptron(x)

    def _attend(self, x: Tensor) -> Tensor:
        batch, frames, dim = x.shape
        projected = self.project_in(x).view(batch, frames, 3, self.heads, -1)
        query, key, value = projected.permute(2, 0, 3, 1, 4).unbind(0)
        if query.device.type == "cpu":
            # On a CPU the backward pass of attention is several times faster in float32.
            query, key, value = query.float(), key.float(), value.float()
        bias = distance_penalty(self.heads, frames, query)
        mixed = F.scaled_dot_product_attention(query, key, value, attn_mask=bias)
        return self.project_out(mixed.transpose(1, 2).reshape(batch, frames, dim))


def distance_penalty(heads: int, frames: int, like: Tensor) -> Tensor:
    """ALiBi bias (1, heads, frames, frames): minus the distance times 2^-1, 2^-2, ... by head."""
    position = torch.arange(frames, device=like.device)
    distance = (position[:, None] - position).abs().to(like.dtype)
    slope = torch.pow(2.0, -torch.arange(1, heads + 1, device=like.device)).to(like.dtype)
    return -slope[None, :, None, None] * distance


def _to_sequences(x: Tensor) -> Tensor:
    """(B, D, T, G) -> (B * G, T, D)."""
    return x.permute(0, 3, 2, 1).flatten(0, 1)


def _from_sequences(x: Tensor, batch: int, groups: int) -> Tensor:
    """(B * G, T, D) -> (B, D, T, G)."""
    return x.unflatten(0, (batch, groups)).permute(0, 3, 2, 1)
