"""What every data source gives: pieces, each a recording with its notes and its split."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal, Protocol, get_args

import numpy as np

from amt.io import audio
from amt.io.audio import AUDIO_SUFFIXES as AUDIO_SUFFIXES
from amt.io.note_tables import read_notes
from amt.notes import Notes

Split = Literal["train", "validation", "test"]
SPLITS: tuple[Split, ...] = get_args(Split)

# Of several files with one stem the first kind is taken: lossless before lossy, and a note table
# before MIDI, since a table is written where the MIDI needed correction.
NOTE_SUFFIXES = (".tsv", ".mid", ".midi")


class SourceError(ValueError):
    """A data source that is missing or contradicts itself; the message is one line."""


class PieceError(ValueError):
    """A piece that cannot be used; the message is one line that says why."""


@dataclass(frozen=True, eq=False)
class Recording:
    """audio: (S,) float32, 16 kHz, mono. notes: releases as the keys made them, with the pedal."""

    audio: np.ndarray
    notes: Notes

    @property
    def peak(self) -> float:
        """The largest absolute sample; 0 without samples. Makes no copy of the audio."""
        audio = self.audio
        return max(float(audio.max()), -float(audio.min())) if len(audio) else 0.0


@dataclass(frozen=True)
class Piece:
    """One recording that a source offers; nothing is read before `load`.

    name: unique in its source and safe as a file name. work: the composition; pieces of one work
    never stand in two splits. load: picklable, so that other processes can call it; raises an
    error with a one-line message where the piece cannot be used. fingerprint: changes when the
    inputs of `load` change.
    """

    name: str
    split: Split
    work: str
    load: Callable[[], Recording]
    fingerprint: str


class Source(Protocol):
    """A set of pieces, such as MAPS in a folder."""

    @property
    def name(self) -> str: ...

    def pieces(self) -> list[Piece]: ...


def check_pieces(pieces: Sequence[Piece]) -> None:
    """Raise SourceError where two pieces share a name or one work stands in two splits."""
    names: set[str] = set()
    splits: dict[str, Split] = {}
    for piece in pieces:
        if piece.name in names:
            raise SourceError(f"two pieces are called {piece.name}; rename one of the files")
        names.add(piece.name)
        if splits.setdefault(piece.work, piece.split) != piece.split:
            both = f"{splits[piece.work]} and {piece.split}"
            raise SourceError(f"the work {piece.work!r} stands in {both}; keep it in one split")


def existing_root(root: str | Path, advice: str, option: str = "data.root") -> Path:
    """`root` as a path; raises SourceError with `advice` on what to give as `option` if missing."""
    path = Path(root).expanduser()
    if not path.is_dir():
        raise SourceError(f"{option}={root} is not a folder; {advice}")
    return path


def safe_name(text: str) -> str:
    """`text` as a file name; where it must change, a digest of the original keeps it unique."""
    name = re.sub(r"[^A-Za-z0-9._-]+", "_", text).lstrip(".")[:150]
    if name == text and name:
        return name
    return f"{name}-{_digest(text).hex()[:8]}"


def hash_fraction(text: str) -> float:
    """A number in [0, 1) that depends on `text` alone, the same on every machine and run."""
    return int.from_bytes(_digest(text)[:8], "big") / 2**64


def hash_split(work: str, validation: float, test: float) -> Split:
    """The split of a work, so that about these fractions of works are validation and test."""
    place = hash_fraction(work)
    if place < test:
        return "test"
    return "validation" if place < test + validation else "train"


def folder_split(root: Path, path: Path) -> Split:
    """The split that the first folder below `root` names, such as real_validation/ or test/."""
    folder = path.relative_to(root).parts[0]
    named = [split for split in SPLITS if split in folder.lower()]
    if len(named) != 1 or folder == path.name:
        raise SourceError(
            f"{path}: expected a folder below {root} with one of {', '.join(SPLITS)} in its name"
        )
    return named[0]


def files_fingerprint(paths: Iterable[Path]) -> str:
    """Name, size and modification time of each file, so that a moved data set stays the same."""
    parts = []
    for path in paths:
        try:
            stat = path.stat()
        except FileNotFoundError:
            parts.append(f"{path.name}:missing")
        else:
            parts.append(f"{path.name}:{stat.st_size}:{stat.st_mtime_ns}")
    return "|".join(parts)


def paired_piece(name: str, split: Split, work: str, sound: Path, notes: Path) -> Piece:
    """A piece whose audio and notes lie in two files."""
    load = partial(load_pair, sound, notes)
    return Piece(safe_name(name), split, work, load, files_fingerprint((sound, notes)))


def unusable_piece(name: str, split: Split, work: str, reason: str) -> Piece:
    """A piece that only says why it cannot be used, so that it is reported and not passed over."""
    return Piece(safe_name(name), split, work, partial(_fail, reason), f"unusable: {reason}")


def load_pair(sound: Path, notes: Path) -> Recording:
    """Decode `sound` and read `notes` (a note table, MAPS text or MIDI, by its suffix)."""
    return Recording(audio.load(sound), read_notes(notes))


def _digest(text: str) -> bytes:
    # File names may hold bytes that are no text; they must not stop anything.
    return hashlib.sha256(text.encode(errors="backslashreplace")).digest()


def _fail(reason: str) -> Recording:
    raise PieceError(reason)
