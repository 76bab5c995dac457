"""Beats, metre and downbeats without a network, to compare with.

Beats are tracked by `amt.analysis.beat_tracking`. The tempo of a pianist is not constant, so the
beat period is estimated at every time: from the autocorrelation of the onset strength in windows of
some seconds, as the best path through the windows on which the tempo changes slowly.

On strong beats notes are louder, lower and longer, and the harmony changes (Temperley 2001, "The
Cognition of Basic Musical Structures"). If every m-th beat is strong, m means, one for each
position in the bar, explain the accents better than one mean. The Bayesian information criterion
decides whether they do so by more than m means always do.
"""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from amt.analysis.beat_tracking import beat_sequence, best_predecessors, log_tempo_prior
from amt.analysis.pitch import pitch_class_seconds
from amt.analysis.symbolic.metrical import has_enough_onsets
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
# Smallest mean autocorrelation at the beat period: the first value for a long piece, plus the
# second over the square root of the number of windows. Random onsets stay below.
MIN_PERIODICITY, MIN_PERIODICITY_ONE_WINDOW = 0.05, 0.4
# A beat moves to the mean onset of the notes that begin within so many seconds of it.
SNAP_SECONDS = 0.05


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


def track_beats(notes: Notes) -> np.ndarray:
    """Times of the beats (N,) in seconds; none if no beat is found."""
    if not has_enough_onsets(notes):
        return np.zeros(0)
    strength = onset_strength(notes)
    period, similarity = _periods(strength)
    least = MIN_PERIODICITY + MIN_PERIODICITY_ONE_WINDOW / np.sqrt(len(similarity))
    if similarity.mean() < least:
        return np.zeros(0)
    return _snap(notes, notes.onset[0] + _beat_frames(strength, period) / FRAME_RATE)


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


BEATS_PER_BAR = (2, 3, 4)
# Beats in a segment that has its own downbeats: a missing beat shifts the bars of one segment.
SEGMENT_BEATS = 24
# Largest distance, in beats, of an onset from a division of the beat.
DIVISION_TOLERANCE = 0.08
# Smallest number of onsets between the beats that shows a division.
MIN_DIVISION_ONSETS = 8


def estimate_metre(notes: Notes, beats: np.ndarray) -> tuple[str, np.ndarray]:
    """Metre ("3/4") and downbeats in seconds (M,), given beats (N,) in seconds.

    The note value of a beat is a convention. "" and none where no beats are accented regularly.
    """
    if len(beats) < 2 * max(BEATS_PER_BAR):
        return "", np.zeros(0)
    accents = beat_accents(notes, beats)
    gain = {size: _information_gain(accents, size) for size in BEATS_PER_BAR}
    size = max(gain, key=lambda size: gain[size])
    if gain[size] <= 0:
        return "", np.zeros(0)
    signature = f"{3 * size}/8" if _division(notes, beats) == 3 else f"{size}/4"
    return signature, _downbeats(accents, beats, size)


def beat_accents(notes: Notes, beats: np.ndarray) -> np.ndarray:
    """Accent features (N, 4) of each beat, larger on stronger beats; standard deviation 1 or 0.

    Of the notes that begin there: log of the summed velocities, minus the lowest pitch, log of the
    longest duration; and how much the pitch classes differ from those of the beat before.
    """
    nearest = np.searchsorted((beats[1:] + beats[:-1]) / 2, notes.onset)
    period = np.median(np.diff(beats))
    near = np.flatnonzero(np.abs(beats[nearest] - notes.onset) < 0.25 * period)
    loudness = np.bincount(nearest[near], notes.velocity[near], len(beats))
    lowest = np.full(len(beats), float(notes.pitch.max()))
    np.minimum.at(lowest, nearest[near], notes.pitch[near])
    longest = np.zeros(len(beats))
    np.maximum.at(longest, nearest[near], (notes.offset - notes.onset)[near])
    chroma = pitch_class_seconds(notes, np.append(beats, beats[-1] + period))
    chroma = chroma / np.maximum(np.linalg.norm(chroma, axis=1, keepdims=True), 1e-9)
    change = 1 - np.append(1.0, (chroma[1:] * chroma[:-1]).sum(1))
    lengths = np.log(longest + 0.1 * period)
    columns = np.stack([np.log1p(loudness), -lowest, lengths, change], axis=1)
    spread = columns.std(0)
    return np.divide(
        columns - columns.mean(0), spread, out=np.zeros_like(columns), where=spread > 1e-9
    )


def _information_gain(accents: np.ndarray, size: int) -> float:
    """Log-likelihood that bars of `size` beats add, less the penalty of the criterion; in nats."""
    gain = 0.0
    for segment in np.array_split(accents, max(len(accents) // SEGMENT_BEATS, 1)):
        position = np.eye(size)[np.arange(len(segment)) % size]
        means = position.T @ segment / position.sum(0)[:, None]
        residual = segment - position @ means
        variance = [np.maximum((x - x.mean(0)).var(0), 1e-2) for x in (segment, residual)]
        explained = 0.5 * len(segment) * np.log(variance[0] / variance[1]).sum()
        gain += explained - 0.5 * (size - 1) * segment.shape[1] * np.log(len(segment))
    return float(gain)


def _downbeats(accents: np.ndarray, beats: np.ndarray, size: int) -> np.ndarray:
    """Downbeats in seconds: in each segment every `size`-th beat, at the most accented position."""
    downbeats: list[float] = []
    segments = max(len(accents) // SEGMENT_BEATS, 1)
    for index in np.array_split(np.arange(len(beats)), segments):
        accent = accents[index].sum(1)
        position = max(range(size), key=lambda first: float(accent[first::size].mean()))
        downbeats.extend(beats[index[position::size]].tolist())
    return np.array(downbeats)


def _division(notes: Notes, beats: np.ndarray) -> int | None:
    """Parts of a beat, 2 or 3, by the onsets between beats; None if there are few."""
    inside = notes.onset[(notes.onset >= beats[0]) & (notes.onset < beats[-1])]
    before = np.searchsorted(beats, inside, side="right") - 1
    phase = (inside - beats[before]) / np.diff(beats)[before]
    halves = int((np.abs(phase - 1 / 2) < DIVISION_TOLERANCE).sum())
    thirds = int(
        (np.minimum(np.abs(phase - 1 / 3), np.abs(phase - 2 / 3)) < DIVISION_TOLERANCE).sum()
    )
    if halves + thirds < MIN_DIVISION_ONSETS:
        return None
    # By chance twice as many onsets are near the two thirds as near the half.
    return 3 if thirds > 2 * halves else 2
