"""A front end and a network from plain dictionaries, as configs and checkpoints hold them."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any

from torch import nn

from amt.features import FrontEnd
from amt.models.network import Network

TARGETS = ("amt.features", "amt.models.trunk", "amt.models.temporal")
# Of the network as a whole; older checkpoints lack some, and do without.
OPTIONS = ("pedal", "keyboard", "direct")


def build_model(config: Mapping[str, Any]) -> tuple[FrontEnd, Network]:
    """The front end and the network of a config with `features`, `trunk`, `temporal`, `OPTIONS`.

    Each part names its class as `_target_`, as Hydra does. Only classes of `TARGETS` are made: a
    checkpoint is data, and cannot call anything else. Raises ValueError otherwise.
    """
    front_end = _build(config["features"])
    trunk = _build(config["trunk"], shape=front_end.shape)
    temporal = _build(config["temporal"], dim=trunk.dim)
    options = {name: config[name] for name in OPTIONS if name in config}
    return front_end, Network(trunk, temporal, **options)


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
