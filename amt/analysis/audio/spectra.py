"""Spectral descriptors of each frame, from one STFT.

Frame t is centred at sample t * HOP_LENGTH of the audio, which is padded with zeros as in librosa,
so that S samples give 1 + S // HOP_LENGTH frames. Spectra are computed in blocks of frames, so that
long recordings need memory for their descriptors only.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

N_FFT = 2048
HOP_LENGTH = 512
NUM_MELS = 128
NUM_MFCC = 13
NUM_CHROMA = 12
# Lower edge of the second band of the spectral contrast in Hz; further bands are octaves.
FIRST_OCTAVE = 200.0
NUM_CONTRAST = 7
QUANTILE = 0.02
TOP_DB = 80.0

_TINY = torch.finfo(torch.float32).tiny
# Samples closer to zero than this count as positive.
_ZERO = 1e-10
# Mel filters that are multiplied together: they span few bins, so most of the zeros are left out.
_MELS_AT_ONCE = 16


class Spectra(NamedTuple):
    """Spectral descriptors of each frame.

    mel: power of mel bands (B, T, 128). chroma: (B, T, 12). centroid, bandwidth: Hz (B, T). peak,
    valley: mean amplitude of the highest and of the lowest bins of each band (B, T, 7).
    """

    mel: Tensor
    chroma: Tensor
    centroid: Tensor
    bandwidth: Tensor
    peak: Tensor
    valley: Tensor


class Band(NamedTuple):
    """Bins of a band of the spectral contrast, and the number of bins in its peak and valley."""

    bins: slice
    num_extremes: int


class Filters(NamedTuple):
    """Constants that frames and spectra are multiplied by, on one device.

    mel: bins and weights of groups of filters. chroma: (12, N_FFT / 2 + 1). means: (E, 7), averages
    the E extreme bins of all bands by band.
    """

    window: Tensor
    frequency: Tensor
    mel: tuple[tuple[slice, Tensor], ...]
    chroma: Tensor
    bands: tuple[Band, ...]
    means: Tensor


def spectra(audio: Tensor, sample_rate: int) -> Spectra:
    """Spectral descriptors of audio (B, S), which must not be empty."""
    filters = filters_for(sample_rate, audio.device)
    frames = frames_of(audio)
    # On a CPU as many frames as fit into a core's cache; a GPU is faster with many.
    at_once = 128 if audio.device.type == "cpu" else 1 << 14
    blocks = [_block(part, filters) for part in frames.split(max(at_once // len(audio), 1), dim=1)]
    return Spectra(*(torch.cat(parts, dim=1) for parts in zip(*blocks, strict=True)))


def frames_of(audio: Tensor) -> Tensor:
    """Frames (B, T, N_FFT) of audio (B, S), padded with zeros; a view, without a window."""
    return F.pad(audio, (N_FFT // 2, N_FFT // 2)).unfold(-1, N_FFT, HOP_LENGTH)


def decibels(power: Tensor) -> Tensor:
    """Power (B, T, F) in dB, limited to TOP_DB below the maximum of each example."""
    level = 10 * torch.log10(power.clamp(min=1e-10))
    return torch.maximum(level, level.amax(dim=(1, 2), keepdim=True) - TOP_DB)


def mfcc(log_mel: Tensor) -> Tensor:
    """The first 13 coefficients (B, T, 13) of the cosine transform of log_mel (B, T, 128)."""
    from torchaudio.functional import create_dct

    return log_mel @ create_dct(NUM_MFCC, NUM_MELS, "ortho").to(log_mel.device)


def rms(audio: Tensor) -> Tensor:
    """Root mean square of each frame (B, T) of audio (B, S)."""
    padded = F.pad(audio, (N_FFT // 2, N_FFT // 2))
    return (_sum_of_frames(padded.square_()) / N_FFT).sqrt()


def zero_crossing_rate(audio: Tensor) -> Tensor:
    """Sign changes per sample in each frame (B, T) of audio (B, S) with repeated edges."""
    negative = audio < -_ZERO
    change = F.pad(negative[:, 1:] ^ negative[:, :-1], (N_FFT // 2 + 1, N_FFT // 2))
    total = _sum_of_frames(change.view(torch.uint8))
    # A change from the sample before a frame to its first one is not within the frame.
    return (total - change[:, ::HOP_LENGTH][:, : total.shape[1]].int()) / N_FFT


def _sum_of_frames(padded: Tensor) -> Tensor:
    """Sums (B, T) over each frame of values (B, S + N_FFT), from the sums over each hop."""
    count = padded.shape[1] // HOP_LENGTH
    hops = padded[:, : count * HOP_LENGTH].unflatten(1, (count, HOP_LENGTH))
    dtype = torch.int32 if padded.dtype == torch.uint8 else padded.dtype
    return hops.sum(dim=-1, dtype=dtype).unfold(1, N_FFT // HOP_LENGTH, 1).sum(dim=-1, dtype=dtype)


def _block(frames: Tensor, filters: Filters) -> Spectra:
    power = power_spectra(frames, filters)
    amplitude = power.sqrt()
    return Spectra(
        mel_power(power, filters),
        chroma(power, filters),
        *centroid_and_bandwidth(amplitude, filters),
        *peaks_and_valleys(amplitude, filters),
    )


def power_spectra(frames: Tensor, filters: Filters) -> Tensor:
    """Power spectra (B, T, N_FFT / 2 + 1) of frames (B, T, N_FFT)."""
    spectrum = torch.fft.rfft(frames * filters.window)
    # abs() of a complex tensor also guards against overflow, which is impossible here, and takes
    # three times as long.
    return spectrum.real.square().addcmul_(spectrum.imag, spectrum.imag)


def mel_power(power: Tensor, filters: Filters) -> Tensor:
    """Power of each mel band (B, T, 128)."""
    return torch.cat([power[..., bins] @ weights for bins, weights in filters.mel], dim=-1)


def chroma(power: Tensor, filters: Filters) -> Tensor:
    """Power of each pitch class (B, T, 12), scaled to a maximum of 1; 0 in silence."""
    # The product in the other order, power @ weights, takes twice as long.
    classes = (filters.chroma @ power.mT).mT
    return classes / classes.amax(dim=-1, keepdim=True).clamp(min=_TINY)


def centroid_and_bandwidth(amplitude: Tensor, filters: Filters) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation (B, T) of frequency, weighted by amplitude; 0 in silence."""
    total = amplitude.sum(dim=-1).clamp(min=_TINY)
    centroid = amplitude @ filters.frequency / total
    # Not as a difference of moments: for a high sine it would cancel to rounding errors.
    deviation = (filters.frequency - centroid[..., None]).square_().mul_(amplitude).sum(dim=-1)
    return centroid, (deviation / total).sqrt()


