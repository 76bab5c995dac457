"""Fill a cache: decode every piece of a source once, in parallel, and resume where it stopped."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

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
from amt.data.workers import default_workers, outcomes
from amt.io.audio import SAMPLE_RATE
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

# A last onset may lie this far beyond the end of the audio (labels round, encoders trim).
LATE_ONSET_SECONDS = 0.1
# More audio than this before the first or after the last note means that labels are missing.
UNLABELLED_SECONDS = 30.0
# Three steps of 16 bits: less is no recording.
SILENCE = 1e-4


@dataclass(frozen=True)
class Problem:
    """A piece that could not be used, and why, in one line."""

    name: str
    reason: str


@dataclass(frozen=True)
class Report:
    """What `prepare` did.

    entries: the whole manifest. decoded, reused: how many entries are new, and were there before.
    removed: names that the source no longer offers. problems: pieces that could not be used.
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
            f"({self.decoded} decoded, {self.reused} already there, {len(self.removed)} removed)"
        ]
        if self.problems:
            lines.append(f"{len(self.problems)} pieces could not be used:")
            lines += [f"  {problem.name}: {problem.reason}" for problem in self.problems]
        return "\n".join(lines)


def prepare(source: Source, root: Path | str, workers: int | None = None) -> Report:
    """Decode every piece of `source` into the cache `root`, in `workers` processes.

    workers: None takes one a core (at most 8), 0 works in this process. What is there already, with
    the same fingerprint, is kept; an interrupted run resumes. Pieces that cannot be used are left
    out and listed in the report. Raises SourceError where the source is missing or contradicts
    itself, CacheError where the cache cannot be written (disk full): what is done stays done.
    """
    root = Path(root)
    pieces = source.pieces()
    check_pieces(pieces)
    try:
        with _locked(root):
            return _fill(root, pieces, workers, source.name)
    except OSError as error:
        raise CacheError(
            f"cannot write the cache {root}: {error.strerror or error}; mend this and run "
            "again: it resumes"
        ) from error


def _fill(root: Path, pieces: Sequence[Piece], workers: int | None, name: str) -> Report:
    _remove_leftovers(root)
    known = _known(root)
    kept = _reusable(root, pieces, known)
    pending = [piece for piece in pieces if piece.name not in kept]
    removed = _drop_stale_manifest(root, pieces, kept)
    stays = known | kept
    for piece in pending:
        stays.pop(piece.name, None)
    write_entries(root / JOURNAL, stays.values())
    decoded, problems = _decode_all(root, pending, len(pieces), workers, name)
    entries = sorted([*kept.values(), *decoded], key=lambda entry: entry.name)
    write_entries(root / MANIFEST, entries)
    return Report(root, entries, len(decoded), len(kept), removed, problems)


def _decode_all(
    root: Path, pending: Sequence[Piece], total: int, workers: int | None, name: str
) -> tuple[list[Entry], list[Problem]]:
    """Decode and store pieces; each is noted in the journal as soon as it is done."""
    decoded: list[Entry] = []
    problems: list[Problem] = []
    count = default_workers() if workers is None else workers
    done = total - len(pending)
    results = outcomes(partial(_decode, root), pending, count)
    with (
        (root / JOURNAL).open("a", encoding="utf-8") as journal,
        tqdm(
            desc=f"prepare {name}", total=total, initial=done, unit="piece", disable=not pending
        ) as bar,
        closing(results),
    ):
        for piece, result in results:
            if isinstance(result, Entry):
                decoded.append(result)
                journal.write(entry_line(result))
                journal.flush()
            else:
                problems.append(Problem(piece.name, str(result)))
            bar.update()
    return decoded, problems


def _decode(root: Path, piece: Piece) -> Entry | str:
    """Load, check and store one piece; the reason where it cannot be used."""
    try:
        recording = check_recording(piece.load())
    except Exception as error:  # One odd file must not cost the thousand others their decoding.
        # ValueErrors are ours and say it all; any other says little without its type.
        kind = "" if isinstance(error, ValueError) else f"{type(error).__name__}: "
        return kind + " ".join(str(error).split())
    return store(root, piece, recording)


