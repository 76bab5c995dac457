"""Fill the cache: decode all pieces of a source once, in parallel; an interrupted run resumes."""

from __future__ import annotations

import hashlib
import json
import warnings
from collections.abc import Callable, Generator, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from tqdm import tqdm

from amt.data.manifest import (
    JOURNAL,
    MANIFEST,
    CacheError,
    Entry,
    entry_line,
    is_stored,
    open_audio,
    open_notes,
    open_recording,
    parse_entries,
    parse_entry,
    read_manifest,
    store,
    verify,
    write_entries,
)
from amt.data.pieces import Piece, PieceError, Recording, Source, check_pieces
from amt.data.workers import crash_safe_map, default_workers
from amt.errors import FileWarning
from amt.io.audio import SAMPLE_RATE
from amt.io.locks import locked
from amt.notes import MAX_PITCH, MIN_PITCH

__all__ = [
    "CacheError",
    "Entry",
    "Problem",
    "Report",
    "open_audio",
    "open_notes",
    "open_recording",
    "prepare",
    "read_manifest",
    "verify",
]

# An onset may lie this far beyond the end of the audio, since labels are rounded and encoders trim.
MAX_LATE_ONSET_SECONDS = 0.1
# The last notes may be held while the recording is faded out already.
MAX_LATE_OFFSET_SECONDS = 30.0
# With more audio than this before the first or after the last note, labels are assumed missing.
MAX_UNLABELLED_SECONDS = 30.0
# Audio with a lower peak (three steps of 16 bits) is silent.
MIN_PEAK = 1e-4

# A function and items to the items with their results, in any order; see `crash_safe_map`.
ParallelMap = Callable[
    [Callable[[Any], Any], Sequence[Any]], Generator[tuple[Any, Any], None, None]
]


@dataclass(frozen=True)
class Problem:
    """A piece that could not be used; `reason` is one line."""

    name: str
    reason: str


@dataclass(frozen=True)
class Report:
    """The result of `prepare`.

    entries: the whole manifest. decoded, reused: number of entries that are new or were cached.
    removed: names that the source no longer has. problems: pieces that could not be used.
    """

    root: Path
    entries: list[Entry]
    decoded: int
    reused: int
    removed: list[str] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)

    def __str__(self) -> str:
        hours = sum(entry.seconds for entry in self.entries) / 3600
        notes = sum(entry.notes for entry in self.entries)
        lines = [
            f"{self.root}: {len(self.entries)} pieces, {hours:.2f} h, {notes} notes "
            f"({self.decoded} decoded, {self.reused} cached already, {len(self.removed)} removed)"
        ]
        if self.problems:
            lines.append(f"{len(self.problems)} pieces could not be used:")
            lines += [f"  {problem.name}: {problem.reason}" for problem in self.problems]
        return "\n".join(lines)


def prepare(
    source: Source,
    root: Path | str,
    workers: int | None = None,
    parallel_map: ParallelMap | None = None,
) -> Report:
    """Decode every piece of `source` into the cache `root`, in `workers` processes.

    workers: None, one per core, at most 8; 0, this process. parallel_map: replaces these processes
    by others, such as those of a cluster. Pieces that are cached with the same fingerprint are
    kept, so that an interrupted run resumes. Pieces that cannot be used are left out and listed in
    the report. Raises SourceError if the source is missing or inconsistent, CacheError if the cache
    cannot be written (disk full); decoded pieces are kept.
    """
    root, name = Path(root), source.name
    pieces = source.pieces()
    check_pieces(pieces)
    count = default_workers() if workers is None else workers
    try:
        with locked(root / ".lock"):  # One at a time in a cache.
            return _fill(root, pieces, parallel_map or partial(crash_safe_map, workers=count), name)
    except OSError as error:
        raise CacheError(
            f"cannot write the cache {root}: {error.strerror or error}; solve this and run "
            "again to resume"
        ) from error


def _fill(root: Path, pieces: Sequence[Piece], parallel_map: ParallelMap, name: str) -> Report:
    _remove_leftovers(root)
    journal = _read_journal(root)
    kept = _reusable(root, pieces, journal)
    pending = [piece for piece in pieces if piece.name not in kept]
    removed = _drop_stale_manifest(root, pieces, kept)
    valid = journal | kept
    for piece in pending:
        valid.pop(piece.name, None)
    write_entries(root / JOURNAL, valid.values())
    decoded, problems = _decode_all(root, pending, len(pieces), parallel_map, name)
    entries = sorted([*kept.values(), *decoded], key=lambda entry: entry.name)
    write_entries(root / MANIFEST, entries)
    return Report(root, entries, len(decoded), len(kept), removed, problems)


def _decode_all(
    root: Path, pending: Sequence[Piece], total: int, parallel_map: ParallelMap, name: str
) -> tuple[list[Entry], list[Problem]]:
    """Decode and store pieces; each is written to the journal as soon as it is stored."""
    decoded: list[Entry] = []
    problems: list[Problem] = []
    done = total - len(pending)
    results = parallel_map(partial(_decode_and_catch, root), pending)
    with (
        (root / JOURNAL).open("a", encoding="utf-8") as journal,
        tqdm(
            desc=f"prepare {name}", total=total, initial=done, unit="piece", disable=not pending
        ) as bar,
        closing(results),
    ):
        for piece, answer in results:
            result, remarks = answer if isinstance(answer, tuple) else (answer, [])
            for remark in remarks:
                warnings.warn(remark, FileWarning, stacklevel=2)
            if isinstance(result, Entry):
                decoded.append(result)
                journal.write(entry_line(result))
                journal.flush()
            else:
                problems.append(Problem(piece.name, _with_file(piece, str(result))))
            bar.update()
    return decoded, problems


