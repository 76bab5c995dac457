"""What runs in each process of the cluster: one item after another, under a watchdog."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from amt.data.workers import CrashError
from amt.distributed.tries import DIED
from amt.errors import one_line

T = TypeVar("T")
R = TypeVar("R")

# Called by a function while it works on an item: it is alive.
Alive = Callable[[], None]
_CHECK_SECONDS = 0.5


@dataclass(frozen=True)
class Batch(Generic[T]):
    """Items that one process works on, one after another, before it reports their results.

    error: in place of items, why they could not be listed.
    """

    number: int
    items: Sequence[T]
    error: str = ""


@dataclass(frozen=True)
class Results(Generic[T, R]):
    """The items of a batch with their results; or an error that every further batch would meet."""

    pairs: Sequence[tuple[T, R | CrashError]]
    error: str = ""


class Worker(Generic[T, R]):
    """The function that Ray Data maps over batches; it lives in a process of its own.

    make: makes the function for items; it may load a model. tries: the actor of `Tries`, and how
    many tries an item has. folder: the working directory, in which relative paths are meant.
    """

    def __init__(
        self,
        make: Callable[[Alive], Callable[[T], R]],
        counter: Any,
        tries: int,
        timeout: float,
        folder: str,
    ) -> None:
        with suppress(OSError):  # On another machine it may be missing, and is not needed for URIs.
            os.chdir(folder)
        self.counter, self.tries = counter, tries
        self.watchdog = Watchdog(timeout)
        self.error = ""
        try:
            self.function = make(self.watchdog.alive)
        except Exception as error:
            self.error = error_text(error)

    def __call__(self, block: Any) -> Any:
        import pandas as pd

        return pd.DataFrame({"results": [self._results(block["batch"][0])]})

    def _results(self, batch: Batch[T]) -> Results[T, R]:
        # Errors are results: what is raised here, Ray wraps in pages of its own.
        if self.error or batch.error:
            return Results([], self.error or batch.error)
        try:
            return Results(self._pairs(batch))
        except Exception as error:
            return Results([], error_text(error))

    def _pairs(self, batch: Batch[T]) -> list[tuple[T, R | CrashError]]:
        import ray

        before = ray.get(self.counter.begin_batch.remote(batch.number))
        # More than all items could need together: the process dies between them, or later.
        if before > self.tries * len(batch.items):
            return [(item, CrashError(f"{DIED}, {before} tries")) for item in batch.items]
        return [
            (item, self._result((batch.number, place), item, again=before > 0))
            for place, item in enumerate(batch.items)
        ]

    def _result(self, key: tuple[int, int], item: T, again: bool) -> R | CrashError:
        """The result of an item. again: a process died in its batch, perhaps for this item."""
        import ray

        if again and ray.get(self.counter.begin.remote(key)) >= self.tries:
            return CrashError(ray.get(self.counter.reason.remote(key)))
        with self.watchdog.watching(lambda: ray.get(self.counter.expire.remote(key), timeout=10)):
            result = self.function(item)
        if again:
            ray.get(self.counter.finish.remote(key))
        return result


class Watchdog:
    """Ends this process where an item gives no sign of life for `timeout` seconds.

    A library that hangs cannot be interrupted in another way. Ray then starts the process again.
    """

    def __init__(self, timeout: float) -> None:
        self.timeout = timeout
        self.deadline = float("inf")
        self.last_words: Callable[[], object] = int
        threading.Thread(target=self._watch, daemon=True).start()

    def alive(self) -> None:
        """Begin to wait anew."""
        self.deadline = time.monotonic() + self.timeout

    @contextmanager
    def watching(self, last_words: Callable[[], object]) -> Iterator[None]:
        """Watch while the block lasts; `last_words` is called before the process ends."""
        self.last_words = last_words
        self.alive()
        try:
            yield
        finally:
            self.deadline = float("inf")

    def _watch(self) -> None:
        while time.monotonic() < self.deadline:
            time.sleep(min(_CHECK_SECONDS, self.timeout))
        with suppress(Exception):  # Whatever fails, this process must end.
            self.last_words()
        os._exit(1)


def error_text(error: Exception) -> str:
    """An error as `amt` prints it; its type, unless it is one of those with complete messages."""
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    text = one_line(error, 400)
    return text if isinstance(error, ValueError) else f"{type(error).__name__}: {text}"


def current_folder() -> str:
    """The working directory, for `Worker`."""
    return str(Path.cwd())
