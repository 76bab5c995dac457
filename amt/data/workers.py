"""A parallel map in worker processes that survives a crash of a worker.

concurrent.futures and joblib lose all items in progress when a worker dies, for example when memory
runs out, and do not say which item was the cause.
"""

from __future__ import annotations

import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import active_children, connection, get_context, parent_process
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")

_THREAD_LIMITS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


class CrashError(RuntimeError):
    """The process that worked on an item crashed or was killed, for example out of memory."""


def default_workers() -> int:
    """One process per core, at most 8, since each holds a whole recording in memory."""
    return min(8, os.cpu_count() or 1)


def crash_safe_map(
    function: Callable[[T], R], items: Sequence[T], workers: int
) -> Generator[tuple[T, R | CrashError], None, None]:
    """Yield every item with its result or a CrashError, in the order of completion.

    workers: number of processes; 0, this process. An exception in `function` is raised here. After
    a crash the items in progress are tried again one by one, so that only the one that crashed is
    lost.
    """
    if workers == 0:
        for item in items:
            yield item, function(item)
        return
    waiting = deque(items)
    with _one_thread_per_worker():
        while waiting:
            interrupted: list[T] = []
            yield from _map_until_crash(function, waiting, interrupted, workers)
            for item in interrupted:
                yield item, _call_in_own_process(function, item)


def _map_until_crash(
    function: Callable[[T], R], waiting: deque[T], interrupted: list[T], workers: int
) -> Iterator[tuple[T, R]]:
    """Process `waiting` until it is empty or a worker crashes.

    interrupted: receives the items that were in progress at the crash.
    """
    with _pool(min(workers, len(waiting))) as pool:
        running: dict[Future[R], T] = {}
        while (waiting or running) and not interrupted:
            # One more than workers, so that no worker waits for this loop; not more, so that few
            # items are interrupted by a crash.
            while waiting and len(running) <= workers:
                item = waiting.popleft()
                with _interrupts_held():
                    running[pool.submit(function, item)] = item
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                item = running.pop(future)
                try:
                    result = future.result()
                except BrokenProcessPool:
                    interrupted.append(item)
                else:
                    yield item, result
        interrupted.extend(running.values())


def _call_in_own_process(function: Callable[[T], R], item: T) -> R | CrashError:
    try:
        with _pool(1) as pool:
            return pool.submit(function, item).result()
    except BrokenProcessPool:
        return CrashError("its worker process died (out of memory?)")


@contextmanager
def _pool(workers: int) -> Iterator[ProcessPoolExecutor]:
    """Spawned processes, since forking a process with threads (torch, audio) can deadlock.

    They are killed where an error or Ctrl-C ends the block.
    """
    others = active_children()
    context = get_context("spawn")
    pool = ProcessPoolExecutor(workers, mp_context=context, initializer=_initialise_worker)
    try:
        with _interrupts_held():
            _check_start(pool)
        yield pool
    except BaseException:
        with _interrupts_held():
            for process in set(active_children()) - set(others):
                process.kill()
            pool.shutdown(cancel_futures=True)
        raise
    pool.shutdown(cancel_futures=True)


@contextmanager
def _interrupts_held() -> Iterator[None]:
    """Deliver Ctrl-C when the block ends; to a process that is started in it, never."""
    if not hasattr(signal, "pthread_sigmask"):  # Windows.
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _check_start(pool: ProcessPoolExecutor) -> None:
    try:
        pool.submit(int).result()
    except BrokenProcessPool as error:
        raise RuntimeError(
            "worker processes cannot start; put the call under `if __name__ == '__main__':` or "
            "use workers=0"
        ) from error


def _initialise_worker() -> None:
    """Ignore Ctrl-C, which the parent handles, and exit when the parent is killed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = parent_process()
    if parent is not None:
        threading.Thread(target=_exit_after, args=(parent.sentinel,), daemon=True).start()


def _exit_after(sentinel: int) -> None:
    """Exit this process when the process of `sentinel` ends."""
    connection.wait([sentinel])
    os._exit(1)


@contextmanager
def _one_thread_per_worker() -> Iterator[None]:
    """Set environment variables that limit the numeric libraries of new workers to one thread."""
    before = {name: os.environ.get(name) for name in _THREAD_LIMITS}
    os.environ.update(dict.fromkeys(_THREAD_LIMITS, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            del os.environ[name]
            if value is not None:
                os.environ[name] = value
