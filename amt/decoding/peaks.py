"""Posteriors to notes by peak picking: onsets, the end of each note, velocity, and the pedal.

Times are between frames, after Kong et al. 2021. scipy.signal.find_peaks is not used: it works on
one key at a time, on the CPU, and gives whole frames.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from amt.notes import MIN_PITCH, NUM_KEYS, Notes, pedal_from_presses

TARGETS = ("onset", "offset", "frame", "velocity")

# A note ends where its sound ends, which the pedal may prolong, or where its key is released.
Ends = Literal["sound", "key"]

# If an offset peak is at most this long after the fall of the frame posterior, both are the same
# event, and the time of the peak is taken: a triangle around it gives the time between two frames,
# which the frame posterior, a step, does not.
SAME_EVENT_FRAMES = 2.0
# An `offset_threshold` that no peak reaches: notes end where the frame posterior falls.
NO_OFFSET_PEAKS = 1.1


@dataclass(frozen=True)
class Decoder:
    """Peak picking with thresholds; its settings are plain numbers, stored in checkpoints.

    onset_threshold, offset_threshold: the least height of a peak.
    frame_threshold: a note also ends where the frame posterior falls below it.
    release_threshold: the least height of a peak of the release posterior (the key comes up).
    pedal_threshold: the sustain pedal is down where its posterior is at least this high.
    min_interval: seconds; of two onsets of a key closer than this only the higher is kept.
    min_duration: seconds; an offset sooner after the onset does not belong to this note, which
    lasts at least that long unless its key is struck again.
    level_weight: how much velocities follow the levels of the recording rather than the network
    alone, 0..1; used by `amt.inference`, since posteriors do not tell levels.
    Raises ValueError for a threshold or weight outside 0..1 and for a negative duration.
    """

    onset_threshold: float = 0.5
    offset_threshold: float = 0.5
    frame_threshold: float = 0.5
    release_threshold: float = 0.5
    pedal_threshold: float = 0.5
    min_interval: float = 0.05
    min_duration: float = 0.03
    level_weight: float = 0.5

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            seconds = name.startswith("min_")
            most = NO_OFFSET_PEAKS if name == "offset_threshold" else 1
            if not 0 <= value <= (np.inf if seconds else most):
                expected = "seconds, 0 or more" if seconds else "a number from 0 to 1"
                raise ValueError(f"decoder.{name}={value}: expected {expected}")

    def decode(
        self, posteriors: Mapping[str, Tensor], frame_rate: float, ends: Ends = "sound"
    ) -> Notes:
        """Notes in `posteriors`: onset, offset, frame, velocity, each (T, 88) in 0..1.

        Notes end where their sound ends. With `ends="key"` they end where their keys are released,
        if `posteriors` has `release` (T, 88), and contain the sustain pedal, if it has `pedal`
        (T, 1), without presses that end before the first note: the input of
        `amt.notes.extend_sustain`. Frame t is at t / `frame_rate` seconds.
        Comparisons of whole (T, 88) tensors run on their device and in their type; only peaks and
        their neighbours are copied to the CPU.
        Raises ValueError if a target is missing, has another shape or contains NaN.
        """
        check_posteriors(posteriors)
        length = posteriors["onset"].shape[0]
        onsets = _peaks(posteriors["onset"], self.onset_threshold)
        onsets = onsets.select(_highest(onsets, self.min_interval * frame_rate))
        earliest = onsets.time + self.min_duration * frame_rate
        last = self._ends(posteriors, onsets, earliest)
        if ends == "key" and "release" in posteriors:
            last = np.minimum(last, self._releases(posteriors["release"], onsets, earliest))
        last = np.maximum(last, earliest)
        last = np.minimum(last, np.minimum(_next_onset(onsets), length))
        velocity = _gather(posteriors["velocity"], onsets.frame, onsets.key)
        notes = Notes(
            onsets.time / frame_rate,
            last / frame_rate,
            onsets.key + MIN_PITCH,
            np.clip(np.rint(velocity * 127), 1, 127),
        )
        if ends == "sound" or "pedal" not in posteriors:
            return notes
        presses = _presses(posteriors["pedal"][:, 0], self.pedal_threshold) / frame_rate
        # Before the first note a press has no sound: what seems one there is noise.
        heard = presses[:, 1] > notes.onset.min(initial=np.inf)
        return replace(notes, pedal=pedal_from_presses(presses[heard]))

    def _ends(
        self, posteriors: Mapping[str, Tensor], onsets: _Peaks, earliest: np.ndarray
    ) -> np.ndarray:
        """Where each note's sound ends, in frames; infinity if it does not end."""
        offsets = _peaks(posteriors["offset"], self.offset_threshold)
        peak = _next_event(offsets.key, offsets.time, onsets.key, earliest)
        fall = _fall_after(posteriors["frame"], onsets, self.frame_threshold)
        return np.where(peak <= fall + SAME_EVENT_FRAMES, peak, fall)

    def _releases(self, values: Tensor, onsets: _Peaks, earliest: np.ndarray) -> np.ndarray:
        """Where each note's key is released, in frames; infinity if there is no such peak."""
        releases = _peaks(values, self.release_threshold)
        return _next_event(releases.key, releases.time, onsets.key, earliest)


