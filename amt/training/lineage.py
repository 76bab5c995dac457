"""Which data and which checkpoint a run used and which it made: artifacts of W&B.

An artifact without upload is a version too: its checksum, its scores, and the runs that made and
used it. A W&B server draws the graph (train -> model -> evaluate) from them, also for runs that
were offline, once they are synced.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import lightning as L
from lightning.pytorch.loggers import Logger

from amt.data.datamodule import PianoDataModule
from amt.data.manifest import Entry, Root, read_manifest
from amt.models.checkpoint import read_checkpoint
from amt.training.code_version import code_version
from amt.training.media import wandb_run

# The name of the file in an artifact of a model, whatever the name of the checkpoint.
MODEL_FILE = "model.ckpt"


class Lineage(L.Callback):
    """Records in W&B which data a training uses, and which checkpoint it starts from."""

    def __init__(self, init: Path | None = None) -> None:
        self.init = init

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        if not trainer.is_global_zero:
            return
        data = getattr(trainer, "datamodule", None)
        if isinstance(data, PianoDataModule):
            use_data(trainer.loggers, data)
        if self.init:
            use_checkpoint(trainer.loggers, self.init)


def use_data(loggers: Sequence[Logger], data: PianoDataModule) -> None:
    """Record the prepared sets as an input of the W&B run: numbers and a checksum, no audio."""
    run = wandb_run(loggers)
    if run is None:
        return
    import wandb

    document = data_document(data)
    name = "data-" + "-".join(document)
    artifact = wandb.Artifact(name[:128], "dataset", metadata=document)
    with artifact.new_file("data.json") as file:
        file.write(json.dumps(document, indent=1, sort_keys=True))
    _use(run, artifact)


def data_document(data: PianoDataModule) -> dict[str, dict[str, Any]]:
    """Of each set: pieces by split, hours, and a checksum of all audio and notes."""
    return {name: _set_document(root) for name, root in zip(data.sources, data.caches, strict=True)}


def _set_document(root: Root) -> dict[str, Any]:
    entries = read_manifest(root)
    return {
        "pieces": dict(sorted(Counter(entry.split for entry in entries).items())),
        "hours": round(sum(entry.seconds for entry in entries) / 3600, 3),
        "sha256": _checksum(entries),
    }


def _checksum(entries: Sequence[Entry]) -> str:
    """The same wherever and whenever these pieces were prepared."""
    lines = (f"{e.name} {e.split} {e.audio_sha256} {e.notes_sha256}\n" for e in entries)
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def use_checkpoint(loggers: Sequence[Logger], checkpoint: Path) -> None:
    """Record a checkpoint as an input of the W&B run."""
    run = wandb_run(loggers)
    if run is not None:
        _use(run, _model_artifact(checkpoint, {}, upload=False))


def log_checkpoint(
    loggers: Sequence[Logger], checkpoint: Path, scores: Mapping[str, float]
) -> None:
    """Record a checkpoint as the output of the W&B run, its aliases `best` and `latest`.

    The file itself is uploaded where the logger's `upload_checkpoint` says so. scores: become
    metadata, beside the versions of amt and of the code.
    """
    run = wandb_run(loggers)
    if run is None:
        return
    upload = any(getattr(logger, "upload_checkpoint", False) for logger in loggers)
    artifact = _model_artifact(checkpoint, {**scores, **code_version()}, upload)
    run.log_artifact(artifact, aliases=["best", "latest"])


def _model_artifact(checkpoint: Path, metadata: dict[str, Any], upload: bool) -> Any:
    """The artifact of a checkpoint; the same file gives the same version, uploaded or not."""
    import wandb

    artifact = wandb.Artifact(_model_name(checkpoint), "model", metadata=metadata)
    if upload:
        artifact.add_file(str(checkpoint), MODEL_FILE, policy="immutable")
    else:
        artifact.add_reference(checkpoint.resolve().as_uri(), MODEL_FILE)
    return artifact


def _model_name(checkpoint: Path) -> str:
    """model-ID of the W&B run that made a checkpoint; the name of its file where there was none."""
    settings = read_checkpoint(checkpoint).get("hyper_parameters", {})
    logger = (settings.get("recipe") or {}).get("logger") or {}
    made_by = (logger.get("wandb") or {}).get("id")
    name = made_by or "".join(c if c.isalnum() or c in "-_." else "_" for c in checkpoint.stem)
    return f"model-{name}"[:128]


def _use(run: Any, artifact: Any) -> None:
    """Record an artifact as an input of a run, also offline."""
    if run.settings.mode == "online":
        run.use_artifact(artifact)
    else:
        # What use_artifact does, which refuses offline runs. `wandb sync` completes it.
        run._log_artifact(artifact, is_user_created=True, use_after_commit=True)
