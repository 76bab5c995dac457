"""Beats, downbeats, metres and beat periods of notes as posteriors over time, by a network."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from amt.analysis.symbolic.beat_features import FRAME_RATE, beat_features, frame_count
from amt.analysis.symbolic.beat_network import METRES, PERIODS, STRIDE, BeatNetwork
from amt.notes import Notes

# Longer pieces are read in windows of this many frames, which overlap; of each the middle counts.
WINDOW, HOP = 40 * FRAME_RATE, 24 * FRAME_RATE
WINDOWS_AT_ONCE = 8


@dataclass(frozen=True, eq=False)
class BeatPosteriors:
    """Probabilities by frame; frame t is at t / frame_rate seconds.

    beat, downbeat: (T,), independent of each other; a downbeat is a beat as well. metre: (T, M), of
    `metres`. period: (T, P), of the time between beats, in seconds: `periods`.
    """

    frame_rate: int
    beat: np.ndarray
    downbeat: np.ndarray
    metre: np.ndarray
    period: np.ndarray
    metres: tuple[str, ...] = METRES
    periods: tuple[float, ...] = tuple(PERIODS.tolist())


def beat_posteriors(notes: Notes, network: BeatNetwork) -> BeatPosteriors:
    """The posteriors of a piece, from 0 s to some seconds after its last onset."""
    frames = frame_count(notes)
    parts = _by_windows(beat_features(notes, _padded(frames)), network)
    found = {name: part[:frames] for name, part in parts.items()}
    return BeatPosteriors(
        frame_rate=FRAME_RATE,
        beat=_sigmoid(found["beat"]),
        downbeat=_sigmoid(found["downbeat"]),
        metre=_softmax(found["metre"]),
        period=_softmax(found["period"]),
    )


def _padded(frames: int) -> int:
    """The next number of frames that is a multiple of STRIDE, or a whole number of windows."""
    if frames <= WINDOW:
        return max(-(-frames // STRIDE), 1) * STRIDE
    return WINDOW - (-(frames - WINDOW) // HOP) * HOP


@torch.inference_mode()
def _by_windows(features: np.ndarray, network: BeatNetwork) -> dict[str, np.ndarray]:
    """The network's logits by name, (T,) or (T, classes)."""
    starts = range(0, max(len(features) - WINDOW, 0) + 1, HOP)
    windows = np.stack([features[start : start + WINDOW] for start in starts])
    batches = torch.from_numpy(windows).split(WINDOWS_AT_ONCE)
    device = next(network.parameters()).device
    found = [network(batch.to(device)) for batch in batches]
    joined = {name: torch.cat([one[name] for one in found]).cpu() for name in found[0]}
    return {name: _joined(frames.numpy()) for name, frames in joined.items()}


def _joined(windows: np.ndarray) -> np.ndarray:
    """(N, WINDOW, ...) -> (T, ...): of each window its middle, of the first and last all."""
    margin = (WINDOW - HOP) // 2
    if len(windows) == 1:
        return windows[0]
    middle = windows[1:-1, margin : margin + HOP].reshape(-1, *windows.shape[2:])
    return np.concatenate([windows[0, : margin + HOP], middle, windows[-1, margin:]])


def _sigmoid(logits: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-logits))


def _softmax(logits: np.ndarray) -> np.ndarray:
    powers = np.exp(logits - logits.max(-1, keepdims=True))
    return powers / powers.sum(-1, keepdims=True)
