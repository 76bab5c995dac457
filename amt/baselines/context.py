"""How surely each key sounds, judged by what all keys seem to do around it in time and pitch.

The SVMs of model=svm hear each frame and each key alone, and take partials and echoes for notes.
Boosted trees (Friedman 2001, "Greedy function approximation"), one set for all keys, weigh what
these SVMs say: of the key before and after, of the keys whose partials it might be or that might be
its partials, and of how many keys seem surer.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier

from amt.baselines.classifiers import Boosted
from amt.notes import MIN_PITCH, NUM_KEYS, Notes

# One frame in so many is judged, and in it the likeliest keys; others are silent.
EVERY = 4
LIKELIEST = 16
# Frames before and after: one by one, as means of log-odds, as maxima of those of an onset.
FRAMES = (-24, -12, -6, -3, -1, 0, 1, 3, 6, 12, 24)
MEANS = ((-3, 4), (-10, 0), (0, 11), (-30, 0), (0, 31))
ONSETS = ((-2, 3), (-8, 0), (0, 8), (-24, -8))
# Semitones to the keys that matter: partials are 12, 19, 24, 28, 31, 36 above.
INTERVALS = tuple(
    sign * step for sign in (-1, 1) for step in (1, 2, 3, 4, 5, 7, 12, 16, 19, 24, 28, 31, 36)
)
PLACES = (0, 2, 4, 8)
# Log-odds of keys that are not there.
ABSENT = -9.0


@dataclass(frozen=True)
class ContextFeatures:
    """frames: (N,), the frames that are judged. keys: (B, N, K), in each of them the likeliest.
    features: (B, N, K, D)."""

    frames: np.ndarray
    keys: np.ndarray
    features: np.ndarray


def context_features(frame: np.ndarray, onset: np.ndarray) -> ContextFeatures:
    """What there is to judge by, for log-odds (B, T, 88) that keys sound and that they begin to.

    Nothing is known of what lies outside the T frames: the first and the last stand for it.
    """
    length = frame.shape[1]
    at = np.arange((length - 1) % EVERY // 2, length, EVERY)
    means = [_mean(frame, at + first, at + last) for first, last in MEANS]
    smooth = means[0]
    keys = np.argsort(-smooth, axis=2, kind="stable")[:, :, :LIKELIEST]
    own = [*means, *(frame[:, _inside(at + step, length)] for step in FRAMES)]
    own += [_highest(onset, at, first, last) for first, last in ONSETS]
    columns = [np.take_along_axis(values, keys, axis=2) for values in own]
    reach = max(INTERVALS)
    padded = np.pad(smooth, ((0, 0), (0, 0), (reach, reach)), constant_values=ABSENT)
    columns += [np.take_along_axis(padded, keys + reach + step, axis=2) for step in INTERVALS]
    sorted_ = np.take_along_axis(smooth, keys, axis=2)
    columns += [np.broadcast_to(sorted_[:, :, place, None], keys.shape) for place in PLACES]
    return ContextFeatures(at, keys, np.stack([*columns, keys], axis=-1).astype(np.float32))


def sounding_keys(notes: Notes, times: np.ndarray) -> np.ndarray:
    """Whether each key sounds (N, 88) at times (N,) in seconds."""
    on = (notes.onset <= times[:, None]) & (times[:, None] < notes.offset)
    is_key = notes.pitch[:, None] == np.arange(MIN_PITCH, MIN_PITCH + NUM_KEYS)
    return on.astype(np.float32) @ is_key.astype(np.float32) > 0


def judged(trees: Boosted, frame: np.ndarray, onset: np.ndarray) -> np.ndarray:
    """Log-odds (B, N, 88) that keys sound in each N-th frame; arguments as in `context_features`."""
    found = context_features(frame, onset)
    odds = trees.log_odds(found.features.reshape(-1, found.features.shape[-1]))
    result = np.full((*found.keys.shape[:2], NUM_KEYS), ABSENT, dtype=np.float32)
    np.put_along_axis(result, found.keys, odds.reshape(found.keys.shape).astype(np.float32), 2)
    return result


def fit_trees(features: np.ndarray, sounds: np.ndarray, seed: int) -> Boosted:
    """Trees for features (M, D) and whether these keys sound (M,), of which some must."""
    machine = HistGradientBoostingClassifier(
        max_iter=150,
        learning_rate=0.12,
        max_leaf_nodes=63,
        max_depth=8,
        l2_regularization=1.0,
        early_stopping=False,
        random_state=seed,
    )
    return Boosted.of(machine.fit(features, sounds))


def _inside(frame: np.ndarray, length: int) -> np.ndarray:
    return frame.clip(0, length - 1)


def _mean(values: np.ndarray, first: np.ndarray, last: np.ndarray) -> np.ndarray:
    """Means (B, N, 88) of values (B, T, 88) over frames from first to before last, each (N,)."""
    length = values.shape[1]
    total = np.pad(values.cumsum(axis=1, dtype=np.float64), ((0, 0), (1, 0), (0, 0)))
    begin = _inside(first, length)
    end = np.maximum(last.clip(1, length), begin + 1)
    return (total[:, end] - total[:, begin]) / (end - begin)[:, None]


def _highest(values: np.ndarray, at: np.ndarray, first: int, last: int) -> np.ndarray:
    """Maxima (B, N, 88) of values (B, T, 88) over frames at + first to before at + last."""
    frames = _inside(at[:, None] + np.arange(first, last), values.shape[1])
    return values[:, frames].max(axis=2)
