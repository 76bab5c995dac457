"""Invented pieces on invented pianos: nothing to download, labels exact."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from amt.data.pieces import SPLITS, Piece, Recording, SourceError, Split
from amt.data.rendering import (
    BUILTIN,
    piano_names,
    render_notes,
    rendering_fingerprint,
    room_files,
)
from amt.synth import performer


@dataclass(frozen=True)
class Synthetic:
    """Pieces of about `seconds` seconds, so many for each split.

    Every piece has its own seed, made of `seed`, its split and its number: more pieces leave those
    before them as they were. render: "builtin" (another random piano for every piece), the folder
    of a sampled piano, or a list of such. rooms: a folder of impulse responses; half of the pieces
    on sampled pianos sound in one of them.
    """

    train: int = 60
    validation: int = 6
    test: int = 6
    seconds: float = 60.0
    seed: int = 0
    render: str | Sequence[str] = BUILTIN
    rooms: str | None = None
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
        pianos, rooms = piano_names(self.render), room_files(self.rooms)
        version = rendering_fingerprint(pianos, rooms)
        return [
            self._piece(split, index, pianos, rooms, version)
            for split, count in counts.items()
            for index in range(count)
        ]

    def _piece(
        self,
        split: Split,
        index: int,
        pianos: tuple[str, ...],
        rooms: tuple[Path, ...],
        version: str,
    ) -> Piece:
        name = f"{split}_{index:05d}"
        load = partial(invent, self.seed, split, index, self.seconds, pianos, rooms)
        fingerprint = f"synthetic:{version}:{self.seed}:{split}:{index}:{self.seconds}"
        return Piece(name, split, name, load, fingerprint)


def invent(
    seed: int,
    split: Split,
    index: int,
    seconds: float,
    pianos: Sequence[str],
    rooms: Sequence[Path] = (),
) -> Recording:
    """Piece `index` of a split: invented, then played on one of `pianos`."""
    rng = np.random.default_rng([seed, SPLITS.index(split), index])
    return render_notes(performer.perform(rng, seconds), pianos, rng, rooms)
