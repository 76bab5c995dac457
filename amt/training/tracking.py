"""Loggers: metrics.csv; Weights & Biases, online with a key and a network, else offline."""

from __future__ import annotations

import csv
import http.client
import os
import urllib.error
import urllib.request
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from lightning.pytorch.loggers import CSVLogger, Logger, WandbLogger
from lightning.pytorch.utilities import rank_zero_only

from amt.training.code_version import code_version
from amt.training.media import wandb_run
from amt.training.module import VALIDATION_SCORES

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


class RunLogger(WandbLogger):
    """A logger of W&B.

    upload_checkpoint: whether `amt.training.lineage.log_checkpoint` uploads the file. Lightning's
    `log_model` would upload it before its thresholds are tuned.
    """

    upload_checkpoint = False


def wandb_logger(
    save_dir: str, project: str, name: str, upload_checkpoint: bool = False, **options: Any
) -> RunLogger | None:
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
    logger = RunLogger(save_dir=save_dir, project=project, name=name, mode=mode, **options)
    logger.upload_checkpoint = upload_checkpoint
    return logger


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


@rank_zero_only
def begin(
    loggers: Sequence[Logger],
    settings: Mapping[str, Any],
    choices: Mapping[str, str],
    sets: Iterable[str],
) -> None:
    """Log what a run is: its configuration, the option of each group, the version of the code.

    settings: the resolved configuration; its keys stay as they are, so that runs are compared by
    optimizer.lr. choices: such as {"model": "lstm"}. sets: names of the sets of pieces, of which
    W&B, too, shows the best validation scores.
    """
    about = {**settings, "choices": dict(choices), "code": code_version()}
    for logger in loggers:
        logger.log_hyperparams(about)
    run = wandb_run(loggers)
    if run is not None:
        for key, goal in validation_goals(sets).items():
            run.define_metric(key, step_metric="trainer/global_step", summary=goal)


def validation_goals(sets: Iterable[str]) -> dict[str, str]:
    """What is best of every validation score: "max", of the loss "min"."""
    goals = {**dict.fromkeys(VALIDATION_SCORES, "max"), "loss": "min"}
    prefixes = ("val", *(f"val/{name}" for name in sets))
    return {f"{prefix}/{name}": goal for prefix in prefixes for name, goal in goals.items()}


def finish(loggers: Sequence[Logger], failed: bool = False) -> None:
    """Close the loggers; a failed run is marked as failed in W&B."""
    status = "failed" if failed else "success"
    for logger in loggers:
        logger.finalize(status)
    if wandb_run(loggers) is not None:
        import wandb

        wandb.finish(exit_code=1 if failed else 0)
