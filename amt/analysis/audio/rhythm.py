"""When something begins, how fast it goes, and where the beat falls: all read off onset strength.

Frames here are those of `amt.analysis.audio.spectra`. Each function does what librosa 0.11 does by
default with the same onset strength.
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from amt.analysis.audio.spectra import HOP_LENGTH, N_FFT

# Onsets: how far above the mean of its neighbourhood an onset lies, of the range of its recording,
# and seconds that the neighbourhood reaches, to either side and for the maximum to the past.
DELTA = 0.07
AVERAGE_SECONDS = 0.1
MAXIMUM_SECONDS = 0.03

# Tempo: beats a minute that are expected, and that cannot be; octaves of doubt; seconds that are
# compared with themselves.
EXPECTED_BPM = 120.0
FASTEST_BPM = 320.0
DOUBT = 1.0
MEMORY_SECONDS = 8.0

# Beats: what a squared deviation from the tempo costs (in its logarithm).
TIGHTNESS = 100.0

_TINY = torch.finfo(torch.float32).tiny
# Examples whose autocorrelations fit into a core's cache.
_EXAMPLES_AT_ONCE = 8


def onset_strength(log_mel: Tensor) -> Tensor:
    """Mean rise in dB over the frame before (B, T) of log_mel (B, T, 128): spectral flux.

    A frame's window sees an onset before the frame is centred on it, so that flux comes later by
    half a window.
    """
    flux = log_mel.diff(dim=1).clamp(min=0).mean(dim=-1)
    return F.pad(flux, (1 + N_FFT // (2 * HOP_LENGTH), 0))[:, : log_mel.shape[1]]


def onsets(strength: Tensor, sample_rate: int) -> Tensor:
    """Mask (B, T) of the frames in which something begins: peaks of onset strength (B, T).

    A peak is no lower than the frames just before it and DELTA above the mean around it, after
    scaling to 0..1 (Boeck et al. 2012). At 16 kHz "just before" is less than a frame.
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
    return _apart((strength == highest) & (strength >= mean + DELTA), wait=before)


def _apart(peaks: Tensor, wait: int) -> Tensor:
    """The peaks (B, T) without those within `wait` frames after one that stays."""
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
    """Beats a minute (B,) of onset strength (B, T); 0 where it is 0 throughout.

    The lag with the best autocorrelation, weighted by a log-normal prior around 120 (Ellis 2007).
    """
    length = int(MEMORY_SECONDS * sample_rate / HOP_LENGTH)
    parts = [_autocorrelation(part, length) for part in strength.split(_EXAMPLES_AT_ONCE)]
    # The lag of 0, at infinitely many beats a minute, is one that cannot be.
    lag = torch.arange(length, device=strength.device)
    bpm = 60 * sample_rate / (HOP_LENGTH * lag)
    prior = -0.5 * (torch.log2(bpm / EXPECTED_BPM) / DOUBT) ** 2
    score = torch.log1p(1e6 * torch.cat(parts)) + prior.where(bpm < FASTEST_BPM, -torch.inf)
    return bpm[score.argmax(dim=1)] * strength.any(dim=1)


def _autocorrelation(strength: Tensor, length: int) -> Tensor:
    """Autocorrelation (B, length) of windows around each frame, each scaled to 1 at lag 0; mean.

    From the products of all pairs of places in a window: they are sums of what is not negative, so
    that small values are as exact as large ones, which an FFT in float32 would drown.
    """
    half = length // 2
    ramp = torch.arange(half, device=strength.device) / half
    ends = [strength[:, :1] * ramp, strength, strength[:, -1:] * ramp.flip(0)]
    windows = torch.cat(ends, dim=1).unfold(1, length, 1)[:, : strength.shape[1]]
    windows = windows * torch.hann_window(length, device=strength.device)
    windows.div_(torch.linalg.vector_norm(windows, dim=-1, keepdim=True).clamp_(min=_TINY))
    # A pair of places has one product in either order: those from the second half back are spared.
    later = windows[..., half:]
    both = [windows[..., :half].mT @ windows, F.pad(later.mT @ later, (half, 0))]
    pairs = torch.cat(both, dim=1).div_(strength.shape[1]).flip(1)
    # Each row one further to the right: pairs of one lag come to stand in one column.
    skewed = F.pad(pairs, (0, length)).flatten(1)[:, :-length].unflatten(1, (length, -1))
    return skewed.sum(dim=1)[:, length - 1 :]


