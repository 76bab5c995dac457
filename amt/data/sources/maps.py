"""MAPS (Emiya, Badeau, David 2010): piano pieces on virtual pianos and on a real Disklavier."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from amt.data.pieces import (
    NOTE_SUFFIXES,
    Piece,
    SourceError,
    Split,
    existing_root,
    files_by_stem,
    folder_split,
    hash_fraction,
    paired_piece,
    tidy_paths,
    unusable_piece,
)
from amt.io.audio import AUDIO_SUFFIXES

DISKLAVIER = ("ENSTDkAm", "ENSTDkCl")

_PREFIX = "MAPS_MUS-"
_STEM = re.compile(rf"{_PREFIX}(?P<composition>.+)_(?P<piano>[^_]+)")
_ADVICE = "request MAPS at https://adasp.telecom-paris.fr/resources/2010-07-08-maps-database/"


@dataclass(frozen=True)
class Maps:
    """The musical pieces (MUS) of MAPS anywhere below `root`.

    Audio is wav as published or of another format; beside it are the notes as a table (.tsv), MIDI,
    or the published text, which has no velocities. Isolated notes and chords are ignored.

    split: piano, the usual protocol: pieces on `test_pianos` are test; the others are train,
    without the compositions in test; about the fraction `validation` of their compositions is held
    out; or folder, by the name of the folder below root: train*/, *validation*/, test*/.
    """

    root: str
    split: str = "piano"
    test_pianos: Sequence[str] = DISKLAVIER
    validation: float = 0.1
    name: str = "maps"

    def __post_init__(self) -> None:
        object.__setattr__(self, "root", tidy_paths(self.root))
        given = [self.test_pianos] if isinstance(self.test_pianos, str) else self.test_pianos
        names = [name.strip() for names in given for name in str(names).split(",")]
        object.__setattr__(self, "test_pianos", tuple(names))

    def pieces(self) -> list[Piece]:
        """All pieces, sorted by name; raises SourceError if there are none."""
        root = existing_root(self.root, _ADVICE)
        if self.split not in ("piano", "folder"):
            raise SourceError(f"unknown split={self.split}; use piano or folder")
        audio_files = _find_audio(root)
        if not audio_files:
            raise SourceError(f"no MAPS_MUS-*_*.wav (or flac, opus) below {self.root}; {_ADVICE}")
        notes = files_by_stem(root, (*NOTE_SUFFIXES, ".txt"), _PREFIX)
        if self.split == "folder":
            return [_piece(path, notes, folder_split(root, path)) for path in audio_files]
        if not 0 <= self.validation <= 1:
            raise SourceError(f"validation={self.validation}: expected a fraction, 0 to 1")
        self._check_pianos({_piano(path) for path in audio_files})
        test = {_composition(path) for path in audio_files if _piano(path) in self.test_pianos}
        splits = [(path, self._split(path, test)) for path in audio_files]
        return [_piece(path, notes, split) for path, split in splits if split]

    def _check_pianos(self, found: set[str]) -> None:
        """Raises SourceError for a test piano that is not there; the usual ones may be missing."""
        unknown = [name for name in self.test_pianos if name not in {*found, *DISKLAVIER}]
        if unknown:
            raise SourceError(
                f"test_pianos has {unknown[0]!r}; the pianos here are {', '.join(sorted(found))}"
            )

    def _split(self, path: Path, test_compositions: set[str]) -> Split | None:
        """The split of a file by its piano; None if a test piano plays its composition."""
        if _piano(path) in self.test_pianos:
            return "test"
        if _composition(path) in test_compositions:
            return None
        return "validation" if hash_fraction(_composition(path)) < self.validation else "train"


def _find_audio(root: Path) -> list[Path]:
    """Audio files of musical pieces, one per stem and folder, sorted by name."""
    found = files_by_stem(root, AUDIO_SUFFIXES, _PREFIX).values()
    return sorted((path for path in found if _STEM.fullmatch(path.stem)), key=lambda p: p.stem)


def _piece(audio_file: Path, notes_files: Mapping[Path, Path], split: Split) -> Piece:
    stem, composition = audio_file.stem, _composition(audio_file)
    if notes := notes_files.get(audio_file.with_suffix("")):
        return paired_piece(stem, split, composition, audio_file, notes)
    reason = f"no notes beside {audio_file}; expected {stem}.mid, .txt or .tsv"
    return unusable_piece(stem, split, composition, reason)


def piano_in(name: str) -> str | None:
    """The piano in the name of a piece of MAPS; None for names of other sets."""
    found = _STEM.fullmatch(name)
    return found["piano"] if found else None


def _composition(path: Path) -> str:
    match = _STEM.fullmatch(path.stem)
    assert match, path
    return match["composition"]


def _piano(path: Path) -> str:
    return path.stem.rpartition("_")[2]
