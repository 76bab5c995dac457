"""How loud a recording is where notes begin: at the keys' partials, and as a whole.

Levels are those of the recording as a whole, which a network that is trained on segments of any
level does not know.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from amt.features.frontends import FLOOR, SpectrogramShape, log_frequency_filters
from amt.notes import NUM_KEYS

WINDOW_SECONDS = 0.064
# After an onset, the loudest of so many frames counts; they are half a window apart.
FRAMES = 3
# Of the first four partials: semitones above the key.
PARTIALS = tuple(round(12 * math.log2(n)) for n in range(1, 5))
BINS_PER_SEMITONE = 3
FRAMES_AT_ONCE = 4096


def note_levels(
    audio: np.ndarray,
    sample_rate: int,
    onset: np.ndarray,
    key: np.ndarray,
    device: torch.device | str = "cpu",
) -> np.ndarray:
    """Levels (N, 5) of notes in audio (S,): of each key's first four partials, and of everything.

    onset, key: (N,), seconds and 0-87. Levels are log10 amplitudes; partials beyond the highest key
    count as its own. An hour of dense music takes about 1 s of one core.
    """
    if not len(onset):
        return np.zeros((0, len(PARTIALS) + 1))
    n_fft = 2 ** round(math.log2(WINDOW_SECONDS * sample_rate))
    hop = n_fft // 2
    first = np.rint(onset * sample_rate / hop).astype(np.int64)
    frames, index = np.unique(first[:, None] + np.arange(FRAMES), return_inverse=True)
    spectra = _spectra(audio, sample_rate, n_fft, frames, torch.device(device))
    index = index.reshape(-1, FRAMES)
    columns = [np.minimum(key + partial, NUM_KEYS - 1) for partial in PARTIALS]
    columns.append(np.full(len(key), NUM_KEYS))
    levels = [spectra[index, column[:, None]].max(axis=1) for column in columns]
    return np.stack(levels, axis=1).astype(np.float64)


def _spectra(
    audio: np.ndarray, sample_rate: int, n_fft: int, frames: np.ndarray, device: torch.device
) -> np.ndarray:
    """log10 amplitudes (len(frames), 89) of the keys and of their sum."""
    shape = SpectrogramShape(1, NUM_KEYS * BINS_PER_SEMITONE, BINS_PER_SEMITONE)
    window = torch.hann_window(n_fft, device=device)
    window = window * 2 / window.sum()
    filters = log_frequency_filters(shape, sample_rate, n_fft).T.contiguous().to(device)
    parts = []
    for start in range(0, len(frames), FRAMES_AT_ONCE):
        cut = _cut(audio, frames[start : start + FRAMES_AT_ONCE], n_fft)
        parts.append(_levels(torch.from_numpy(cut).to(device) * window, filters).cpu())
    return torch.cat(parts).numpy()


def _cut(audio: np.ndarray, frames: np.ndarray, n_fft: int) -> np.ndarray:
    """The samples (len(frames), n_fft) around frames, half a window apart; zeros outside of audio.

    Only frames are copied: a recording of hours is large, and may be of any floating type.
    """
    sample = (frames[:, None] - 1) * (n_fft // 2) + np.arange(n_fft)
    inside = (sample >= 0) & (sample < len(audio))
    cut = np.zeros(sample.shape, dtype=np.float32)
    cut[inside] = audio[sample[inside]]
    return cut


def _levels(frames: Tensor, filters: Tensor) -> Tensor:
    amplitude = torch.fft.rfft(frames)[:, : len(filters)].abs() @ filters
    keys = amplitude.unflatten(1, (NUM_KEYS, BINS_PER_SEMITONE)).amax(dim=2)
    both = torch.cat([keys, keys.sum(dim=1, keepdim=True)], dim=1)
    return both.clamp(min=FLOOR).log10()
