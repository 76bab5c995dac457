"""Front end and network, from checkpoints and from the plain dictionaries of configs."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import nn

from amt.errors import one_line
from amt.features.frontends import FrontEnd
from amt.models.checkpoint import (
    MIGRATE,
    CheckpointError,
    is_slice_classifier,
    network_state,
    read_checkpoint,
)
from amt.models.heads import VelocityHead
from amt.models.linear import LinearKeys
from amt.models.network import Network

# Modules whose classes a checkpoint may name.
TARGETS = (
    "amt.features.frontends",
    "amt.models.trunk",
    "amt.models.temporal",
    "amt.models.linear",
)
# Options of the network as a whole that a config may leave out.
OPTIONS = ("pedal", "global_context", "skip_heads")


def load_network(path: Path) -> tuple[FrontEnd, Network | LinearKeys, dict[str, Any]]:
    """Front end and network of a checkpoint, in evaluation mode, and its decoder's settings.

    Raises CheckpointError where the file is no checkpoint that transcribes.
    """
    checkpoint = read_checkpoint(path)
    if is_slice_classifier(checkpoint):
        advice = f"score it: python evaluate.py ckpt={path}"
        raise CheckpointError(f"{path}: classifies slices and cannot transcribe; {advice}")
    try:
        settings, state = checkpoint["hyper_parameters"], checkpoint["state_dict"]
        model, decoder = settings["model"], settings["decoder"] or {}
    except (KeyError, TypeError) as error:
        raise CheckpointError(
            f"{path}: not a checkpoint of amt; expected one that `python train.py` wrote"
        ) from error
    try:
        front_end, network = build_model(model)
        network.load_state_dict(network_state(state))
        return front_end.eval(), network.eval(), dict(decoder)
    except (RuntimeError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise unfit(path, error) from error


def unfit(path: Path, error: Exception) -> CheckpointError:
    """What to raise where a checkpoint does not fit this version."""
    reason = f"its weights or settings do not fit this version of amt ({one_line(error)})"
    return CheckpointError(f"{path}: {reason}; {MIGRATE}")


def build_model(config: Mapping[str, Any]) -> tuple[FrontEnd, Network | LinearKeys]:
    """The front end and the network of a config with `features`, `trunk`, `temporal`, `OPTIONS`.

    `velocity_head` is the number of its channels, 0 for none. A model without trunk and temporal
    model has `network` in their place. Each part names its class as `_target_`, as in Hydra. Only
    classes of `TARGETS` are instantiated, since checkpoints come from strangers. Raises ValueError
    otherwise.
    """
    front_end = build_front_end(config["features"])
    if "network" in config:
        return front_end, _build(config["network"], shape=front_end.shape)
    trunk = _build(config["trunk"], shape=front_end.shape)
    temporal = _build(config["temporal"], dim=trunk.dim)
    options = {name: config[name] for name in OPTIONS if name in config}
    hidden = config.get("velocity_head", 0)
    velocity_head = VelocityHead(front_end.shape, trunk.dim, hidden) if hidden else None
    return front_end, Network(trunk, temporal, velocity_head=velocity_head, **options)


def build_front_end(config: Mapping[str, Any]) -> FrontEnd:
    """The front end of a config. Raises ValueError where it names anything else."""
    front_end = _build(config)
    if not isinstance(front_end, FrontEnd):
        raise ValueError(f"_target_={config.get('_target_')!r}: expected a front end")
    return front_end


def _build(config: Mapping[str, Any], **derived: Any) -> Any:
    arguments = dict(config)
    target = str(arguments.pop("_target_", ""))
    module, _, name = target.rpartition(".")
    if module not in TARGETS:
        raise ValueError(f"_target_={target!r}: expected a class of {', '.join(TARGETS)}")
    made = getattr(importlib.import_module(module), name, None)
    if not (isinstance(made, type) and issubclass(made, nn.Module)):
        raise ValueError(f"_target_={target!r}: {module} has no such class")
    return made(**arguments, **derived)
