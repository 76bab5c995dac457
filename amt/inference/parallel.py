"""`map` for PyTorch computations: in parallel on a CPU, and in batches that fit into memory."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

import torch

from amt.device import is_out_of_memory
from amt.errors import DeviceWarning, one_line

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
    with one_thread_of_torch():
        pool = ThreadPoolExecutor(threads, initializer=torch.set_num_threads, initargs=(1,))
        try:
            yield from pool.map(function, items)
        finally:
            pool.shutdown(cancel_futures=True)


@contextmanager
def one_thread_of_torch() -> Iterator[None]:
    """Let torch use one thread in this thread while the block lasts.

    The setting is that of the process for all threads started in the block.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def map_batches(
    function: Callable[[Sequence[Item]], Result], items: Sequence[Item], size: int, threads: int
) -> Iterator[tuple[Sequence[Item], Result]]:
    """Each batch of at most `size` items and `function(batch)`, in order, as `parallel_map` does.

    When memory runs out, the batches not yet computed are divided again: half as many items, then
    half as many threads. Raises ValueError if there is too little memory for a single item.
    """
    done = 0
    while done < len(items):
        batches = [items[first : first + size] for first in range(done, len(items), size)]
        threads = min(threads, len(batches))
        try:
            results = parallel_map(function, batches, threads)
            for batch, result in zip(batches, results, strict=True):
                done += len(batch)
                yield batch, result
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            if size * threads == 1:
                reason = f"too little memory for a single window ({one_line(error)})"
                raise ValueError(f"{reason}; on a GPU try --device cpu") from error
            size, threads = (size // 2, threads) if size > 1 else (1, threads // 2)
            text = f"memory ran out; now {size * threads} windows are computed at a time"
            warnings.warn(DeviceWarning(text), stacklevel=2)
