"""Continuing from a checkpoint: settings that a resumed run must share, and initial weights."""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from amt.cloud.objects import is_bucket_uri
from amt.errors import one_line
from amt.models.checkpoint import CheckpointError, read_checkpoint
from amt.training.copies import fetch_run, find_last, keep_in_run
from amt.training.finish import read_recipe
from amt.training.module import TranscriptionModule
from amt.training.processes import is_first

# What shapes a run. Folders may have moved and the number of workers may differ.
COMPARED = ("data", "features", "model", "loss", "optimizer", "schedule", "seed")
COMPARED_TRAINER = ("max_epochs", "max_steps", "limit_train_batches")
# The batch of a process counts only as a part of the segments of a step, which processes and
# accumulated batches multiply.
IGNORED = (
    "batch_size",
    "cache", "root", "place", "streamed", "streamed_gb", "max_gb", "loader_workers",
    "prepare_workers",
)  # fmt: skip
OPTIONAL_FOLDERS = ("rooms", "impulse_responses", "noises")
# Parts whose output is zero before training: `init=` accepts weights that lack them.
ZERO_AT_START = ("network.global_context.", "network.skip_heads.", "network.velocity_head.")


def prepare_resuming(config: Any, plain: Mapping[str, Any]) -> None:
    """For resume=PATH: the same folder of the run and the same W&B run; else a new W&B run.

    config: a DictConfig, which is changed; plain: the same as plain types. Raises CheckpointError
    where a setting that shapes the run differs.
    """
    wandb = config.get("logger", {}).get("wandb", {})
    if wandb and not wandb.get("id"):
        # The agent of a W&B sweep gives its runs their ids.
        wandb.id = os.environ.get("WANDB_RUN_ID") or secrets.token_hex(4)
    config.resume = find_last(config.resume, Path(config.output_dir), config.upload)
    if not config.resume:
        return
    if is_bucket_uri(config.resume):
        config.resume = str(fetch_run(config.resume, Path(config.output_dir)))
    checkpoint = Path(str(config.resume)).resolve()
    recipe = read_recipe(checkpoint)
    check_same_run(checkpoint, recipe, plain)
    checkpoint = keep_in_run(checkpoint, Path(config.output_dir))
    config.resume, config.output_dir = str(checkpoint), str(checkpoint.parent.parent)
    if is_first():
        print(f"resumed: all results go to {config.output_dir}")
    if "steps_before" in config.get("logger", {}).get("csv", {}):
        config.logger.csv.steps_before = read_checkpoint(checkpoint).get("global_step", 0)
    for callback in config.get("callbacks", {}).values():
        if "dirpath" in callback:
            callback.dirpath = str(checkpoint.parent)
    if wandb:
        wandb.id = recipe.get("logger", {}).get("wandb", {}).get("id") or wandb.id


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


def model_settings(path: Path) -> dict[str, Any]:
    """Front end, network and thresholds of a checkpoint, as the groups features, model, decoder.

    Raises CheckpointError where it holds no network that can be trained further.
    """
    try:
        settings = read_checkpoint(path)["hyper_parameters"]
        model = dict(settings["model"])
        features = model.pop("features")
        decoder = dict(settings["decoder"] or {})
    except (KeyError, TypeError) as error:
        expected = "expected one that `python train.py` wrote"
        raise CheckpointError(f"{path}: not a checkpoint of amt; {expected}") from error
    if "trunk" not in model:
        raise CheckpointError(f"{path}: is fitted, not trained; expected a network")
    return {"features": features, "model": model, "decoder": decoder}


def _shaping(config: Mapping[str, Any]) -> dict[str, Any]:
    """The settings that shape a run, by dotted key."""
    trainer = config.get("trainer", {})
    compared = {name: config.get(name) for name in COMPARED}
    compared["trainer"] = {name: trainer.get(name) for name in COMPARED_TRAINER}
    compared["number of segments in a step"] = _segments_in_a_step(config)
    return _flat(compared)


def _segments_in_a_step(config: Mapping[str, Any]) -> int | str:
    """The batch of all processes; text where the number of processes depends on the machine."""
    trainer = config.get("trainer", {})
    batch = config.get("data", {}).get("batch_size", 1) * trainer.get("accumulate_grad_batches", 1)
    devices, nodes = trainer.get("devices", 1), trainer.get("num_nodes", 1)
    count = len(devices) if isinstance(devices, list) else devices
    known = isinstance(count, int) and count > 0
    return batch * nodes * count if known else f"{batch * nodes} times devices={devices}"


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
