"""Checkpoints with the names of tensors and settings from before version 0.1.0."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

from amt.models.build import build_model
from amt.models.checkpoint import with_network_prefix

MODEL: dict[str, Any] = {
    "features": {"_target_": "amt.features.frontends.LogFrequency", "n_ffts": [2048, 512]},
    "trunk": {
        "_target_": "amt.models.trunk.HarmonicTrunk",
        "channels": 8,
        "stem_channels": 4,
        "blocks": 2,
    },
    "temporal": {"_target_": "amt.models.temporal.Lstm", "hidden": 8},
    "pedal": True,
    "global_context": 4,
    "skip_heads": True,
    "velocity_head": 4,
}
DECODER = {"onset_threshold": 0.45, "min_interval": 0.2}
# Today's part of a tensor's name, and what it was called.
OLD_NAMES = {
    "network.global_context.output.": "network.keyboard.say.",
    "network.global_context.": "network.keyboard.",
    "network.skip_heads.": "network.direct.",
    "network.velocity_head.local.": "network.touch.around.",
    "network.velocity_head.harmonics.": "network.touch.partials.",
    "network.velocity_head.combine.": "network.touch.join.",
    "network.velocity_head.output.": "network.touch.say.",
    "network.velocity_head.": "network.touch.",
    "network.pedal_head.": "network.pedal.",
    "network.trunk.key_embedding": "network.trunk.key",
    "network.trunk.blocks.0.harmonics.": "network.trunk.blocks.0.gather.",
    "network.trunk.blocks.1.harmonics.": "network.trunk.blocks.1.gather.",
    "network.trunk.blocks.0.local.": "network.trunk.blocks.0.around.",
    "network.trunk.blocks.1.local.": "network.trunk.blocks.1.around.",
}
OLD_OPTIONS = {
    "global_context": "keyboard",
    "skip_heads": "direct",
    "velocity_head": "touch",
}


def new_checkpoint() -> dict[str, Any]:
    """A checkpoint of today with every part of a network, its weights random 16-bit numbers."""
    torch.manual_seed(0)
    _, network = build_model(MODEL)
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    state = {
        name: tensor.half().float() if tensor.is_floating_point() else tensor
        for name, tensor in with_network_prefix(network.state_dict()).items()
    }
    return {"state_dict": state, "hyper_parameters": {"model": MODEL, "decoder": DECODER}}


def old_checkpoint() -> dict[str, Any]:
    """The same as it was named before version 0.1.0."""
    checkpoint = new_checkpoint()
    model = copy.deepcopy(MODEL)
    model["features"]["_target_"] = "amt.features.LogFrequency"
    model = {OLD_OPTIONS.get(key, key): value for key, value in model.items()}
    state = {_old_name(name): tensor for name, tensor in checkpoint["state_dict"].items()}
    return {"state_dict": state, "hyper_parameters": {"model": model, "decoder": DECODER}}


def write_old_checkpoint(path: Path) -> Path:
    """An old checkpoint of training (.ckpt), or old weights (.safetensors) of format 1."""
    checkpoint = old_checkpoint()
    if path.suffix == ".safetensors":
        settings = {
            "format": 1,
            "name": "small",
            "licence": "noise",
            **checkpoint["hyper_parameters"],
        }
        state = {name: tensor.contiguous() for name, tensor in checkpoint["state_dict"].items()}
        save_file(state, path, {"amt": json.dumps(settings)})
    else:
        torch.save(checkpoint, path)
    return path


def _old_name(name: str) -> str:
    for new, old in OLD_NAMES.items():
        if name.startswith(new):
            return old + name.removeprefix(new)
    return name