def _decode_and_catch(root: Path, piece: Piece) -> tuple[Entry | str, list[str]]:
    """`_decode`, and its warnings of files, which the process that runs `prepare` shows."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", FileWarning)
        result = _decode(root, piece)
    return result, [str(one.message) for one in caught if issubclass(one.category, FileWarning)]


def _decode(root: Path, piece: Piece) -> Entry | str:
    """Load, check and store one piece; returns the reason if it cannot be used."""
    try:
        recording = check_recording(piece.load())
    except Exception as error:  # One bad file must not stop the decoding of all others.
        # Our own ValueErrors are complete; messages of others are unclear without the type.
        kind = "" if isinstance(error, ValueError) else f"{type(error).__name__}: "
        return kind + " ".join(str(error).split())
    return store(root, piece, recording)


def _with_file(piece: Piece, reason: str) -> str:
    """The reason, with the file, whose name may be another than that of the piece."""
    return reason if Path(piece.file).name in reason else f"{reason} ({piece.file})"


def check_recording(recording: Recording) -> Recording:
    """The recording without notes outside the 88 keys.

    Raises PieceError if no notes remain, the audio is silent or ends before the last onset or 30 s
    before the last offset, or more than 30 s of audio before the first or after the last note have
    no labels.
    """
    notes, seconds = recording.notes, len(recording.audio) / SAMPLE_RATE
    if not len(notes):
        raise PieceError("it has no notes")
    notes = notes.select((notes.pitch >= MIN_PITCH) & (notes.pitch <= MAX_PITCH))
    if not len(notes):
        raise PieceError(f"none of its notes is a piano key ({MIN_PITCH} to {MAX_PITCH})")
    if recording.peak < MIN_PEAK:
        raise PieceError("its audio is silent")
    first, last, end = notes.onset[0], notes.onset[-1], notes.end
    if first < 0:
        raise PieceError(f"a note begins at {first:.2f} s, before the audio")
    if last > seconds + MAX_LATE_ONSET_SECONDS:
        raise PieceError(f"a note begins at {last:.2f} s, the audio ends at {seconds:.2f} s")
    if end > seconds + MAX_LATE_OFFSET_SECONDS:
        raise PieceError(f"a note ends at {end:.2f} s, the audio ends at {seconds:.2f} s")
    if max(first, seconds - end) > MAX_UNLABELLED_SECONDS:
        raise PieceError(
            f"its notes cover {first:.1f} to {end:.1f} s of {seconds:.1f} s of audio; over "
            f"{MAX_UNLABELLED_SECONDS:.0f} s have no labels"
        )
    return Recording(recording.audio, notes)


def _read_journal(root: Path) -> dict[str, Entry]:
    """The latest entry of every piece that was ever decoded here, by name."""
    path = root / JOURNAL
    if not path.is_file():
        return {}
    entries = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        # A line that was cut by a crash, or written by another version: its piece is decoded again.
        with suppress(ValueError, TypeError):
            entry = parse_entry(line)
            entries[entry.name] = entry
    return entries


def _reusable(root: Path, pieces: Sequence[Piece], journal: dict[str, Entry]) -> dict[str, Entry]:
    """Entries that need no decoding, by name, with split and composition of the source."""
    kept = {}
    for piece in pieces:
        entry = journal.get(piece.name)
        if entry and entry.fingerprint == piece.fingerprint and is_stored(root, entry):
            kept[piece.name] = replace(entry, split=piece.split, composition=piece.composition)
    return kept


def _drop_stale_manifest(root: Path, pieces: Sequence[Piece], kept: dict[str, Entry]) -> list[str]:
    """Remove a manifest that is no longer valid; returns the names that the source no longer has.

    The files of these pieces are kept, so that a source that is reduced and enlarged again needs no
    decoding. A manifest to which pieces are only added stays, since other processes may read it.
    """
    path = root / MANIFEST
    if not path.is_file():
        return []
    try:
        listed = parse_entries(path.read_text(encoding="utf-8"))
    except (TypeError, ValueError):
        path.unlink()
        return []
    if any(kept.get(entry.name) != entry for entry in listed):
        path.unlink()
    return sorted({entry.name for entry in listed} - {piece.name for piece in pieces})


def _remove_leftovers(root: Path) -> None:
    """Remove temporary files of a run that was killed while it wrote."""
    for path in root.glob("*/.*.part.np[yz]"):
        path.unlink(missing_ok=True)


def cache_folder(cache: Path | str, source: Source) -> Path:
    """The folder below `cache` for the pieces of `source`; different arguments, different folders.

    60 and 60.0, and lists and tuples, count as equal, since the command line and the configuration
    write them differently.
    """
    plain = {name: _plain(value) for name, value in vars(source).items()}
    digest = hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()[:8]
    return Path(cache) / f"{source.name}-{digest}"


def _plain(value: object) -> object:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    if isinstance(value, list | tuple):
        return [_plain(member) for member in value]
    return value if value is None or isinstance(value, bool) else str(value)
