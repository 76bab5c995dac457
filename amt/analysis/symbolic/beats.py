"""Tempo and beats of a performance, from its onsets.

Beats are those of Ellis (2007), "Beat tracking by dynamic programming": they fall on strong onsets
and keep the distance that the tempo asks for. The tempo is no constant here, since a pianist's is
none: windows of some seconds give autocorrelations, and a path through them that changes slowly
gives the period at every time.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from amt.analysis.symbolic.viterbi import viterbi_path
from amt.notes import Notes

RATE = 100
SMOOTHING_SECONDS = 0.02
# Beats a minute that are looked for, and those that are likeliest: as in Ellis (2007).
SLOWEST, FASTEST, LIKELIEST = 30.0, 240.0, 120.0
OCTAVES_OF_DOUBT = 0.9
WINDOW_SECONDS, HOP_SECONDS = 8.0, 2.0
TEMPO_CHANGE_COST = 4.0
# How much a beat off its place costs (Ellis's alpha, for an onset strength of deviation 1).
TIGHTNESS = 100.0
MIN_ONSETS = 8
# What a beat's mean autocorrelation must exceed, and by how much more where one window alone
# speaks: random onsets stay below.
MIN_PERIODICITY, MIN_PERIODICITY_ALONE = 0.05, 0.4
# A beat stands where the notes within so many seconds of it begin.
SNAP_SECONDS = 0.05
# Steps between beats are measured over so many, to even out what the hands add.
STEPS = 4


@dataclass(frozen=True)
class Tempo:
    """Beats a minute: their median, and the 10th and 90th percentile over the beats.

    periodicity: autocorrelation of the onsets at the beat, between 0 and 1.
    """

    bpm: float
    slow: float
    fast: float
    periodicity: float


def onset_strength(notes: Notes) -> np.ndarray:
    """How much begins in each hundredth of a second from the first onset on: (T,), deviation 1.

    Velocities count by their squares, so that what is stressed or thick stands out.
    """
    frame = np.rint((notes.onset - notes.onset[0]) * RATE).astype(int)
    strokes = np.bincount(frame, notes.velocity.astype(float) ** 2)
    reach = np.arange(-3 * SMOOTHING_SECONDS, 3 * SMOOTHING_SECONDS + 1e-9, 1 / RATE)
    kernel = np.exp(-0.5 * (reach / SMOOTHING_SECONDS) ** 2)
    strength = np.convolve(strokes, kernel)[len(kernel) // 2 :][: len(strokes)]
    return strength / max(strength.std(), 1e-9)


def track_beats(notes: Notes) -> tuple[Tempo | None, np.ndarray]:
    """The tempo and the times of the beats (B,) in seconds; nothing where no beat is felt."""
    onsets = len(np.unique(notes.onset))
    # Sparser than one a window they have no beat (and would take memory for the silence).
    if onsets < max(
        MIN_ONSETS, (notes.onset[-1] - notes.onset[0]) / WINDOW_SECONDS if onsets else 0
    ):
        return None, np.zeros(0)
    strength = onset_strength(notes)
    period, similar = _periods(strength)
    periodicity = float(similar.mean())
    if periodicity < MIN_PERIODICITY + MIN_PERIODICITY_ALONE / np.sqrt(len(similar)):
        return None, np.zeros(0)
    beats = _snap(notes, notes.onset[0] + _track(strength, period) / RATE)
    if len(beats) < MIN_ONSETS:
        return None, np.zeros(0)
    steps = (beats[STEPS:] - beats[:-STEPS]) / STEPS
    slow, median, fast = np.percentile(60 / steps, (10, 50, 90)).tolist()
    return Tempo(median, slow, fast, periodicity), beats


def _snap(notes: Notes, beats: np.ndarray) -> np.ndarray:
    """Beats (B,) at the mean onset of the notes beside them; where there are none they stay."""
    near = np.searchsorted((beats[1:] + beats[:-1]) / 2, notes.onset)
    own = np.abs(beats[near] - notes.onset) <= SNAP_SECONDS
    count = np.bincount(near[own], minlength=len(beats))
    total = np.bincount(near[own], notes.onset[own], len(beats))
    return np.where(count > 0, total / np.maximum(count, 1), beats)


def _periods(strength: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The period of the beat in frames at every frame (T,), each window's autocorrelation at it."""
    lags = np.arange(round(60 * RATE / FASTEST), round(60 * RATE / SLOWEST) + 1)
    similar = _autocorrelations(strength)
    # The bar and the beat agree: a period is likelier where its double and its triple repeat too.
    support = similar[:, lags] + 0.5 * np.maximum(similar[:, 2 * lags], similar[:, 3 * lags])
    doubt = np.log2(lags * LIKELIEST / (60 * RATE)) / OCTAVES_OF_DOUBT
    octaves = np.log2(lags)
    change = TEMPO_CHANGE_COST * np.abs(octaves[:, None] - octaves)
    path = viterbi_path(support * np.exp(-0.5 * doubt**2), change)
    centres = np.arange(len(path)) * HOP_SECONDS * RATE + WINDOW_SECONDS * RATE / 2
    period = np.interp(np.arange(len(strength)), centres, lags[path])
    return period, similar[np.arange(len(path)), lags[path]]


def _autocorrelations(strength: np.ndarray) -> np.ndarray:
    """Of each window of the onset strength, at all lags: (W, L), 1 at lag 0 if anything begins."""
    width, hop = round(WINDOW_SECONDS * RATE), round(HOP_SECONDS * RATE)
    padded = np.pad(strength, (0, max(width - len(strength), 0)))
    windows = sliding_window_view(padded, width)[::hop]
    windows = windows - windows.mean(1, keepdims=True)
    spectrum = np.fft.rfft(windows, 2 * width)
    products = np.fft.irfft(np.abs(spectrum) ** 2)[:, :width]
    # Few products make up the sums at long lags.
    products = products * width / np.arange(width, 0, -1)
    return products / np.maximum(products[:, :1], 1e-9)


def _track(strength: np.ndarray, period: np.ndarray) -> np.ndarray:
    """Frames (B,) of the beats: the best sum of onset strength less what uneven steps cost.

    A beat lies half a period to two periods after the one before, so half a period of frames knows
    all its candidates and is done at once.
    """
    reach = 2 * int(period.max()) + 2
    total, came_from = np.zeros(reach + len(strength)), np.full(len(strength), -1)
    start = 0
    while start < len(strength):
        half = max(int(period[start] / 2), 1)
        step = np.arange(half, 4 * half + 1)
        now = np.arange(start, min(start + half, len(strength)))
        cost = TIGHTNESS * np.log(step / period[start]) ** 2
        ways = total[reach + now[:, None] - step] - cost
        best = ways.argmax(1)
        total[reach + now] = strength[now] + ways[np.arange(len(now)), best]
        came_from[now] = now - step[best]
        start += half
    last = len(strength) - int(period[-1])
    beats = [max(last, 0) + int(total[reach:][max(last, 0) :].argmax())]
    while came_from[beats[-1]] >= 0:
        beats.append(int(came_from[beats[-1]]))
    return np.array(beats[::-1])
