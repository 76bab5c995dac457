"""A training checkpoint of a network that is small enough for quick tests."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from amt.models.build import build_model

CNN = {"_target_": "amt.models.temporal.Cnn", "layers": 2}
LSTM = {"_target_": "amt.models.temporal.Lstm", "hidden": 8}


def small_checkpoint(path: Path, temporal: dict[str, Any] = CNN, **changes: Any) -> Path:
    """Write a checkpoint with random weights, and thresholds at which they give notes."""
    model = {
        "features": {"_target_": "amt.features.frontends.LogFrequency", "n_ffts": [2048, 512]},
        "trunk": {
            "_target_": "amt.models.trunk.HarmonicTrunk",
            "channels": 8,
            "stem_channels": 4,
            "blocks": 1,
        },
        "temporal": temporal,
    }
    torch.manual_seed(0)
    _, network = build_model(model)
    torch.nn.init.normal_(network.heads.weight, std=0.5)
    torch.nn.init.normal_(network.heads.bias, std=0.5)
    state = {f"network.{name}": tensor for name, tensor in network.state_dict().items()}
    decoder = {"onset_threshold": 0.45, "min_interval": 0.2}
    checkpoint = {"state_dict": state, "hyper_parameters": {"model": model, "decoder": decoder}}
    torch.save(checkpoint | changes, path)
    return path
