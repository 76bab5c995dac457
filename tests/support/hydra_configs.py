"""Composes configurations as train.py and evaluate.py do, for the tests."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from hydra import compose, initialize_config_dir
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf

import amt.training.overrides  # noqa: F401 (it registers the resolvers)

ROOT = Path(__file__).parents[2]
CONF = ROOT / "conf"


def choices(group: str) -> list[str]:
    """The options of a group."""
    return sorted(path.stem for path in (CONF / group).glob("*.yaml"))


def with_hydra(
    overrides: Sequence[str] = (), name: str = "config", conf: Path = CONF
) -> DictConfig:
    """What Hydra composes, with its own settings under `hydra`; references are kept.

    The settings of this machine (conf/local) are left out, unless `conf` is another folder.
    """
    words = [*overrides, "hydra.runtime.output_dir=runs/test"]
    if conf == CONF and (conf / "local" / "default.yaml").is_file():
        words.append("local=none")
    with initialize_config_dir(str(conf), version_base="1.3"):
        return compose(name, words, return_hydra_config=True)


def composed(overrides: Sequence[str] = (), name: str = "config", conf: Path = CONF) -> DictConfig:
    """The configuration that the script gets, references resolved."""
    whole = with_hydra(overrides, name, conf)
    config = without_hydra(whole)
    HydraConfig.instance().set_config(whole)
    try:
        OmegaConf.resolve(config)
    finally:
        # Lightning would start its processes in another way if Hydra seemed to be in use.
        HydraConfig.instance().cfg = None
    return config


def without_hydra(whole: DictConfig) -> DictConfig:
    """A composed configuration without Hydra's own settings."""
    return OmegaConf.masked_copy(whole, [key for key in whole if key != "hydra"])
