"""Log the numbers of each recording: a log line, metrics, and JSON lines in a lake.

Numbers only: no audio, no notes in their order, no name, no address and no id of the request.
"""

from __future__ import annotations

import logging
from datetime import UTC, datetime

from amt.cloud.lake import Lake, open_lake
from amt.cloud.objects import is_bucket_uri
from amt.io.folders import user_path
from amt.monitoring.comparison import estimated_f1
from amt.monitoring.entries import RECORDING, Entry, reason
from amt.monitoring.log import EntryLog
from amt.monitoring.numbers import RecordingNumbers
from amt.serving.logging import log
from amt.serving.metrics import Metrics
from amt.serving.model import Model

OFF = "off"  # the value of AMT_MONITORING that switches everything here off


class RecordingLog:
    """The log of one server. place: AMT_MONITORING. lake: where entries go if `place` is empty."""

    def __init__(self, place: str, metrics: Metrics, lake: Lake | None = None) -> None:
        self.enabled = place != OFF
        self._metrics = metrics
        if place and self.enabled:
            lake = open_lake(place if is_bucket_uri(place) else user_path(place))
        self._entries: EntryLog | None = None
        if lake and self.enabled:
            self._entries = EntryLog(lake, lambda text: log(logging.WARNING, text))

    def add(self, model: Model, numbers: RecordingNumbers) -> None:
        """Log a recording that was transcribed."""
        if numbers.onset_certainty is not None:
            self._metrics.certainty.observe(numbers.onset_certainty)
        self._metrics.level.observe(numbers.level_db)
        if (f1 := estimated_f1(model.profile, [numbers])) is not None:
            self._metrics.estimated_f1.observe(f1)
        self._write(Entry(datetime.now(UTC), model.name, model.version, numbers))

    def add_rejected(self, model: Model, error: Exception) -> None:
        """Log that an input was rejected, or failed, with the class of reasons only."""
        if self.enabled:
            why = reason(error)
            self._metrics.rejected.labels(why).inc()
            self._write(Entry(datetime.now(UTC), model.name, model.version, rejected=why))

    def close(self) -> None:
        """Write what waits."""
        if self._entries:
            self._entries.close()

    def _write(self, entry: Entry) -> None:
        log(logging.INFO, RECORDING, **entry.to_json())
        if self._entries:
            self._entries.add(entry)