def check_recording(recording: Recording) -> Recording:
    """The recording with the notes of the 88 keys only.

    Raises PieceError where there are no such notes, the audio is silent or too short for the notes,
    or over 30 s of it come before the first note or after the last (labels are missing there).
    """
    notes, seconds = recording.notes, len(recording.audio) / SAMPLE_RATE
    if not len(notes):
        raise PieceError("it has no notes")
    notes = notes.select((notes.pitch >= MIN_PITCH) & (notes.pitch <= MAX_PITCH))
    if not len(notes):
        raise PieceError(f"none of its notes is a piano key ({MIN_PITCH} to {MAX_PITCH})")
    if notes.velocity.min() < 1 or notes.velocity.max() > 127:
        lowest, highest = notes.velocity.min(), notes.velocity.max()
        raise PieceError(f"its velocities are {lowest} to {highest}; expected 1 to 127")
    if recording.peak < SILENCE:
        raise PieceError("its audio is silent")
    first, last, end = notes.onset[0], notes.onset[-1], notes.end
    if first < 0:
        raise PieceError(f"a note begins at {first:.2f} s, before the audio")
    if last > seconds + LATE_ONSET_SECONDS:
        raise PieceError(f"a note begins at {last:.2f} s, the audio ends at {seconds:.2f} s")
    if max(first, seconds - end) > UNLABELLED_SECONDS:
        raise PieceError(
            f"its notes cover {first:.1f} to {end:.1f} s of {seconds:.1f} s of audio; over "
            f"{UNLABELLED_SECONDS:.0f} s have no labels"
        )
    return Recording(recording.audio, notes)


def _known(root: Path) -> dict[str, Entry]:
    """Everything that was ever decoded here, by name; the latest of each."""
    path = root / JOURNAL
    if not path.is_file():
        return {}
    known = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        # The last line is cut where the power went; its piece is decoded again.
        with suppress(ValueError, TypeError):
            entry = parse_entry(line)
            known[entry.name] = entry
    return known


def _reusable(root: Path, pieces: Sequence[Piece], known: dict[str, Entry]) -> dict[str, Entry]:
    """Entries that serve as they are; only the split and the work follow the source."""
    kept = {}
    for piece in pieces:
        entry = known.get(piece.name)
        if entry and entry.fingerprint == piece.fingerprint and is_stored(root, entry):
            kept[piece.name] = replace(entry, split=piece.split, work=piece.work)
    return kept


def _drop_stale_manifest(root: Path, pieces: Sequence[Piece], kept: dict[str, Entry]) -> list[str]:
    """Remove a manifest that will not stay true; give the names that the source lost.

    The files of lost pieces stay, so that a source that is narrowed and widened again costs
    nothing. A manifest to which pieces are only added stays in place for those who read it.
    """
    path = root / MANIFEST
    if not path.is_file():
        return []
    try:
        listed = parse_entries(path)
    except (TypeError, ValueError):
        path.unlink()
        return []
    if any(kept.get(entry.name) != entry for entry in listed):
        path.unlink()
    return sorted({entry.name for entry in listed} - {piece.name for piece in pieces})


def _remove_leftovers(root: Path) -> None:
    """Temporary files of a run that was killed while it wrote."""
    for path in root.glob("*/.*.part.np[yz]"):
        path.unlink(missing_ok=True)


@contextmanager
def _locked(root: Path) -> Iterator[None]:
    """One `prepare` at a time in a cache; another waits, and then finds everything done."""
    root.mkdir(parents=True, exist_ok=True)
    with (root / ".lock").open("w") as lock:
        # Windows has no fcntl: there, whoever starts two runs on one cache must wait himself.
        with suppress(ImportError):
            import fcntl

            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def cache_folder(cache: Path | str, source: Source) -> Path:
    """Where below `cache` the pieces of `source` go; one with other arguments goes elsewhere.

    60 and 60.0, lists and tuples are the same arguments: the command line and configurations
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
