"""Pictures and audio for the loggers that can show them: W&B and TensorBoard."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from lightning.pytorch.loggers import Logger, TensorBoardLogger, WandbLogger

from amt.evaluation.excerpts import SOUNDS, Excerpt
from amt.io.audio import SAMPLE_RATE


def wandb_run(loggers: Sequence[Logger]) -> Any:
    """The W&B run of the loggers; None if there is none."""
    return next((one.experiment for one in loggers if isinstance(one, WandbLogger)), None)


def tensorboard_writer(loggers: Sequence[Logger]) -> Any:
    """TensorBoard's writer of the loggers; None if there is none."""
    return next((one.experiment for one in loggers if isinstance(one, TensorBoardLogger)), None)


def log_excerpt(
    loggers: Sequence[Logger],
    key: str,
    excerpt: Excerpt,
    step: int,
    names: Sequence[str] = SOUNDS,
) -> None:
    """Send the picture of an excerpt as KEY/picture, and its sounds of these names as KEY/NAME."""
    run, writer = wandb_run(loggers), tensorboard_writer(loggers)
    if run is None and writer is None:
        return
    figure = excerpt.figure()
    sounds = {name: samples for name, samples in excerpt.sounds().items() if name in names}
    if writer is not None:
        writer.add_figure(f"{key}/picture", figure, step)
        for name, samples in sounds.items():
            if samples.ndim == 1:  # It takes mono only.
                writer.add_audio(f"{key}/{name}", samples[None], step, SAMPLE_RATE)
    if run is not None:
        import wandb

        media = {f"{key}/{name}": _wandb_audio(samples) for name, samples in sounds.items()}
        media[f"{key}/picture"] = wandb.Image(figure)
        log_to_wandb(run, media, step)


def log_to_wandb(run: Any, values: Mapping[str, Any], step: int) -> None:
    """Log pictures, audio, tables or charts of a W&B run at a training step."""
    run.log({**values, "trainer/global_step": step})


def _wandb_audio(samples: np.ndarray) -> Any:
    import wandb

    return wandb.Audio(samples, sample_rate=SAMPLE_RATE)
