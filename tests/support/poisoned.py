"""Functions for the processes of a Ray cluster, some of which die; imported there by name."""

from __future__ import annotations

import ctypes
import os
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from amt.distributed.worker import Alive

BATCH = 4


def numbers(count: int) -> list[list[int]]:
    """The numbers below `count`, in batches."""
    return [list(range(first, min(count, first + BATCH))) for first in range(0, count, BATCH)]


def squares(crash: int, hang: int, alive: Alive) -> Callable[[int], int]:
    """A function that squares; two numbers end or hang the process."""

    def square(number: int) -> int:
        if number == crash:
            ctypes.string_at(0)
        if number == hang:
            time.sleep(600)
        return number * number

    return square


def ends_later(alive: Alive) -> Callable[[int], int]:
    """A function that is well, in a process that dies after two numbers."""
    threading.Timer(0.3, os._exit, (1,)).start()

    def same(number: int) -> int:
        time.sleep(0.2 * (number % BATCH))
        return number

    return same


def unusable(alive: Alive) -> Callable[[int], int]:
    raise ValueError("no such model")


def missing() -> Sequence[Sequence[int]]:
    raise FileNotFoundError(2, "No such file", "list.txt")


def noted(folder: Path, alive: Alive) -> Callable[[int], int]:
    """A function that leaves a file for each call, named by its process, and takes some time."""

    def note(number: int) -> int:
        (folder / f"{number}-{os.getpid()}-{time.monotonic_ns()}").touch()
        time.sleep(0.05)
        return number

    return note
