"""Structured logs: one JSON object a line, with the field names of Google Cloud Logging.

Written by hand: it is one small formatter, and python-json-logger would be one more package.
"""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime
from typing import Any

LOGGER = logging.getLogger("amt.serving")


class JsonFormatter(logging.Formatter):
    """A log record as JSON: severity, time, message, extra fields, and a traceback if any."""

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "severity": record.levelname,
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "message": record.getMessage(),
            **getattr(record, "fields", {}),
        }
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str)


def log(level: int, message: str, error: BaseException | None = None, **fields: Any) -> None:
    """Log a message with extra fields."""
    LOGGER.log(level, message, exc_info=error, extra={"fields": fields})


def log_to_stdout() -> None:
    """Send this server's log and uvicorn's to standard output, one JSON object a line."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(JsonFormatter())
    logging.disable(logging.NOTSET)
    for name in ("amt.serving", "uvicorn.error"):
        logger = logging.getLogger(name)
        logger.handlers, logger.propagate = [handler], False
        logger.setLevel(logging.INFO)
    # RequestMiddleware logs every request already.
    logging.getLogger("uvicorn.access").disabled = True
