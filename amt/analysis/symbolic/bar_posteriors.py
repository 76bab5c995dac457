"""Downbeats, metres and the level of known beats, by the bar network."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch

from amt.analysis.symbolic.bar_features import MIN_PERIOD, bar_features
from amt.analysis.symbolic.bar_network import LEVELS, BarNetwork
from amt.analysis.symbolic.beat_posteriors import BeatPosteriors
from amt.notes import Notes

# Frames within this share of a beat around it get its downbeat posterior.
REACH = 0.2
# Where a beat's own posteriors are looked up, and the least of them that counts.
FRAMES_AROUND, FLOOR = np.arange(-2, 3), 1e-3
# Standard deviation of the period around that of the beats, in octaves of tempo.
PERIOD_SPREAD = 0.15
# Beats over which their period is measured, so that single wrong ones do not count. Even: N - 1
# periods give N medians.
MEDIAN_BEATS = 16


def with_bars(
    posteriors: BeatPosteriors, notes: Notes, beats: np.ndarray, network: BarNetwork
) -> BeatPosteriors:
    """The posteriors with the downbeats, metres and periods that the network finds for `beats`.

    beats: (N,) seconds, rising, at least two. Near a beat the downbeat posterior becomes that of a
    beat times that of a downbeat among beats, in which both networks have a say. The metre is that
    of the nearest beat. The period is that of the beats or, where the network takes them for
    another level, its multiple or part.
    """
    with torch.inference_mode():
        logits = network(torch.from_numpy(bar_features(notes, beats))[None])
    share = _sigmoid((logits["downbeat"][0].numpy() + _log_odds(posteriors, beats)) / 2)
    metre, level = (logits[name][0].softmax(1).numpy() for name in ("metre", "level"))
    times = np.arange(len(posteriors.beat)) / posteriors.frame_rate
    nearest = np.searchsorted((beats[1:] + beats[:-1]) / 2, times)
    seconds = steady_period(beats)
    near = np.abs(times - beats[nearest]) <= REACH * seconds[nearest]
    downbeat = np.where(near, posteriors.beat * share[nearest], posteriors.downbeat)
    period = period_posterior(seconds, level, np.array(posteriors.periods))
    return replace(posteriors, downbeat=downbeat, metre=metre[nearest], period=period[nearest])


def _log_odds(posteriors: BeatPosteriors, beats: np.ndarray) -> np.ndarray:
    """Log-odds (N,) that each beat is a downbeat, from the posteriors of the frames around it."""
    frame = np.rint(beats * posteriors.frame_rate).astype(np.int64)
    around = np.clip(frame[:, None] + FRAMES_AROUND, 0, len(posteriors.beat) - 1)
    beat, downbeat = (part[around].max(1) for part in (posteriors.beat, posteriors.downbeat))
    share = np.clip(downbeat / np.maximum(beat, FLOOR), FLOOR, 1 - FLOOR)
    return np.log(share / (1 - share))


def _sigmoid(logits: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-logits))


def steady_period(beats: np.ndarray) -> np.ndarray:
    """The median period of the beats (N,) around each, in seconds."""
    period = np.pad(np.maximum(np.diff(beats), MIN_PERIOD), MEDIAN_BEATS // 2, mode="edge")
    windows = np.lib.stride_tricks.sliding_window_view(period, MEDIAN_BEATS)
    return np.median(windows, axis=1)[: len(beats)]


def period_posterior(seconds: np.ndarray, level: np.ndarray, periods: np.ndarray) -> np.ndarray:
    """(N, P) of beat periods (N,) in seconds whose levels have the posterior (N, LEVELS)."""
    steps = np.log2(seconds[:, None] * np.array(LEVELS))[:, :, None] - np.log2(periods)
    found = (level[:, :, None] * np.exp(-0.5 * (steps / PERIOD_SPREAD) ** 2)).sum(1) + 1e-6
    return found / found.sum(1, keepdims=True)
