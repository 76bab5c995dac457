"""Score a checkpoint on whole pieces: python evaluate.py ckpt=PATH [data=maps data.root=...]."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hydra
from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf

from amt.data.datamodule import PianoData
from amt.hardware import keep_freed_memory
from amt.training import score, write_report
from amt.transcriber import Transcriber


@hydra.main(version_base="1.3", config_path="conf", config_name="evaluate")
def main(config: DictConfig) -> None:
    """Compose, rebuild everything from the checkpoint, score, report."""
    keep_freed_memory()
    checkpoint = Path(config.ckpt)
    data: PianoData = instantiate(_data_config(config), _convert_="all")
    data.prepare_data()
    evaluation = score(checkpoint, data, config.split, config.device, config.first_seconds)
    folder = Path(config.output) if config.output else checkpoint.parent.parent / "evaluation"
    write_report(folder, evaluation, config.split)


def _data_config(config: DictConfig) -> Any:
    """The data that was asked for, else the data that the checkpoint was trained with."""
    if config.get("data"):
        return config.data
    data = Transcriber.load_recipe(Path(config.ckpt))["data"]
    for target in _targets(data):
        if not target.startswith("amt.data."):
            raise SystemExit(f"{config.ckpt}: refuses to call {target!r}; name the data: data=...")
    return OmegaConf.create({**data, "augmentation": None})


def _targets(config: Any) -> Iterator[str]:
    """Every `_target_` in a nested config."""
    if isinstance(config, dict):
        yield from (str(value) for key, value in config.items() if key == "_target_")
        config = list(config.values())
    if isinstance(config, list):
        for value in config:
            yield from _targets(value)


if __name__ == "__main__":
    main()
