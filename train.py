"""Train a transcriber: python train.py model=lstm. Everything to choose from: --help."""

from __future__ import annotations

from functools import reduce
from pathlib import Path
from typing import Any

import hydra
import lightning as L
from hydra.utils import instantiate
from lightning.pytorch.loggers import Logger
from omegaconf import DictConfig, OmegaConf, open_dict

from amt.data.datamodule import PianoDataModule
from amt.data.manifest import CacheError
from amt.data.pieces import SourceError, Split
from amt.device import fastest_precision, keep_freed_memory, pick_device
from amt.errors import one_line
from amt.evaluation.tables import write_report
from amt.io.audio import AudioError
from amt.models.checkpoint import CheckpointError, is_slice_classifier, read_checkpoint
from amt.models.cost import measure
from amt.training.finish import read_recipe, save_checkpoint, score, tune_checkpoint
from amt.training.module import TranscriptionModule
from amt.training.tracking import finish, log_evaluation

# Parts whose output is zero before training: `init=` accepts weights that lack them.
ZERO_AT_START = ("network.global_context.", "network.skip_heads.", "network.velocity_head.")
RESUMED = ("data", "features", "model", "module", "seed", "trainer.max_epochs")


@hydra.main(version_base="1.3", config_path="conf", config_name="config")
def main(config: DictConfig) -> float:
    """Train; returns the score that sweeps maximise. A wrong input ends in one line."""
    try:
        return run(config)
    except (SourceError, CacheError, CheckpointError, AudioError, OSError) as error:
        raise SystemExit(f"train.py: {error}") from None


def run(config: DictConfig) -> float:
    """Seed, instantiate, fit, report."""
    L.seed_everything(config.seed, workers=True, verbose=False)
    keep_freed_memory()
    data: PianoDataModule = instantiate(config.data, _convert_="all")
    if "fit" in config.model:
        return _fit(config, data)
    if config.resume:
        _go_on(config)
    try:
        module = TranscriptionModule(**_hyperparameters(config))
    except ValueError as error:
        raise SystemExit(f"train.py: {error}") from None
    if config.init:
        _start_from(module, Path(config.init))
    trainer = build_trainer(config)
    if trainer.is_global_zero:
        print(f"{config.name}: {measure(module.front_end, module.network)}")
    try:
        trainer.fit(module, datamodule=data, ckpt_path=config.resume, weights_only=True)
        if config.evaluate and trainer.is_global_zero:
            best = Path(trainer.checkpoint_callback.best_model_path)
            _report(config, best, trainer.loggers, data)
    except BaseException:
        finish(trainer.loggers, failed=True)
        raise
    finish(trainer.loggers)
    return float(trainer.checkpoint_callback.best_model_score or 0.0)


def _fit(config: DictConfig, data: PianoDataModule) -> float:
    """Fit a model that needs no gradients, then report as for any other."""
    if config.resume or config.init:
        raise CheckpointError(f"{config.name} is fitted in one go: leave out resume and init")
    data.prepare_data()
    data.setup("fit")
    plain = OmegaConf.to_container(config, resolve=True)
    model = {"features": plain["features"], **plain["model"]}
    fit = instantiate(model.pop("fit"), _convert_="all")
    try:
        checkpoint = fit(data, model)
    except ValueError as error:
        raise SystemExit(f"train.py: {error}") from None
    checkpoint["hyper_parameters"]["recipe"] = plain
    path = Path(config.output_dir, "checkpoints", "best.ckpt")
    save_checkpoint(path, checkpoint)
    loggers = list(instantiate(config.logger).values())
    try:
        best = _report(config, path, loggers, data) if config.evaluate else 0.0
    except BaseException:
        finish(loggers, failed=True)
        raise
    finish(loggers)
    return best


def _go_on(config: DictConfig) -> None:
    """Keep on writing the checkpoints of the resumed run, which knows its best score.

    Raises CheckpointError where a setting that shapes the run differs.
    """
    checkpoint = Path(config.resume).resolve()
    recipe, plain = read_recipe(checkpoint), OmegaConf.to_container(config, resolve=True)
    for callback in config.callbacks.values():
        if "dirpath" in callback:
            callback.dirpath = str(checkpoint.parent)
    for name in RESUMED:
        before, now = (reduce(dict.__getitem__, name.split("."), c) for c in (recipe, plain))
        if before != now:
            raise CheckpointError(
                f"{checkpoint} was trained with another {name} ({before}); repeat the overrides of "
                "its run, or start a new run from its weights with init=PATH"
            )


def _start_from(module: TranscriptionModule, path: Path) -> None:
    """Give the network the weights of a checkpoint; parts that start silent may be new.

    Raises CheckpointError where the weights do not fit.
    """
    state = read_checkpoint(path).get("state_dict", {})
    own = module.state_dict()
    new = [name for name in own if name.startswith(ZERO_AT_START) and name not in state]
    try:
        module.load_state_dict({**state, **{name: own[name] for name in new}})
    except (RuntimeError, AttributeError, TypeError) as error:
        wrong = one_line(error)
        raise CheckpointError(f"{path}: its weights do not fit this model ({wrong})") from error


def _report(
    config: DictConfig, checkpoint: Path, loggers: list[Logger], data: PianoDataModule
) -> float:
    """Thresholds into the checkpoint, scores of the test pieces, what to type next.

    Returns the score that counts.
    """
    device = pick_device()
    transcribes = not is_slice_classifier(read_checkpoint(checkpoint))
    if transcribes:
        tune_checkpoint(checkpoint, data, device)
    split: Split = "test" if data.entries("test") else "validation"
    evaluation = score(checkpoint, data, split, device, config.first_seconds)
    log_evaluation(loggers, evaluation, split)
    print(write_report(Path(config.output_dir), evaluation, split))
    print(f"\nmean of {len(evaluation.rows)} {split} pieces; the model: {checkpoint}")
    if transcribes:
        print(f"next: amt transcribe RECORDING --ckpt {checkpoint}")
    return evaluation.means.get("note_f1" if transcribes else "accuracy", 0.0)


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
