"""From audio to amplitudes by FFTs: the inside of the front ends, in what TorchScript understands.

Each takes audio (B, S) in float32 and gives a frame at every multiple of `hop_length`, centred
there, with zeros around the audio. Windows and filters are never part of a checkpoint.
"""

# No `from __future__ import annotations`: TorchScript reads the types of buffers, not their names.
from collections.abc import Iterable

import torch
from torch import Tensor, nn


class FilterBank(nn.Module):
    """audio (B, S) -> amplitude (B, F, T'): filters (F, N) on the first N bins of a |STFT|."""

    window: Tensor
    filters: Tensor

    def __init__(self, hop_length: int, window: Tensor, filters: Tensor) -> None:
        super().__init__()
        self.hop_length = hop_length
        self.register_buffer("window", window, persistent=False)
        self.register_buffer("filters", filters, persistent=False)

    def forward(self, audio: Tensor) -> Tensor:
        spectrum = stft(audio, self.window, self.hop_length)
        return self.filters @ spectrum[:, : self.filters.shape[1]].abs()


class Octave(nn.Module):
    """audio (B, S) -> amplitude (B, N, T') of its inner products with `kernels` (N, n_fft)."""

    window: Tensor
    spectrum: Tensor

    def __init__(self, hop_length: int, kernels: Tensor) -> None:
        super().__init__()
        self.hop_length = hop_length
        self.register_buffer("window", torch.ones(kernels.shape[-1]), persistent=False)
        self.register_buffer("spectrum", _real_spectra(kernels), persistent=False)

    def forward(self, audio: Tensor) -> Tensor:
        frames = stft(audio, self.window, self.hop_length)
        product = self.spectrum.real @ frames.real - self.spectrum.imag @ frames.imag
        real, imag = product.chunk(2, dim=1)
        return torch.hypot(real, imag)


class Channels(nn.Module):
    """audio (B, S) -> (B, C, F, T'): a channel for each of the filter banks."""

    def __init__(self, banks: Iterable[nn.Module]) -> None:
        super().__init__()
        self.parts = nn.ModuleList(banks)

    def forward(self, audio: Tensor) -> Tensor:
        return torch.stack([part(audio) for part in self.parts], dim=1)


class Octaves(nn.Module):
    """audio (B, S) -> (B, 1, F, T'): the octaves one above the other."""

    def __init__(self, octaves: Iterable[nn.Module]) -> None:
        super().__init__()
        self.parts = nn.ModuleList(octaves)

    def forward(self, audio: Tensor) -> Tensor:
        return torch.cat([part(audio) for part in self.parts], dim=1).unsqueeze(1)


def stft(audio: Tensor, window: Tensor, hop_length: int) -> Tensor:
    """STFT (B, bins, T'), complex; frame t is centred at sample t * hop_length."""
    return torch.stft(
        audio,
        window.shape[0],
        hop_length,
        window=window,
        pad_mode="constant",
        return_complex=True,
    )


def _real_spectra(kernels: Tensor) -> Tensor:
    """Half spectra (2 N, n_fft / 2 + 1) of the real, then the imaginary parts of N kernels.

    Conjugated and weighted so that the real part of the product with a frame's half spectrum is the
    inner product with the frame (Parseval).
    """
    n_fft = kernels.shape[-1]
    weights = torch.full((n_fft // 2 + 1,), 2.0 / n_fft)
    weights[0] = weights[-1] = 1.0 / n_fft
    return torch.fft.rfft(torch.cat([kernels.real, kernels.imag])).conj() * weights
