"""Notes to a metrical grid: the network's posteriors and their decoding."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from amt.analysis.symbolic.grid import MetricalGrid
from amt.notes import Notes

# Beats of at least this certainty are taken for right: those of the held-out network on ASAP's
# validation performances (minute one) have a mean F1 of 0.93 then, all have 0.67
# (experiments/score/tune_decoder.py --certainty).
SURE = 0.75
# The network "open" is surer than it is right: at no certainty is the mean F1 of its beats higher.
OPEN_CERTAINTY = 0.66
MIN_ONSETS, MAX_SECONDS_AN_ONSET = 8, 8.0
# The first onset, when the network reads a piece.
LEAD_SECONDS = 1.0
# The bundled networks, `amt.analysis.symbolic.beat_weights`.
WEIGHTS = ("asap", "open")
DEFAULT_WEIGHTS = "asap"


def weights_beside(model: str | None) -> str:
    """The network for notes of a transcriber of this name.

    A transcriber without non-commercial data is not joined by beats from such data.
    """
    return "open" if model == "open" else DEFAULT_WEIGHTS


def estimate_grid(notes: Notes, weights: str | Path = DEFAULT_WEIGHTS) -> MetricalGrid | None:
    """Beats, downbeats and metres of a performance; None if there are too few notes or no beat.

    weights: "asap", trained on performances with annotated beats (CC BY-NC-SA 4.0), or "open",
    trained on invented pieces alone, whose beats are never certain by that name; or a file.
    Raises CheckpointError for others.
    """
    if not has_enough_onsets(notes):
        return None
    # Imported here, since torch takes a second that analyses without a grid need not wait for.
    from amt.analysis.symbolic.bar_posteriors import with_bars
    from amt.analysis.symbolic.beat_decoding import WITH_BARS, decode_beats
    from amt.analysis.symbolic.beat_posteriors import beat_posteriors
    from amt.analysis.symbolic.beat_weights import load_bar_network, load_beat_network

    # The network knows performances that begin soon; a long silence before takes only time.
    moved = LEAD_SECONDS - float(notes.onset[0])
    notes = notes.shift(moved)
    posteriors = beat_posteriors(notes, load_beat_network(weights))
    first = decode_beats(posteriors, notes)
    if first is None:
        return None
    # A second network knows what is a bar of these beats, and whether they are of the right level.
    posteriors = with_bars(posteriors, notes, first.beats, load_bar_network(weights))
    grid = decode_beats(posteriors, notes, WITH_BARS) or first
    certainty = min(grid.certainty, OPEN_CERTAINTY) if weights == "open" else grid.certainty
    return replace(grid, beats=grid.beats - moved, certainty=certainty)


def has_enough_onsets(notes: Notes) -> bool:
    """Whether there are MIN_ONSETS onsets and, on average, one in MAX_SECONDS_AN_ONSET.

    Fewer have no beat, and a long silence would take a lot of memory.
    """
    count = len(np.unique(notes.onset))
    if count < MIN_ONSETS:
        return False
    return bool(count >= (notes.onset[-1] - notes.onset[0]) / MAX_SECONDS_AN_ONSET)
