"""Front end, network and decoder, from checkpoints and from the plain dictionaries of configs."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import nn

from amt.checkpoints import CheckpointError, names_slices, network_state, read_checkpoint
from amt.decoding import Decoder
from amt.errors import gist
from amt.features import FrontEnd
from amt.hmm import StateDecoder
from amt.models.linear import LinearKeys
from amt.models.network import Network
from amt.models.touch import Touch

TARGETS = ("amt.features", "amt.models.trunk", "amt.models.temporal", "amt.models.linear")
# Of the network as a whole; older checkpoints lack some, and `touch`, and do without.
OPTIONS = ("pedal", "keyboard", "direct")


def build_checkpoint(path: Path) -> tuple[FrontEnd, Network | LinearKeys, Decoder | StateDecoder]:
    """What a checkpoint that transcribes holds, in evaluation mode. Raises CheckpointError."""
    checkpoint = read_checkpoint(path)
    if names_slices(checkpoint):
        advice = f"score it: python evaluate.py ckpt={path}"
        raise CheckpointError(f"{path}: names slices and cannot transcribe; {advice}")
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
        return front_end.eval(), network.eval(), build_decoder(decoder)
    except (RuntimeError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise CheckpointError(
            f"{path}: its weights or settings do not fit this version of amt ({gist(error)})"
        ) from error


def build_model(config: Mapping[str, Any]) -> tuple[FrontEnd, Network | LinearKeys]:
    """The front end and the network of a config with `features`, `trunk`, `temporal`, `OPTIONS`.

    `touch` is its hidden channels, 0 for none. One without trunk and temporal part stands as
    `network` in their place. Each part names its class as `_target_`, as Hydra does. Only classes
    of `TARGETS` are made: a checkpoint is data, and cannot call anything else. Raises ValueError
    otherwise.
    """
    front_end = build_front_end(config["features"])
    if "network" in config:
        return front_end, _build(config["network"], shape=front_end.shape)
    trunk = _build(config["trunk"], shape=front_end.shape)
    temporal = _build(config["temporal"], dim=trunk.dim)
    options = {name: config[name] for name in OPTIONS if name in config}
    hidden = config.get("touch", 0)
    touch = Touch(front_end.shape, trunk.dim, hidden) if hidden else None
    return front_end, Network(trunk, temporal, touch=touch, **options)


def build_front_end(config: Mapping[str, Any]) -> FrontEnd:
    """The front end of a config. Raises ValueError where it names anything else."""
    front_end = _build(config)
    if not isinstance(front_end, FrontEnd):
        raise ValueError(f"_target_={config.get('_target_')!r}: expected a front end")
    return front_end


def build_decoder(config: Mapping[str, Any]) -> Decoder | StateDecoder:
    """The decoder of a config: of peaks, or of the keys' states where it says how these change.

    Raises TypeError or ValueError where it does not fit.
    """
    return StateDecoder(**config) if "attack" in config else Decoder(**config)


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
