"""Choose the decoder's settings on ASAP's validation compositions, and show its certainty.

python experiments/score/tune_decoder.py ASAP --weights held_out --seconds 90
python experiments/score/tune_decoder.py ASAP --weights held_out --certainty

One performance of each composition. Setting after setting, each value of SEARCH is tried and the
best one kept, by the sum of F1 of beats and of downbeats and half the share of bars with as many
beats as annotated. --certainty: instead, for thresholds of certainty, how many performances are at
or above each, and how many of these have F1 above 0.8.
"""

from __future__ import annotations

import argparse
import warnings
from dataclasses import dataclass, fields, replace
from pathlib import Path

import mir_eval
import numpy as np
from asap import (
    Annotations,
    beat_weights,
    first_performances,
    performances,
    read_annotations,
)

from amt.analysis.symbolic.bar_posteriors import with_bars
from amt.analysis.symbolic.beat_decoding import WITH_BARS, DecodingSettings, decode_beats
from amt.analysis.symbolic.beat_path import PathCosts
from amt.analysis.symbolic.beat_posteriors import BeatPosteriors, beat_posteriors
from amt.analysis.symbolic.beat_weights import load_bar_network, load_beat_network
from amt.analysis.symbolic.metrical import LEAD_SECONDS
from amt.io.midi import read_midi
from amt.notes import Notes

# In the order in which they are chosen; names of PathCosts too.
SEARCH: dict[str, tuple[float, ...]] = {
    "threshold": (0.1, 0.2, 0.3, 0.4, 0.5),
    "downbeat_threshold": (0.15, 0.25, 0.35, 0.5),
    "downbeat": (0.4, 0.7, 1.0, 1.5),
    "metre": (0.0, 0.1, 0.3, 0.6),
    "period": (0.0, 0.25, 0.5, 1.0),
    "tempo": (1.0, 2.0, 4.0, 6.0, 9.0),
    "square": (0.0, 10.0, 20.0, 40.0),
    "jump": (2.0, 4.0, 6.0, 10.0),
    "change": (3.0, 6.0, 12.0),
    "irregular": (4.0, 8.0, 14.0),
    "beat": (0.7, 1.0, 1.5, 2.5),
}
GOOD = 0.8


@dataclass(frozen=True, eq=False)
class Piece:
    """Notes from LEAD_SECONDS on, what the network says of them, and what is true."""

    notes: Notes
    posteriors: BeatPosteriors
    truth: Annotations
    lead: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("asap", type=Path, help="folder of ASAP")
    parser.add_argument("--weights", default="held_out", help="held_out, open or a file")
    parser.add_argument("--seconds", type=float, default=np.inf, help="the beginning of each")
    parser.add_argument("--passes", type=int, choices=(1, 2), default=2, help="which pass to tune")
    parser.add_argument("--certainty", action="store_true")
    options = parser.parse_args()
    warnings.simplefilter("ignore")  # Of mir_eval, for pieces without beats.
    known = beat_weights(options.weights)
    found = pieces(options.asap, known, options.seconds, options.passes, options.certainty)
    if options.certainty:
        show_certainty(found)
    else:
        search(found, WITH_BARS if options.passes == 2 else DecodingSettings())


def pieces(
    asap: Path, weights: str | Path, seconds: float, passes: int = 2, every: bool = False
) -> list[Piece]:
    """The validation performances: one of each composition, or all; posteriors of a pass."""
    network, bars = load_beat_network(weights), load_bar_network(weights)
    result = []
    for one in (performances if every else first_performances)(asap, "validation"):
        notes = read_midi(one.midi)
        notes = notes.crop(0.0, seconds)
        lead = LEAD_SECONDS - float(notes.onset[0])
        notes = notes.shift(lead)
        truth = read_annotations(one.annotations)
        kept = truth.beats < min(seconds, notes.end - lead)
        truth = replace(truth, beats=truth.beats[kept], downbeats=truth.downbeats[kept])
        posteriors = beat_posteriors(notes, network)
        if passes == 2 and (first := decode_beats(posteriors, notes)):
            posteriors = with_bars(posteriors, notes, first.beats, bars)
        result.append(Piece(notes, posteriors, truth, lead))
    return result


def search(found: list[Piece], best: DecodingSettings) -> None:
    """Coordinate descent from the present settings."""
    row = evaluate(found, best)
    print("now", text(row), flush=True)
    for name, values in SEARCH.items():
        for value in values:
            tried = changed(best, name, value)
            scored = evaluate(found, tried)
            better = total(scored) > total(row)
            print(f"{name} {value:g}", text(scored), "*" if better else "", flush=True)
            if better:
                best, row = tried, scored
    print(best)


def changed(settings: DecodingSettings, name: str, value: float) -> DecodingSettings:
    """The settings with another value, of their own or of their costs."""
    if name in {one.name for one in fields(PathCosts)}:
        return replace(settings, costs=replace(settings.costs, **{name: value}))
    return replace(settings, **{name: value})


def evaluate(found: list[Piece], settings: DecodingSettings) -> np.ndarray:
    """Means of F1 of beats, F1 of downbeats, share of bars with as many beats as annotated."""
    return np.mean([scores(one, settings)[:3] for one in found], axis=0)


def scores(piece: Piece, settings: DecodingSettings) -> tuple[float, float, float, float]:
    """Those, and the certainty; 0 without a grid."""
    grid = decode_beats(piece.posteriors, piece.notes, settings)
    if grid is None:
        return 0.0, 0.0, 0.0, 0.0
    truth, beats = piece.truth, grid.beats - piece.lead
    downbeats = truth.beats[truth.downbeats]
    sizes = np.diff(np.flatnonzero(truth.downbeats))
    usual = np.median(sizes) if len(sizes) else 0
    return (
        mir_eval.beat.f_measure(truth.beats, beats),
        mir_eval.beat.f_measure(downbeats, beats[grid.downbeats]),
        float(np.mean(grid.bars()[1] == usual)),
        grid.certainty,
    )


def total(row: np.ndarray) -> float:
    return float(row[0] + row[1] + 0.5 * row[2])


def text(row: np.ndarray) -> str:
    return f"beat {row[0]:.3f} downbeat {row[1]:.3f} bar {row[2]:.3f}"


def show_certainty(found: list[Piece]) -> None:
    """What certainty says of F1, on all performances."""
    rows = np.array([scores(one, WITH_BARS) for one in found])
    print(f"correlation of certainty and F1: {np.corrcoef(rows[:, 3], rows[:, 0])[0, 1]:.2f}")
    for least in np.arange(0.2, 1.0, 0.05):
        chosen = rows[rows[:, 3] >= least]
        if len(chosen):
            good = np.mean(chosen[:, 0] >= GOOD)
            print(
                f"certainty >= {least:.2f}: {len(chosen)} of {len(rows)}, F1 >= {GOOD}: "
                f"{good:.2f}, mean F1 {chosen[:, 0].mean():.2f}"
            )


if __name__ == "__main__":
    main()
