"""Continuing from a checkpoint: settings that a resumed run must share, and initial weights."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from amt.errors import one_line
from amt.models.checkpoint import CheckpointError, read_checkpoint
from amt.training.module import TranscriptionModule

# What shapes a run. Folders may have moved and the number of workers may differ.
COMPARED = ("data", "features", "model", "loss", "optimizer", "schedule", "seed")
COMPARED_TRAINER = ("max_epochs", "max_steps", "limit_train_batches", "accumulate_grad_batches")
IGNORED = (
    "cache", "root", "place", "streamed", "streamed_gb", "max_gb", "loader_workers",
    "prepare_workers",
)  # fmt: skip
OPTIONAL_FOLDERS = ("rooms", "impulse_responses", "noises")
# Parts whose output is zero before training: `init=` accepts weights that lack them.
ZERO_AT_START = ("network.global_context.", "network.skip_heads.", "network.velocity_head.")


def check_same_run(checkpoint: Path, before: Mapping[str, Any], now: Mapping[str, Any]) -> None:
    """Raises CheckpointError where a resumed run would differ in a setting that shapes it.

    before, now: the configurations of the run that wrote `checkpoint`, and of this one.
    """
    old, new = _shaping(before), _shaping(now)
    for key in sorted(old.keys() | new.keys()):
        if old.get(key) != new.get(key):
            raise CheckpointError(
                f"{checkpoint} was trained with another {key} "
                f"({old.get(key)}, now {new.get(key)}); repeat the overrides of its run, or start "
                "a new run from its weights: init=PATH"
            )


def load_weights(module: TranscriptionModule, path: Path) -> None:
    """Give the network the weights of a checkpoint; parts whose output starts at zero may be new.

    Raises CheckpointError where the weights do not fit.
    """
    state = read_checkpoint(path).get("state_dict", {})
    own = module.state_dict()
    new = [name for name in own if name.startswith(ZERO_AT_START) and name not in state]
    try:
        module.load_state_dict({**state, **{name: own[name] for name in new}})
    except (RuntimeError, AttributeError, TypeError) as error:
        reason = one_line(error)
        raise CheckpointError(f"{path}: its weights do not fit this model ({reason})") from error


def _shaping(config: Mapping[str, Any]) -> dict[str, Any]:
    """The settings that shape a run, by dotted key."""
    trainer = config.get("trainer", {})
    compared = {name: config.get(name) for name in COMPARED}
    compared["trainer"] = {name: trainer.get(name) for name in COMPARED_TRAINER}
    return _flat(compared)


def _flat(values: Any, key: str = "") -> dict[str, Any]:
    """Nested settings by dotted key, without the places of files."""
    name = key.rpartition(".")[2]
    if name in IGNORED:
        return {}
    if name in OPTIONAL_FOLDERS:
        return {key: "set" if values else None}
    if name == "render" and values is not None:
        pianos = [values] if isinstance(values, str) else values
        return {key: [Path(piano).name for piano in pianos]}
    if isinstance(values, Mapping):
        parts = (_flat(value, f"{key}.{k}" if key else str(k)) for k, value in values.items())
        return {dotted: value for part in parts for dotted, value in part.items()}
    return {key: values}
