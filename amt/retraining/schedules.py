"""Schedules: five fields, as cron and Vertex AI read them."""

from __future__ import annotations

import re

# A number, a range or *, each with a step; lists of these. Names of months and days are left out,
# since Vertex AI does not take them everywhere.
_FIELD = re.compile(r"(\*|\d+(-\d+)?)(/\d+)?(,(\*|\d+(-\d+)?)(/\d+)?)*")
_FIELDS = ("minute", "hour", "day of the month", "month", "day of the week")


def check_cron(text: str) -> None:
    """Raise ValueError if a schedule has not the five fields of cron."""
    parts = text.split()
    if len(parts) != len(_FIELDS) or not all(_FIELD.fullmatch(part) for part in parts):
        fields = ", ".join(_FIELDS)
        raise ValueError(f'--schedule {text!r}: expected {fields}, such as "0 3 * * 1"')
