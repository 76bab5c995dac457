"""Tempo and beats of a performance, from the onsets of its notes.

Beats are tracked by `amt.analysis.beat_tracking`. The tempo of a pianist is not constant, so the
beat period is estimated at every time: from the autocorrelation of the onset strength in windows of
some seconds, as the best path through the windows on which the tempo changes slowly.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from amt.analysis.beat_tracking import beat_sequence, best_predecessors, log_tempo_prior
from amt.analysis.symbolic.viterbi import viterbi_path
from amt.notes import Notes

# Frames of the onset strength per second.
FRAME_RATE = 100
SMOOTHING_SECONDS = 0.02
# Tempi that are considered, in beats per minute, and the standard deviation of their prior.
SLOWEST, FASTEST = 30.0, 240.0
PRIOR_OCTAVES = 0.9
WINDOW_SECONDS, HOP_SECONDS = 8.0, 2.0
# Penalty for a change of the period by one octave from one window to the next.
TEMPO_CHANGE_COST = 4.0
MIN_ONSETS = 8
# Smallest mean autocorrelation at the beat period: the first value for a long piece, plus the
# second over the square root of the number of windows. Random onsets stay below.
MIN_PERIODICITY, MIN_PERIODICITY_ONE_WINDOW = 0.05, 0.4
# A beat moves to the mean onset of the notes that begin within so many seconds of it.
SNAP_SECONDS = 0.05
# Tempo is measured over so many beats: that evens out small deviations of single beats.
TEMPO_BEATS = 4


@dataclass(frozen=True)
class Tempo:
    """Tempo in beats per minute: median, and 10th and 90th percentile over the beats.

    periodicity: mean autocorrelation of the onset strength at the beat period, at most 1.
    """

    bpm: float
    slow: float
    fast: float
    periodicity: float


def onset_strength(notes: Notes) -> np.ndarray:
    """Smoothed onset strength (T,) at FRAME_RATE from the first onset on, standard deviation 1.

    Each note counts with its squared velocity, so that accents and full chords stand out.
    """
    frame = np.rint((notes.onset - notes.onset[0]) * FRAME_RATE).astype(int)
    energy = np.bincount(frame, notes.velocity.astype(float) ** 2)
    reach = np.arange(-3 * SMOOTHING_SECONDS, 3 * SMOOTHING_SECONDS + 1e-9, 1 / FRAME_RATE)
    kernel = np.exp(-0.5 * (reach / SMOOTHING_SECONDS) ** 2)
    strength = np.convolve(energy, kernel)[len(kernel) // 2 :][: len(energy)]
    return strength / max(strength.std(), 1e-9)


def track_beats(notes: Notes) -> tuple[Tempo | None, np.ndarray]:
    """Tempo and times of the beats (N,) in seconds; None and no times if no beat is found."""
    none = None, np.zeros(0)
    if not _has_enough_onsets(notes):
        return none
    strength = onset_strength(notes)
    period, similarity = _periods(strength)
    periodicity = float(similarity.mean())
    if periodicity < MIN_PERIODICITY + MIN_PERIODICITY_ONE_WINDOW / np.sqrt(len(similarity)):
        return none
    beats = _snap(notes, notes.onset[0] + _beat_frames(strength, period) / FRAME_RATE)
    if len(beats) < MIN_ONSETS:
        return none
    seconds = (beats[TEMPO_BEATS:] - beats[:-TEMPO_BEATS]) / TEMPO_BEATS
    slow, median, fast = np.percentile(60 / seconds, (10, 50, 90)).tolist()
    return Tempo(median, slow, fast, periodicity), beats


def _has_enough_onsets(notes: Notes) -> bool:
    """Whether there are MIN_ONSETS onsets and, on average, one in each window.

    Fewer have no beat, and a long silence would take a lot of memory.
    """
    count = len(np.unique(notes.onset))
    if count < MIN_ONSETS:
        return False
    return bool(count >= (notes.onset[-1] - notes.onset[0]) / WINDOW_SECONDS)


def _snap(notes: Notes, beats: np.ndarray) -> np.ndarray:
    """Beats (N,) moved to the mean onset of the notes near them, if there are any."""
    nearest = np.searchsorted((beats[1:] + beats[:-1]) / 2, notes.onset)
    near = np.abs(beats[nearest] - notes.onset) <= SNAP_SECONDS
    count = np.bincount(nearest[near], minlength=len(beats))
    total = np.bincount(nearest[near], notes.onset[near], len(beats))
    return np.where(count > 0, total / np.maximum(count, 1), beats)


def _periods(strength: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Beat period in frames at every frame (T,), and each window's autocorrelation at it (W,)."""
    lags = np.arange(round(60 * FRAME_RATE / FASTEST), round(60 * FRAME_RATE / SLOWEST) + 1)
    similarity = _autocorrelations(strength)
    # A period is more likely if twice or three times the period, a bar, repeats as well.
    support = similarity[:, lags] + 0.5 * np.maximum(
        similarity[:, 2 * lags], similarity[:, 3 * lags]
    )
    prior = np.exp(log_tempo_prior(60 * FRAME_RATE / lags, PRIOR_OCTAVES))
    octaves = np.log2(lags)
    cost = TEMPO_CHANGE_COST * np.abs(octaves[:, None] - octaves)
    path = viterbi_path(support * prior, cost)
    centres = (np.arange(len(path)) * HOP_SECONDS + WINDOW_SECONDS / 2) * FRAME_RATE
    period = np.interp(np.arange(len(strength)), centres, lags[path])
    return period, similarity[np.arange(len(path)), lags[path]]


def _autocorrelations(strength: np.ndarray) -> np.ndarray:
    """Autocorrelation of each window of the onset strength (T,) at all lags: (W, L), 1 at lag 0."""
    width, hop = round(WINDOW_SECONDS * FRAME_RATE), round(HOP_SECONDS * FRAME_RATE)
    padded = np.pad(strength, (0, max(width - len(strength), 0)))
    windows = sliding_window_view(padded, width)[::hop]
    windows = windows - windows.mean(1, keepdims=True)
    spectrum = np.fft.rfft(windows, 2 * width)
    products = np.fft.irfft(np.abs(spectrum) ** 2)[:, :width]
    # Fewer products are summed at longer lags: take their mean.
    products = products * width / np.arange(width, 0, -1)
    return products / np.maximum(products[:, :1], 1e-9)


def _beat_frames(strength: np.ndarray, period: np.ndarray) -> np.ndarray:
    """Frames (N,) of the beats, given onset strength (T,) and beat period in frames (T,)."""
    shortest = np.maximum((period / 2).astype(int), 1)
    score, previous = best_predecessors(
        strength[None], period, shortest, 4 * shortest, score_before_start=0.0
    )
    last_period = max(len(strength) - int(period[-1]), 0)
    return beat_sequence(previous[0], last_period + int(score[0, last_period:].argmax()))
