"""Synthetic data: random performances, rendered; needs no download and has exact labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from amt.data.pieces import SPLITS, Piece, Recording, SourceError, Split, tidy_paths
from amt.data.rendering import (
    BUILTIN,
    piano_names,
    render_notes,
    rendering_fingerprint,
    room_files,
    split_pianos,
)
from amt.synth import performer


@dataclass(frozen=True)
class Synthetic:
    """Random pieces of about `seconds` seconds; train, validation, test: how many of each split.

    Each piece has its own seed, made of `seed`, its split and its index, so that adding pieces does
    not change the others. render: "builtin" (a random piano for every piece), the folder of a
    sampled piano, or a list of these. vary_pianos: make another instrument of the samples for each
    piece. rooms: folder of impulse responses, used by half of the pieces on sampled pianos.
    """

    train: int = 60
    validation: int = 6
    test: int = 6
    seconds: float = 60.0
    seed: int = 0
    render: str | Sequence[str] = BUILTIN
    vary_pianos: bool = False
    rooms: str | None = None
    name: str = "synthetic"

    def __post_init__(self) -> None:
        object.__setattr__(self, "render", tidy_paths(split_pianos(self.render)))
        object.__setattr__(self, "rooms", tidy_paths(self.rooms))

    def pieces(self) -> list[Piece]:
        """All pieces; raises SourceError if a count or the duration is invalid."""
        counts: dict[Split, int] = {
            "train": self.train,
            "validation": self.validation,
            "test": self.test,
        }
        if min(counts.values()) < 0 or sum(counts.values()) == 0 or self.seconds <= 0:
            raise SourceError(
                f"synthetic data needs counts >= 0, not all 0, and seconds > 0; got {counts} "
                f"pieces of {self.seconds} s"
            )
        pianos, rooms = piano_names(self.render), room_files(self.rooms)
        version = rendering_fingerprint(pianos, rooms, self.vary_pianos)
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
        load = partial(
            generate, self.seed, split, index, self.seconds, pianos, rooms, self.vary_pianos
        )
        fingerprint = f"synthetic:{version}:{self.seed}:{split}:{index}:{self.seconds}"
        return Piece(name, split, name, load, fingerprint)


def generate(
    seed: int,
    split: Split,
    index: int,
    seconds: float,
    pianos: Sequence[str],
    rooms: Sequence[Path] = (),
    vary_pianos: bool = False,
) -> Recording:
    """Piece `index` of a split: a random performance, rendered on one of `pianos`."""
    rng = np.random.default_rng([seed, SPLITS.index(split), index])
    return render_notes(performer.perform(rng, seconds), pianos, rng, rooms, vary_pianos)
