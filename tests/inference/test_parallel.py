"""`parallel_map`: results in order, one torch thread per worker, settings restored."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence

import pytest
import torch

from amt.errors import DeviceWarning
from amt.inference.parallel import map_batches, parallel_map


@pytest.fixture(autouse=True)
def three_threads() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    yield
    torch.set_num_threads(before)


def test_results_come_in_order_and_from_several_threads() -> None:
    both = threading.Barrier(2, timeout=20)

    def work(number: int) -> tuple[int, int]:
        both.wait()  # Passes only where two are at work at once.
        return number, torch.get_num_threads()

    assert list(parallel_map(work, range(6), 2)) == [(number, 1) for number in range(6)]
    assert torch.get_num_threads() == 3


@pytest.mark.parametrize(("items", "threads"), [(1, 4), (3, 1), (0, 4)])
def test_one_thread_or_item_stays_here(items: int, threads: int) -> None:
    here = threading.get_ident()
    found = list(parallel_map(lambda _: threading.get_ident(), range(items), threads))
    assert found == [here] * items


def test_an_error_reaches_the_caller_and_ends_the_rest() -> None:
    begun = []

    def work(number: int) -> int:
        begun.append(number)
        if number == 1:
            raise ValueError("one")
        return number

    with pytest.raises(ValueError, match="one"):
        list(parallel_map(work, range(10000), 2))
    assert len(begun) < 10000
    assert torch.get_num_threads() == 3


def sizes_below(limit: int, calls: list[int]) -> Callable[[Sequence[int]], list[int]]:
    """Returns the batch; runs out of memory for more than `limit` items."""

    def work(batch: Sequence[int]) -> list[int]:
        calls.append(len(batch))
        if len(batch) > limit:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")
        return list(batch)

    return work


@pytest.mark.parametrize("threads", [1, 2])
def test_batches_are_halved_until_they_fit_into_memory(threads: int) -> None:
    calls: list[int] = []
    with pytest.warns(DeviceWarning, match="memory ran out"):
        found = list(map_batches(sizes_below(5, calls), range(37), 16, threads))
    assert [list(batch) for batch, _ in found] == [result for _, result in found]
    assert [len(batch) for batch, _ in found] == [4] * 9 + [1]
    if threads == 1:
        assert calls == [16, 8] + [4] * 9 + [1]


def test_memory_that_runs_out_later_keeps_what_is_done() -> None:
    calls: list[int] = []

    def work(batch: Sequence[int]) -> int:
        calls.append(batch[0])
        if 8 in batch and len(batch) > 2:
            raise torch.OutOfMemoryError
        return sum(batch)

    with pytest.warns(DeviceWarning, match="2 windows"):
        found = list(map_batches(work, range(12), 4, 1))
    assert calls == [0, 4, 8, 8, 10]
    assert sum(result for _, result in found) == sum(range(12))


def test_threads_are_halved_where_single_windows_do_not_fit_together() -> None:
    running = threading.Semaphore(1)

    def work(batch: Sequence[int]) -> int:
        if not running.acquire(blocking=False):
            raise RuntimeError("DefaultCPUAllocator: can't allocate memory")
        time.sleep(0.01)
        running.release()
        return batch[0]

    with pytest.warns(DeviceWarning, match="now 1 windows"):
        found = [result for _, result in map_batches(work, range(6), 1, 3)]
    assert found == list(range(6))


def test_a_window_that_does_not_fit_is_one_line_and_other_errors_stay() -> None:
    with pytest.warns(DeviceWarning), pytest.raises(ValueError, match="try --device cpu"):
        list(map_batches(sizes_below(0, []), range(3), 2, 1))

    def broken(batch: Sequence[int]) -> None:
        raise RuntimeError("shape mismatch")

    with pytest.raises(RuntimeError, match="shape mismatch"):
        list(map_batches(broken, range(3), 2, 1))
