"""Convert a checkpoint from before version 0.1.0 to today's names; weights are not changed.

python experiments/weights/migrate.py OLD.ckpt NEW.safetensors

The result holds weights, model configuration and decoder: for `amt transcribe --ckpt`, `evaluate.py
ckpt=`, or `train.py init=` (an interrupted run cannot be resumed across this change).
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import load_file

from amt.models.checkpoint import WEIGHTS_SUFFIX, CheckpointError, write_weights

# Old and new name of each part of the network, in the order in which they are replaced.
TENSORS = (
    (r"^network\.keyboard\.say\.", "network.global_context.output."),
    (r"^network\.keyboard\.", "network.global_context."),
    (r"^network\.direct\.", "network.skip_heads."),
    (r"^network\.touch\.around\.", "network.velocity_head.local."),
    (r"^network\.touch\.partials\.", "network.velocity_head.harmonics."),
    (r"^network\.touch\.join\.", "network.velocity_head.combine."),
    (r"^network\.touch\.say\.", "network.velocity_head.output."),
    (r"^network\.touch\.", "network.velocity_head."),
    (r"^network\.pedal\.", "network.pedal_head."),
    (r"^network\.trunk\.key$", "network.trunk.key_embedding"),
    (r"^(network\.trunk\.blocks\.\d+)\.gather\.", r"\1.harmonics."),
    (r"^(network\.trunk\.blocks\.\d+)\.around\.", r"\1.local."),
)
OPTIONS = {"keyboard": "global_context", "direct": "skip_heads", "touch": "velocity_head"}
MODULES = {"amt.features.": "amt.features.frontends."}


def main(source: Path, target: Path, licence: str | None) -> None:
    if target.suffix != WEIGHTS_SUFFIX or target.exists():
        raise CheckpointError(f"{target}: expected a new file NEW{WEIGHTS_SUFFIX}")
    state, settings = read_old(source)
    if not any(_retarget(part) != part for part in settings["model"].values()):
        raise CheckpointError(f"{source}: has today's names already; use it as it is")
    name = str(settings.get("name", target.stem))
    licence = licence or str(settings.get("licence", "not stated; see the data it was trained on"))
    checkpoint = {
        "state_dict": {new_name(old): tensor for old, tensor in state.items()},
        "hyper_parameters": {
            "model": new_model(settings["model"]),
            "decoder": settings.get("decoder") or {},
        },
    }
    write_weights(target, checkpoint, name, licence)
    print(f"{target}: {len(state)} tensors; next: amt transcribe RECORDING --ckpt {target}")


def read_old(path: Path) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
    """Tensors and settings of an old checkpoint. Raises CheckpointError."""
    try:
        if path.suffix == WEIGHTS_SUFFIX:
            with safe_open(path, framework="numpy") as file:
                settings = json.loads((file.metadata() or {})["amt"])
            return load_file(path), settings
        checkpoint = torch.load(path, map_location="cpu", weights_only=True)
        return checkpoint["state_dict"], checkpoint["hyper_parameters"]
    except OSError as error:
        raise CheckpointError(f"{path}: {error.strerror or error}") from error
    except Exception as error:  # Other files fail with any kind of exception.
        raise CheckpointError(f"{path}: not a checkpoint of amt") from error


def new_name(name: str) -> str:
    """Today's name of a tensor."""
    for old, new in TENSORS:
        name = re.sub(old, new, name)
    return name


def new_model(model: dict[str, Any]) -> dict[str, Any]:
    """Today's model configuration."""
    renamed = {OPTIONS.get(key, key): value for key, value in model.items() if key != "fit"}
    return {key: _retarget(value) for key, value in renamed.items()}


def _retarget(part: Any) -> Any:
    if not isinstance(part, dict) or "_target_" not in part:
        return part
    target = str(part["_target_"])
    for old, new in MODULES.items():
        if target.startswith(old) and not target.startswith(new):
            target = new + target.removeprefix(old)
    return {**part, "_target_": target}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("source", type=Path)
    parser.add_argument("target", type=Path, help="NEW.safetensors")
    parser.add_argument("--licence", help="if the old checkpoint does not state it")
    try:
        main(**vars(parser.parse_args()))
    except (CheckpointError, OSError) as error:
        sys.exit(f"migrate.py: {error}")
