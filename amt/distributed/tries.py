"""How often each item was begun, kept in a process of its own, which outlives those that work."""

from __future__ import annotations

from collections import Counter

DIED = "its worker process died (crash, or out of memory)"


class Tries:
    """Counts, for batches and items, the processes that began them and did not finish.

    Ray repeats what a process did not finish. An item that ended its process each time would be
    repeated for ever: it is recognised here. Items are counted from the second try of their batch
    on, so that those of most batches need no call.
    """

    def __init__(self, timeout: float) -> None:
        self.timeout = timeout
        self.batches: Counter[int] = Counter()
        self.begun: Counter[tuple[int, int]] = Counter()
        self.expired: Counter[tuple[int, int]] = Counter()
        self.finished: set[tuple[int, int]] = set()
        self.items: int | None = None
        self.remarks: list[str] = []

    def plan(self, items: int, remarks: list[str]) -> None:
        """Note how many items there are, and what is to be said about the choice of them."""
        self.items, self.remarks = items, remarks

    def planned(self) -> tuple[int | None, list[str]]:
        """What `plan` was told; None before."""
        return self.items, self.remarks

    def begin_batch(self, batch: int) -> int:
        """Note that a process begins a batch; how many have begun it before."""
        self.batches[batch] += 1
        return self.batches[batch] - 1

    def begin(self, item: tuple[int, int]) -> int:
        """Note that a process begins an item; how many have begun and not finished it before.

        item: number of the batch, place in it. The first try of the batch counts as one of the
        item. An item that a process once finished is not to blame, however often Ray repeats it.
        """
        if item in self.finished:
            return 0
        self.begun[item] += 1
        return self.begun[item]

    def finish(self, item: tuple[int, int]) -> None:
        """Note that a process has finished an item."""
        self.finished.add(item)

    def expire(self, item: tuple[int, int]) -> None:
        """Note that a process ends itself, since the item gives no sign of life."""
        self.expired[item] += 1

    def reason(self, item: tuple[int, int]) -> str:
        """Why an item is given up."""
        times, late = self.begun[item], self.expired[item]
        hung = f"no sign of life for {self.timeout:g} s"
        if not late:
            return f"{DIED}, {times} tries"
        return f"{hung}, {times} tries" if late >= times else f"{hung}, or {DIED}, {times} tries"
