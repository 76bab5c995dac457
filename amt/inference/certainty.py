"""How certain a model is of a recording: statistics of its posteriors, which need no labels.

The mean confidence of a network follows its accuracy, but is biased (Guo et al. 2017, "On
Calibration of Modern Neural Networks"). `amt.monitoring.f1_estimate` corrects the bias.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from amt.decoding.build import AnyDecoder
from amt.decoding.peaks import Decoder

# Onset peaks and frames below this height are no evidence of a note: there are thousands of them.
FLOOR = 0.1
# An onset peak of a height between these is uncertain.
UNCERTAIN = (0.25, 0.75)
# From this frame posterior on a key sounds.
SOUNDING = 0.5


@dataclass(frozen=True)
class Certainty:
    """Statistics of the posteriors of one recording, each in 0..1 unless said otherwise.

    onset: mean height of the onset peaks that become notes. uncertain: share of the onset peaks of
    at least FLOOR whose height is within UNCERTAIN. expected_f1: the note F1 that the heights of
    these peaks promise if each is the probability of a note: with p the heights, threshold t,
    2 sum(p >= t) / (number of p >= t + sum of all p). frame: mean of |2 p - 1| over the frame
    posteriors p of at least FLOOR. polyphony: mean number of keys that sound. pedal: share of time
    with the sustain pedal down; None if the model does not hear pedals. Without any peak or frame
    of at least FLOOR, onset, expected_f1 and frame are None.
    """

    onset: float | None
    uncertain: float | None
    expected_f1: float | None
    frame: float | None
    polyphony: float
    pedal: float | None


def measure_certainty(posteriors: Mapping[str, Tensor], decoder: AnyDecoder) -> Certainty:
    """The certainty of posteriors `onset` and `frame`, (T, 88) in 0..1, and `pedal` (T, 1)."""
    heights = onset_heights(posteriors["onset"])
    notes = heights[heights >= decoder.onset_threshold]
    frame = posteriors["frame"]
    active = frame[frame >= FLOOR].float().numpy()
    low, high = UNCERTAIN
    promised = len(notes) + heights.sum()
    return Certainty(
        onset=_mean(notes),
        uncertain=_mean((heights > low) & (heights < high)),
        expected_f1=float(2 * notes.sum() / promised) if promised else None,
        frame=_mean(np.abs(2 * active - 1)),
        polyphony=float(np.count_nonzero(active >= SOUNDING)) / len(frame),
        pedal=_pedal_share(posteriors, decoder),
    )


def _pedal_share(posteriors: Mapping[str, Tensor], decoder: AnyDecoder) -> float | None:
    if not isinstance(decoder, Decoder) or "pedal" not in posteriors:
        return None
    return float((posteriors["pedal"] >= decoder.pedal_threshold).float().mean())


def onset_heights(onset: Tensor) -> np.ndarray:
    """Heights (N,) of the local maxima over time of at least FLOOR in `onset` (T, 88).

    The first and the last frame hold none. Flat tops count once, at their first frame.
    """
    rises = onset[1:] > onset[:-1]
    peaks = rises[:-1] & ~rises[1:] & (onset[1:-1] >= FLOOR)
    return onset[1:-1][peaks].float().numpy()


def _mean(values: np.ndarray) -> float | None:
    return float(values.mean(dtype=np.float64)) if len(values) else None
