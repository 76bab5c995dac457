"""Call a function on many items in worker processes, and survive a worker that crashes."""

from __future__ import annotations

import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import connection, get_context, parent_process
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")

_THREAD_LIMITS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


class CrashError(RuntimeError):
    """The process that worked on an item died (killed, out of memory, broken library)."""


def default_workers() -> int:
    """One process a core, at most 8: each holds a whole recording in memory."""
    return min(8, os.cpu_count() or 1)


def outcomes(
    function: Callable[[T], R], items: Sequence[T], workers: int
) -> Generator[tuple[T, R | CrashError], None, None]:
    """Yield every item with its result, or CrashError, as they come; 0 workers: in this process.

    An exception of `function` is raised here. After a crash the items that were in flight are tried
    again one by one, so that only the one to blame is lost.
    """
    if workers == 0:
        for item in items:
            yield item, function(item)
        return
    waiting = deque(items)
    with _one_thread_each():
        while waiting:
            suspects: list[T] = []
            yield from _until_crash(function, waiting, suspects, workers)
            for item in suspects:
                yield item, _alone(function, item)


def _until_crash(
    function: Callable[[T], R], waiting: deque[T], suspects: list[T], workers: int
) -> Iterator[tuple[T, R]]:
    """Work off `waiting` until it is empty or a worker dies; `suspects` were then in flight."""
    with _pool(min(workers, len(waiting))) as pool:
        flying: dict[Future[R], T] = {}
        while (waiting or flying) and not suspects:
            # One more than workers, so that none waits for this loop; few, so few are suspects.
            while waiting and len(flying) <= workers:
                item = waiting.popleft()
                flying[pool.submit(function, item)] = item
            for future in wait(flying, return_when=FIRST_COMPLETED).done:
                item = flying.pop(future)
                try:
                    result = future.result()
                except BrokenProcessPool:
                    suspects.append(item)
                else:
                    yield item, result
        suspects.extend(flying.values())


def _alone(function: Callable[[T], R], item: T) -> R | CrashError:
    try:
        with _pool(1) as pool:
            return pool.submit(function, item).result()
    except BrokenProcessPool:
        return CrashError("the process that worked on it died (out of memory?)")


@contextmanager
def _pool(workers: int) -> Iterator[ProcessPoolExecutor]:
    """Spawned processes: forking a process that has threads (torch, audio) can deadlock."""
    pool = ProcessPoolExecutor(workers, mp_context=get_context("spawn"), initializer=_begin)
    try:
        _check_start(pool)
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)


def _check_start(pool: ProcessPoolExecutor) -> None:
    try:
        pool.submit(int).result()
    except BrokenProcessPool as error:
        raise RuntimeError(
            "worker processes cannot start; put the call under `if __name__ == '__main__':` or "
            "use workers=0"
        ) from error


def _begin() -> None:
    """In a worker: Ctrl-C is the parent's business, and a killed parent ends the worker."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = parent_process()
    if parent is not None:
        threading.Thread(target=_follow, args=(parent.sentinel,), daemon=True).start()


def _follow(sentinel: int) -> None:
    connection.wait([sentinel])
    os._exit(1)


@contextmanager
def _one_thread_each() -> Iterator[None]:
    """Workers inherit limits that keep their numeric libraries to one thread each."""
    before = {name: os.environ.get(name) for name in _THREAD_LIMITS}
    os.environ.update(dict.fromkeys(_THREAD_LIMITS, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            del os.environ[name]
            if value is not None:
                os.environ[name] = value
