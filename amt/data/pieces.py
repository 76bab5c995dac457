"""Pieces of a data source: audio, notes, composition and split of each."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal, Protocol, get_args

import numpy as np

from amt.io import audio
from amt.io.folders import files_below, user_path
from amt.io.midi import MIDI_SUFFIXES
from amt.io.note_tables import read_notes
from amt.notes import Notes

Split = Literal["train", "validation", "test"]
SPLITS: tuple[Split, ...] = get_args(Split)

# In order of preference, if several files have one stem: a note table comes before MIDI, since it
# may have corrections of the MIDI.
NOTE_SUFFIXES = (".tsv", *MIDI_SUFFIXES)

_SPLIT_FOLDERS: dict[Split, re.Pattern[str]] = {
    "train": re.compile(r"(?<![^\W\d_])train", re.IGNORECASE),
    "validation": re.compile(r"validation", re.IGNORECASE),
    "test": re.compile(r"(?<![^\W\d_])test", re.IGNORECASE),
}


class SourceError(ValueError):
    """A data source that is missing or inconsistent; the message is one line."""


class PieceError(ValueError):
    """A piece that cannot be used; the message is one line that says why."""


@dataclass(frozen=True, eq=False)
class Recording:
    """A recording and its notes.

    audio: (S,) float32, 16 kHz, mono. notes: offsets are key releases; the pedal is separate.
    """

    audio: np.ndarray
    notes: Notes

    @property
    def peak(self) -> float:
        """The largest absolute sample; 0 without samples."""
        # np.abs would copy the audio.
        audio = self.audio
        return max(float(audio.max()), -float(audio.min())) if len(audio) else 0.0


@dataclass(frozen=True)
class Piece:
    """One recording of a source; nothing is read before `load` is called.

    name: unique in its source and safe as a file name. composition: the composition that is played;
    all its recordings belong to the same split. load: picklable, so that other processes can call
    it; raises an error with a one-line message if the piece cannot be used. fingerprint: a string
    that changes when the inputs of `load` change. file: its audio, for messages, if it has a file.
    """

    name: str
    split: Split
    composition: str
    load: Callable[[], Recording]
    fingerprint: str
    file: str = ""


class Source(Protocol):
    """A data set, such as MAPS in a folder.

    Implementations are dataclasses: `amt prepare` turns their fields into options, and
    `cache_folder` takes a cache folder for each set of values.
    """

    @property
    def name(self) -> str: ...

    def pieces(self) -> list[Piece]: ...


def check_pieces(pieces: Sequence[Piece]) -> None:
    """Raise SourceError if two pieces share a name or a composition occurs in two splits."""
    names: dict[str, Piece] = {}
    splits: dict[str, Split] = {}
    for piece in pieces:
        if piece.name in names:
            files = f" ({names[piece.name].file} and {piece.file})" if piece.file else ""
            raise SourceError(
                f"two pieces have the name {piece.name}{files}; rename one of the files"
            )
        names[piece.name] = piece
        if splits.setdefault(piece.composition, piece.split) != piece.split:
            both = f"{splits[piece.composition]} and {piece.split}"
            raise SourceError(
                f"the composition {piece.composition!r} is in {both}; keep it in one split"
            )


def existing_root(root: str | Path, advice: str) -> Path:
    """`root` as a path; raises SourceError, with `advice` where to get it, if it is no folder."""
    if not root or not Path(root).is_dir():
        raise SourceError(f"{root or 'an empty path'} is not a folder; {advice}")
    return Path(root)


def tidy_paths(paths: Any) -> Any:
    """Paths in one form, so that each has one cache: ~ expanded, no slash at the end.

    paths: one or a sequence; None and an empty path are returned. Relative paths stay relative.
    """
    if paths is None or paths == "":
        return paths
    if isinstance(paths, list | tuple):
        return [tidy_paths(path) for path in paths]
    return str(user_path(str(paths)))


def files_by_stem(root: Path, suffixes: Sequence[str], prefix: str = "") -> dict[Path, Path]:
    """Files anywhere below `root` whose name begins with `prefix`, by their path without suffix.

    Of several files with one stem in a folder, the one whose suffix comes first in `suffixes`.
    Links are followed; hidden files are left out.
    """
    found: dict[Path, Path] = {}
    for path in sorted(files_below(root)):
        suffix = path.suffix.lower()
        if suffix not in suffixes or not path.name.startswith(prefix):
            continue
        other = found.setdefault(path.with_suffix(""), path)
        if suffixes.index(suffix) < suffixes.index(other.suffix.lower()):
            found[path.with_suffix("")] = path
    return found


def safe_name(text: str) -> str:
    """`text` as a file name; if characters are replaced, a digest of `text` keeps it unique."""
    name = re.sub(r"[^A-Za-z0-9._-]+", "_", text).lstrip(".")[:150]
    if name == text and name:
        return name
    return f"{name}-{_digest(text).hex()[:8]}"


def hash_fraction(text: str) -> float:
    """A number in [0, 1) that depends on `text` alone, and not on machine or run."""
    return int.from_bytes(_digest(text)[:8], "big") / 2**64


def hash_split(text: str, validation: float, test: float) -> Split:
    """The split of a composition by the hash of its name.

    validation, test: approximate fractions of compositions in these splits. Raises SourceError if
    they are none.
    """
    for name, share in (("validation", validation), ("test", test)):
        if not 0 <= share <= 1:
            raise SourceError(f"{name}={share:g}: expected a fraction of the pieces, 0 to 1")
    fraction = hash_fraction(text)
    if fraction < test:
        return "test"
    return "validation" if fraction < test + validation else "train"


def folder_split(root: Path, path: Path) -> Split:
    """The split in the name of the first folder below `root`, such as real_validation or test-2.

    train and test begin a word of the name, as they do not in strainers and Greatest Hits.
    """
    folder, *below = path.relative_to(root).parts
    named = [split for split, pattern in _SPLIT_FOLDERS.items() if pattern.search(folder)]
    if len(named) != 1 or not below:
        raise SourceError(
            f"{path}: expected a folder below {root} whose name is one of train*, *validation*, "
            "test*"
        )
    return named[0]


def files_fingerprint(paths: Iterable[Path]) -> str:
    """Name, size and modification time of each file; unchanged if the data set is moved."""
    parts = []
    for path in paths:
        try:
            stat = path.stat()
        except FileNotFoundError:
            parts.append(f"{path.name}:missing")
        else:
            parts.append(f"{path.name}:{stat.st_size}:{stat.st_mtime_ns}")
    return "|".join(parts)


def paired_piece(
    name: str, split: Split, composition: str, audio_file: Path, notes_file: Path
) -> Piece:
    """A piece whose audio and notes are in two files."""
    load = partial(load_pair, audio_file, notes_file)
    fingerprint = files_fingerprint((audio_file, notes_file))
    return Piece(safe_name(name), split, composition, load, fingerprint, str(audio_file))


def unusable_piece(name: str, split: Split, composition: str, reason: str) -> Piece:
    """A piece whose `load` raises PieceError, so that `prepare` reports `reason`."""
    load = partial(_fail, reason)
    return Piece(safe_name(name), split, composition, load, f"unusable: {reason}")


def load_pair(audio_file: Path, notes_file: Path) -> Recording:
    """Decode audio and read notes (note table, MAPS text or MIDI, by the suffix); none damaged."""
    return Recording(audio.load(audio_file, strict=True), read_notes(notes_file, strict=True))


def _digest(text: str) -> bytes:
    # File names may hold bytes that are not valid text.
    return hashlib.sha256(text.encode(errors="backslashreplace")).digest()


def _fail(reason: str) -> Recording:
    raise PieceError(reason)
