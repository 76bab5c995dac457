"""From a waveform to what its frames tell one by one: the spectral descriptors, off one STFT.

Frame t is centred at sample t * HOP_LENGTH of the audio between zeros, as in librosa, so that S
samples give 1 + S // HOP_LENGTH frames. Spectra live for one block of frames only: what an hour
needs is its descriptors.
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
# Lower edge of the second band of the contrast, in Hz; each further band is an octave.
FIRST_OCTAVE = 200.0
NUM_CONTRAST = 7
QUANTILE = 0.02
TOP_DB = 80.0

_TINY = torch.finfo(torch.float32).tiny
# Samples closer to zero than this have no sign.
_ZERO = 1e-10
# Filters that share a product: together they span so few bins that most of a full one is spared.
_MELS_AT_ONCE = 16


class Spectra(NamedTuple):
    """Of each frame: mel power (B, T, 128), chroma (B, T, 12), centroid and bandwidth in Hz (B, T),
    and the mean amplitude of each band's highest and lowest bins, peak and valley (B, T, 7)."""

    mel: Tensor
    chroma: Tensor
    centroid: Tensor
    bandwidth: Tensor
    peak: Tensor
    valley: Tensor


class Band(NamedTuple):
    """Bins of an octave, and how many of them make its peak and its valley."""

    bins: slice
    num_ends: int


class Filters(NamedTuple):
    """All that is multiplied with frames and spectra, on one device.

    chroma: (12, N_FFT / 2 + 1). means: (E, 7), from the ends of all bands to their means.
    """

    window: Tensor
    frequency: Tensor
    mel: tuple[tuple[slice, Tensor], ...]
    chroma: Tensor
    bands: tuple[Band, ...]
    means: Tensor


