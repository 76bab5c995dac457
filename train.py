"""Train a transcription model: python train.py model=lstm. All settings: python train.py --help."""

from __future__ import annotations

import inspect
import os
import shutil
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import hydra
import lightning as L
from hydra.core.hydra_config import HydraConfig
from hydra.errors import InstantiationException
from hydra.types import RunMode
from hydra.utils import instantiate
from lightning.pytorch.loggers import Logger
from lightning.pytorch.utilities.exceptions import MisconfigurationException
from omegaconf import DictConfig, OmegaConf, open_dict
from omegaconf.errors import OmegaConfBaseException

from amt.cloud.objects import StorageError
from amt.data.datamodule import PianoDataModule
from amt.data.locations import require_folders
from amt.data.manifest import CacheError
from amt.data.pieces import SourceError
from amt.device import fastest_precision, keep_freed_memory, pick_device
from amt.errors import one_line
from amt.inference.pretrained import find_checkpoint
from amt.io.audio import SAMPLE_RATE, AudioError
from amt.models.checkpoint import CheckpointError
from amt.models.cost import network_cost
from amt.training.copies import (
    CopiedCheckpoints,
    RunCheckpoints,
    check_place,
    copy_run,
)
from amt.training.finish import best_score, save_checkpoint
from amt.training.lineage import Lineage, log_checkpoint, use_data
from amt.training.module import TranscriptionModule
from amt.training.optional import require_packages
from amt.training.overrides import expand_home, make_readable, override
from amt.training.processes import check_processes, is_first
from amt.training.report import tune_and_report
from amt.training.resume import load_weights, model_settings, prepare_resuming
from amt.training.settings import check_settings
from amt.training.tracking import begin, finish

_NOT_SAVED = "No checkpoint was saved ({}): nothing was tuned or scored."

# Warnings of Lightning about what is intended here, or about itself.
IGNORED_WARNINGS = (".*logs directory .* exists", ".*treespec", ".*does not have many workers")


@hydra.main(version_base="1.3", config_path="conf", config_name="config")
def main(config: DictConfig) -> float:
    """Train; returns the best validation score, which sweeps maximise. Wrong input: one line."""
    try:
        return _run_in_one_line(config)
    except SystemExit:
        _remove_empty_run(Path(HydraConfig.get().runtime.output_dir))
        raise


def _remove_empty_run(folder: Path) -> None:
    """Remove the folder that Hydra made for a run which ended before it wrote anything itself."""
    if is_first() and {path.name for path in folder.iterdir()} <= {".hydra"}:
        shutil.rmtree(folder)


def _run_in_one_line(config: DictConfig) -> float:
    """`run`, whose errors of input end the process with one line."""
    try:
        return run(config)
    except InstantiationException as error:
        reason = one_line(error.__cause__ or error, 300)
        raise SystemExit(f"train.py: {reason}") from None
    except (
        SourceError, CacheError, CheckpointError, AudioError, StorageError,
        MisconfigurationException, OSError, OmegaConfBaseException,
    ) as error:  # fmt: skip
        raise SystemExit(f"train.py: {one_line(error, 400)}") from None


def run(config: DictConfig) -> float:
    """Seed, instantiate, train, tune, score."""
    for message in IGNORED_WARNINGS:
        warnings.filterwarnings("ignore", message)
    check_processes(config.trainer, HydraConfig.get().mode == RunMode.MULTIRUN)
    if HydraConfig.get().mode == RunMode.MULTIRUN:
        # W&B shows the runs of a sweep as a group.
        os.environ.setdefault("WANDB_RUN_GROUP", Path(HydraConfig.get().sweep.dir).name)
    if HydraConfig.get().mode == RunMode.MULTIRUN and config.trainer.devices != 1:
        return _run_in_own_process(config)
    check_settings(config)
    L.seed_everything(config.seed, workers=True, verbose=False)
    keep_freed_memory()
    expand_home(config)
    _take_model_of_init(config)
    require_folders(OmegaConf.to_container(config), _plain(config))
    if config.upload:
        check_place(config.upload, bool(config.resume))
    data: PianoDataModule = instantiate(config.data, _convert_="all")
    return _fit(config, data) if "fit" in config.model else _train(config, data)


