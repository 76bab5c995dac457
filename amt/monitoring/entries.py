"""What is logged of each recording, one JSON object a line: its numbers, or why it was rejected.

    {"time": UTC in ISO 8601, "model": NAME, "version": VERSION, NUMBERS...}
    {"time": ..., "model": ..., "version": ..., "rejected": REASON}

The log of `amt serve` and `amt app` on standard output holds the same fields in its lines with the
message RECORDING; it can be read as it is.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from amt.cloud.lake import Lake, open_lake
from amt.cloud.objects import StorageError, is_bucket_uri
from amt.errors import FileWarning
from amt.io.audio import AudioError, TooLongError
from amt.monitoring.numbers import RecordingNumbers

FOLDER = "monitoring"
SUFFIX = ".jsonl"
RECORDING = "recording measured"  # the message of the log line of an entry


@dataclass(frozen=True)
class Entry:
    """One recording, at a time in UTC. numbers: None if it was rejected for the reason given."""

    time: datetime
    model: str
    version: str
    numbers: RecordingNumbers | None = None
    rejected: str = ""

    def to_json(self) -> dict[str, Any]:
        """Plain types."""
        time = self.time.isoformat(timespec="milliseconds")
        head = {"time": time, "model": self.model, "version": self.version}
        if self.numbers is None:
            return {**head, "rejected": self.rejected}
        return {**head, **self.numbers.to_json()}

    @staticmethod
    def from_json(document: Any) -> Entry:
        """The reverse. Raises ValueError."""
        try:
            time = datetime.fromisoformat(document["time"])
            time = time.astimezone(UTC) if time.tzinfo else time.replace(tzinfo=UTC)
            model, version = str(document["model"]), str(document["version"])
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f"no time, model and version: {error}") from error
        if "rejected" in document:
            return Entry(time, model, version, rejected=str(document["rejected"]))
        return Entry(time, model, version, RecordingNumbers.from_json(document))


def reason(error: BaseException) -> str:
    """The class of reasons for which a recording was rejected; it holds nothing of the recording.

    too_long, not_audio (it cannot be decoded), not_found (or no rights, in Cloud Storage), failed.
    """
    if isinstance(error, TooLongError):
        return "too_long"
    if isinstance(error, AudioError):
        return "not_audio"
    return "not_found" if isinstance(error, StorageError) else "failed"


def read_entries(place: Path | str, since: datetime | None = None) -> list[Entry]:
    """The entries of a JSON-lines file, a folder of them or a place of AMT_MONITORING, by time.

    place: a file NAME.jsonl, a folder (the lake itself, its monitoring/ or one day of it) or gs://.
    since: days before are not read, entries before are left out. Raises ValueError with file and
    line for a line that is no entry, StorageError.
    """
    if isinstance(place, Path) and place.is_file():
        entries = list(_parse(place.read_bytes(), str(place)))
    else:
        lake, prefix = _lake(place)
        names = [stored.name for stored in lake.list(prefix) if _wanted(stored.name, since)]
        entries = [e for n in names for e in _parse(lake.read(n), lake.object_uri(n))]
    if since:
        entries = [entry for entry in entries if entry.time >= since]
    return sorted(entries, key=lambda entry: entry.time)


def _lake(place: Path | str) -> tuple[Lake, str]:
    """The lake to list, and the prefix of the names that are read."""
    if isinstance(place, str) and is_bucket_uri(place) and place.rstrip("/").endswith(SUFFIX):
        folder, _, name = place.rpartition("/")
        return open_lake(folder), name
    if str(place).endswith(SUFFIX) and not is_bucket_uri(place) and not Path(place).exists():
        raise ValueError(f"{place}: no such file")
    lake = open_lake(place)
    inside = f"{FOLDER}/"
    return lake, inside if lake.list(inside) else ""


def _wanted(name: str, since: datetime | None) -> bool:
    """Whether an object may hold entries of that time; folders of days are called YYYY-MM-DD."""
    if not name.endswith(SUFFIX):
        return False
    day = name.split("/")[-2] if "/" in name else ""
    try:
        return not since or datetime.fromisoformat(day).date() >= since.date()
    except ValueError:
        return True


def _parse(data: bytes, origin: str) -> Iterator[Entry]:
    """The entries of JSON lines. Raises ValueError for other lines.

    Half a line, which is left where a process that wrote a log was killed, is left out with a
    FileWarning.
    """
    for number, line in enumerate(data.decode("utf-8", "replace").splitlines(), 1):
        try:
            document = json.loads(line) if line.strip() else {"message": "an empty line"}
            if not isinstance(document, dict) or document.get("message", RECORDING) == RECORDING:
                yield Entry.from_json(document)
        except ValueError as error:
            if isinstance(error, json.JSONDecodeError) and line.startswith("{"):
                text = f"{origin}, line {number}: is cut off, and left out"
                warnings.warn(text, FileWarning, stacklevel=2)
                continue
            expected = "expected JSON lines of `amt monitor measure`, `amt serve` or `amt app`"
            raise ValueError(f"{origin}, line {number}: {error}; {expected}") from error


def lines(entries: Sequence[Entry]) -> bytes:
    """JSON lines."""
    return "".join(json.dumps(entry.to_json()) + "\n" for entry in entries).encode("ascii")
