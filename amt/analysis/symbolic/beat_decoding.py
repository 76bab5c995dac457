"""Posteriors of beats, downbeats, metre and period to a metrical grid.

What each moment is worth as a beat is the log-odds of its posteriors; `amt.analysis.symbolic.
beat_path` finds the best sequence. Then bars get their time signatures, and beats move to onsets.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from amt.analysis.symbolic.beat_path import (
    BAR_LENGTHS,
    POSITIONS,
    Candidates,
    PathCosts,
    best_path,
    periods,
)
from amt.analysis.symbolic.grid import MetreSpan, MetricalGrid
from amt.analysis.symbolic.viterbi import runs, viterbi_path
from amt.notes import Notes

if TYPE_CHECKING:
    from amt.analysis.symbolic.beat_posteriors import BeatPosteriors

# A candidate is the most likely frame within so many seconds to both sides, if it is likely enough.
PEAK_SECONDS, MIN_PEAK = 0.04, 0.02
# Where there is none, one frame in so many seconds is a candidate: a beat without a note.
FILL_SECONDS = 0.1
# Frames between the peaks of beat and downbeat.
TOLERANCE_FRAMES = 2
# Frames before the first and after the last onset in which there may be a beat.
EDGE_FRAMES = 3
# A beat moves to the mean onset of the notes that begin within so many seconds of it.
SNAP_SECONDS = 0.05
MIN_BEATS = 6
# Beats that are less certain are none.
MIN_CERTAINTY = 0.1


@dataclass(frozen=True)
class DecodingSettings:
    """How much each posterior counts, chosen on validation pieces.

    threshold, downbeat_threshold: the posterior of a beat, and of a downbeat if it is a beat, that
    is worth nothing. beat, downbeat, metre, period: factors of the logarithms. cover: worth of each
    second between two beats, so that all of the music has beats, however many. floor: the least
    ratio of a class to the most likely one. signature_change: cost of another time signature with
    as many beats.
    """

    threshold: float = 0.3
    downbeat_threshold: float = 0.4
    cover: float = 6.0
    beat: float = 1.5
    downbeat: float = 1.0
    metre: float = 0.1
    period: float = 0.5
    floor: float = 0.01
    signature_change: float = 10.0
    costs: PathCosts = field(default_factory=PathCosts)


# For posteriors of `amt.analysis.symbolic.bar_posteriors`. Bars with another number of beats than
# their neighbours are rare in scores, and mostly wrong where they are found.
WITH_BARS = DecodingSettings(
    beat=2.0, downbeat=1.5, metre=0.3, period=0.2, costs=PathCosts(irregular=8.0)
)


def decode_beats(
    posteriors: BeatPosteriors, notes: Notes, settings: DecodingSettings | None = None
) -> MetricalGrid | None:
    """The grid of a piece, which has a note at least; None if no beats are found."""
    settings = settings or DecodingSettings()
    frames = candidate_frames(posteriors, notes)
    if len(frames) < MIN_BEATS:
        return None
    beats, places = best_path(_candidates(posteriors, frames, settings), settings.costs)
    if len(beats) < MIN_BEATS:
        return None
    found = frames[beats]
    certainty = _certainty(posteriors, found)
    if certainty < MIN_CERTAINTY:
        return None
    seconds = _evened(found / posteriors.frame_rate, posteriors.beat[found] >= MIN_PEAK)
    seconds = _snapped(notes, seconds)
    metres = _metres(posteriors, seconds, places, settings)
    return MetricalGrid(seconds, POSITIONS[places, 1] == 0, metres, certainty)


def candidate_frames(posteriors: BeatPosteriors, notes: Notes) -> np.ndarray:
    """Frames (N,) that may be beats: peaks of the posterior, and some where there is none.

    From the first onset to the last.
    """
    beat, rate = posteriors.beat, posteriors.frame_rate
    first, last = np.rint(notes.onset[[0, -1]] * rate).astype(int)
    found = _peaks_and_fill(beat, rate)
    return found[(found >= first - EDGE_FRAMES) & (found <= last + EDGE_FRAMES)]


def _peaks_and_fill(beat: np.ndarray, rate: int) -> np.ndarray:
    """Peaks of a posterior (T,), and frames between them."""
    reach = round(PEAK_SECONDS * rate)
    peaks = np.flatnonzero((_around(beat, reach).argmax(1) == reach) & (beat >= MIN_PEAK))
    step = round(FILL_SECONDS * rate)
    edges = np.concatenate([[-step], peaks, [len(beat) - 1 + step]])
    fill = [
        np.arange(first + step, last - step + 1, step) for first, last in pairwise(edges.tolist())
    ]
    return np.union1d(peaks, np.concatenate(fill)).astype(np.int64)


def _candidates(
    posteriors: BeatPosteriors, frames: np.ndarray, settings: DecodingSettings
) -> Candidates:
    seconds = frames / posteriors.frame_rate
    beat = _limited(posteriors.beat[frames])
    worth = settings.beat * (_log_odds(beat) - _log_odds(np.array(settings.threshold)))
    # Its peak may be some frames away: the network is trained with that tolerance.
    down = _limited(_around(posteriors.downbeat, TOLERANCE_FRAMES).max(1)[frames] / beat)
    down_odds = _log_odds(down) - _log_odds(np.array(settings.downbeat_threshold))
    by_place = settings.downbeat * np.where(POSITIONS[:, 1] == 0, down_odds[:, None], 0)
    by_size = settings.metre * _log_ratios(_bar_lengths(posteriors)[frames], settings.floor)
    size = np.searchsorted(BAR_LENGTHS, POSITIONS[:, 0])
    bars = worth[:, None] + by_place + by_size[:, size]
    return Candidates(
        seconds, bars.astype(np.float32), _interval_scores(posteriors, frames, settings)
    )


def _interval_scores(
    posteriors: BeatPosteriors, frames: np.ndarray, settings: DecodingSettings
) -> np.ndarray:
    """What the posterior of the period says of each two candidates (N, O)."""
    found = periods(frames / posteriors.frame_rate)
    steps = np.log2(posteriors.periods)
    place = np.interp(np.log2(np.maximum(found, 1e-3)), steps, np.arange(len(steps)))
    low = np.minimum(place.astype(int), len(steps) - 2)
    part = place - low
    logs = _log_ratios(posteriors.period[frames], settings.floor)
    here = np.take_along_axis(logs, low, 1) * (1 - part)
    here += np.take_along_axis(logs, low + 1, 1) * part
    return (settings.period * here + settings.cover * found).astype(np.float32)


def _bar_lengths(posteriors: BeatPosteriors) -> np.ndarray:
    """Posterior (T, L) of each of BAR_LENGTHS: the sum over the metres with so many beats."""
    beats = np.array([_span(name).beats for name in posteriors.metres])
    return np.stack([posteriors.metre[:, beats == size].sum(1) for size in BAR_LENGTHS], axis=1)


def _metres(
    posteriors: BeatPosteriors, seconds: np.ndarray, places: np.ndarray, settings: DecodingSettings
) -> tuple[MetreSpan, ...]:
    """The metres of the bars that the beats at `seconds` make; each has the beats of its bar."""
    frames = np.rint(seconds * posteriors.frame_rate).astype(np.int64)
    frames = np.clip(frames, 0, len(posteriors.metre) - 1)
    starts = np.union1d([0], np.flatnonzero(POSITIONS[places, 1] == 0))
    sizes = POSITIONS[places[starts], 0]
    spans = [*map(_span, posteriors.metres), MetreSpan(0, 5, 4)]
    beats = np.array([span.beats for span in spans])
    logs = np.log(np.maximum(posteriors.metre[frames], settings.floor))
    logs = np.pad(logs, ((0, 0), (0, 1)), constant_values=np.log(settings.floor))
    scores = np.add.reduceat(logs, starts)
    scores[sizes[:, None] != beats] = -1e6
    change = settings.signature_change * (1 - np.eye(len(spans)))
    path = viterbi_path(scores, change)
    return tuple(
        MetreSpan(bar, spans[path[bar]].numerator, spans[path[bar]].denominator)
        for bar, _ in runs(path)
    )


def _span(name: str) -> MetreSpan:
    numerator, denominator = map(int, name.split("/"))
    return MetreSpan(0, numerator, denominator)


def _log_ratios(posterior: np.ndarray, floor: float) -> np.ndarray:
    """Logarithms of classes (N, C) relative to the most likely one, floor at least."""
    return np.log(np.maximum(posterior / posterior.max(1, keepdims=True), floor))


def _around(values: np.ndarray, reach: int) -> np.ndarray:
    """Each of the values (T,) with `reach` before it and after it: (T, 2 reach + 1)."""
    return sliding_window_view(np.pad(values, reach, constant_values=-1), 2 * reach + 1)


def _limited(probability: np.ndarray) -> np.ndarray:
    return np.clip(probability, 0.005, 0.995)


def _log_odds(probability: np.ndarray) -> np.ndarray:
    return np.log(probability / (1 - probability))


def _snapped(notes: Notes, beats: np.ndarray) -> np.ndarray:
    """Beats (N,) moved to the mean onset of the notes near them, if there are any."""
    nearest = np.searchsorted((beats[1:] + beats[:-1]) / 2, notes.onset)
    near = np.abs(beats[nearest] - notes.onset) <= SNAP_SECONDS
    count = np.bincount(nearest[near], minlength=len(beats))
    total = np.bincount(nearest[near], notes.onset[near], len(beats))
    return np.where(count > 0, total / np.maximum(count, 1), beats)


def _evened(beats: np.ndarray, likely: np.ndarray) -> np.ndarray:
    """Beats (N,), those that are not `likely` (N,) spread evenly between those that are."""
    number = np.arange(len(beats))
    return np.interp(number, number[likely], beats[likely]) if likely[[0, -1]].all() else beats


def _certainty(posteriors: BeatPosteriors, frames: np.ndarray) -> float:
    """The F1 that the posteriors expect of the beats at `frames`."""
    found = float(posteriors.beat[frames].sum())
    peaks = _peaks_and_fill(posteriors.beat, posteriors.frame_rate)
    everything = float(posteriors.beat[peaks].sum())
    return 2 * found / (len(frames) + everything)
