"""The TorchScript backend: write and load model files.

Torch deprecates TorchScript, so no other file uses it.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import torch
from torch import Tensor, nn

from amt.inference.backends.pytorch import PyTorchModel
from amt.inference.backends.waveform_model import WaveformToPosteriors
from amt.inference.optimize import round_weights
from amt.models.checkpoint import CheckpointError


def save(model: WaveformToPosteriors, path: Path) -> None:
    """Write a model with its code and weights, for torch.jit.load in Python or C++."""
    # Written to memory first: on a full disk torch's own writer aborts the process.
    buffer = io.BytesIO()
    with _ignored_deprecation():
        torch.jit.save(torch.jit.script(model.eval()), buffer)
    path.write_bytes(buffer.getvalue())


def compute(path: Path, clips: Sequence[Tensor], names: Sequence[str]) -> list[dict[str, Tensor]]:
    """Posteriors of each of `clips` (B, S) by the model file `path`. Raises CheckpointError."""
    model = _read(path, torch.device("cpu"))
    with torch.inference_mode():
        return [model(clip) for clip in clips]


def load(path: Path, device: torch.device, precision: torch.dtype) -> PyTorchModel:
    """The front end and the network of the model file `path`, the network to run in `precision`.

    Loading runs code of the file (in TorchScript's restricted language): load only files whose
    author you trust. Raises CheckpointError.
    """
    model = _read(path, device)
    round_weights(model.network, precision)
    model.network.to(memory_format=torch.channels_last)
    return PyTorchModel(model.front_end, _WithoutGraphOptimizer(model.network), precision)


class _WithoutGraphOptimizer(nn.Module):
    """Runs a network without TorchScript's graph optimiser.

    The optimiser profiles the first runs with every new length, and under autocast makes later runs
    slower. The switch is global: threads that run at the same time may leave it off for the whole
    process, which does not change results.
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network
        self.widths = network.widths
        self.feature_width = getattr(network, "feature_width", 0)  # 0: written by an older version

    def forward(self, spec: Tensor) -> dict[str, Tensor]:
        with torch.jit.optimized_execution(False):
            return self.network(spec)

    def features(self, spec: Tensor) -> Tensor:
        with torch.jit.optimized_execution(False):
            return self.network.features(spec)  # type: ignore[operator]

    def outputs(self, spec: Tensor, features: Tensor) -> dict[str, Tensor]:
        with torch.jit.optimized_execution(False):
            return self.network.outputs(spec, features)  # type: ignore[operator]


def _read(path: Path, device: torch.device) -> torch.jit.ScriptModule:
    with _ignored_deprecation():
        try:
            return torch.jit.load(path, map_location=device)
        except (RuntimeError, ValueError) as error:
            expected = "expected what `amt export` wrote with this version of torch or an older one"
            raise CheckpointError(f"{path}: TorchScript cannot read it; {expected}") from error


@contextmanager
def _ignored_deprecation() -> Iterator[None]:
    with warnings.catch_warnings():
        for category in (DeprecationWarning, FutureWarning):
            warnings.filterwarnings("ignore", "`torch.jit", category)
        yield
