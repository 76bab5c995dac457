"""A small network that finds bars: which beats begin one, in which metre, and if beats are beats.

Two layers of a bidirectional GRU (Cho et al. 2014) over beats. A piece has some hundred beats, ten
times fewer than the steps of the beat network, and what returns with the bars is near.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from amt.analysis.symbolic.bar_features import CHANNELS
from amt.analysis.symbolic.beat_network import METRES

# What the true beat period may be, in periods of the given beats.
LEVELS = (1.0, 2.0, 0.5, 3.0, 1 / 3)


class BarNetwork(nn.Module):
    """Features (B, N, CHANNELS) of beats -> logits.

    downbeat: (B, N). metre: (B, N, METRES). level: (B, N, LEVELS).
    """

    def __init__(self, width: int = 96, hidden: int = 80, layers: int = 2) -> None:
        super().__init__()
        self.settings = {"width": width, "hidden": hidden, "layers": layers}
        self.read = nn.Sequential(nn.Linear(CHANNELS, width), nn.GELU(), nn.Dropout(0.2))
        self.around = nn.Conv1d(width, width, 5, padding=2)
        self.gru = nn.GRU(width, hidden, layers, batch_first=True, bidirectional=True, dropout=0.2)
        self.downbeat = nn.Linear(2 * hidden, 1)
        self.metre = nn.Linear(4 * hidden, len(METRES))
        self.level = nn.Linear(4 * hidden, len(LEVELS))

    def forward(self, features: Tensor) -> dict[str, Tensor]:
        x = self.read(features)
        x = x + torch.relu(self.around(x.transpose(1, 2))).transpose(1, 2)
        x = self.gru(x)[0]
        # Metre and level are those of the whole piece, mostly.
        both = torch.cat([x, x.mean(1, keepdim=True).expand_as(x)], dim=2)
        return {
            "downbeat": self.downbeat(x).squeeze(2),
            "metre": self.metre(both),
            "level": self.level(both),
        }
