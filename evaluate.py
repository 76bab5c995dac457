"""Score a checkpoint on whole pieces: python evaluate.py ckpt=PATH. All settings: --help."""

from __future__ import annotations

import hashlib
import importlib
import json
import warnings
from collections.abc import Iterator
from pathlib import Path
from pkgutil import iter_modules
from typing import Any

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.errors import InstantiationException
from hydra.utils import instantiate
from lightning.pytorch.loggers import Logger
from omegaconf import DictConfig, OmegaConf, open_dict
from omegaconf.errors import OmegaConfBaseException

from amt.cloud.objects import is_bucket_uri
from amt.data import sources
from amt.data.datamodule import PianoDataModule
from amt.data.locations import require_folders
from amt.device import keep_freed_memory, pick_device
from amt.errors import FileWarning, one_line
from amt.inference.pretrained import find_checkpoint
from amt.io.folders import user_path
from amt.training.finish import read_recipe
from amt.training.lineage import use_checkpoint, use_data
from amt.training.overrides import expand_home, make_readable
from amt.training.report import score_and_report
from amt.training.settings import check_settings
from amt.training.tracking import begin, finish

# A checkpoint may name only this class and the classes that modules of this package define as its
# data: Hydra would call any function, and a checkpoint may come from anyone.
DATA_MODULE = "amt.data.datamodule.PianoDataModule"
SOURCES = "amt.data.sources"
# What the data may refer to.
USED = ["data", "paths", "augment", "seed"]
# What a logger is told.
LOGGED = ["ckpt", "split", "first_seconds", "data"]


@hydra.main(version_base="1.3", config_path="conf", config_name="evaluate")
def main(config: DictConfig) -> None:
    """Score a checkpoint. Wrong input ends in one line."""
    try:
        run(config)
    except (ValueError, OSError, OmegaConfBaseException, InstantiationException) as error:
        raise SystemExit(f"evaluate.py: {one_line(error, 300)}") from None


def run(config: DictConfig) -> None:
    """Score config.ckpt on config.split of the data."""
    keep_freed_memory()
    warnings.simplefilter("ignore")
    warnings.simplefilter("default", FileWarning)
    if OmegaConf.is_missing(config, "ckpt"):
        raise ValueError("which checkpoint? type ckpt=PATH")
    # Not in settings for training of conf/local, which may refer to what is not here.
    for key in ("paths", "data"):
        expand_home(config.get(key) or OmegaConf.create())
    check_settings(config)
    output = user_path(str(config.output)) if config.output is not None else None
    if output and output.is_file():
        raise ValueError(f"output={output} is a file; expected a folder for the scores")
    checkpoint = find_checkpoint(str(config.ckpt))
    data: PianoDataModule = instantiate(_data_config(config, checkpoint), _convert_="all")
    data.prepare_data()
    device = pick_device(config.device)
    folder = output or _folder(config, checkpoint)
    folder.mkdir(parents=True, exist_ok=True)
    loggers = _loggers(config, folder)
    try:
        used = OmegaConf.masked_copy(config, list({*USED, *LOGGED}))
        plain = OmegaConf.to_container(used, resolve=True)
        settings = {key: plain[key] for key in LOGGED if key in plain}
        begin(loggers, settings, {}, data.sources)
        use_checkpoint(loggers, checkpoint)
        use_data(loggers, data)
        evaluation = score_and_report(
            checkpoint,
            data,
            config.split,
            folder,
            loggers,
            device,
            config.first_seconds,
            config.worst_pieces,
        )
    except BaseException:
        finish(loggers, failed=True)
        raise
    finish(loggers)
    print(f"{evaluation.speed:.0f} x real time; all scores: {folder}/{config.split}.csv")


def _loggers(config: DictConfig, folder: Path) -> list[Logger]:
    """The loggers of logger=OPTION on the command line, writing to `folder`; else none.

    conf/local may choose one too, which is for training.
    """
    asked = any(word.startswith("logger=") for word in HydraConfig.get().overrides.task)
    if not asked:
        return []
    with open_dict(config):
        config.output_dir, config.name = str(folder), f"evaluate {Path(str(config.ckpt)).stem}"
        for logger in config.get("logger", {}).values():
            if "job_type" in logger:
                logger.job_type = "evaluate"
    found = instantiate(config.get("logger") or {}, _convert_="all").values()
    return [logger for logger in found if logger is not None]


def _folder(config: DictConfig, checkpoint: Path) -> Path:
    """Where scores go: into the run of the checkpoint, else below the current folder.

    evaluation/CKPT[-SETTINGS][/DATA-SETTINGS]. SETTINGS is a checksum: of the data that is named,
    of first_seconds, and of the path of a checkpoint of no run, so that scores of other settings
    are not replaced.
    """
    run = checkpoint.parent.name == "checkpoints"
    named = run or str(config.ckpt) == checkpoint.stem  # By a pretrained model's name.
    # A checkpoint of Cloud Storage lies in a temporary folder: its URI names it.
    place = str(config.ckpt) if is_bucket_uri(config.ckpt) else str(checkpoint.resolve())
    settings = [config.first_seconds, None if named else place]
    name = checkpoint.stem + (f"-{_checksum(settings)}" if any(settings) else "")
    folder = Path(checkpoint.parent.parent if run else "", "evaluation", name)
    chosen = HydraConfig.get().runtime.choices.get("data")
    if chosen in (None, "null"):
        return folder
    data = OmegaConf.to_container(OmegaConf.masked_copy(config, USED), resolve=True)["data"]
    return folder / f"{chosen}-{_checksum(data)}"


def _checksum(settings: Any) -> str:
    return hashlib.sha256(json.dumps(settings).encode()).hexdigest()[:8]


def _data_config(config: DictConfig, checkpoint: Path) -> Any:
    """The data of the command line, else the data that the checkpoint was trained with."""
    if "_target_" in (config.get("data") or {}):
        used = OmegaConf.masked_copy(config, USED)
        require_folders(OmegaConf.to_container(used), OmegaConf.to_container(used, resolve=True))
        return config.data
    data = {**read_recipe(checkpoint)["data"], "augmentation": None}
    for target in _targets(data):
        if target != DATA_MODULE and not _is_source(target):
            raise SystemExit(f"{checkpoint}: refuses to call {target!r}; name the data: data=...")
    return OmegaConf.create(data)


def _is_source(target: str) -> bool:
    """Whether `target` is a class that a module of `amt.data.sources` defines itself."""
    module, _, name = target.rpartition(".")
    if module not in {found.name for found in iter_modules(sources.__path__, f"{SOURCES}.")}:
        return False
    found = getattr(importlib.import_module(module), name, None)
    return isinstance(found, type) and found.__module__ == module


def _targets(config: Any) -> Iterator[str]:
    """Every `_target_` in a nested config."""
    if isinstance(config, dict):
        yield from (str(value) for key, value in config.items() if key == "_target_")
        config = list(config.values())
    if isinstance(config, list):
        for value in config:
            yield from _targets(value)


if __name__ == "__main__":
    make_readable("evaluate.py")
    main()
