"""`parallel_map`: results in order, one torch thread per worker, settings restored."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
import torch

from amt.inference.parallel import parallel_map


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
