"""Programs as TorchScript. It is deprecated upstream, so that nothing else knows of it."""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import torch
from torch import Tensor, nn

from amt.inference.backends.program import Program
from amt.inference.backends.pytorch import PyTorchModel
from amt.inference.optimize import round_weights
from amt.models.checkpoint import CheckpointError


def save(program: Program, path: Path) -> None:
    """Write a program, with code and weights: torch.jit.load runs it, in Python or C++."""
    # By way of memory: where the disk is full torch's own writer ends the whole process.
    written = io.BytesIO()
    with _quiet():
        torch.jit.save(torch.jit.script(program.eval()), written)
    path.write_bytes(written.getvalue())


def compute(path: Path, clips: Sequence[Tensor], names: Sequence[str]) -> list[dict[str, Tensor]]:
    """What the program in `path` gives for each of `clips` (B, S). Raises CheckpointError."""
    program = _read(path, torch.device("cpu"))
    with torch.inference_mode():
        return [program(clip) for clip in clips]


def load(path: Path, device: torch.device, precision: torch.dtype) -> PyTorchModel:
    """The front end and the network of a program, the network to run in `precision`.

    Reading it runs what it says, though in TorchScript's own small language: the file must come
    from someone who is trusted. Raises CheckpointError.
    """
    program = _read(path, device)
    round_weights(program.network, precision)
    program.network.to(memory_format=torch.channels_last)
    return PyTorchModel(program.front_end, _AsItStands(program.network), precision)


class _AsItStands(nn.Module):
    """A network run as it was written: torch's optimiser of graphs profiles the first runs of every
    length, and under autocast slows the later ones. Threads that overlap may leave it
    switched off for the process, which changes no result.
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network
        self.widths = network.widths

    def forward(self, spec: Tensor) -> dict[str, Tensor]:
        with torch.jit.optimized_execution(False):
            return self.network(spec)


def _read(path: Path, device: torch.device) -> torch.jit.ScriptModule:
    with _quiet():
        try:
            return torch.jit.load(path, map_location=device)
        except (RuntimeError, ValueError) as error:
            expected = "expected what `amt export` wrote with this version of torch or an older one"
            raise CheckpointError(f"{path}: TorchScript cannot read it; {expected}") from error


@contextmanager
def _quiet() -> Iterator[None]:
    with warnings.catch_warnings():
        for category in (DeprecationWarning, FutureWarning):
            warnings.filterwarnings("ignore", "`torch.jit", category)
        yield
