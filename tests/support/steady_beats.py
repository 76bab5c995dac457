"""Beats of a metronome in place of the network's, for tests of what follows from beats."""

from __future__ import annotations

import numpy as np
import pytest

from amt.analysis.symbolic.grid import MetreSpan, MetricalGrid
from amt.notes import Notes

FEWEST = 4


def steady_grid(
    stop: float,
    period: float = 0.5,
    first: float = 0.0,
    metre: tuple[int, int] = (4, 4),
    certainty: float = 1.0,
) -> MetricalGrid:
    """A beat each `period` seconds from `first`, a downbeat, to before `stop`."""
    span = MetreSpan(0, *metre)
    beats = np.arange(first, stop - 1e-6, period)
    return MetricalGrid(beats, np.arange(len(beats)) % span.beats == 0, (span,), certainty)


def steady_beats(
    monkeypatch: pytest.MonkeyPatch, period: float = 0.5, certainty: float = 1.0
) -> None:
    """Let pieces of `FEWEST` notes or more have 4/4, and a beat each `period` seconds from 0 on."""

    def grid(notes: Notes, weights: str = "asap") -> MetricalGrid | None:
        if len(notes) < FEWEST:
            return None
        return steady_grid(notes.end + 2 * period, period, certainty=certainty)

    monkeypatch.setattr("amt.score.notated.estimate_grid", grid)
