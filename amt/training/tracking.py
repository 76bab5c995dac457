"""Weights & Biases: offline unless a key is configured; pictures, audio and tables of pieces."""

from __future__ import annotations

import netrc
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import lightning as L
import numpy as np
import torch
from lightning.pytorch.loggers import Logger, WandbLogger

from amt.evaluation.evaluate import Evaluation
from amt.io.audio import SAMPLE_RATE
from amt.notes import Notes
from amt.synth import piano
from amt.training.module import TranscriptionModule, notes_from_table

WANDB_HOST = "api.wandb.ai"


def wandb_logger(save_dir: str, project: str, name: str, **options: Any) -> WandbLogger:
    """A W&B logger that works without an account: offline then, and it says how to sync."""
    Path(save_dir).mkdir(parents=True, exist_ok=True)
    offline = not has_wandb_key()
    os.environ.setdefault("WANDB_SILENT", "true")
    logger = WandbLogger(save_dir=save_dir, project=project, name=name, offline=offline, **options)
    if offline:
        print(f"W&B: offline; to upload later: wandb sync {save_dir}/wandb/offline-run-*")
    return logger


def has_wandb_key() -> bool:
    """Whether an API key is set in the environment or was stored by `wandb login`."""
    if os.environ.get("WANDB_MODE") in ("offline", "disabled", "dryrun"):
        return False
    if os.environ.get("WANDB_API_KEY"):
        return True
    try:
        return netrc.netrc().authenticators(WANDB_HOST) is not None
    except (OSError, netrc.NetrcParseError):
        return False


class ValidationPlots(L.Callback):
    """Shows the first validation pieces: spectrogram and rolls, and how the estimate sounds."""

    def __init__(self, pieces: int = 2, seconds: float = 10.0) -> None:
        self.pieces = pieces
        self.seconds = seconds

    def on_validation_batch_end(
        self,
        trainer: L.Trainer,
        pl_module: L.LightningModule,
        outputs: Any,
        batch: Mapping[str, torch.Tensor],
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        assert isinstance(pl_module, TranscriptionModule)
        if not trainer.is_global_zero or batch_idx >= self.pieces or trainer.sanity_checking:
            return
        run = _wandb_run(trainer.loggers)
        if run is None:
            return
        import wandb

        from amt.evaluation.plots import comparison_figure

        rate = pl_module.front_end.sample_rate
        seconds = min(self.seconds, float(batch["length"][0]) / rate)
        estimate: Notes = outputs["estimates"][0].crop(0.0, seconds)
        reference = notes_from_table(batch["notes"][0]).crop(0.0, seconds)
        frames = round(seconds * pl_module.front_end.frame_rate)
        spec = batch["spec"][0, 0, :frames].float().T.cpu().numpy()
        figure = comparison_figure(spec, reference, estimate, 0.0, seconds)
        sound = piano.render(estimate, piano.Instrument(), np.random.default_rng(0), seconds)
        key = f"piece_{batch_idx}"
        run.log(
            {
                f"{key}/roll": wandb.Image(figure),
                f"{key}/estimate": wandb.Audio(sound, sample_rate=SAMPLE_RATE),
                "trainer/global_step": trainer.global_step,
            }
        )


def log_evaluation(loggers: list[Logger], evaluation: Evaluation, split: str) -> None:
    """Means to every logger, and the table of pieces to W&B."""
    means = {f"{split}/{name}": value for name, value in evaluation.means.items()}
    for logger in loggers:
        logger.log_metrics(means)
        logger.save()
    run = _wandb_run(loggers)
    if run is not None and evaluation.rows:
        import wandb

        columns = list(dict.fromkeys(name for row in evaluation.rows for name in row))
        rows = [[row.get(name) for name in columns] for row in evaluation.rows]
        run.log({f"{split}/pieces": wandb.Table(columns=[*columns], data=rows)})


def _wandb_run(loggers: list[Logger]) -> Any:
    for logger in loggers:
        if isinstance(logger, WandbLogger):
            return logger.experiment
    return None


def finish(loggers: list[Logger], failed: bool = False) -> None:
    """Close the loggers; a run that failed is marked so in W&B."""
    status = "failed" if failed else "success"
    for logger in loggers:
        logger.finalize(status)
    if _wandb_run(loggers) is not None:
        import wandb

        wandb.finish(exit_code=1 if failed else 0)