def _take_model_of_init(config: DictConfig) -> None:
    """For same_model=true: the front end, network and thresholds of the checkpoint `init`."""
    if config.same_model:
        with open_dict(config):
            config.update(model_settings(find_checkpoint(str(config.init))))


def _train(config: DictConfig, data: PianoDataModule) -> float:
    """Train a network by gradients, then report; returns the best validation score."""
    prepare_resuming(config, _plain(config))
    module = build_module(config)
    init = find_checkpoint(str(config.init)) if config.init else None
    if init:
        load_weights(module, init)
    trainer = build_trainer(config, Lineage(init))
    if trainer.is_global_zero:
        print(f"{config.name}: {network_cost(module.front_end, module.network)}")
    try:
        begin(trainer.loggers, _plain(config), _choices(), data.sources)
        trainer.fit(module, datamodule=data, ckpt_path=config.resume, weights_only=True)
        if trainer.is_global_zero:
            _report_best(config, trainer, data)
        if config.upload and trainer.is_global_zero:
            print(copy_run(Path(config.output_dir), config.upload))
    except BaseException:
        finish(trainer.loggers, failed=True)
        raise
    finish(trainer.loggers)
    return float(getattr(trainer.checkpoint_callback, "best_model_score", None) or 0.0)


def _fit(config: DictConfig, data: PianoDataModule) -> float:
    """Fit a model that is not trained by gradients, then report; returns its score."""
    if config.resume or config.init:
        raise CheckpointError(f"{config.name} is fitted, not trained: leave out resume and init")
    dry_run = bool(config.trainer.get("fast_dev_run"))
    if dry_run:
        data.segments_per_epoch = data.batch_size
    data.prepare_data()
    data.setup("fit")
    plain = _plain(config)
    model = {"features": plain["features"], **plain["model"]}
    fit = instantiate(model.pop("fit"), _convert_="all")
    try:
        checkpoint = fit(data, model)
    except ValueError as error:
        raise SystemExit(f"train.py: {error}") from None
    if dry_run:
        print(_NOT_SAVED.format("fast_dev_run"))
        return 0.0
    checkpoint["hyper_parameters"]["recipe"] = plain
    path = Path(config.output_dir, "checkpoints", "best.ckpt")
    save_checkpoint(path, checkpoint)
    loggers = _loggers(config)
    try:
        begin(loggers, plain, _choices(), data.sources)
        use_data(loggers, data)
        best = _report(config, path, loggers, data)
        if config.upload:
            print(copy_run(Path(config.output_dir), config.upload))
    except BaseException:
        finish(loggers, failed=True)
        raise
    finish(loggers)
    return best


def _run_in_own_process(config: DictConfig) -> float:
    """One run of a multirun whose trainer starts processes; returns its best validation score.

    Lightning starts them with the command line of this process, which would repeat the multirun.
    """
    overrides = HydraConfig.get().overrides.task
    folder = override("hydra.run.dir", config.output_dir)
    words = [sys.executable, __file__, *overrides, folder, "hydra.mode=RUN"]
    done = subprocess.run(words, check=False)
    if done.returncode:
        raise SystemExit(f"train.py: the run in {config.output_dir} failed")
    return best_score(Path(config.output_dir, "checkpoints", "last.ckpt"))


def _report_best(config: DictConfig, trainer: L.Trainer, data: PianoDataModule) -> None:
    """Report the best checkpoint of a training, if it saved one."""
    best = getattr(trainer.checkpoint_callback, "best_model_path", "")
    if not best:
        why = "fast_dev_run" if trainer.fast_dev_run else "no validation, or no checkpoint callback"
        print(_NOT_SAVED.format(why))
        return
    _report(config, Path(best), trainer.loggers, data)


