"""Entries from what a command is given: JSON lines, or recordings, which are measured now."""

from __future__ import annotations

import re
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tqdm import tqdm

from amt.cloud.lake import open_lake
from amt.cloud.objects import is_bucket_uri
from amt.cloud.registry import version_label
from amt.errors import escaped
from amt.evaluation.metrics import note_f1
from amt.inference.batch import error_line, require_file
from amt.inference.jobs import find_files
from amt.inference.model_version import model_version
from amt.inference.remote import local_files
from amt.inference.transcriber import Transcriber
from amt.io.midi import MIDI_SUFFIXES
from amt.io.note_tables import read_notes
from amt.monitoring.entries import SUFFIX, Entry, read_entries, reason
from amt.monitoring.measuring import measure_recording

# Looked for beside a recording, in this order: notes give its F1.
NOTE_SUFFIXES = (*MIDI_SUFFIXES, ".tsv")
_AGO = re.compile(r"(\d+)([dh])")


@dataclass(frozen=True)
class MeasuringModel:
    """A model that measures recordings; name and version are those of its entries."""

    transcriber: Transcriber
    name: str
    version: str

    @staticmethod
    def load(transcriber: Transcriber, checkpoint: Path) -> MeasuringModel:
        """The model at a path."""
        name = version_label(checkpoint) or checkpoint.stem
        return MeasuringModel(transcriber, name, model_version(checkpoint))


@dataclass(frozen=True)
class MeasuredFile:
    """The entry of a recording, and its note F1 if there are notes beside it."""

    entry: Entry
    f1: float | None = None


def is_log(given: Path | str) -> bool:
    """Whether an input is JSON lines or holds some; otherwise it is recordings."""
    if str(given).rstrip("/").endswith(SUFFIX):
        return True
    if is_bucket_uri(given):
        return any(stored.name.endswith(SUFFIX) for stored in open_lake(given).list())
    return isinstance(given, Path) and next(given.rglob(f"*{SUFFIX}"), None) is not None


def read_logs(
    inputs: Sequence[Path | str], model: str, since: datetime | None = None
) -> tuple[list[Entry], Counter[str]]:
    """The entries of a model in logs, by time; and how many of each other model were left out."""
    found = [entry for given in inputs for entry in read_entries(given, since)]
    own = [entry for entry in found if entry.model == model]
    others = Counter(entry.model for entry in found if entry.model != model)
    return sorted(own, key=lambda entry: entry.time), others


def measure_files(model: MeasuringModel, inputs: Sequence[Path | str]) -> Iterator[MeasuredFile]:
    """Measure recordings: files, folders, patterns, gs:// URIs; in the order of their names.

    Their time is that of the last change of the file. What cannot be read is an entry of a rejected
    input, and a line on standard error.
    """
    files = list(find_files(inputs))
    for source, _ in tqdm(files, "measuring", disable=None, leave=False):
        yield _measure(model, source)


def parse_since(text: str, now: datetime | None = None) -> datetime:
    """A time in UTC: 7d or 24h ago, or 2026-03-01[T12:00]. Raises ValueError."""
    if found := _AGO.fullmatch(text.strip()):
        hours = int(found[1]) * (24 if found[2] == "d" else 1)
        return (now or datetime.now(UTC)) - timedelta(hours=hours)
    try:
        time = datetime.fromisoformat(text.strip())
    except ValueError:
        raise ValueError(f"{text!r}: expected 7d, 24h or a date such as 2026-03-01") from None
    return time.astimezone(UTC) if time.tzinfo else time.replace(tzinfo=UTC)


def _measure(model: MeasuringModel, source: Path | str) -> MeasuredFile:
    changed = datetime.now(UTC)
    try:
        with local_files(source, Path("unused")) as (path, _):
            if isinstance(source, Path):
                changed = datetime.fromtimestamp(path.stat().st_mtime, UTC)
            numbers, notes = measure_recording(model.transcriber, require_file(path))
            labels = _notes_beside(path)
            f1 = note_f1(read_notes(labels), notes) if labels else None
    except Exception as error:  # One unusual file must not stop the others.
        tqdm.write(escaped(f"amt: {error_line(error, source)}"), file=sys.stderr)
        # `local_files` raises a ValueError from the error that it was.
        why = reason(error.__cause__ or error)
        return MeasuredFile(Entry(changed, model.name, model.version, rejected=why))
    return MeasuredFile(Entry(changed, model.name, model.version, numbers), f1)


def _notes_beside(path: Path) -> Path | None:
    """The notes of a recording: a file of the same stem."""
    found = (path.with_suffix(suffix) for suffix in NOTE_SUFFIXES)
    return next((notes for notes in found if notes.is_file()), None)
