"""Chords of invented pieces against the chords that they were made of.

python experiments/analysis/chord_accuracy.py --pieces 24 --weights 0 0.3 1

For each weight of what the pedal holds (`PEDAL_WEIGHT`): the share of the time with the right
chord, and with one that has three of its tones; from the notes as played, and as transcribed by
--model. Beats are those that are found in the notes. Chords that no name of
`amt.analysis.symbolic.chords` fits are left out.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any
from unittest.mock import patch

import numpy as np
from tqdm import tqdm

from amt.analysis.symbolic import chords
from amt.analysis.symbolic.grid import MetricalGrid
from amt.analysis.symbolic.metrical import estimate_grid
from amt.inference.transcriber import Options, Transcriber
from amt.inference.writers import load_player
from amt.notes import Notes
from amt.synth import performer
from amt.synth.harmony import Chord

SECONDS = 40.0
# Compared at these times: not in the silence before, nor where a piece is cut.
TIMES = np.arange(1.0, SECONDS - 1, 0.1)
CLASSES = {
    (root, quality): frozenset((root + step) % 12 for step in steps)
    for quality, steps in chords.QUALITIES.items()
    for root in range(12)
}
Truth = list[frozenset[int]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pieces", type=int, default=24)
    parser.add_argument("--weights", type=float, nargs="+", default=[0, chords.PEDAL_WEIGHT, 1])
    parser.add_argument("--model", default="base")
    options = parser.parse_args()
    transcriber, player = Transcriber.from_pretrained(options.model), load_player(None)
    pieces = []
    for seed in tqdm(range(options.pieces), "transcribing"):
        notes, truth = invented(seed)
        transcribed = transcriber.run(player(notes), Options("key")).notes
        grids = [(one, estimate_grid(one)) for one in (notes, transcribed)]
        pieces.append((truth, *grids))
    for weight in options.weights:
        with patch.object(chords, "PEDAL_WEIGHT", weight):
            played, transcribed = (
                np.nanmean([score(*piece[which], piece[0]) for piece in pieces], axis=0)
                for which in (1, 2)
            )
        print(
            f"weight {weight:g}: right chord {played[0]:.3f}, three tones {played[1]:.3f}; "
            f"transcribed {transcribed[0]:.3f}, {transcribed[1]:.3f}"
        )


def invented(seed: int) -> tuple[Notes, Truth]:
    """A performance, and the pitch classes of its chord at each of TIMES."""
    made: dict[str, tuple[list[Chord], np.ndarray]] = {}
    pedalling = performer.pedalling

    def listen(*given: Any) -> Any:
        made["score"] = (given[1], given[3])
        return pedalling(*given)

    with patch.object(performer, "pedalling", listen):
        notes = performer.perform(np.random.default_rng(seed), SECONDS)
    harmony, clock = made["score"]
    starts = np.cumsum([0.0, *(chord.beats for chord in harmony)])
    place = np.searchsorted(performer.clock_seconds(clock, starts), TIMES, "right") - 1
    tones = [frozenset(int(tone) % 12 for tone in chord.tones) for chord in harmony]
    return notes, [tones[min(index, len(tones) - 1)] for index in place]


def score(
    notes: Notes, grid: MetricalGrid | None, truth: Sequence[frozenset[int]]
) -> tuple[float, float]:
    """Share of the times with the right chord, and with three of its tones; NaN without any."""
    found: list[frozenset[int]] = [frozenset()] * len(TIMES)
    names = {chords.chord_name(*key, None): tones for key, tones in CLASSES.items()}
    for chord in chords.estimate_chords(notes, grid.beats if grid else np.zeros(0)):
        for index in np.flatnonzero((chord.start <= TIMES) & (chord.stop > TIMES)):
            found[index] = names[chord.name]
    known = [pair for pair in zip(found, truth, strict=True) if pair[1] in CLASSES.values()]
    if not known:
        return np.nan, np.nan
    right = [own == true for own, true in known]
    return float(np.mean(right)), float(np.mean([len(own & true) >= 3 for own, true in known]))


if __name__ == "__main__":
    main()
