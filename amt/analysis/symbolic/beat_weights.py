"""The bundled weights of the networks for beats and for bars."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from amt.analysis.symbolic.bar_network import BarNetwork
from amt.analysis.symbolic.beat_network import BeatNetwork
from amt.inference.pretrained import WEIGHTS, verify_bundled
from amt.models.checkpoint import WEIGHTS_SUFFIX, CheckpointError, read_checkpoint

BEAT_WEIGHTS = WEIGHTS / "beats"
# The file of a beat network is NAME, that of the bar network beside it NAME_bars.
BARS = "_bars"


@cache
def load_beat_network(name: str | Path) -> BeatNetwork:
    """The bundled network `name`, "asap" or "open", or the one in a file (.safetensors).

    Raises CheckpointError if there is none, or if a bundled file differs from its checksum.
    """
    checkpoint = _read(_path(name))
    network = BeatNetwork(**checkpoint["hyper_parameters"]["model"])
    network.load_state_dict(checkpoint["state_dict"])
    return network.eval().requires_grad_(False)


@cache
def load_bar_network(name: str | Path) -> BarNetwork:
    """The network for bars that belongs to `load_beat_network(name)`, whose errors it raises."""
    path = _path(name)
    checkpoint = _read(path.with_name(f"{path.stem}{BARS}{path.suffix}"))
    network = BarNetwork(**checkpoint["hyper_parameters"]["model"])
    network.load_state_dict(checkpoint["state_dict"])
    return network.eval().requires_grad_(False)


def bundled_names() -> list[str]:
    """The bundled networks, in alphabetical order."""
    stems = sorted(path.stem for path in BEAT_WEIGHTS.glob(f"*{WEIGHTS_SUFFIX}"))
    return [stem for stem in stems if not stem.endswith(BARS)]


def _path(name: str | Path) -> Path:
    if isinstance(name, Path):
        return name
    if name not in bundled_names():
        known = ", ".join(bundled_names())
        raise CheckpointError(f"no network for beats is called {name!r}; use one of {known}")
    return BEAT_WEIGHTS / f"{name}{WEIGHTS_SUFFIX}"


def _read(path: Path) -> dict[str, Any]:
    """The content of a file; of a bundled one after a look at its checksum."""
    checkpoint = read_checkpoint(path)
    if path.parent == BEAT_WEIGHTS:
        verify_bundled(path)
    return checkpoint
