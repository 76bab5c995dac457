"""Independent pieces of work on several cores."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import torch

Item = TypeVar("Item")
Result = TypeVar("Result")


def parallel_map(
    function: Callable[[Item], Result], items: Sequence[Item], threads: int
) -> Iterator[Result]:
    """function(item) of each item, in order; each is computed by one of `threads` threads alone.

    Torch's own threads share every single operation instead and wait for each other after it, in an
    LSTM after each step. Torch holds no lock while it computes, so that threads of Python do.
    """
    if min(threads, len(items)) < 2:
        yield from map(function, items)
        return
    before = torch.get_num_threads()
    pool = ThreadPoolExecutor(threads, initializer=torch.set_num_threads, initargs=(1,))
    try:
        yield from pool.map(function, items)
    finally:
        pool.shutdown(cancel_futures=True)
        # A part of what the workers set holds for the whole process.
        torch.set_num_threads(before)
