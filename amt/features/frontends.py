"""Front ends: waveform to log spectrogram, in batches, on the device.

In all of them frame t is centred at sample t * hop_length, S samples give ceil(S / hop_length)
frames, and values are log10 amplitudes, so that a gain is an offset.

On a CPU they use FFTs; on a GPU the mel and constant-Q front ends use nnAudio's convolutions
(`backend="auto"`). Both give the same spectrogram. The FFT path is written here since it has to
compile with TorchScript without window or filters in the state dict, where torchaudio's
MelSpectrogram keeps them, and since torchaudio has no constant-Q transform.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from amt.features.transforms import Channels, FilterBank, Octave, Octaves

A0 = 27.5
FLOOR = 1e-6


def num_frames(samples: int, hop_length: int) -> int:
    """Number of frames of `samples` samples: ceil(samples / hop_length)."""
    # Not -(-samples // hop_length), since ONNX rounds integer division towards zero.
    return (samples + hop_length - 1) // hop_length


@dataclass(frozen=True)
class SpectrogramShape:
    """Shape of the input of a network: channels C, bins F, and bins per semitone.

    bins_per_semitone: 0 if the frequency axis is not logarithmic from A0 upwards.
    """

    channels: int
    num_bins: int
    bins_per_semitone: int = 0


class FrontEnd(nn.Module):
    """Base class: audio (B, S) in [-1, 1] -> log10 amplitude (B, C, T, F) in float32.

    A subclass sets `transform`: audio (B, S) to amplitude (B, C, F, T') by FFTs, with T' >= T.
    Autocast is disabled: in half precision quiet partials would be lost in rounding errors.
    """

    transform: Channels | Octaves

    def __init__(self, sample_rate: int, hop_length: int, shape: SpectrogramShape) -> None:
        super().__init__()
        self.sample_rate = sample_rate
        self.hop_length = hop_length
        self.shape = shape

    @property
    def frame_rate(self) -> float:
        """Frames per second."""
        return self.sample_rate / self.hop_length

    def amplitude(self, audio: Tensor) -> Tensor:
        """Amplitude (B, C, F, T') of audio (B, S)."""
        return self.transform(audio)

    def forward(self, audio: Tensor) -> Tensor:
        with torch.autocast(audio.device.type, enabled=False):
            amplitude = self.amplitude(audio.float())
            return log_spectrogram(amplitude, num_frames(audio.shape[-1], self.hop_length))


def log_spectrogram(amplitude: Tensor, frames: int, floor: float = FLOOR) -> Tensor:
    """log10 amplitude (B, C, T, F) of the first T frames of an amplitude (B, C, F, T')."""
    return torch.log10(amplitude[..., :frames].clamp(min=floor)).transpose(2, 3)


class Mel(FrontEnd):
    """Mel spectrogram with Slaney's scale and norm: (B, 1, T, num_bins)."""

    def __init__(
        self,
        sample_rate: int = 16000,
        hop_length: int = 512,
        n_fft: int = 2048,
        num_bins: int = 229,
        fmin: float = 30.0,
        fmax: float = 8000.0,
        backend: str = "auto",
    ) -> None:
        from torchaudio.functional import melscale_fbanks

        filters = melscale_fbanks(
            n_fft // 2 + 1, fmin, fmax, num_bins, sample_rate, norm="slaney", mel_scale="slaney"
        )
        super().__init__(sample_rate, hop_length, SpectrogramShape(1, num_bins))
        bank = FilterBank(hop_length, torch.hann_window(n_fft), filters.T.contiguous())
        self.transform = Channels([bank])
        self.n_fft = n_fft
        self.fmin, self.fmax = fmin, fmax
        self.backend = backend
        self.kernels = _Kernels()

    def amplitude(self, audio: Tensor) -> Tensor:
        if _use_kernels(self.backend, audio):
            return self.kernels.get(self._make_kernels, audio.device)(audio)[:, None]
        return self.transform(audio)

    def _make_kernels(self) -> nn.Module:
        from nnAudio.features import MelSpectrogram

        return MelSpectrogram(
            sr=self.sample_rate,
            n_fft=self.n_fft,
            n_mels=self.shape.num_bins,
            hop_length=self.hop_length,
            fmin=self.fmin,
            fmax=self.fmax,
            pad_mode="constant",
            power=1.0,
            verbose=False,
        )


class ConstantQ(FrontEnd):
    """Constant-Q transform (nnAudio's CQT1992v2): (B, 1, T, 88 * bins_per_semitone).

    The bins of a key are centred on its frequency, so that the lowest bin lies below A0. The FFT
    path multiplies frames and kernels in the frequency domain (Brown and Puckette 1992); it keeps
    the small coefficients, so that it agrees with the convolution in time. The kernels of an octave
    share one FFT, no longer than needed. Any hop length works, since the audio is not downsampled.
    """

    def __init__(
        self,
        sample_rate: int = 16000,
        hop_length: int = 512,
        bins_per_semitone: int = 3,
        filter_scale: float = 0.5,
        backend: str = "auto",
    ) -> None:
        shape = SpectrogramShape(1, 88 * bins_per_semitone, bins_per_semitone)
        super().__init__(sample_rate, hop_length, shape)
        self.filter_scale = filter_scale
        self.backend = backend
        self.kernels = _Kernels()
        transform: Any = self._make_kernels()
        lengths, octave = transform.lenghts, 12 * bins_per_semitone  # nnAudio's spelling
        kernels = torch.complex(transform.cqt_kernels_real, -transform.cqt_kernels_imag)[:, 0]
        kernels = kernels * lengths.sqrt()[:, None]
        octaves = []
        for group, length in zip(kernels.split(octave), lengths.split(octave), strict=True):
            n_fft = 2 ** math.ceil(math.log2(length.max() + 1))
            edge = (group.shape[-1] - n_fft) // 2
            octaves.append(Octave(hop_length, group[:, edge : edge + n_fft]))
        self.transform = Octaves(octaves)

    def _make_kernels(self) -> nn.Module:
        from nnAudio.features import CQT1992v2

        bins = self.shape.bins_per_semitone
        return CQT1992v2(
            sr=self.sample_rate,
            hop_length=self.hop_length,
            fmin=A0 * 2 ** (-((bins - 1) // 2) / (12 * bins)),
            n_bins=self.shape.num_bins,
            bins_per_octave=12 * bins,
            filter_scale=self.filter_scale,
            pad_mode="constant",
            verbose=False,
        )

    def amplitude(self, audio: Tensor) -> Tensor:
        if _use_kernels(self.backend, audio):
            return self.kernels.get(self._make_kernels, audio.device)(audio)[:, None]
        return self.transform(audio)


class LogFrequency(FrontEnd):
    """Log-spaced triangular filters on STFTs of several resolutions: (B, len(n_ffts), T, F).

    The long window resolves the frequencies of low keys, the short one the time of onsets. With 3
    bins per semitone the first bin is a third of a semitone below A0, so that bins 3k, 3k + 1 and
    3k + 2 belong to key k. Where the filters would be narrower than an FFT bin, they are widened to
    one, which interpolates between FFT bins.
    """

    def __init__(
        self,
        sample_rate: int = 16000,
        hop_length: int = 512,
        n_ffts: tuple[int, ...] = (4096, 1024),
        bins_per_semitone: int = 3,
    ) -> None:
        shape = SpectrogramShape(len(n_ffts), 88 * bins_per_semitone, bins_per_semitone)
        banks = []
        for n_fft in n_ffts:
            window = torch.hann_window(n_fft)
            filters = log_frequency_filters(shape, sample_rate, n_fft)
            banks.append(FilterBank(hop_length, window * 2 / window.sum(), filters))
        super().__init__(sample_rate, hop_length, shape)
        self.transform = Channels(banks)
        self.n_ffts = tuple(n_ffts)


def log_frequency_filters(shape: SpectrogramShape, sample_rate: int, n_fft: int) -> Tensor:
    """Triangular filters (F, N) that each sum to 1; N, the FFT bins up to the last one in use."""
    bins_per_octave = 12 * shape.bins_per_semitone
    first = -((shape.bins_per_semitone - 1) // 2)
    index = torch.arange(first, first + shape.num_bins, dtype=torch.float64)
    centre = A0 * 2 ** (index / bins_per_octave)
    resolution = sample_rate / n_fft
    half_width = (centre * (2 ** (1 / bins_per_octave) - 1)).clamp(min=resolution)
    frequency = torch.arange(n_fft // 2 + 1, dtype=torch.float64) * resolution
    distance = (frequency - centre[:, None]).abs() / half_width[:, None]
    triangles = (1 - distance).clamp(min=0)
    triangles = triangles[:, : int((triangles > 0).any(dim=0).nonzero().max()) + 1]
    return (triangles / triangles.sum(dim=1, keepdim=True).clamp(min=1e-12)).float()


class _Kernels:
    """nnAudio's convolution kernels, created once per device, outside of the module's state."""

    def __init__(self) -> None:
        self.by_device: dict[torch.device, nn.Module] = {}

    def get(self, make, device: torch.device) -> nn.Module:  # type: ignore[no-untyped-def]
        if device not in self.by_device:
            self.by_device[device] = make().to(device)
        return self.by_device[device]


def _use_kernels(backend: str, audio: Tensor) -> bool:
    """Whether nnAudio's kernels compute the spectrogram, rather than FFTs."""
    if backend not in ("auto", "fft", "nnaudio"):
        raise ValueError(f"backend={backend!r}: expected auto, fft or nnaudio")
    return backend == "nnaudio" or (backend == "auto" and audio.is_cuda)
