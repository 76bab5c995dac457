"""Which items are given up, and why."""

from __future__ import annotations

from amt.distributed.tries import Tries

ITEM, NEXT = (3, 1), (3, 2)


def test_an_item_counts_the_processes_it_ended() -> None:
    """The first was that of its whole batch."""
    tries = Tries(5.0)
    assert [tries.begin_batch(3) for _ in range(3)] == [0, 1, 2]
    assert [tries.begin(ITEM) for _ in range(3)] == [1, 2, 3]
    assert tries.reason(ITEM) == "its worker process died (crash, or out of memory), 3 tries"


def test_items_that_were_finished_once_are_not_to_blame() -> None:
    """They are repeated with their batch, each time, and each time with success."""
    tries = Tries(5.0)
    assert tries.begin(ITEM) == 1
    tries.finish(ITEM)
    assert [tries.begin(ITEM) for _ in range(5)] == [0] * 5
    assert [tries.begin(NEXT) for _ in range(3)] == [1, 2, 3]


def test_an_item_that_hangs_is_called_so() -> None:
    tries = Tries(5.0)
    tries.expire(ITEM)
    for _ in range(2):
        tries.begin(ITEM)
        tries.expire(ITEM)
    tries.begin(ITEM)
    assert tries.reason(ITEM) == "no sign of life for 5 s, 3 tries"
    tries.begin(ITEM)
    assert "or its worker process died" in tries.reason(ITEM)
