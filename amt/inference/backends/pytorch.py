"""The interface `PosteriorModel` of all backends, and its implementation with PyTorch modules."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from torch import Tensor, nn

# Seconds of audio before and after a window that its first and last spectrogram frames depend on:
# half of the longest analysis window of all front ends (16384 samples, of the constant-Q).
CONTEXT_SECONDS = 0.512
# The name of a model's features among its outputs, if they are asked for.
FEATURES = "features"


class PosteriorModel(Protocol):
    """Computes posteriors of audio at `sample_rate`, one frame every `hop_length` samples.

    widths: the number of columns of each output, by name. device: where it computes.
    feature_width: the number of features of a frame; 0 if it cannot give them.
    """

    @property
    def sample_rate(self) -> int: ...

    @property
    def hop_length(self) -> int: ...

    @property
    def widths(self) -> Mapping[str, int]: ...

    @property
    def device(self) -> torch.device: ...

    @property
    def feature_width(self) -> int: ...

    def __call__(
        self, audio: np.ndarray, starts: Sequence[int], length: int, features: bool = False
    ) -> dict[str, Tensor]:
        """Posteriors (B, length, columns) of B windows of `length` frames, on the CPU.

        audio: the whole recording (S,). starts: the first frame of each window. features: add
        `FEATURES`, (B, length, D) in float32, unless D = `feature_width` is 0. Several threads may
        call this at the same time.
        """
        ...


@dataclass(frozen=True, eq=False)
class PyTorchModel:
    """A `PosteriorModel` of a front end and a network, either of a checkpoint or of TorchScript.

    Both are set to evaluation mode and stay on their device. The front end computes in 32 bits, the
    network under autocast to `precision`.
    """

    front_end: nn.Module
    network: nn.Module
    precision: torch.dtype = torch.float32

    def __post_init__(self) -> None:
        self.front_end.eval()
        self.network.eval()

    @property
    def sample_rate(self) -> int:
        return self.front_end.sample_rate  # type: ignore[return-value]

    @property
    def hop_length(self) -> int:
        return self.front_end.hop_length  # type: ignore[return-value]

    @property
    def widths(self) -> Mapping[str, int]:
        return self.network.widths  # type: ignore[return-value]

    @property
    def device(self) -> torch.device:
        return next(self.network.parameters()).device

    @property
    def feature_width(self) -> int:
        return getattr(self.network, "feature_width", 0)  # TorchScript files of older versions

    @torch.inference_mode()
    def __call__(
        self, audio: np.ndarray, starts: Sequence[int], length: int, features: bool = False
    ) -> dict[str, Tensor]:
        context = round(CONTEXT_SECONDS * self.sample_rate / self.hop_length)
        cut = np.stack([self._samples(audio, s - context, length + 2 * context) for s in starts])
        spec = self.front_end(torch.from_numpy(cut).to(self.device))
        spec = spec[:, :, context : context + length].contiguous()
        half = self.precision != torch.float32
        with torch.autocast(self.device.type, self.precision, enabled=half):
            if not (features and self.feature_width):
                return _posteriors(self.network(spec))
            shared = self.network.features(spec)  # type: ignore[operator]
            logits = self.network.outputs(spec, shared)  # type: ignore[operator]
        return _posteriors(logits) | {FEATURES: frame_features(shared).cpu()}

    def _samples(self, audio: np.ndarray, start: int, frames: int) -> np.ndarray:
        """The samples of `frames` frames from frame `start`; zeros outside the recording."""
        start, stop = start * self.hop_length, (start + frames) * self.hop_length
        piece = np.zeros(stop - start, dtype=np.float32)
        inside = audio[max(start, 0) : max(stop, 0)]
        piece[max(-start, 0) : max(-start, 0) + len(inside)] = inside
        return piece


def frame_features(features: Tensor) -> Tensor:
    """Features (B, T, D) in float32: of features (B, D, T, G) the mean over the G keys."""
    if features.dim() == 4:
        features = features.mean(dim=-1, dtype=torch.float32).transpose(1, 2)
    return features.float()


def _posteriors(logits: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name: value.sigmoid().cpu() for name, value in logits.items()}
