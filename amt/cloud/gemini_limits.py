"""Settings of Gemini, and how much it may cost."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from google.genai import types

PREFIX = "AMT_GEMINI_"
_SECONDS_PER_DAY = 86_400


class GeminiError(ValueError):
    """Why Gemini gave no answer, in one line."""


@dataclass(frozen=True)
class GeminiSettings:
    """Model and limits. Each field is an environment variable: AMT_GEMINI_ and its name.

    timeout_seconds: for one answer with all its rounds and retries. output_tokens: of one response.
    rounds: responses in one answer, all but the last with function calls. dollars_per_day: counted
    by each process, from `input_price` and `output_price` in dollars per million tokens, which are
    the list prices of the default model (https://ai.google.dev/gemini-api/docs/pricing).
    Raises ValueError for numbers that are not positive.
    """

    model: str = "gemini-2.5-flash"
    timeout_seconds: float = 20.0
    attempts: int = 3
    output_tokens: int = 1024
    rounds: int = 5
    dollars_per_day: float = 5.0
    input_price: float = 0.30
    output_price: float = 2.50

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, int | float) and not 0 < value < float("inf"):
                name = variable_name(field.name)
                raise ValueError(f"{name}={value}: expected a number above 0")

    @staticmethod
    def from_environment(environment: Mapping[str, str] = os.environ) -> GeminiSettings:
        """The settings in environment variables. Raises ValueError, one line with the variable."""
        given: dict[str, Any] = {}
        for field in fields(GeminiSettings):
            text = environment.get(variable_name(field.name), "").strip()
            if text:
                given[field.name] = _parse(variable_name(field.name), text, type(field.default))
        return GeminiSettings(**given)


class Spending:
    """What this process has spent on Gemini today (UTC), and its limit."""

    def __init__(self, settings: GeminiSettings) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._day = 0
        self._dollars = 0.0

    def check(self) -> None:
        """Raise GeminiError if the limit of the day is reached."""
        limit = self._settings.dollars_per_day
        if self.dollars >= limit:
            text = f"today's limit for Gemini, {limit:g} dollars, is reached"
            raise GeminiError(f"{text} ({variable_name('dollars_per_day')})")

    def add(self, usage: types.GenerateContentResponseUsageMetadata | None) -> None:
        """Count the tokens of one response. Thoughts are charged as output."""
        if usage is None:
            return
        output = (usage.candidates_token_count or 0) + (usage.thoughts_token_count or 0)
        price = self._settings.input_price * (usage.prompt_token_count or 0)
        price += self._settings.output_price * output
        with self._lock:
            self._start_day()
            self._dollars += price / 1e6

    @property
    def dollars(self) -> float:
        """Dollars spent today."""
        with self._lock:
            self._start_day()
            return self._dollars

    def _start_day(self) -> None:
        today = int(time.time() // _SECONDS_PER_DAY)
        if today != self._day:
            self._day, self._dollars = today, 0.0


def variable_name(field: str) -> str:
    """The environment variable of a field of `GeminiSettings`."""
    return f"{PREFIX}{field.upper()}"


def _parse(name: str, text: str, kind: type) -> Any:
    try:
        return kind(text)
    except ValueError as error:
        raise ValueError(f"{name}={text!r}: expected a number") from error
