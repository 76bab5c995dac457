"""Composes configurations as train.py and evaluate.py do, for the tests."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from hydra import compose, initialize_config_dir
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf

ROOT = Path(__file__).parents[2]
CONF = ROOT / "conf"


def choices(group: str) -> list[str]:
    """The options of a group; those that others build on are not options."""
    return sorted(path.stem for path in (CONF / group).glob("*.yaml") if path.stem != "base")


def with_hydra(overrides: Sequence[str] = (), name: str = "config") -> DictConfig:
    """What Hydra composes, with its own settings under `hydra`; nothing resolved yet."""
    with initialize_config_dir(str(CONF), version_base="1.3"):
        return compose(
            name,
            [*overrides, "hydra.runtime.output_dir=runs/test"],
            return_hydra_config=True,
        )


def composed(overrides: Sequence[str] = (), name: str = "config") -> DictConfig:
    """The configuration that the script gets, resolved."""
    whole = with_hydra(overrides, name)
    config = OmegaConf.masked_copy(whole, [key for key in whole if key != "hydra"])
    HydraConfig.instance().set_config(whole)
    try:
        OmegaConf.resolve(config)
    finally:
        # Lightning would start processes another way if it found Hydra at work.
        HydraConfig.instance().cfg = None
    return config
