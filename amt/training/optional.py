"""Settings of train.py that need an optional package."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence

# Overrides by what they need: the module that must be there, and how to install it.
OPTIONAL = {
    "sweep=optuna": ("hydra_plugins.hydra_optuna_sweeper", "amt[sweep]"),
    "hydra/sweeper=optuna": ("hydra_plugins.hydra_optuna_sweeper", "amt[sweep]"),
    "hydra/launcher=joblib": ("hydra_plugins.hydra_joblib_launcher", "amt[sweep]"),
    "hydra/launcher=ray": ("hydra_plugins.hydra_ray_launcher", "amt[ray]"),
    "logger=tensorboard": ("tensorboard", "tensorboard"),
}


def require_packages(words: Sequence[str]) -> None:
    """End in one line where a word of the command line needs a package that is not installed."""
    for word in sorted(OPTIONAL.keys() & set(words)):
        module, package = OPTIONAL[word]
        try:
            importlib.import_module(module)
        except ModuleNotFoundError:
            sys.exit(f"train.py: {word} needs a package that is missing: pip install '{package}'")
