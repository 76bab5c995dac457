"""Any folder with pairs of audio and notes with the same file stem."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
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
    unusable_piece,
)
from amt.io.audio import AUDIO_SUFFIXES

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
        pieces += [unusable_piece(*self._describe(root, path), _reason(path)) for path in unpaired]
        return sorted(pieces, key=lambda piece: piece.name)

    def _describe(self, root: Path, path: Path) -> tuple[str, Split, str]:
        """Name, split and composition of a piece, from its path."""
        name = path.relative_to(root).as_posix()
        if self.split == "folder":
            # The user chose the splits, and 01.wav in two folders may be two compositions.
            return name, folder_split(root, path), name
        return name, hash_split(path.name, self.validation, self.test), path.name


def _pairs(audio_stems: Collection[Path], notes_stems: Collection[Path]) -> dict[Path, Path]:
    """The notes for each audio file: in its folder, else the only ones of that stem anywhere.

    Both are given as paths without suffix.
    """
    pairs = {stem: stem for stem in audio_stems if stem in notes_stems}
    unpaired_audio, unpaired_notes = defaultdict(list), defaultdict(list)
    for stem in audio_stems:
        if stem not in notes_stems:
            unpaired_audio[stem.name].append(stem)
    for stem in notes_stems:
        if stem not in audio_stems:
            unpaired_notes[stem.name].append(stem)
    for name, stems in unpaired_audio.items():
        if len(stems) == len(unpaired_notes[name]) == 1:
            pairs[stems[0]] = unpaired_notes[name][0]
    return pairs


def _reason(path: Path) -> str:
    missing = "audio" if path.suffix.lower() in NOTE_SUFFIXES else "notes (.tsv, .mid or .midi)"
    return f"no {missing} of the same stem as {path}"