def beats(strength: Tensor, bpm: Tensor, sample_rate: int) -> Tensor:
    """Mask (B, T) of the frames with a beat, given onset strength (B, T) and its tempo (B,).

    Dynamic programming (Ellis 2007, "Beat tracking by dynamic programming"): the chain of frames
    with much onset strength and even steps. It is done on the CPU, where its few numbers belong.
    """
    found = np.zeros(strength.shape, dtype=bool)
    some = (bpm > 0).cpu().numpy()
    if some.any():
        rows = strength.cpu().numpy()[some]
        period = np.round(60 * sample_rate / HOP_LENGTH / bpm.cpu().numpy()[some]).astype(int)
        score = _local_score(rows, period)
        total, links = _best_chains(score, period)
        found[some] = [_chain(*row) for row in zip(score, total, links, strict=True)]
    return torch.from_numpy(found).to(strength.device)


def _local_score(strength: np.ndarray, period: np.ndarray) -> np.ndarray:
    """Onset strength (B, T) in standard deviations, smoothed by 1/32 of a beat."""
    scaled = strength / (strength.std(axis=1, ddof=1, keepdims=True) + _TINY)
    # Eight standard deviations: all that float32 knows of a Gaussian.
    reach = int(np.ceil(period.max() / 4))
    window = np.exp(-0.5 * (np.arange(-reach, reach + 1) * 32 / period[:, None]) ** 2)
    padded = np.pad(scaled, ((0, 0), (reach, reach)))
    near = np.lib.stride_tricks.sliding_window_view(padded, 2 * reach + 1, axis=1)
    return (near @ window[..., None])[..., 0].astype(np.float32)


def _best_chains(score: np.ndarray, period: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Score of the best chain that ends in each frame (B, T), and its frame before, -1 for none.

    A beat comes half a period to two after the last, so that half a period of frames can be done at
    once: none of them depends on another.
    """
    first, last = np.round(period / 2).astype(int), 2 * period
    lag = np.arange(first.min(), last.max() + 1)
    cost = TIGHTNESS * (np.log(lag) - np.log(period[:, None])) ** 2
    cost[(lag < first[:, None]) | (lag > last[:, None])] = np.inf
    total = np.full((len(score), last.max() + score.shape[1]), -np.inf, dtype=np.float32)
    past = np.lib.stride_tricks.sliding_window_view(total, len(lag), axis=1)[..., ::-1]
    past, here = past[:, : score.shape[1]], total[:, last.max() :]
    for start in range(0, score.shape[1], first.min()):
        block = slice(start, start + first.min())
        value = (past[:, block] - cost[:, None]).max(axis=-1)
        if start < first.max():
            value[value == -np.inf] = 0
        here[:, block] = score[:, block] + value
    best = (past - cost[:, None]).argmax(axis=-1)
    frame = np.arange(score.shape[1])
    # Sooner than the shortest step there is nothing to come from.
    links = np.where(frame >= first[:, None], frame - lag[best], -1)
    return here, links


def _chain(score: np.ndarray, total: np.ndarray, links: np.ndarray) -> np.ndarray:
    """Mask (T,) of the beats: from the last good end back, without those that nothing supports."""
    # Nothing comes before the first frame that is heard.
    links[: np.argmax(score >= 0.01 * score.max())] = -1
    chain, frame, before = [], _last_beat(total), links.tolist()
    while frame >= 0:
        chain.append(frame)
        frame = before[frame]
    heights = np.convolve(score[chain[::-1]], np.hanning(5))[2 : len(score) + 2]
    loud = np.flatnonzero(score > 0.5 * np.sqrt(np.mean(heights**2)))
    mask = np.zeros(len(score), dtype=bool)
    mask[chain] = True
    mask[: loud[0]] = False
    mask[loud[-1] + 1 :] = False
    return mask


def _last_beat(total: np.ndarray) -> int:
    """The last local maximum of the chains' scores that is half as high as they usually are."""
    rises = total[1:] > total[:-1]
    peaks = 1 + np.flatnonzero(rises & np.append(total[1:-1] >= total[2:], True))
    good = peaks[total[peaks] >= 0.5 * np.median(total[peaks])] if len(peaks) else peaks
    return int(good[-1]) if len(good) else len(total) - 1
