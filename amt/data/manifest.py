"""The files of a cache: decoded audio and notes, and the manifest that lists them.

audio/NAME.npy   int16 (S,), 16 kHz, mono
notes/NAME.npz   onset offset pitch velocity channel, pedal_time pedal_controller pedal_value
                 pedal_channel
manifest.jsonl   one Entry per line: the pieces of the source; written when all are decoded
decoded.jsonl    the journal: an Entry for every piece ever decoded here, appended piece by piece
"""

from __future__ import annotations

import hashlib
import json
import os
import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO

import numpy as np

from amt.data.pieces import Piece, Recording, Split
from amt.data.streamed import StreamedSet, fetch_all
from amt.errors import FileWarning
from amt.io.atomic import atomic_write
from amt.io.audio import SAMPLE_RATE
from amt.notes import COLUMNS, PEDAL_COLUMNS, Notes, Pedal

MANIFEST = "manifest.jsonl"
JOURNAL = "decoded.jsonl"
# The largest int16 that has its negative counterpart: audio is symmetric around zero.
FULL_SCALE = 32767
# Size of the header that numpy writes before the samples of a one-dimensional array.
_HEADER_BYTES = 128
_BLOCK = 1 << 20


class CacheError(ValueError):
    """A cache that is missing, unfinished or damaged; the message is one line."""


@dataclass(frozen=True)
class Entry:
    """One piece in the cache: a line of the manifest.

    composition, fingerprint: as in `Piece`. notes: their number. gain: the factor by which audio
    with peaks above 1 was scaled down to 1, otherwise 1.
    """

    name: str
    split: Split
    composition: str
    seconds: float
    samples: int
    notes: int
    gain: float
    audio_sha256: str
    notes_sha256: str
    fingerprint: str


# A cache: its folder, or a set on Cloud Storage.
Root = Path | str | StreamedSet


def audio_path(root: Path | str, name: str) -> Path:
    """Path of the audio of the piece `name`."""
    return Path(root) / "audio" / f"{name}.npy"


def notes_path(root: Path | str, name: str) -> Path:
    """Path of the notes of the piece `name`."""
    return Path(root) / "notes" / f"{name}.npz"


def read_manifest(root: Root, split: Split | None = None) -> list[Entry]:
    """The entries of a finished cache, of one split or of all, sorted by name.

    Raises CacheError if there is no cache or if it is unfinished; StorageError.
    """
    entries = checked_entries(_manifest_text(root), root)
    return [entry for entry in entries if split in (None, entry.split)]


def _manifest_text(root: Root) -> str:
    if isinstance(root, StreamedSet):
        return root.read_text(MANIFEST)
    path = Path(root) / MANIFEST
    if path.is_file():
        return path.read_text(encoding="utf-8")
    if (Path(root) / JOURNAL).is_file():
        raise CacheError(f"the cache {root} is not finished; run `amt prepare` to resume")
    raise CacheError(f"there is no cache {root}; run `amt prepare` to create it")


def checked_entries(text: str, root: Root) -> list[Entry]:
    """The entries of the manifest of `root`. Raises CacheError for an invalid line."""
    try:
        return parse_entries(text)
    except (TypeError, ValueError) as error:
        raise CacheError(
            f"{MANIFEST} of {root} is damaged or of another version ({error}); run `amt prepare` "
            "to rebuild it"
        ) from error


def parse_entries(text: str) -> list[Entry]:
    """The entries of a manifest; raises ValueError or TypeError for an invalid line."""
    return [parse_entry(line) for line in text.splitlines()]


def parse_entry(line: str) -> Entry:
    """The entry of a line; raises ValueError or TypeError if the line is invalid."""
    return Entry(**json.loads(line))


def write_entries(path: Path, entries: Iterable[Entry]) -> None:
    """Write a manifest file, sorted by name, atomically."""
    with atomic_write(path) as temporary, temporary.open("w", encoding="utf-8") as file:
        for entry in sorted(entries, key=lambda entry: entry.name):
            file.write(entry_line(entry))


def warn_of_leaks(entries: Sequence[Entry]) -> None:
    """Issue a FileWarning if two splits have the same recording, under whatever names."""
    first: dict[str, Entry] = {}
    pairs = [(first.setdefault(entry.audio_sha256, entry), entry) for entry in entries]
    leaks = [(one, other) for one, other in pairs if one.split != other.split]
    if leaks:
        names = " and ".join(f"{entry.name} ({entry.split})" for entry in leaks[0])
        more = f" (and {len(leaks) - 1} more)" if len(leaks) > 1 else ""
        held_out = next(entry.split for entry in leaks[0] if entry.split != "train")
        text = f"the recordings {names} are the same; scores of {held_out} will be too high{more}"
        warnings.warn(FileWarning(text), stacklevel=2)


def entry_line(entry: Entry) -> str:
    """An entry as a line of the manifest."""
    return json.dumps(asdict(entry)) + "\n"


def store(root: Path | str, piece: Piece, recording: Recording) -> Entry:
    """Write audio and notes of a piece into the cache; returns its manifest entry.

    Audio that exceeds full scale is scaled down as a whole, since clipping would add harmonics.
    """
    peak = recording.peak
    gain = 1.0 / peak if peak > 1.0 else 1.0
    quantised = _quantise(recording.audio, gain)
    with atomic_write(audio_path(root, piece.name)) as path:
        np.save(path, quantised, allow_pickle=False)
        audio_sha256 = _checksum(path)
    with atomic_write(notes_path(root, piece.name)) as path:
        np.savez(path, allow_pickle=False, **_columns(recording.notes))
        notes_sha256 = _checksum(path)
    return Entry(
        name=piece.name,
        split=piece.split,
        composition=piece.composition,
        seconds=len(quantised) / SAMPLE_RATE,
        samples=len(quantised),
        notes=len(recording.notes),
        gain=gain,
        audio_sha256=audio_sha256,
        notes_sha256=notes_sha256,
        fingerprint=piece.fingerprint,
    )