def peaks_and_valleys(amplitude: Tensor, filters: Filters) -> tuple[Tensor, Tensor]:
    """Mean amplitude of the highest and of the lowest bins of each band (B, T, 7).

    On a CPU sorting all bins with numpy takes a tenth of the time of torch.topk.
    """
    low, high = (sorted_extremes if amplitude.is_cpu else topk_extremes)(amplitude, filters.bands)
    # One product for all bands is faster than one mean for each.
    return high @ filters.means, low @ filters.means


def sorted_extremes(amplitude: Tensor, bands: Sequence[Band]) -> tuple[Tensor, Tensor]:
    """The lowest and the highest bins of each band, concatenated (B, T, E); on the CPU."""
    ordered = [np.sort(amplitude.numpy()[..., bins], axis=-1) for bins, _ in bands]
    pairs = list(zip(ordered, bands, strict=True))
    low = np.concatenate([values[..., : band.num_extremes] for values, band in pairs], axis=-1)
    high = np.concatenate([values[..., -band.num_extremes :] for values, band in pairs], axis=-1)
    return torch.from_numpy(low), torch.from_numpy(high)


def topk_extremes(amplitude: Tensor, bands: Sequence[Band]) -> tuple[Tensor, Tensor]:
    """The same on any device; the order within a band is undefined."""
    low, high = (
        [
            amplitude[..., bins].topk(count, largest=top, sorted=False).values
            for bins, count in bands
        ]
        for top in (False, True)
    )
    return torch.cat(low, dim=-1), torch.cat(high, dim=-1)


