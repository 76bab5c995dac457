"""Any folder with pairs of audio and notes with the same file stem."""

from __future__ import annotations

import unicodedata
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence, Set
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
    hash_split,
    paired_piece,
    tidy_paths,
    unusable_piece,
)
from amt.io.audio import AUDIO_SUFFIXES
from amt.io.folders import same_name

_ADVICE = "give a folder with pairs such as waltz.wav and waltz.mid"


@dataclass(frozen=True)
class Folder:
    """Pairs anywhere below `root`: audio, and notes (.tsv, .mid, .midi) with the same stem.

    A pair is in one folder, or in two (audio/waltz.wav, midi/waltz.mid) if the stem occurs once in
    each. Unpaired files are reported. Of a.wav and a.mp3 the lossless file is used.

    split: hash, by a hash of the stem, about the fractions `validation` and `test` of the stems
    (test=1.0 makes all of them test pieces); folder, by the name of the folder below root: train*/,
    *validation*/, test*/.
    """

    root: str
    split: str = "hash"
    validation: float = 0.1
    test: float = 0.1
    name: str = "folder"

    def __post_init__(self) -> None:
        object.__setattr__(self, "root", tidy_paths(self.root))

    def pieces(self) -> list[Piece]:
        """All pieces and unpaired files, sorted by name; raises SourceError without any pair."""
        root = existing_root(self.root, _ADVICE)
        if self.split not in ("hash", "folder"):
            raise SourceError(f"unknown split={self.split}; use hash or folder")
        audio_files = files_by_stem(root, AUDIO_SUFFIXES)
        notes_files = files_by_stem(root, NOTE_SUFFIXES)
        pairs = _pairs(audio_files.keys(), notes_files.keys())
        if not pairs:
            raise SourceError(f"no audio with notes of the same stem below {self.root}; {_ADVICE}")
        pieces = [
            paired_piece(*self._describe(root, stem), audio_files[stem], notes_files[notes_stem])
            for stem, notes_stem in pairs.items()
        ]
        unpaired = [audio_files[stem] for stem in audio_files.keys() - pairs.keys()]
        unpaired += [notes_files[stem] for stem in notes_files.keys() - set(pairs.values())]
        files = [*audio_files.values(), *notes_files.values()]
        pieces += [
            unusable_piece(*self._describe(root, path), _reason(path, files)) for path in unpaired
        ]
        return sorted(pieces, key=lambda piece: piece.name)

    def _describe(self, root: Path, path: Path) -> tuple[str, Split, str]:
        """Name, split and composition of a piece, from its path."""
        # One form of accents, so that a composition is in one split whatever wrote its files.
        name = unicodedata.normalize("NFC", path.relative_to(root).as_posix())
        if self.split == "folder":
            # The user chose the splits, and 01.wav in two folders may be two compositions.
            return name, folder_split(root, path), name
        stem = name.rpartition("/")[2]
        return name, hash_split(stem, self.validation, self.test), stem


def _pairs(audio_stems: Set[Path], notes_stems: Set[Path]) -> dict[Path, Path]:
    """The notes for each audio file, both given as paths without suffix.

    First of the same path, then of a path that differs in case or in the form of accents only, then
    of the same name in any other folder; the last two only where there is no other candidate.
    """
    pairs: dict[Path, Path] = {}
    for key in (str, lambda stem: same_name(str(stem)), lambda stem: same_name(stem.name)):
        audio = _grouped(audio_stems - pairs.keys(), key)
        notes = _grouped(notes_stems - set(pairs.values()), key)
        for name in audio.keys() & notes.keys():
            if len(audio[name]) == len(notes[name]) == 1:
                pairs[audio[name][0]] = notes[name][0]
    return pairs


def _grouped(stems: Iterable[Path], key: Callable[[Path], str]) -> dict[str, list[Path]]:
    groups = defaultdict(list)
    for stem in stems:
        groups[key(stem)].append(stem)
    return groups


def _reason(path: Path, files: Sequence[Path]) -> str:
    """Why the file `path` is in no pair."""
    if not path.exists():
        return f"{path} is a link to a file that is missing"
    has_notes = path.suffix.lower() in NOTE_SUFFIXES
    missing = "audio" if has_notes else "notes (.tsv, .mid or .midi)"
    others = [
        str(file)
        for file in files
        if (file.suffix.lower() in NOTE_SUFFIXES) != has_notes
        and same_name(file.stem) == same_name(path.stem)
    ]
    if others:
        return (
            f"{path}: several files have its stem, and its {missing} may be {' or '.join(others)}; "
            "put the right one into the same folder"
        )
    return f"no {missing} of the same stem as {path}"
