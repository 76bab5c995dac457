"""Build front end and network from the model configuration of a checkpoint or of a training run."""

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

# The modules whose classes may be named as `_target_`.
TARGETS = (
    "amt.features.frontends",
    "amt.models.trunk",
    "amt.models.temporal",
    "amt.models.linear",
)
# Optional arguments of `Network` that a configuration may contain.
OPTIONS = ("pedal", "global_context", "skip_heads")


def load_network(path: Path) -> tuple[FrontEnd, Network | LinearKeys, dict[str, Any]]:
    """Front end and network of a checkpoint, in evaluation mode, and its decoder's settings.

    Raises CheckpointError if the file is not a checkpoint of a transcription model.
    """
    checkpoint = read_checkpoint(path)
    if is_slice_classifier(checkpoint):
        advice = f"score it: python evaluate.py ckpt={path}"
        raise CheckpointError(f"{path}: is a slice classifier and cannot transcribe; {advice}")
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
        raise incompatible(path, error) from error


def incompatible(path: Path, error: Exception) -> CheckpointError:
    """The error for a checkpoint of another version: its weights or settings do not fit."""
    reason = f"its weights or settings do not fit this version of amt ({one_line(error, 90)})"
    return CheckpointError(f"{path}: {reason}; {MIGRATE}")


def build_model(config: Mapping[str, Any]) -> tuple[FrontEnd, Network | LinearKeys]:
    """The front end and the network of a model configuration.

    Keys: `features` (front end), `trunk`, `temporal`, optionally `OPTIONS` and `velocity_head` (the
    number of its channels, 0 for none); or `features` and `network`, for a model that does not
    consist of trunk and temporal model. Each part names its class as `_target_`, as in Hydra.

    Not Hydra's `instantiate`: that would call anything which a checkpoint from an unknown author
    names. Only classes in `TARGETS` are allowed; others raise ValueError.
    """
    front_end = build_front_end(config["features"])
    if "network" in config:
        return front_end, _build(config["network"], shape=front_end.shape)
    missing = [part for part in ("trunk", "temporal") if part not in config]
    if missing:
        raise ValueError(f"the model has no {missing[0]}; use model=cnn, lstm or transformer")
    trunk = _build(config["trunk"], shape=front_end.shape)
    temporal = _build(config["temporal"], dim=trunk.dim)
    options = {name: config[name] for name in OPTIONS if name in config}
    hidden = config.get("velocity_head", 0)
    velocity_head = VelocityHead(front_end.shape, trunk.dim, hidden) if hidden else None
    return front_end, Network(trunk, temporal, velocity_head=velocity_head, **options)


def build_front_end(config: Mapping[str, Any]) -> FrontEnd:
    """The front end of a configuration. Raises ValueError if `_target_` is not a front end."""
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
    cls = getattr(importlib.import_module(module), name, None)
    if not (isinstance(cls, type) and issubclass(cls, nn.Module)):
        raise ValueError(f"_target_={target!r}: {module} has no such class")
    return cls(**arguments, **derived)
