"""A small network that finds the hand of each note, from the notes before and after it.

Two layers of a bidirectional LSTM (Hochreiter and Schmidhuber 1997) over the notes.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from amt.score.hand_features import CHANNELS


class HandNetwork(nn.Module):
    """Features (B, N, CHANNELS) of notes -> logits (B, N) of the right hand."""

    def __init__(
        self, width: int = 80, hidden: int = 48, layers: int = 2, dropout: float = 0.2
    ) -> None:
        super().__init__()
        self.settings = {"width": width, "hidden": hidden, "layers": layers}
        self.read = nn.Sequential(nn.Linear(CHANNELS, width), nn.GELU(), nn.Dropout(dropout))
        self.lstm = nn.LSTM(
            width, hidden, layers, batch_first=True, bidirectional=True, dropout=dropout
        )
        self.dropout = nn.Dropout(dropout)
        self.right = nn.Linear(2 * hidden + width, 1)

    def forward(self, features: Tensor) -> Tensor:
        x = self.read(features)
        around = self.lstm(x)[0]
        return self.right(self.dropout(torch.cat([x, around], dim=2))).squeeze(2)
