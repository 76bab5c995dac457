"""Train a transcriber: python train.py model=lstm. Everything to choose from: --help."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import hydra
import lightning as L
from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf, open_dict

from amt.data.datamodule import PianoData
from amt.hardware import fastest_precision, keep_freed_memory
from amt.module import Transcription
from amt.tracking import finish


@hydra.main(version_base="1.3", config_path="conf", config_name="config")
def main(config: DictConfig) -> float | None:
    """Compose, seed, instantiate, run, report. Returns the score that sweeps maximise."""
    L.seed_everything(config.seed, workers=True, verbose=False)
    keep_freed_memory()
    data: PianoData = instantiate(config.data, _convert_="all")
    module = Transcription(**_hyperparameters(config))
    trainer = build_trainer(config)
    try:
        trainer.fit(module, datamodule=data, ckpt_path=config.resume, weights_only=True)
    except BaseException:
        finish(trainer.loggers, failed=True)
        raise
    best = float(trainer.checkpoint_callback.best_model_score or 0.0)
    if config.evaluate and trainer.is_global_zero:
        from amt.training import score, tune_checkpoint

        checkpoint = Path(trainer.checkpoint_callback.best_model_path)
        tune_checkpoint(checkpoint, data)
        score(checkpoint, data, trainer.loggers, Path(config.output_dir))
    finish(trainer.loggers)
    return best


def _hyperparameters(config: DictConfig) -> dict[str, Any]:
    """Plain types only: this is what the checkpoint will hold."""
    plain = OmegaConf.to_container(config, resolve=True)
    model = {"features": plain["features"], **plain["model"]}
    return {"model": model, "decoder": plain["decoder"], **plain["module"], "recipe": plain}


def build_trainer(config: DictConfig) -> L.Trainer:
    """The Lightning trainer with its loggers and callbacks."""
    with open_dict(config.trainer):
        if config.trainer.precision == "auto":
            config.trainer.precision = fastest_precision(config.trainer.accelerator)
    return instantiate(
        config.trainer,
        logger=list(instantiate(config.logger).values()),
        callbacks=list(instantiate(config.callbacks).values()),
        _convert_="all",
    )


if __name__ == "__main__":
    main()
