"""Modules of the front ends that compute amplitudes by FFTs, in the subset of TorchScript.

Each takes audio (B, S) float32 and gives frames centred at the multiples of `hop_length`, with
zeros around the audio. Windows and filters are buffers that are not saved in checkpoints.
"""

# No `from __future__ import annotations`: TorchScript needs the types of buffers, not strings.
from collections.abc import Iterable

import torch
from torch import Tensor, nn


class FilterBank(nn.Module):
    """audio (B, S) -> amplitude (B, F, T'): filters (F, N) times the first N bins of the |STFT|."""

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
    """audio (B, S) -> amplitude (B, N, T') of the inner products with `kernels` (N, n_fft)."""

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
    """audio (B, S) -> (B, C, F, T'): the outputs of the filter banks as channels."""

    def __init__(self, banks: Iterable[nn.Module]) -> None:
        super().__init__()
        self.parts = nn.ModuleList(banks)

    def forward(self, audio: Tensor) -> Tensor:
        return torch.stack([part(audio) for part in self.parts], dim=1)


class Octaves(nn.Module):
    """audio (B, S) -> (B, 1, F, T'): the octaves concatenated along the frequency axis."""

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
    """Half spectra (2 N, n_fft / 2 + 1) of the real parts, then the imaginary parts of N kernels.

    They are conjugated and weighted so that the real part of the product with the half spectrum of
    a frame is the inner product of kernel and frame (Parseval's theorem).
    """
    n_fft = kernels.shape[-1]
    weights = torch.full((n_fft // 2 + 1,), 2.0 / n_fft)
    weights[0] = weights[-1] = 1.0 / n_fft
    return torch.fft.rfft(torch.cat([kernels.real, kernels.imag])).conj() * weights
