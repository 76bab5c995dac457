"""What a run over an archive did: a table of all recordings, and totals."""

from __future__ import annotations

import csv
import json
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import IO, Any

from amt.distributed.ledger import place_in_ledger, write_place
from amt.distributed.recordings import Outcome

TABLE, TOTALS = "report.tsv", "report.json"
COLUMNS = ("source", "target", "state", "notes", "seconds", "took", "reason")
# So many failures are named in the totals; the table has all of them.
MAX_FAILURES = 20


@dataclass
class Report:
    """Collects outcomes in a temporary file, so that it takes no more memory for more of them.

    `write` puts the table and the totals into the ledger of `output`.
    """

    output: Path | str
    run: str
    done: int = 0
    skipped: int = 0
    failed: int = 0
    seconds: float = 0.0
    failures: list[str] = field(default_factory=list)

    def __enter__(self) -> Report:
        self._begin = time.perf_counter()
        self._folder = tempfile.TemporaryDirectory(prefix="amt-")
        self._table: IO[str] = Path(self._folder.name, TABLE).open(
            "w", encoding="utf-8", errors="backslashreplace", newline=""
        )
        self._rows = csv.writer(self._table, dialect="excel-tab", lineterminator="\n")
        self._rows.writerow(COLUMNS)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._table.close()
        self._folder.cleanup()

    def add(self, outcome: Outcome) -> None:
        """Count an outcome and note it in the table."""
        setattr(self, outcome.state, getattr(self, outcome.state) + 1)
        if outcome.state == "done":
            self.seconds += outcome.seconds
        if outcome.state == "failed" and len(self.failures) < MAX_FAILURES:
            self.failures.append(outcome.reason)
        job = outcome.job
        numbers = (outcome.notes, f"{outcome.seconds:.3f}", f"{outcome.took:.3f}")
        self._rows.writerow((job.source, job.target, outcome.state, *numbers, outcome.reason))

    def totals(self) -> dict[str, Any]:
        """The totals of the run so far, for `report.json`."""
        took = time.perf_counter() - self._begin
        return {
            "run": self.run,
            "done": self.done,
            "skipped": self.skipped,
            "failed": self.failed,
            "audio_hours": round(self.seconds / 3600, 4),
            "took_seconds": round(took, 1),
            "times_real_time": round(self.seconds / took, 2),
            "failures": self.failures,
        }

    def write(self) -> None:
        """Write both files, each whole or not at all. Raises StorageError, OSError."""
        self._table.flush()
        table, totals = Path(self._table.name), Path(self._folder.name, TOTALS)
        totals.write_text(json.dumps(self.totals(), indent=2) + "\n", "utf-8")
        for path in (table, totals):
            write_place(place_in_ledger(self.output, path.name), path)

    def __str__(self) -> str:
        totals = self.totals()
        speed = totals["times_real_time"]
        lines = [
            f"{self.output}: {self.done} transcribed, {self.skipped} skipped (done by an earlier "
            f"run), {self.failed} failed; {in_words(self.seconds)} of audio in "
            f"{in_words(totals['took_seconds'])}, {speed:.{0 if speed >= 10 else 1}f} x real time; "
            f"each recording: {place_in_ledger(self.output, TABLE)}"
        ]
        lines += [f"  {reason}" for reason in self.failures]
        if self.failed > len(self.failures):
            lines.append(f"  and {self.failed - len(self.failures)} more")
        return "\n".join(lines)


def in_words(seconds: float) -> str:
    """A duration in the unit that suits it: 36 s, 4.5 min, 2.50 h."""
    if seconds < 60:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.1f} min" if seconds < 3600 else f"{seconds / 3600:.2f} h"