@lru_cache(maxsize=8)
def filters_for(sample_rate: int, device: torch.device) -> Filters:
    """The filters, made once for each sample rate and device."""
    frequency = torch.arange(N_FFT // 2 + 1, dtype=torch.float64) * sample_rate / N_FFT
    bands = _bands(frequency)
    means = torch.block_diag(
        *(torch.full((band.num_extremes, 1), 1 / band.num_extremes) for band in bands)
    )
    return Filters(
        torch.hann_window(N_FFT, dtype=torch.float64).float().to(device),
        frequency.float().to(device),
        tuple((bins, weights.to(device)) for bins, weights in _mel_filters(sample_rate)),
        chroma_filters(sample_rate).T.contiguous().to(device),
        bands,
        means.to(device),
    )


def _mel_filters(sample_rate: int) -> list[tuple[slice, Tensor]]:
    """Triangular mel filters (Slaney) in groups: bins of a group, and weights for them."""
    from torchaudio.functional import melscale_fbanks

    filters = melscale_fbanks(
        N_FFT // 2 + 1, 0.0, sample_rate / 2, NUM_MELS, sample_rate, "slaney", "slaney"
    )
    groups = []
    for weights in filters.split(_MELS_AT_ONCE, dim=1):
        used = weights.sum(dim=1).nonzero()
        bins = slice(int(used.min()), int(used.max()) + 1)
        groups.append((bins, weights[bins].contiguous()))
    return groups


def chroma_filters(sample_rate: int) -> Tensor:
    """Weights (N_FFT / 2 + 1, 12) of each bin for each pitch class from C on (Ellis 2007).

    The weights of a bin are a Gaussian over pitch classes with the width of the bin, normalised,
    and scaled by a Gaussian over octaves around 880 Hz. A4 is 440 Hz. They are those of
    librosa.filters.chroma, which is not a dependency and whose counterpart torchaudio lacks.
    """
    frequency = torch.arange(1, N_FFT, dtype=torch.float64) * sample_rate / N_FFT
    octave = torch.log2(frequency / (440 / 16))
    # 0 Hz has no octave: as in librosa it is put 1.5 octaves below the first bin.
    octave = torch.cat([octave[:1] - 1.5, octave])
    width = F.pad((octave.diff() * NUM_CHROMA).clamp(min=1), (0, 1), value=1.0)
    distance = octave[:, None] * NUM_CHROMA - torch.arange(NUM_CHROMA)
    distance = torch.remainder(distance + NUM_CHROMA / 2, NUM_CHROMA) - NUM_CHROMA / 2
    weights = F.normalize(torch.exp(-0.5 * (2 * distance / width[:, None]) ** 2), dim=1)
    weights = weights * torch.exp(-0.5 * ((octave - 5) / 2) ** 2)[:, None]
    return weights.roll(-3, dims=1)[: N_FFT // 2 + 1].float()


def _bands(frequency: Tensor) -> tuple[Band, ...]:
    """Bands of the spectral contrast (Jiang et al. 2002): below 200 Hz, then octaves up to the end.

    With librosa's edges: each band begins one bin earlier, and all but the last end one earlier.
    """
    edges = [0.0, *(FIRST_OCTAVE * 2**octave for octave in range(NUM_CONTRAST))]
    bands = []
    for index, (low, high) in enumerate(pairwise(edges)):
        inside = ((frequency >= low) & (frequency <= high)).nonzero()
        first = max(int(inside.min()) - (index > 0), 0)
        last = len(frequency) if index == NUM_CONTRAST - 1 else int(inside.max()) + 1
        count = max(int(np.rint(QUANTILE * (last - first))), 1)
        bands.append(Band(slice(first, last - (index < NUM_CONTRAST - 1)), count))
    return tuple(bands)
