"""Beat tracking by dynamic programming (Ellis 2007, "Beat Tracking by Dynamic Programming").

Beats are the sequence of frames with the largest sum of onset strength, less a penalty for every
interval between two beats that differs from the expected period. `amt.analysis.audio.rhythm` uses
this code (one period for each recording), and so does the estimator that the networks for beats of
notes are compared with, `experiments/score/tracked_beats.py` (a period that changes over time).

What differs stays with them. The onset strength of notes comes from their velocities, that of audio
from its spectrum, so each smooths and scales its own. The audio tracker reproduces librosa: one
period, 32-bit floats, no beat before the first frame, weak beats removed at both ends. librosa
itself does not serve: its period cannot change over time, and it is a dependency of tests only.
"""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

# Tempo that is most likely before anything is known, in beats per minute.
EXPECTED_BPM = 120.0
# Weight of the squared log ratio of an interval and its expected period (Ellis's alpha), for an
# onset strength with standard deviation 1.
TIGHTNESS = 100.0


def log_tempo_prior(bpm: np.ndarray, octaves: float) -> np.ndarray:
    """Log of an unnormalised log-normal prior for tempi in beats per minute.

    octaves: standard deviation in octaves around EXPECTED_BPM.
    """
    return -0.5 * (np.log2(bpm / EXPECTED_BPM) / octaves) ** 2


def best_predecessors(
    strength: np.ndarray,
    period: np.ndarray,
    shortest: np.ndarray,
    longest: np.ndarray,
    score_before_start: float,
) -> tuple[np.ndarray, np.ndarray]:
    """Score of the best beat sequence that ends in each frame (B, T), and its last beat but one.

    strength: onset strength (B, T) with standard deviation 1; scores have its dtype. period,
    shortest, longest: frames between two beats, expected and allowed; each broadcasts to (B, T).
    score_before_start: score of an imaginary beat before frame 0, -inf if there is none. Where a
    frame has no predecessor the second result is negative.

    Beats are at least `shortest` frames apart, so that many frames do not depend on each other and
    are computed together; the values of period, shortest and longest at the first of them apply.
    """
    period, shortest, longest = (
        np.broadcast_to(values, strength.shape) for values in (period, shortest, longest)
    )
    length, reach = strength.shape[1], int(longest.max())
    lowest, highest = shortest.min(axis=0).tolist(), longest.max(axis=0).tolist()
    padded = np.full((len(strength), reach + length), score_before_start, strength.dtype)
    # Each frame and the `reach` frames before it: (B, T, reach + 1).
    windows = sliding_window_view(padded, reach + 1, axis=1)
    previous = np.empty(strength.shape, dtype=np.int64)
    start = 0
    while start < length:
        stop = min(start + lowest[start], length)
        interval = np.arange(lowest[start], highest[start] + 1)
        past = windows[:, start:stop, reach - interval[-1] : reach - interval[0] + 1][..., ::-1]
        first, last = shortest[:, start, None], longest[:, start, None]
        cost = TIGHTNESS * np.log(interval / period[:, start, None]) ** 2
        cost[(interval < first) | (interval > last)] = np.inf
        score = past - cost[:, None]
        best_score = score.max(axis=-1)
        links = np.arange(start, stop) - interval[score.argmax(axis=-1)]
        none = best_score == -np.inf
        links[none], best_score[none] = -1, 0.0
        previous[:, start:stop] = links
        padded[:, reach + start : reach + stop] = strength[:, start:stop] + best_score
        start = stop
    return padded[:, reach:], previous


def beat_sequence(previous: np.ndarray, last: int) -> np.ndarray:
    """Frames (N,) of the beats in order: from `last` back along `previous` (T,)."""
    beats, links = [last], previous.tolist()
    while links[beats[-1]] >= 0:
        beats.append(links[beats[-1]])
    return np.array(beats[::-1])
