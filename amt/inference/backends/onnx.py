"""Programs as ONNX, which holds no code of its own, and as onnxruntime computes them.

torch.stft gives complex numbers, which ONNX's operators do not take; its own operator STFT gives
pairs of real ones. So the transforms are exported as twins that work on pairs. Written by torch's
older exporter: the newer one cannot give an LSTM a dynamic length.
"""

from __future__ import annotations

import copy
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from amt.errors import one_line
from amt.features.frontends import num_frames
from amt.features.transforms import FilterBank, Octave
from amt.inference.backends.program import Program
from amt.inference.backends.pytorch import CONTEXT_SECONDS
from amt.models.checkpoint import CheckpointError
from amt.models.trunk import PairedConv2d

# The first with the operator STFT.
OPSET = 17
INPUT = "audio"


def save(program: Program, path: Path) -> None:
    """Write a program with inputs and outputs of any batch and length. Raises CheckpointError."""
    try:
        import onnx
    except ImportError as error:
        raise _missing(path, "onnx") from error
    names = list(program.network.widths)
    axes = {INPUT: {0: "batch", 1: "samples"}}
    axes |= {name: {0: "batch", 1: "frames"} for name in names}
    example = torch.randn(2, 16 * program.front_end.hop_length)
    with _quiet(), torch.no_grad():
        torch.onnx.export(
            _twin(program),
            (example,),
            path,
            input_names=[INPUT],
            output_names=names,
            dynamic_axes=axes,
            opset_version=OPSET,
            dynamo=False,
        )
    onnx.checker.check_model(path)


@dataclass(frozen=True, eq=False)
class OnnxModel:
    """A program in a session of onnxruntime, which computes in 32 bits on the processor."""

    session: Any
    sample_rate: int
    hop_length: int
    widths: Mapping[str, int]

    @property
    def device(self) -> torch.device:
        return torch.device("cpu")

    def __call__(self, audio: np.ndarray, starts: Sequence[int], length: int) -> dict[str, Tensor]:
        rows = [self._window(audio, start, length) for start in starts]
        return {name: torch.stack([row[name] for row in rows]) for name in self.widths}

    def _window(self, audio: np.ndarray, start: int, length: int) -> dict[str, Tensor]:
        """The window with what its spectrogram sees around it, but nothing beyond the recording:
        the network would hear silence there, where it was trained to see an end."""
        context = round(CONTEXT_SECONDS * self.sample_rate / self.hop_length)
        frames = max(1, num_frames(len(audio), self.hop_length))
        first, last = max(0, start - context), min(frames, start + length + context)
        cut = audio[first * self.hop_length : last * self.hop_length].astype(np.float32)
        cut = np.pad(cut, (0, max(0, 1 - len(cut))))
        outputs = self.session.run(list(self.widths), {INPUT: cut[None]})
        inside = slice(start - first, start - first + length)
        return {
            name: torch.from_numpy(values[0, inside])
            for name, values in zip(self.widths, outputs, strict=True)
        }


def compute(path: Path, clips: Sequence[Tensor], names: Sequence[str]) -> list[dict[str, Tensor]]:
    """What the program in `path` gives for each of `clips` (B, S). Raises CheckpointError."""
    session = _session(path)
    outputs = [session.run(list(names), {INPUT: clip.numpy()}) for clip in clips]
    return [dict(zip(names, map(torch.from_numpy, found), strict=True)) for found in outputs]


def load(path: Path, sample_rate: int, hop_length: int, widths: Mapping[str, int]) -> OnnxModel:
    """The program in `path`. Raises CheckpointError where onnxruntime is missing or refuses it."""
    return OnnxModel(_session(path), sample_rate, hop_length, widths)


def _session(path: Path) -> Any:
    try:
        import onnxruntime
    except ImportError as error:
        raise _missing(path, "onnxruntime") from error
    options = onnxruntime.SessionOptions()
    # Windows are computed side by side; each needs no more than one thread.
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    try:
        return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # Its own kinds share no other base.
        raise CheckpointError(f"{path}: onnxruntime cannot read it ({one_line(error)})") from error


class _Stft(torch.autograd.Function):
    """Padded audio (B, S) -> real and imaginary parts (B, T, bins, 2), as ONNX's operator."""

    @staticmethod
    def forward(ctx: Any, audio: Tensor, window: Tensor, hop_length: int) -> Tensor:
        spectrum = torch.stft(
            audio, len(window), hop_length, window=window, center=False, return_complex=True
        )
        return torch.view_as_real(spectrum).transpose(1, 2).contiguous()

    @staticmethod
    def symbolic(g: Any, audio: Any, window: Any, hop_length: int) -> Any:
        n_fft = window.type().sizes()[0]
        last = g.op("Constant", value_t=torch.tensor([2]))
        step = g.op("Constant", value_t=torch.tensor(hop_length))
        signal = g.op("Unsqueeze", audio, last)
        pairs = g.op("STFT", signal, step, window, onesided_i=1)
        # Else the exporter takes the lengths of its example for those of all audio.
        return pairs.setType(window.type().with_sizes([None, None, n_fft // 2 + 1, 2]))


class _Pairs(nn.Module):
    """A part of a front end on pairs of real numbers in place of complex ones."""

    window: Tensor

    def __init__(self, part: FilterBank | Octave) -> None:
        super().__init__()
        self.part = part

    def forward(self, audio: Tensor) -> Tensor:
        half = self.part.window.shape[0] // 2
        pairs = _Stft.apply(F.pad(audio, (half, half)), self.part.window, self.part.hop_length)
        real, imag = pairs.transpose(1, 2).unbind(-1)
        if isinstance(self.part, FilterBank):
            bins = self.part.filters.shape[1]
            return self.part.filters @ _size(real[:, :bins], imag[:, :bins])
        spectrum = self.part.spectrum
        return _size(*(spectrum.real @ real - spectrum.imag @ imag).chunk(2, dim=1))


def _size(real: Tensor, imag: Tensor) -> Tensor:
    return (real.square() + imag.square()).sqrt()


def _twin(program: Program) -> Program:
    """The same, of what ONNX and its runtime know best: pairs of numbers, plain convolutions."""
    twin = copy.deepcopy(program)
    parts = twin.front_end.transform.parts
    for index, part in enumerate(parts):
        assert isinstance(part, FilterBank | Octave)
        parts[index] = _Pairs(part)
    for name, module in list(twin.named_modules()):
        if isinstance(module, PairedConv2d):
            twin.set_submodule(name, _plain(module))
    return twin.eval()


def _plain(paired: PairedConv2d) -> nn.Conv2d:
    """The convolution that `paired` computes in a way of its own."""
    plain = nn.Conv2d(paired.in_channels, paired.out_channels, 1, bias=paired.bias is not None)
    plain.kernel_size, plain.padding = paired.kernel_size, paired.padding
    plain.weight, plain.bias = paired.weight, paired.bias
    return plain


@contextmanager
def _quiet() -> Iterator[None]:
    """The exporter warns that it is old, and of LSTMs, whose length and batch tests vary."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _missing(path: Path, package: str) -> CheckpointError:
    advice = "install it: pip install 'amt[onnx]'"
    return CheckpointError(f"{path.name}: {package} is not installed; {advice}")
