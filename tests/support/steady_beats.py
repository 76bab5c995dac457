"""Beats of a metronome in place of the network's, for tests of what follows from beats."""

from __future__ import annotations

import numpy as np
import pytest

from amt.analysis.symbolic.grid import MetreSpan, MetricalGrid
from amt.notes import Notes

FEWEST = 4


def steady_beats(
    monkeypatch: pytest.MonkeyPatch, period: float = 0.5, certainty: float = 1.0
) -> None:
    """Let pieces of `FEWEST` notes or more have 4/4, and a beat each `period` seconds from 0 on."""

    def grid(notes: Notes, weights: str = "asap") -> MetricalGrid | None:
        if len(notes) < FEWEST:
            return None
        beats = period * np.arange(int(notes.end / period) + 2)
        first = np.arange(len(beats)) % 4 == 0
        return MetricalGrid(beats, first, (MetreSpan(0, 4, 4),), certainty)

    monkeypatch.setattr("amt.score.notated.estimate_grid", grid)
