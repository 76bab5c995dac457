"""Onsets, tempo and beats of audio, all from its onset strength.

Frames are those of `amt.analysis.audio.spectra`. Each function computes what librosa 0.11 computes
by default from the same onset strength, but for a batch, on the device of the audio.
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from numpy.lib.stride_tricks import sliding_window_view
from torch import Tensor

from amt.analysis.audio.spectra import HOP_LENGTH, N_FFT
from amt.analysis.beat_tracking import beat_sequence, best_predecessors, log_tempo_prior

# Onsets: how far a peak lies above the mean around it, as a share of the range of the recording;
# seconds on either side of that mean, and seconds before a peak without a higher value.
DELTA = 0.07
AVERAGE_SECONDS = 0.1
MAXIMUM_SECONDS = 0.03

# Tempo: upper limit in beats per minute, standard deviation of the prior, longest lag.
FASTEST_BPM = 320.0
PRIOR_OCTAVES = 1.0
AUTOCORRELATION_SECONDS = 8.0

_TINY = torch.finfo(torch.float32).tiny
# Autocorrelations of so many examples fit into a core's cache.
_EXAMPLES_AT_ONCE = 8


def onset_strength(log_mel: Tensor) -> Tensor:
    """Spectral flux (B, T) in dB: mean rise of log_mel (B, T, 128) from frame to frame.

    The window of a frame reaches an onset before its centre does, so the flux is delayed by half a
    window.
    """
    flux = log_mel.diff(dim=1).clamp(min=0).mean(dim=-1)
    return F.pad(flux, (1 + N_FFT // (2 * HOP_LENGTH), 0))[:, : log_mel.shape[1]]


def onsets(strength: Tensor, sample_rate: int) -> Tensor:
    """Mask (B, T) of the onset frames: peaks of onset strength (B, T).

    After scaling to 0..1, a peak is no lower than the frames in the MAXIMUM_SECONDS before it and
    DELTA above the mean around it (Boeck et al. 2012). At 16 kHz the former is less than a frame.
    """
    strength = strength - strength.amin(dim=1, keepdim=True)
    strength = strength / (strength.amax(dim=1, keepdim=True) + _TINY)
    before = int(MAXIMUM_SECONDS * sample_rate // HOP_LENGTH)
    around = int(AVERAGE_SECONDS * sample_rate // HOP_LENGTH)
    past = F.pad(strength[:, None], (before, 0), value=-torch.inf)
    highest = F.max_pool1d(past, before + 1, stride=1)[:, 0]
    mean = F.avg_pool1d(
        strength[:, None], 2 * around + 1, stride=1, padding=around, count_include_pad=False
    )[:, 0]
    return _without_close_peaks((strength == highest) & (strength >= mean + DELTA), wait=before)


def _without_close_peaks(peaks: Tensor, wait: int) -> Tensor:
    """Peaks (B, T) without those within `wait` frames after one that is kept."""
    if wait == 0:
        return peaks
    kept = np.zeros(peaks.shape, dtype=bool)
    for row, marked in zip(kept, peaks.cpu().numpy(), strict=True):
        free = 0
        for frame in np.flatnonzero(marked).tolist():
            if frame >= free:
                row[frame] = True
                free = frame + wait + 1
    return torch.from_numpy(kept).to(peaks.device)


def tempo(strength: Tensor, sample_rate: int) -> Tensor:
    """Tempo in beats per minute (B,) of onset strength (B, T); 0 if all of it is 0.

    The lag with the largest autocorrelation, weighted by a log-normal prior (Ellis 2007).
    """
    length = int(AUTOCORRELATION_SECONDS * sample_rate / HOP_LENGTH)
    parts = [_autocorrelation(part, length) for part in strength.split(_EXAMPLES_AT_ONCE)]
    # Lag 0 stands for an infinite tempo, which the limit excludes.
    bpm = 60 * sample_rate / (HOP_LENGTH * torch.arange(length, device=strength.device))
    prior = torch.from_numpy(log_tempo_prior(bpm.cpu().numpy(), PRIOR_OCTAVES)).to(bpm.device)
    score = torch.log1p(1e6 * torch.cat(parts)) + prior.where(bpm < FASTEST_BPM, -torch.inf)
    return bpm[score.argmax(dim=1)] * strength.any(dim=1)


def _autocorrelation(strength: Tensor, length: int) -> Tensor:
    """Mean autocorrelation (B, length) of windows around each frame, each scaled to 1 at lag 0.

    Computed from the products of all pairs of positions in a window. These sums have no negative
    terms, so small values are as exact as large ones; an FFT in float32 would lose them.
    """
    half = length // 2
    ramp = torch.arange(half, device=strength.device) / half
    ends = [strength[:, :1] * ramp, strength, strength[:, -1:] * ramp.flip(0)]
    windows = torch.cat(ends, dim=1).unfold(1, length, 1)[:, : strength.shape[1]]
    windows = windows * torch.hann_window(length, device=strength.device)
    windows.div_(torch.linalg.vector_norm(windows, dim=-1, keepdim=True).clamp_(min=_TINY))
    # The product of two positions does not depend on their order: half of them are enough.
    later = windows[..., half:]
    both = [windows[..., :half].mT @ windows, F.pad(later.mT @ later, (half, 0))]
    pairs = torch.cat(both, dim=1).div_(strength.shape[1]).flip(1)
    # Shift each row by one more, so that all pairs of one lag are in one column.
    skewed = F.pad(pairs, (0, length)).flatten(1)[:, :-length].unflatten(1, (length, -1))
    return skewed.sum(dim=1)[:, length - 1 :]


def beats(strength: Tensor, bpm: Tensor, sample_rate: int) -> Tensor:
    """Mask (B, T) of the frames with a beat, given onset strength (B, T) and its tempo (B,).

    Computed on the CPU by `amt.analysis.beat_tracking`: a loop over few numbers.
    """
    mask = np.zeros(strength.shape, dtype=bool)
    has_tempo = (bpm > 0).cpu().numpy()
    if has_tempo.any():
        rows = strength.cpu().numpy()[has_tempo]
        frames_per_beat = 60 * sample_rate / HOP_LENGTH / bpm.cpu().numpy()[has_tempo]
        period = np.round(frames_per_beat).astype(int)[:, None]
        smoothed = _smoothed(rows, period)
        shortest = np.round(period / 2).astype(int)
        score, previous = best_predecessors(smoothed, period, shortest, 2 * period, -np.inf)
        mask[has_tempo] = [_beat_mask(*row) for row in zip(smoothed, score, previous, strict=True)]
    return torch.from_numpy(mask).to(strength.device)


def _smoothed(strength: np.ndarray, period: np.ndarray) -> np.ndarray:
    """Onset strength (B, T) in standard deviations, smoothed by 1/32 of its period (B, 1)."""
    scaled = strength / (strength.std(axis=1, ddof=1, keepdims=True) + _TINY)
    # Beyond eight standard deviations the Gaussian is 0 in float32.
    reach = int(np.ceil(period.max() / 4))
    window = np.exp(-0.5 * (np.arange(-reach, reach + 1) * 32 / period) ** 2)
    padded = np.pad(scaled, ((0, 0), (reach, reach)))
    near = sliding_window_view(padded, 2 * reach + 1, axis=1)
    return (near @ window[..., None])[..., 0].astype(np.float32)


def _beat_mask(strength: np.ndarray, score: np.ndarray, previous: np.ndarray) -> np.ndarray:
    """Mask (T,) of the best sequence of beats, without weak ones at its beginning and end.

    strength: smoothed (T,). score, previous: (T,) of `best_predecessors`.
    """
    # Before the first frame above 1 % of the maximum there is no beat.
    previous[: np.argmax(strength >= 0.01 * strength.max())] = -1
    frames = beat_sequence(previous, _last_beat(score))
    heights = np.convolve(strength[frames], np.hanning(5))[2 : len(strength) + 2]
    strong = np.flatnonzero(strength > 0.5 * np.sqrt(np.mean(heights**2)))
    mask = np.zeros(len(strength), dtype=bool)
    mask[frames] = True
    mask[: strong[0]] = False
    mask[strong[-1] + 1 :] = False
    return mask


def _last_beat(score: np.ndarray) -> int:
    """The last local maximum of the scores (T,) that reaches half the median of all of them."""
    rises = score[1:] > score[:-1]
    peaks = 1 + np.flatnonzero(rises & np.append(score[1:-1] >= score[2:], True))
    good = peaks[score[peaks] >= 0.5 * np.median(score[peaks])] if len(peaks) else peaks
    return int(good[-1]) if len(good) else len(score) - 1
