"""The ONNX backend: write a model as an ONNX file, and compute posteriors with onnxruntime.

Two things are written by hand because no exporter does them. torch.stft returns complex numbers,
which ONNX's operators do not accept, while ONNX's own operator STFT returns real and imaginary
parts: the front end's transforms are replaced by ones that compute with these. And torch's older
exporter (`dynamo=False`) is used, since the newer one fixes the length of an LSTM's input.
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
from amt.inference.backends.pytorch import CONTEXT_SECONDS, FEATURES, frame_features
from amt.inference.backends.waveform_model import WaveformToPosteriors
from amt.models.checkpoint import CheckpointError
from amt.models.trunk import PairedConv2d

# The first version of ONNX's operators that has STFT.
OPSET = 17
INPUT = "audio"


def save(model: WaveformToPosteriors, path: Path) -> None:
    """Write a model for any batch size and length. Raises CheckpointError if onnx is missing.

    The last output is `FEATURES`, (B, T, D). It costs next to nothing: the mean over keys of what
    the graph computes anyway.
    """
    try:
        import onnx
    except ImportError as error:
        raise _missing(path, "onnx") from error
    names = [*model.network.widths, FEATURES]
    axes = {INPUT: {0: "batch", 1: "samples"}}
    axes |= {name: {0: "batch", 1: "frames"} for name in names}
    example = torch.randn(2, 16 * model.front_end.hop_length)
    with _ignored_warnings(), torch.no_grad():
        torch.onnx.export(
            _WithFeatures(_for_onnx(model)),
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
    """A `PosteriorModel` computed by onnxruntime, in 32 bits on the CPU."""

    session: Any
    sample_rate: int
    hop_length: int
    widths: Mapping[str, int]
    feature_width: int = 0

    @property
    def device(self) -> torch.device:
        return torch.device("cpu")

    def __call__(
        self, audio: np.ndarray, starts: Sequence[int], length: int, features: bool = False
    ) -> dict[str, Tensor]:
        names = [*self.widths, FEATURES] if features and self.feature_width else [*self.widths]
        rows = [self._window(audio, start, length, names) for start in starts]
        return {name: torch.stack([row[name] for row in rows]) for name in names}

    def _window(
        self, audio: np.ndarray, start: int, length: int, names: Sequence[str]
    ) -> dict[str, Tensor]:
        """Outputs (length, columns) of one window, computed with `CONTEXT_SECONDS` on each side.

        Where the recording ends inside that context, the context ends too. Zeros in its place would
        give the network frames of silence, where in training it met the border of the spectrogram.
        """
        context = round(CONTEXT_SECONDS * self.sample_rate / self.hop_length)
        frames = max(1, num_frames(len(audio), self.hop_length))
        first, last = max(0, start - context), min(frames, start + length + context)
        cut = audio[first * self.hop_length : last * self.hop_length].astype(np.float32)
        cut = np.pad(cut, (0, max(0, 1 - len(cut))))
        outputs = self.session.run(names, {INPUT: cut[None]})
        inside = slice(start - first, start - first + length)
        return {
            name: torch.from_numpy(values[0, inside])
            for name, values in zip(names, outputs, strict=True)
        }


def compute(path: Path, clips: Sequence[Tensor], names: Sequence[str]) -> list[dict[str, Tensor]]:
    """Posteriors of each of `clips` (B, S) by the model file `path`. Raises CheckpointError."""
    session = _session(path)
    outputs = [session.run(list(names), {INPUT: clip.numpy()}) for clip in clips]
    return [dict(zip(names, map(torch.from_numpy, found), strict=True)) for found in outputs]


def load(
    path: Path,
    sample_rate: int,
    hop_length: int,
    widths: Mapping[str, int],
    feature_width: int = 0,
) -> OnnxModel:
    """The model file `path`. Raises CheckpointError if onnxruntime is missing or cannot read it."""
    return OnnxModel(_session(path), sample_rate, hop_length, widths, feature_width)


def _session(path: Path) -> Any:
    try:
        import onnxruntime
    except ImportError as error:
        raise _missing(path, "onnxruntime") from error
    options = onnxruntime.SessionOptions()
    # Windows are computed in parallel already, by threads of Python.
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    try:
        return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's exceptions have no other common base class.
        raise CheckpointError(f"{path}: onnxruntime cannot read it ({one_line(error)})") from error


class _Stft(torch.autograd.Function):
    """Padded audio (B, S) -> real and imaginary parts (B, T, bins, 2), exported as ONNX's STFT.

    `forward` computes the same in PyTorch; `symbolic` is what torch's exporter writes instead.
    """

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
        # Without this the exporter would fix the number of frames to that of its example.
        return pairs.setType(window.type().with_sizes([None, None, n_fft // 2 + 1, 2]))


class _RealTransform(nn.Module):
    """A filter bank or octave of a front end, computed with real and imaginary parts."""

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
            return self.part.filters @ _magnitude(real[:, :bins], imag[:, :bins])
        spectrum = self.part.spectrum
        return _magnitude(*(spectrum.real @ real - spectrum.imag @ imag).chunk(2, dim=1))


def _magnitude(real: Tensor, imag: Tensor) -> Tensor:
    return (real.square() + imag.square()).sqrt()


class _WithFeatures(nn.Module):
    """audio (B, S) -> posteriors, and features (B, T, D) as `FEATURES`."""

    def __init__(self, model: WaveformToPosteriors) -> None:
        super().__init__()
        self.model = model

    def forward(self, audio: Tensor) -> dict[str, Tensor]:
        spec, network = self.model.front_end(audio), self.model.network
        shared = network.features(spec)
        logits = network.outputs(spec, shared)
        posteriors = {name: values.sigmoid() for name, values in logits.items()}
        return posteriors | {FEATURES: frame_features(shared)}


def _for_onnx(model: WaveformToPosteriors) -> WaveformToPosteriors:
    """A copy that computes the same with real numbers and ordinary convolutions."""
    exportable = copy.deepcopy(model)
    parts = exportable.front_end.transform.parts
    for index, part in enumerate(parts):
        assert isinstance(part, FilterBank | Octave)
        parts[index] = _RealTransform(part)
    for name, module in list(exportable.named_modules()):
        if isinstance(module, PairedConv2d):
            exportable.set_submodule(name, _as_conv2d(module))
    return exportable.eval()


def _as_conv2d(paired: PairedConv2d) -> nn.Conv2d:
    """`paired` as an ordinary convolution: pairs of bins only suit PyTorch's kernels for CPUs."""
    plain = nn.Conv2d(paired.in_channels, paired.out_channels, 1, bias=paired.bias is not None)
    plain.kernel_size, plain.padding = paired.kernel_size, paired.padding
    plain.weight, plain.bias = paired.weight, paired.bias
    return plain


@contextmanager
def _ignored_warnings() -> Iterator[None]:
    """Ignore the exporter's warnings: that it is deprecated, and that an LSTM's batch size may be
    fixed, which tests show it is not."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _missing(path: Path, package: str) -> CheckpointError:
    advice = "install it: pip install 'amt[onnx]'"
    return CheckpointError(f"{path.name}: {package} is not installed; {advice}")
