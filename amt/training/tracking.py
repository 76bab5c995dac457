"""Loggers: metrics.csv; Weights & Biases, online with a key and a network, else offline."""

from __future__ import annotations

import csv
import http.client
import os
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import lightning as L
import numpy as np
import torch
from lightning.pytorch.loggers import CSVLogger, Logger, WandbLogger
from lightning.pytorch.utilities import rank_zero_only

from amt.evaluation.evaluate import Evaluation
from amt.io.audio import SAMPLE_RATE
from amt.notes import Notes
from amt.synth import piano
from amt.training.module import TranscriptionModule, notes_from_table

NETWORK_TIMEOUT = 5.0


def csv_logger(save_dir: str, steps_before: int | None = None) -> CSVLogger:
    """A logger of metrics.csv in `save_dir`.

    steps_before: of a run that is resumed after so many steps; the rows of these are kept, which
    Lightning would delete. Rows of later steps, which will be repeated, are not.
    """
    rows = _rows(Path(save_dir, "metrics.csv"), steps_before) if steps_before else []
    logger = CSVLogger(save_dir, name=None, version="")
    if rows:
        _keep(logger, rows)
    return logger


@rank_zero_only
def _keep(logger: CSVLogger, rows: list[dict[str, Any]]) -> None:
    logger.experiment.metrics.extend(rows)


def _rows(path: Path, steps: int) -> list[dict[str, Any]]:
    """The rows of the first `steps` steps in a metrics.csv, without empty cells."""
    if not path.is_file():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        rows = [{key: value for key, value in row.items() if value} for row in csv.DictReader(file)]
    return [row for row in rows if int(row.get("step", 0)) < steps]


def wandb_logger(save_dir: str, project: str, name: str, **options: Any) -> WandbLogger | None:
    """A W&B logger that works without an account; None where WANDB_MODE=disabled.

    It is offline where WANDB_MODE says so, where no API key is configured, and where the server
    cannot be reached; one line says why, and how to upload the run later.
    """
    if os.environ.get("WANDB_MODE") == "disabled":
        return None
    os.environ.setdefault("WANDB_SILENT", "true")
    reason = _why_offline()
    Path(save_dir).mkdir(parents=True, exist_ok=True)
    if reason:
        rank_zero_only(print)(
            f"W&B: offline ({reason}); to upload later: wandb sync {save_dir}/wandb/offline-run-*"
        )
    # `offline=True` would set WANDB_MODE for all later runs of this process.
    mode = "offline" if reason else None
    return WandbLogger(save_dir=save_dir, project=project, name=name, mode=mode, **options)


def _why_offline() -> str | None:
    """Why a run cannot be sent to W&B now; None where it can."""
    if os.environ.get("WANDB_MODE") in ("offline", "dryrun"):
        return "WANDB_MODE"
    if not has_wandb_key():
        return "no API key: wandb login, or WANDB_API_KEY"
    import wandb

    server = wandb.setup().settings.base_url
    return None if _reachable(server) else f"no answer from {server}"


def has_wandb_key() -> bool:
    """Whether wandb finds an API key for its server.

    It looks at WANDB_API_KEY, its settings, and the netrc file ($NETRC, ~/.netrc or ~/_netrc); its
    server is WANDB_BASE_URL, if set.
    """
    import wandb

    return wandb.login(prompt=False, verify=False)


def _reachable(url: str) -> bool:
    """Whether a server answers; a gateway that cannot reach it does not count."""
    try:
        urllib.request.urlopen(url, timeout=NETWORK_TIMEOUT).close()
    except urllib.error.HTTPError as error:
        return error.code not in (502, 503, 504)
    except (OSError, http.client.HTTPException):
        return False
    return True


class ValidationPlots(L.Callback):
    """Sends plots (spectrogram, piano rolls) and audio of the first validation pieces to W&B."""

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
        audio = piano.render(estimate, piano.Instrument(), np.random.default_rng(0), seconds)
        key = f"piece_{batch_idx}"
        run.log(
            {
                f"{key}/roll": wandb.Image(figure),
                f"{key}/estimate": wandb.Audio(audio, sample_rate=SAMPLE_RATE),
                "trainer/global_step": trainer.global_step,
            }
        )


def log_evaluation(
    loggers: list[Logger], evaluation: Evaluation, split: str, steps: int = 0
) -> None:
    """Send the mean scores to every logger, and the table of pieces to W&B.

    steps: how many the model was trained; Lightning counts them from 0.
    """
    means = {f"{split}/{name}": value for name, value in evaluation.means.items()}
    for logger in loggers:
        logger.log_metrics(means, step=max(0, steps - 1))
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
    """Close the loggers; a failed run is marked as failed in W&B."""
    status = "failed" if failed else "success"
    for logger in loggers:
        logger.finalize(status)
    if _wandb_run(loggers) is not None:
        import wandb

        wandb.finish(exit_code=1 if failed else 0)
