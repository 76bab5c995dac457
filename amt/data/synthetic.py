"""Invented pieces on invented pianos: nothing to download, labels exact."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from amt.data.pieces import SPLITS, Piece, Recording, SourceError, Split
from amt.data.rendering import BUILTIN, piano_names, pianos_fingerprint, render_notes
from amt.synth import performer


@dataclass(frozen=True)
class Synthetic:
    """Pieces of about `seconds` seconds, so many for each split.

    Every piece has its own seed, made of `seed`, its split and its number: more pieces leave those
    before them as they were. render: "builtin" (another random piano for every piece), the folder
    of a sampled piano, or a list of such.
    """

    train: int = 60
    validation: int = 6
    test: int = 6
    seconds: float = 60.0
    seed: int = 0
    render: str | Sequence[str] = BUILTIN
    name: str = "synthetic"

    def pieces(self) -> list[Piece]:
        """All pieces; raises SourceError where a count or the duration makes no sense."""
        counts: dict[Split, int] = {
            "train": self.train,
            "validation": self.validation,
            "test": self.test,
        }
        if min(counts.values()) < 0 or sum(counts.values()) == 0 or self.seconds <= 0:
            raise SourceError(
                f"synthetic data needs counts from 0 and seconds above 0, got {counts} pieces of "
                f"{self.seconds} s"
            )
        pianos = piano_names(self.render)
        version = pianos_fingerprint(pianos)
        return [
            self._piece(split, index, pianos, version)
            for split, count in counts.items()
            for index in range(count)
        ]

    def _piece(self, split: Split, index: int, pianos: tuple[str, ...], version: str) -> Piece:
        name = f"{split}_{index:05d}"
        load = partial(invent, self.seed, split, index, self.seconds, pianos)
        fingerprint = f"synthetic:{version}:{self.seed}:{split}:{index}:{self.seconds}"
        return Piece(name, split, name, load, fingerprint)


def invent(seed: int, split: Split, index: int, seconds: float, pianos: Sequence[str]) -> Recording:
    """Piece `index` of a split: invented, then played on one of `pianos`."""
    rng = np.random.default_rng([seed, SPLITS.index(split), index])
    return render_notes(performer.perform(rng, seconds), pianos, rng)
