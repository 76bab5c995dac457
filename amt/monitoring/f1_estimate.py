"""Note F1 without labels: a linear regression of F1 on the certainty of the model.

Calibrated on recordings with notes. It says how well the model does on what it takes for piano; of
a recording without a piano it says nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from amt.monitoring.numbers import RecordingNumbers

FEATURES = ("expected_f1", "onset_certainty", "uncertain_onsets", "frame_certainty")
RIDGE = 1.0
MIN_RECORDINGS = 20


@dataclass(frozen=True)
class F1Calibration:
    """weights: factors of FEATURES. error: mean absolute error of one recording.

    Both from the recordings with notes of a profile, `recordings` of them; the error is that of
    recordings that were left out of the regression, a tenth at a time.
    """

    weights: tuple[float, ...]
    intercept: float
    error: float
    recordings: int

    def estimate(self, numbers: RecordingNumbers) -> float | None:
        """The estimated note F1 of a recording; None without notes."""
        features = _features(numbers)
        if features is None:
            return None
        return float(np.clip(self.intercept + np.dot(self.weights, features), 0.0, 1.0))


def calibrate(
    recordings: Sequence[RecordingNumbers], f1: Sequence[float | None]
) -> F1Calibration | None:
    """The regression of the known values of `f1` (N,); None if there are too few."""
    pairs = [
        (features, score)
        for numbers, score in zip(recordings, f1, strict=True)
        if score is not None and (features := _features(numbers)) is not None
    ]
    if len(pairs) < MIN_RECORDINGS:
        return None
    rows, scores = zip(*pairs, strict=True)
    return fit(np.array(rows), np.array(scores))


def fit(features: np.ndarray, scores: np.ndarray) -> F1Calibration:
    """Ridge regression of scores (N,) on standardised features (N, 4)."""
    from sklearn.linear_model import Ridge
    from sklearn.model_selection import cross_val_predict
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    model = make_pipeline(StandardScaler(), Ridge(RIDGE))
    # Recordings are in the order of their pieces, so that a tenth holds nearly whole pieces.
    predicted = cross_val_predict(model, features, scores, cv=min(10, len(scores)))
    model.fit(features, scores)
    weights = model[-1].coef_ / model[0].scale_
    intercept = model[-1].intercept_ - weights @ model[0].mean_
    error = float(np.abs(np.clip(predicted, 0, 1) - scores).mean())
    return F1Calibration(tuple(map(float, weights)), float(intercept), error, len(scores))


def _features(numbers: RecordingNumbers) -> list[float] | None:
    values = [getattr(numbers, name) for name in FEATURES]
    return None if None in values else values
