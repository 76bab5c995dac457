"""What a transcriber asks of whatever computes its posteriors, and how PyTorch modules do it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from torch import Tensor, nn

# Seconds of audio around a window that its first and last spectrogram frames see; half of the
# longest analysis window among the front ends (16384 samples, the constant-Q's).
CONTEXT_SECONDS = 0.512


class PosteriorModel(Protocol):
    """Computes posteriors of audio at `sample_rate`, one frame for every `hop_length` samples.

    widths: the name of every output, and how many columns it has. device: where it computes.
    """

    @property
    def sample_rate(self) -> int: ...

    @property
    def hop_length(self) -> int: ...

    @property
    def widths(self) -> Mapping[str, int]: ...

    @property
    def device(self) -> torch.device: ...

    def __call__(self, audio: np.ndarray, starts: Sequence[int], length: int) -> dict[str, Tensor]:
        """Posteriors (B, length, columns) of `length` frames from each frame of `starts` on.

        They come on the CPU. audio: the whole recording (S,), with silence around it. Several
        threads may call at once.
        """
        ...


@dataclass(frozen=True, eq=False)
class PyTorchModel:
    """A front end and a network, as they were trained or as TorchScript keeps them.

    They are set to evaluation and stay on their device. The front end computes in 32 bits, the
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

    @torch.inference_mode()
    def __call__(self, audio: np.ndarray, starts: Sequence[int], length: int) -> dict[str, Tensor]:
        context = round(CONTEXT_SECONDS * self.sample_rate / self.hop_length)
        cut = np.stack([self._samples(audio, s - context, length + 2 * context) for s in starts])
        spec = self.front_end(torch.from_numpy(cut).to(self.device))
        spec = spec[:, :, context : context + length].contiguous()
        half = self.precision != torch.float32
        with torch.autocast(self.device.type, self.precision, enabled=half):
            logits = self.network(spec)
        return {name: value.sigmoid().cpu() for name, value in logits.items()}

    def _samples(self, audio: np.ndarray, start: int, frames: int) -> np.ndarray:
        """The samples of `frames` frames from frame `start`; zeros outside the recording."""
        start, stop = start * self.hop_length, (start + frames) * self.hop_length
        piece = np.zeros(stop - start, dtype=np.float32)
        inside = audio[max(start, 0) : max(stop, 0)]
        piece[max(-start, 0) : max(-start, 0) + len(inside)] = inside
        return piece
