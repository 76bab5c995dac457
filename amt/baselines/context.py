"""Posteriors of the keys' SVMs, estimated again from their context in time and pitch.

The SVMs of model=svm classify each frame and each key alone, and take partials and reverberation
for notes. Gradient-boosted trees (Friedman 2001, "Greedy Function Approximation"), one ensemble for
all keys, correct them. Their features are the log-odds of the key in the frames around, those of
the keys at the intervals of partials, and those of the most likely keys of the frame.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier

from amt.notes import MIN_PITCH, NUM_KEYS, Notes

# Of every FRAME_STEP frames one is estimated, and in it the most likely keys; others are silent.
FRAME_STEP = 4
NUM_CANDIDATES = 16
# Features of the key itself, by frames relative to its own: single log-odds, means of log-odds,
# maxima of the log-odds of an onset. Ranges exclude their end.
FRAME_OFFSETS = (-24, -12, -6, -3, -1, 0, 1, 3, 6, 12, 24)
MEAN_RANGES = ((-3, 4), (-10, 0), (0, 11), (-30, 0), (0, 31))
ONSET_RANGES = ((-2, 3), (-8, 0), (0, 8), (-24, -8))
# Semitones to other keys whose log-odds are features: partials are 12, 19, 24, 28, 31, 36 above.
INTERVALS = tuple(
    sign * step for sign in (-1, 1) for step in (1, 2, 3, 4, 5, 7, 12, 16, 19, 24, 28, 31, 36)
)
# Ranks among the candidates of a frame whose log-odds are features: how many keys are likely.
RANKS = (0, 2, 4, 8)
# Log-odds of keys that are not estimated, and of keys beyond the keyboard.
MIN_LOG_ODDS = -9.0


@dataclass(frozen=True)
class ContextFeatures:
    """Candidates and their features, for B slices.

    frames: (N,), the frames that are estimated. keys: (B, N, K) in 0..87, the K candidates of each,
    the most likely first. features: (B, N, K, D).
    """

    frames: np.ndarray
    keys: np.ndarray
    features: np.ndarray


def context_features(frame: np.ndarray, onset: np.ndarray) -> ContextFeatures:
    """Features from log-odds (B, T, 88) that keys sound (`frame`) and that notes begin (`onset`).

    Beyond the T frames the first and the last one are repeated.
    """
    length = frame.shape[1]
    frames = np.arange((length - 1) % FRAME_STEP // 2, length, FRAME_STEP)
    means = [_range_mean(frame, frames + start, frames + stop) for start, stop in MEAN_RANGES]
    smooth = means[0]
    keys = np.argsort(-smooth, axis=2, kind="stable")[:, :, :NUM_CANDIDATES]
    over_time = [*means, *(frame[:, _inside(frames + step, length)] for step in FRAME_OFFSETS)]
    over_time += [_range_max(onset, frames, start, stop) for start, stop in ONSET_RANGES]
    columns = [np.take_along_axis(values, keys, axis=2) for values in over_time]
    reach = max(INTERVALS)
    padded = np.pad(smooth, ((0, 0), (0, 0), (reach, reach)), constant_values=MIN_LOG_ODDS)
    columns += [np.take_along_axis(padded, keys + reach + step, axis=2) for step in INTERVALS]
    by_rank = np.take_along_axis(smooth, keys, axis=2)
    columns += [np.broadcast_to(by_rank[:, :, rank, None], keys.shape) for rank in RANKS]
    return ContextFeatures(frames, keys, np.stack([*columns, keys], axis=-1).astype(np.float32))


def sounding_keys(notes: Notes, times: np.ndarray) -> np.ndarray:
    """Whether each key sounds (N, 88) at times (N,) in seconds."""
    on = (notes.onset <= times[:, None]) & (times[:, None] < notes.offset)
    is_key = notes.pitch[:, None] == np.arange(MIN_PITCH, MIN_PITCH + NUM_KEYS)
    return on.astype(np.float32) @ is_key.astype(np.float32) > 0


def refined_log_odds(
    trees: HistGradientBoostingClassifier, frame: np.ndarray, onset: np.ndarray
) -> np.ndarray:
    """Log-odds (B, N, 88) that keys sound in one of every FRAME_STEP frames.

    trees: from `fit_trees`. frame, onset: as in `context_features`.
    """
    found = context_features(frame, onset)
    odds = trees.decision_function(found.features.reshape(-1, found.features.shape[-1]))
    result = np.full((*found.keys.shape[:2], NUM_KEYS), MIN_LOG_ODDS, dtype=np.float32)
    np.put_along_axis(result, found.keys, odds.reshape(found.keys.shape).astype(np.float32), 2)
    return result


def fit_trees(
    features: np.ndarray, sounds: np.ndarray, seed: int
) -> HistGradientBoostingClassifier:
    """Trees fitted to features (M, D) of candidates and whether they sound (M,); some must."""
    trees = HistGradientBoostingClassifier(
        max_iter=150,
        learning_rate=0.12,
        max_leaf_nodes=63,
        max_depth=8,
        l2_regularization=1.0,
        early_stopping=False,
        random_state=seed,
    )
    return trees.fit(features, sounds)


def _inside(frame: np.ndarray, length: int) -> np.ndarray:
    return frame.clip(0, length - 1)


def _range_mean(values: np.ndarray, start: np.ndarray, stop: np.ndarray) -> np.ndarray:
    """Means (B, N, 88) of values (B, T, 88) over frames from start (N,) to before stop (N,)."""
    length = values.shape[1]
    total = np.pad(values.cumsum(axis=1, dtype=np.float64), ((0, 0), (1, 0), (0, 0)))
    begin = _inside(start, length)
    end = np.maximum(stop.clip(1, length), begin + 1)
    return (total[:, end] - total[:, begin]) / (end - begin)[:, None]


def _range_max(values: np.ndarray, frames: np.ndarray, start: int, stop: int) -> np.ndarray:
    """Maxima (B, N, 88) of values (B, T, 88) from frames + start to before frames + stop."""
    index = _inside(frames[:, None] + np.arange(start, stop), values.shape[1])
    return values[:, index].max(axis=2)
