"""MAPS (Emiya, Badeau, David 2010): piano pieces on seven virtual pianos and a real Disklavier."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from amt.data.pieces import (
    AUDIO_SUFFIXES,
    NOTE_SUFFIXES,
    Piece,
    SourceError,
    Split,
    existing_root,
    folder_split,
    hash_fraction,
    paired_piece,
    unusable_piece,
)

DISKLAVIER = ("ENSTDkAm", "ENSTDkCl")

_STEM = re.compile(r"MAPS_MUS-(?P<work>.+)_(?P<piano>[^_]+)")
_ADVICE = "request MAPS at https://adasp.telecom-paris.fr/resources/2010-07-08-maps-database/"


@dataclass(frozen=True)
class Maps:
    """The musical pieces (MUS) of MAPS anywhere below `root`.

    Audio is wav as published or any other format; notes lie beside it as a table (.tsv), MIDI, or
    the published text, which knows no velocities. Isolated notes and chords are passed over.

    split "piano" is the field's: pieces on `test_pianos` are test; the other pieces are train,
    without the works that occur in test; of their works the fraction `validation` is held out.
    split "folder" goes by the folder below root: train*/, *validation*/, test*/.
    """

    root: str
    split: str = "piano"
    test_pianos: Sequence[str] = DISKLAVIER
    validation: float = 0.1
    name: str = "maps"

    def pieces(self) -> list[Piece]:
        """All pieces, sorted by name; raises SourceError where there are none."""
        root = existing_root(self.root, _ADVICE)
        if self.split not in ("piano", "folder"):
            raise SourceError(f"split={self.split} is not known; use piano or folder")
        sounds = _sounds(root)
        if not sounds:
            raise SourceError(f"no MAPS_MUS-*_*.wav (or flac, opus) below {self.root}; {_ADVICE}")
        if self.split == "folder":
            return [_piece(path, folder_split(root, path)) for path in sounds]
        tested = {_work(path) for path in sounds if _piano(path) in self.test_pianos}
        splits = [self._split(path, tested) for path in sounds]
        return [_piece(path, split) for path, split in zip(sounds, splits, strict=True) if split]

    def _split(self, path: Path, tested: set[str]) -> Split | None:
        """The split of a file by its piano; None where a test piano plays the same work."""
        if _piano(path) in self.test_pianos:
            return "test"
        if _work(path) in tested:
            return None
        return "validation" if hash_fraction(_work(path)) < self.validation else "train"


def _sounds(root: Path) -> list[Path]:
    """Audio files of musical pieces, one a stem in a folder, sorted by name."""
    found: dict[Path, Path] = {}
    for path in sorted(root.rglob("MAPS_MUS-*")):
        if path.suffix.lower() in AUDIO_SUFFIXES and _STEM.fullmatch(path.stem):
            best = found.setdefault(path.with_suffix(""), path)
            if _rank(path) < _rank(best):
                found[path.with_suffix("")] = path
    return sorted(found.values(), key=lambda path: path.stem)


def _rank(path: Path) -> int:
    return AUDIO_SUFFIXES.index(path.suffix.lower())


def _piece(sound: Path, split: Split) -> Piece:
    for suffix in (*NOTE_SUFFIXES, ".txt"):
        notes = sound.with_suffix(suffix)
        if notes.is_file():
            return paired_piece(sound.stem, split, _work(sound), sound, notes)
    reason = f"no notes beside {sound}; expected {sound.stem}.mid, .txt or .tsv"
    return unusable_piece(sound.stem, split, _work(sound), reason)


def _work(path: Path) -> str:
    match = _STEM.fullmatch(path.stem)
    assert match, path
    return match["work"]


def _piano(path: Path) -> str:
    return path.stem.rpartition("_")[2]
