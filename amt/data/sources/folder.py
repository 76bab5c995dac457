"""Any folder with pairs of audio and notes of the same stem."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
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
    hash_split,
    paired_piece,
    unusable_piece,
)

_ADVICE = "give a folder with pairs such as waltz.wav and waltz.mid"


@dataclass(frozen=True)
class Folder:
    """Pairs anywhere below `root`: audio, and notes (.tsv, .mid, .midi) of the same stem.

    A pair lies in one folder, or in two (audio/waltz.wav, midi/waltz.mid) where the stem occurs
    once in each. Files without a partner are reported. Of a.wav and a.mp3 the lossless is taken.

    split "hash" sends about the fractions `validation` and `test` of the stems to these splits,
    each stem always to the same (test=1.0 makes all of them test pieces). split "folder" goes by
    the folder below root: train*/, *validation*/, test*/.
    """

    root: str
    split: str = "hash"
    validation: float = 0.1
    test: float = 0.1
    name: str = "folder"

    def pieces(self) -> list[Piece]:
        """All pieces and unpaired files, sorted by path; raises SourceError where nothing pairs."""
        root = existing_root(self.root, _ADVICE)
        if self.split not in ("hash", "folder"):
            raise SourceError(f"split={self.split} is not known; use hash or folder")
        sounds, notes = _by_stem(root, AUDIO_SUFFIXES), _by_stem(root, NOTE_SUFFIXES)
        partners = _partners(sounds.keys(), notes.keys())
        if not partners:
            raise SourceError(f"no audio with notes of the same stem below {self.root}; {_ADVICE}")
        pieces = [
            paired_piece(*self._place(root, stem), sounds[stem], notes[partner])
            for stem, partner in partners.items()
        ]
        lonely = [sounds[stem] for stem in sounds.keys() - partners.keys()]
        lonely += [notes[stem] for stem in notes.keys() - set(partners.values())]
        pieces += [unusable_piece(*self._place(root, path), _reason(path)) for path in lonely]
        return sorted(pieces, key=lambda piece: piece.name)

    def _place(self, root: Path, path: Path) -> tuple[str, Split, str]:
        """Name, split and work of a piece: all that its place below `root` tells."""
        name = path.relative_to(root).as_posix()
        if self.split == "folder":
            # Here the user has chosen, and 01.wav in two folders need not be one work.
            return name, folder_split(root, path), name
        return name, hash_split(path.name, self.validation, self.test), path.name


def _by_stem(root: Path, suffixes: Sequence[str]) -> dict[Path, Path]:
    """Files by their path without suffix; of several the suffix that comes first."""
    found: dict[Path, Path] = {}
    for path in sorted(root.rglob("*")):
        suffix = path.suffix.lower()
        if suffix not in suffixes or path.name.startswith("."):
            continue
        other = found.setdefault(path.with_suffix(""), path)
        if suffixes.index(suffix) < suffixes.index(other.suffix.lower()):
            found[path.with_suffix("")] = path
    return found


def _partners(sounds: Collection[Path], notes: Collection[Path]) -> dict[Path, Path]:
    """For each audio stem the stem of its notes: in its folder, else the only one in any folder."""
    partners = {stem: stem for stem in sounds if stem in notes}
    lonely_sounds, lonely_notes = defaultdict(list), defaultdict(list)
    for stem in sounds:
        if stem not in notes:
            lonely_sounds[stem.name].append(stem)
    for stem in notes:
        if stem not in sounds:
            lonely_notes[stem.name].append(stem)
    for name, stems in lonely_sounds.items():
        if len(stems) == len(lonely_notes[name]) == 1:
            partners[stems[0]] = lonely_notes[name][0]
    return partners


def _reason(path: Path) -> str:
    wanted = "audio" if path.suffix.lower() in NOTE_SUFFIXES else "notes (.tsv, .mid or .midi)"
    return f"no {wanted} of the same stem as {path}"