@dataclass(frozen=True)
class _Peaks:
    """Local maxima, sorted by key, then time: frame index, time in fractional frames, height."""

    key: np.ndarray
    frame: np.ndarray
    time: np.ndarray
    height: np.ndarray

    def select(self, mask: np.ndarray) -> _Peaks:
        return _Peaks(self.key[mask], self.frame[mask], self.time[mask], self.height[mask])


def check_posteriors(posteriors: Mapping[str, Tensor]) -> None:
    """Raises ValueError if a target is missing, has another shape or contains NaN."""
    missing = [name for name in TARGETS if name not in posteriors]
    if missing:
        raise ValueError(f"posteriors need {', '.join(TARGETS)}; missing: {', '.join(missing)}")
    shapes = {name: tuple(posteriors[name].shape) for name in TARGETS}
    first = shapes["onset"]
    if len(first) != 2 or first[1] != NUM_KEYS or len(set(shapes.values())) != 1:
        raise ValueError(f"posteriors must all be (frames, {NUM_KEYS}), got {shapes}")
    broken = [name for name, values in posteriors.items() if bool(values.isnan().any())]
    if broken:
        raise ValueError(
            f"posteriors contain NaN in {', '.join(broken)}: check the model and the audio"
        )


def _peaks(values: Tensor, threshold: float) -> _Peaks:
    """Local maxima over time of `values` (T, 88) at or above `threshold`, with sub-frame times.

    Posteriors in half precision often have equal neighbours, so that a peak may be a plateau: equal
    values with lower ones on both sides, or with an end of the recording. It counts as one peak, at
    its middle. A plateau starts after a rise and ends before a fall. A flat part of a rising slope
    starts after a rise too, but the next end on its key belongs to the higher peak that follows: so
    a start is that of a peak exactly if the next end has the same height.
    """
    high = values >= threshold
    rise = torch.ones_like(high)
    fall = torch.ones_like(high)
    step_up = values[1:] > values[:-1]
    step_down = values[1:] < values[:-1]
    rise[1:], fall[:-1] = step_up, step_down
    not_up, not_down = torch.ones_like(high), torch.ones_like(high)
    not_up[:-1], not_down[1:] = ~step_up, ~step_down
    start_frame, start_key = _where(high & rise & not_up)
    end_frame, end_key = _where(high & fall & not_down)
    height = _gather(values, start_frame, start_key)
    length = values.shape[0]
    last = np.searchsorted(end_key * length + end_frame, start_key * length + start_frame)
    last = np.minimum(last, max(len(end_frame) - 1, 0))
    is_peak = height == _gather(values, end_frame, end_key)[last]
    first, last, key = start_frame[is_peak], end_frame[last[is_peak]], start_key[is_peak]
    time = (first + last) / 2 + _refinement(values, first, last, key)
    return _Peaks(key, (first + last) // 2, np.clip(time, 0, length), height[is_peak])


def _refinement(values: Tensor, first: np.ndarray, last: np.ndarray, key: np.ndarray) -> np.ndarray:
    """Distance in frames, at most 0.5, from the middle of each peak to the tip of its triangle.

    Targets are triangles around the exact time of an event, so three values of the peak give its
    time between the frames: Kong et al. 2021, "High-resolution Piano Transcription with Pedals by
    Regressing Onset and Offset Times", equation 9. It is exact for isosceles triangles of any
    height whose half base is at least 1.5 frames. At the first and last frame the missing neighbour
    is extrapolated from the slope of the other side.
    """
    peak = _gather(values, first, key)
    before, after = _gather(values, first - 1, key), _gather(values, last + 1, key)
    slope_after = np.fmax(after - _gather(values, last + 2, key), peak - after)
    slope_before = np.fmax(before - _gather(values, first - 2, key), peak - before)
    before, after = (
        np.where(np.isnan(before), peak - slope_after, before),
        np.where(np.isnan(after), peak - slope_before, after),
    )
    depth = peak - np.fmin(before, after)
    return np.divide(after - before, 2 * depth, out=np.zeros_like(peak), where=depth > 0)


def _presses(values: Tensor, threshold: float) -> np.ndarray:
    """Pedal presses (P, 2) in frames: where `values` (T,) cross `threshold`, interpolated."""
    pedal = values.float().cpu().numpy().astype(np.float64)
    down = np.concatenate([[False], pedal >= threshold, [False]])
    edge = np.flatnonzero(down[1:] != down[:-1])
    before, after = pedal[np.maximum(edge - 1, 0)], pedal[np.minimum(edge, len(pedal) - 1)]
    change = after - before
    part = np.divide(threshold - before, change, out=np.ones_like(change), where=change != 0)
    inside = (edge > 0) & (edge < len(pedal))
    return np.where(inside, edge - 1 + part, edge).reshape(-1, 2)


def _highest(peaks: _Peaks, interval: float) -> np.ndarray:
    """Mask of the peaks with no higher peak of their key within `interval` frames.

    Of equal peaks the first is kept. Peaks of a key are at least one frame apart, so that only the
    next ceil(interval) peaks have to be compared.
    """
    keep = np.ones(len(peaks.key), dtype=bool)
    for distance in range(1, min(int(np.ceil(interval)) + 1, len(keep))):
        near = peaks.key[distance:] == peaks.key[:-distance]
        near &= peaks.time[distance:] - peaks.time[:-distance] < interval
        higher = peaks.height[distance:] > peaks.height[:-distance]
        keep[:-distance] &= ~(near & higher)
        keep[distance:] &= ~(near & ~higher)
    return keep


def _next_onset(onsets: _Peaks) -> np.ndarray:
    """Time of the next onset of the same key; infinity if there is none."""
    following = np.full(len(onsets.time), np.inf)
    same = onsets.key[1:] == onsets.key[:-1]
    following[:-1][same] = onsets.time[1:][same]
    return following


def _fall_after(frames: Tensor, onsets: _Peaks, threshold: float) -> np.ndarray:
    """Time at which the frame posterior falls below `threshold` after each onset, interpolated."""
    low = frames < threshold
    frame, key = _where(low[1:] & ~low[:-1])
    upper, lower = _gather(frames, frame, key), _gather(frames, frame + 1, key)
    crossing = frame + (upper - threshold) / np.where(upper > lower, upper - lower, 1.0)
    # Not the peak's own frame: it may lie just before the onset, where the note is still silent.
    first = onsets.frame + 1
    silent = _gather(frames, first, onsets.key) < threshold
    index = _next_index(key, frame, onsets.key, first)
    found = np.append(crossing, np.inf)[index]
    return np.where(silent, first, found)


def _next_event(
    key: np.ndarray, time: np.ndarray, query_key: np.ndarray, query_time: np.ndarray
) -> np.ndarray:
    """The first `time` of the same key at or after each query; infinity if there is none."""
    return np.append(time, np.inf)[_next_index(key, time, query_key, query_time)]


def _next_index(
    key: np.ndarray, time: np.ndarray, query_key: np.ndarray, query_time: np.ndarray
) -> np.ndarray:
    """Index of that event in `time` (sorted by key, then time); len(time) if there is none.

    One sorted search over all keys: each key's times are moved to a range of their own.
    """
    span = 1.0 + max(time.max(initial=0), query_time.max(initial=0))
    index = np.searchsorted(key * span + time, query_key * span + query_time)
    same = np.append(key, -1)[index] == query_key
    return np.where(same, index, len(time))


def _where(mask: Tensor) -> tuple[np.ndarray, np.ndarray]:
    """Frame and key of each true element of `mask` (T, 88), sorted by key, then frame."""
    key, frame = mask.T.nonzero().cpu().numpy().T
    return frame, key


def _gather(values: Tensor, frame: np.ndarray, key: np.ndarray) -> np.ndarray:
    """`values` (T, 88) at the given frames and keys as float64 on the CPU; NaN outside 0..T-1."""
    inside = (frame >= 0) & (frame < values.shape[0])
    index = torch.from_numpy(np.where(inside, frame, 0) * values.shape[1] + key)
    found = torch.take(values, index.to(values.device)).float().cpu().numpy().astype(np.float64)
    return np.where(inside, found, np.nan)