def open_audio(root: Path | str, entry: Entry) -> np.ndarray:
    """The audio of a piece, int16 (S,), memory-mapped; divide by FULL_SCALE for -1..1."""
    path = audio_path(root, entry.name)
    audio = np.load(path, mmap_mode="r", allow_pickle=False)
    if audio.dtype != np.int16 or audio.shape != (entry.samples,):
        raise _damaged(path, entry)
    return audio


def read_audio(root: Root, entry: Entry, start: int, samples: int) -> np.ndarray:
    """Samples `start` to `start + samples` of a piece, float32 in -1..1; fewer at its end.

    For a few seconds a plain read takes a fifth of the time of opening a memory map.
    """
    with _open(root, *audio_file(entry), buffering=0) as file:
        header = os.fstat(file.fileno()).st_size - 2 * entry.samples
        if header != _HEADER_BYTES:
            raise _damaged(f"{root}/{audio_file(entry)[0]}", entry)
        count = min(samples, entry.samples - start)
        audio = np.fromfile(file, np.int16, count, offset=header + 2 * start)
    return audio * np.float32(1 / FULL_SCALE)


def open_notes(root: Root, entry: Entry) -> Notes:
    """The notes of a piece; offsets are key releases, the pedal is separate."""
    with (
        _open(root, *notes_file(entry)) as file,
        np.load(file, allow_pickle=False) as table,
    ):
        pedal = Pedal(**_read_columns(table, "pedal_", PEDAL_COLUMNS))
        return Notes(**_read_columns(table, "", COLUMNS), pedal=pedal)


def open_recording(root: Root, entry: Entry) -> Recording:
    """The whole piece: float32 audio and its notes."""
    return Recording(read_audio(root, entry, 0, entry.samples), open_notes(root, entry))


def audio_file(entry: Entry) -> tuple[str, str]:
    """The audio of a piece: its path below the cache, and its SHA-256."""
    return audio_path("", entry.name).as_posix(), entry.audio_sha256


def notes_file(entry: Entry) -> tuple[str, str]:
    """The notes of a piece: their path below the cache, and their SHA-256."""
    return notes_path("", entry.name).as_posix(), entry.notes_sha256


def fetch(pieces: Iterable[tuple[Root, Entry]]) -> None:
    """Fetch the files of pieces on Cloud Storage at the same time, before they are read."""
    fetch_all(streamed_files(pieces))


def streamed_files(pieces: Iterable[tuple[Root, Entry]]) -> list[tuple[StreamedSet, str, str]]:
    """The files of those pieces that are on Cloud Storage: set, name and SHA-256 of each."""
    streamed = [(root, entry) for root, entry in pieces if isinstance(root, StreamedSet)]
    return [(root, *f(entry)) for root, entry in streamed for f in (audio_file, notes_file)]


def _open(root: Root, name: str, sha256: str, buffering: int = -1) -> IO[bytes]:
    if isinstance(root, StreamedSet):
        return root.open(name, sha256, buffering)
    return (Path(root) / name).open("rb", buffering)


def is_stored(root: Path | str, entry: Entry) -> bool:
    """Whether both files of an entry exist and the audio has the right length."""
    try:
        open_audio(root, entry)
    except (OSError, ValueError):
        return False
    return notes_path(root, entry.name).is_file()


def verify(root: Path | str) -> list[str]:
    """Compare all files with their checksums; returns a line per missing or altered file."""
    errors = []
    for entry in read_manifest(root):
        for path, expected in (
            (audio_path(root, entry.name), entry.audio_sha256),
            (notes_path(root, entry.name), entry.notes_sha256),
        ):
            if not path.is_file():
                errors.append(f"{path} is missing")
            elif _checksum(path) != expected:
                errors.append(f"{path} differs from its checksum")
    return errors


def _quantise(audio: np.ndarray, gain: float) -> np.ndarray:
    """int16 samples (S,); in blocks, to limit the memory of many workers."""
    quantised = np.empty(len(audio), dtype=np.int16)
    for start in range(0, len(audio), _BLOCK):
        steps = np.round(audio[start : start + _BLOCK] * np.float32(gain * FULL_SCALE))
        quantised[start : start + _BLOCK] = np.clip(steps, -FULL_SCALE, FULL_SCALE)
    return quantised


def _damaged(path: Path | str, entry: Entry) -> CacheError:
    return CacheError(
        f"{path} does not have {entry.samples} samples of 16 bits; remove it and run `amt prepare`"
    )


def _columns(notes: Notes) -> dict[str, np.ndarray]:
    table = {column: getattr(notes, column) for column in (*COLUMNS, "channel")}
    pedal_columns = (*PEDAL_COLUMNS, "channel")
    return table | {f"pedal_{column}": getattr(notes.pedal, column) for column in pedal_columns}


def _read_columns(
    table: Mapping[str, np.ndarray], prefix: str, columns: Sequence[str]
) -> dict[str, np.ndarray]:
    """The columns, and the channel, which caches of earlier versions do not have."""
    found = {column: table[prefix + column] for column in columns}
    channel = prefix + "channel"
    return found | ({"channel": table[channel]} if channel in table else {})


def _checksum(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
