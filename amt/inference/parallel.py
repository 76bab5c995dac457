"""A parallel `map` for PyTorch computations on a CPU."""

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
    """`function(item)` of each item, in order, computed by `threads` threads of Python.

    Each of them uses one thread of torch. Torch's own threads instead split every single operation
    and wait for each other after it, in an LSTM after each time step. Threads of Python are enough
    since torch releases the interpreter lock while it computes.
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
        # set_num_threads in a worker thread also changes the setting of the process.
        torch.set_num_threads(before)