def _report(
    config: DictConfig, checkpoint: Path, loggers: list[Logger], data: PianoDataModule
) -> float:
    """Tune the thresholds of a checkpoint, score the test pieces, print what to type next, unless
    evaluate=false; record the checkpoint.

    Returns the mean note F1, or the accuracy of a slice classifier; 0 with evaluate=false.
    """
    device = pick_device("cpu" if config.trainer.accelerator == "cpu" else "auto")
    limits = (config.tune, config.first_seconds, config.worst_pieces)
    means: dict[str, float] = {}
    if config.evaluate:
        folder = Path(config.output_dir)
        means = tune_and_report(checkpoint, data, folder, loggers, device, *limits)
    log_checkpoint(loggers, checkpoint, means)
    return means.get("note_f1", means.get("accuracy", 0.0))


def build_module(config: DictConfig) -> TranscriptionModule:
    """The network with its loss, optimiser and schedule. Its hyper-parameters are plain types."""
    plain = _plain(config)
    try:
        module = TranscriptionModule(
            model={"features": plain["features"], **plain["model"]},
            decoder=plain["decoder"],
            loss=plain["loss"],
            optimizer=_partial(config, "optimizer"),
            schedule=_partial(config, "schedule"),
            recipe=plain,
        )
    except (ValueError, TypeError, RuntimeError) as error:
        raise SystemExit(f"train.py: {one_line(error, 300)}") from None
    if module.front_end.sample_rate != SAMPLE_RATE:
        raise SystemExit(
            f"train.py: features.sample_rate={module.front_end.sample_rate}: prepared audio has "
            f"{SAMPLE_RATE} Hz"
        )
    return module


def _partial(config: DictConfig, group: str) -> Any:
    """The function of a group with its settings. Raises ValueError for a setting it does not take,
    such as one that an experiment sets for another option of the group.
    """
    made = instantiate(config[group], _convert_="all")
    known = inspect.signature(made.func).parameters
    unknown = sorted(made.keywords.keys() - known.keys())
    if unknown:
        option = HydraConfig.get().runtime.choices.get(group)
        raise ValueError(
            f"{group}={option} has no {unknown[0]}; take it out: '~{group}.{unknown[0]}'"
        )
    return made


def build_trainer(config: DictConfig, *more: L.Callback) -> L.Trainer:
    """The Lightning trainer with its loggers and callbacks, and `more` callbacks."""
    with open_dict(config.trainer):
        if config.trainer.accelerator == "auto":
            # Lightning would also choose a GPU that does not work.
            config.trainer.accelerator = pick_device().type
        if config.trainer.precision == "auto":
            config.trainer.precision = fastest_precision(config.trainer.accelerator)
    loggers = [] if config.trainer.get("fast_dev_run") else _loggers(config)
    callbacks = instantiate(config.get("callbacks", {}), _convert_="all").values()
    return instantiate(
        config.trainer,
        logger=loggers,
        callbacks=[*callbacks, *more],
        plugins=CopiedCheckpoints(config.upload) if config.upload else RunCheckpoints(),
        _convert_="all",
    )


def _loggers(config: DictConfig) -> list[Logger]:
    """The loggers of the configuration, without those that are switched off."""
    loggers = instantiate(config.get("logger", {}), _convert_="all").values()
    return [logger for logger in loggers if logger is not None]


def _choices() -> dict[str, str]:
    """The option of each group, such as model: lstm."""
    choices = HydraConfig.get().runtime.choices
    return {group: str(option) for group, option in choices.items() if "hydra/" not in group}


def _plain(config: DictConfig) -> dict[str, Any]:
    """The configuration as plain types, references resolved."""
    return OmegaConf.to_container(config, resolve=True)


if __name__ == "__main__":
    require_packages(sys.argv[1:])
    make_readable("train.py")
    main()
