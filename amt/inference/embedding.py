"""The embedding of a recording: mean and standard deviation of the network's features over time.

The features of a frame are what all heads of a network share and what depends on a fraction of a
second around the frame only, so that windows make no difference: the output of the trunk, as the
mean over the 88 keys if there is one vector per key (`amt.models.network.Network.features`). Of the
linear model they are its normalised spectra (`amt.models.linear.LinearKeys.features`). Of the
shipped models an embedding has 96 numbers (base) or 64 (fast, open).
"""

from __future__ import annotations

import numpy as np
from torch import Tensor

from amt.inference.backends.pytorch import FEATURES
from amt.inference.windows import Window

NO_EMBEDDING = "an older version of amt exported this model, without features; export it again"


class FeatureStatistics:
    """Running sums of features over the windows of a recording, in 64 bits."""

    def __init__(self, width: int) -> None:
        """width: D, the number of features of a frame."""
        self.frames = 0
        self.sum, self.squares = np.zeros(width), np.zeros(width)

    def add(self, window: Window) -> None:
        """Add the frames of a window without its right margin."""
        rows: Tensor = window.outputs[FEATURES][: window.last - window.first]
        values = rows.double().numpy()
        self.frames += len(values)
        self.sum += values.sum(axis=0)
        self.squares += np.square(values).sum(axis=0)

    def embedding(self) -> np.ndarray:
        """(2 D,) in float32: the mean of each feature, then the standard deviation of each."""
        mean = self.sum / self.frames
        variance = np.maximum(self.squares / self.frames - mean**2, 0.0)
        return np.concatenate([mean, np.sqrt(variance)]).astype(np.float32)