def spectra(audio: Tensor, sample_rate: int) -> Spectra:
    """The spectral descriptors of audio (B, S), of which at least one sample must be there."""
    filters = filters_for(sample_rate, audio.device)
    frames = frames_of(audio)
    # As many as a core's cache holds; a GPU wants many.
    at_once = 128 if audio.device.type == "cpu" else 1 << 14
    blocks = [_block(part, filters) for part in frames.split(max(at_once // len(audio), 1), dim=1)]
    return Spectra(*(torch.cat(parts, dim=1) for parts in zip(*blocks, strict=True)))


def frames_of(audio: Tensor) -> Tensor:
    """Frames (B, T, N_FFT) of audio (B, S) between zeros: a view, nothing is windowed."""
    return F.pad(audio, (N_FFT // 2, N_FFT // 2)).unfold(-1, N_FFT, HOP_LENGTH)


def decibels(power: Tensor) -> Tensor:
    """10 log10 of power (B, T, F), and no less than 80 dB below the loudest of each example."""
    level = 10 * torch.log10(power.clamp(min=1e-10))
    return torch.maximum(level, level.amax(dim=(1, 2), keepdim=True) - TOP_DB)


def mfcc(log_mel: Tensor) -> Tensor:
    """Cosine transform of log_mel (B, T, 128), the first 13 coefficients (B, T, 13)."""
    from torchaudio.functional import create_dct

    return log_mel @ create_dct(NUM_MFCC, NUM_MELS, "ortho").to(log_mel.device)


def rms(audio: Tensor) -> Tensor:
    """Root mean square of each frame (B, T) of audio (B, S)."""
    padded = F.pad(audio, (N_FFT // 2, N_FFT // 2))
    return (_sum_of_frames(padded.square_()) / N_FFT).sqrt()


def zero_crossing_rate(audio: Tensor) -> Tensor:
    """Changes of sign a sample in each frame (B, T) of audio (B, S), whose ends are held."""
    negative = audio < -_ZERO
    change = F.pad(negative[:, 1:] ^ negative[:, :-1], (N_FFT // 2 + 1, N_FFT // 2))
    total = _sum_of_frames(change.view(torch.uint8))
    # From the frame before to this one is not within this one.
    return (total - change[:, ::HOP_LENGTH][:, : total.shape[1]].int()) / N_FFT


def _sum_of_frames(padded: Tensor) -> Tensor:
    """Sums (B, T) over each frame of values (B, S + N_FFT), by way of the sums of each hop."""
    whole = padded.shape[1] // HOP_LENGTH
    hops = padded[:, : whole * HOP_LENGTH].unflatten(1, (whole, HOP_LENGTH))
    kind = torch.int32 if padded.dtype == torch.uint8 else padded.dtype
    return hops.sum(dim=-1, dtype=kind).unfold(1, N_FFT // HOP_LENGTH, 1).sum(dim=-1, dtype=kind)


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
    """Power (B, T, N_FFT / 2 + 1) of frames (B, T, N_FFT)."""
    spectrum = torch.fft.rfft(frames * filters.window)
    # abs() of a complex tensor guards against an overflow that cannot be and takes thrice as long.
    return spectrum.real.square().addcmul_(spectrum.imag, spectrum.imag)


def mel_power(power: Tensor, filters: Filters) -> Tensor:
    """Power in each mel band (B, T, 128)."""
    return torch.cat([power[..., bins] @ weights for bins, weights in filters.mel], dim=-1)


def chroma(power: Tensor, filters: Filters) -> Tensor:
    """Power in each pitch class (B, T, 12), the strongest scaled to 1; 0 in silence."""
    # The other way round, power @ weights, takes twice as long.
    classes = (filters.chroma @ power.mT).mT
    return classes / classes.amax(dim=-1, keepdim=True).clamp(min=_TINY)


def centroid_and_bandwidth(amplitude: Tensor, filters: Filters) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation (B, T) of frequency, weighted by amplitude; 0 in silence."""
    total = amplitude.sum(dim=-1).clamp(min=_TINY)
    centroid = amplitude @ filters.frequency / total
    # Not as the difference of two moments, of which a high sine would leave nothing.
    deviation = (filters.frequency - centroid[..., None]).square_().mul_(amplitude).sum(dim=-1)
    return centroid, (deviation / total).sqrt()


def peaks_and_valleys(amplitude: Tensor, filters: Filters) -> tuple[Tensor, Tensor]:
    """Mean amplitude of the highest and of the lowest bins of each band (B, T, 7).

    On a CPU numpy sorts all in a tenth of the time that torch takes to select a few.
    """
    low, high = (sorted_ends if amplitude.is_cpu else selected_ends)(amplitude, filters.bands)
    # One product with the ends of all bands costs less than a mean of each.
    return high @ filters.means, low @ filters.means


def sorted_ends(amplitude: Tensor, bands: Sequence[Band]) -> tuple[Tensor, Tensor]:
    """The lowest and the highest of the bins of each band, band by band (B, T, E); on the CPU."""
    ordered = [np.sort(amplitude.numpy()[..., bins], axis=-1) for bins, _ in bands]
    pairs = list(zip(ordered, bands, strict=True))
    low = np.concatenate([values[..., : band.num_ends] for values, band in pairs], axis=-1)
    high = np.concatenate([values[..., -band.num_ends :] for values, band in pairs], axis=-1)
    return torch.from_numpy(low), torch.from_numpy(high)


def selected_ends(amplitude: Tensor, bands: Sequence[Band]) -> tuple[Tensor, Tensor]:
    """The same, those of a band in any order, on any device."""
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
    """Made once for each sample rate and device."""
    frequency = torch.arange(N_FFT // 2 + 1, dtype=torch.float64) * sample_rate / N_FFT
    bands = _bands(frequency)
    means = torch.block_diag(*(torch.full((band.num_ends, 1), 1 / band.num_ends) for band in bands))
    return Filters(
        torch.hann_window(N_FFT, dtype=torch.float64).float().to(device),
        frequency.float().to(device),
        tuple((bins, weights.to(device)) for bins, weights in _mel_filters(sample_rate)),
        chroma_filters(sample_rate).T.contiguous().to(device),
        bands,
        means.to(device),
    )


def _mel_filters(sample_rate: int) -> list[tuple[slice, Tensor]]:
    """Slaney's triangles in groups: the bins that a group needs and its weights for them."""
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
    """Weights (N_FFT / 2 + 1, 12) of each bin in each pitch class, C first (Ellis 2007).

    A bin speaks for the classes near it by a Gaussian of its own width, each bin with the same
    energy, and the octaves around 440 Hz * 2 speak loudest. A is 440 Hz: nothing is retuned.
    """
    frequency = torch.arange(1, N_FFT, dtype=torch.float64) * sample_rate / N_FFT
    octave = torch.log2(frequency / (440 / 16))
    # 0 Hz has no octave: it is put half a turn from the first bin, and so wide that it says little.
    octave = torch.cat([octave[:1] - 1.5, octave])
    width = F.pad((octave.diff() * NUM_CHROMA).clamp(min=1), (0, 1), value=1.0)
    distance = octave[:, None] * NUM_CHROMA - torch.arange(NUM_CHROMA)
    distance = torch.remainder(distance + NUM_CHROMA / 2, NUM_CHROMA) - NUM_CHROMA / 2
    weights = F.normalize(torch.exp(-0.5 * (2 * distance / width[:, None]) ** 2), dim=1)
    weights = weights * torch.exp(-0.5 * ((octave - 5) / 2) ** 2)[:, None]
    return weights.roll(-3, dims=1)[: N_FFT // 2 + 1].float()


def _bands(frequency: Tensor) -> tuple[Band, ...]:
    """The bins below 200 Hz, then octave by octave, the last one up to the end (Jiang et al. 2002).

    Librosa's edges: a band also has the bin before its first, and all but the last lose their last.
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
