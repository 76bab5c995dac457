"""A map on Ray: processes that die cost nothing else; errors in one line; nothing is left."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections import Counter
from functools import partial
from pathlib import Path

import pytest
from poisoned import ends_later, missing, noted, numbers, squares, unusable

from amt.data.workers import CrashError
from amt.distributed.cluster import Cluster, connected
from amt.distributed.ray_map import ray_map

SUPPORT = Path(__file__).parents[1] / "support"
LOCAL = Cluster(workers=2, timeout=3.0, tries=2)


@pytest.fixture(autouse=True)
def _workers_find_the_functions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(SUPPORT))


def test_without_ray_the_error_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(ValueError, match=r"pip install 'amt\[ray\]'"), connected(LOCAL):
        pass


@pytest.mark.slow
def test_items_that_crash_or_hang_are_given_up_alone() -> None:
    totals: list[int] = []
    results = dict(ray_map(partial(numbers, 30), partial(squares, 5, 14), LOCAL, totals.append))
    assert totals == [30] and set(results) == set(range(30))
    failed = {n: str(r) for n, r in results.items() if isinstance(r, CrashError)}
    assert failed == {
        5: "its worker process died (crash, or out of memory), 2 tries",
        14: "no sign of life for 3 s, 2 tries",
    }
    assert all(result == n * n for n, result in results.items() if n not in failed)


@pytest.mark.slow
def test_a_batch_is_not_repeated_for_ever() -> None:
    """The process dies soon after it began, whatever it works on."""
    cluster = Cluster(workers=1, tries=1)
    results = dict(ray_map(partial(numbers, 4), ends_later, cluster))
    assert set(results) == set(range(4)) and isinstance(results[3], CrashError)


@pytest.mark.slow
def test_errors_of_the_plan_and_of_workers_are_one_line() -> None:
    with pytest.raises(ValueError, match=r"^no such model$"):
        list(ray_map(partial(numbers, 8), unusable, LOCAL))
    with pytest.raises(ValueError, match=r"^list.txt: No such file"):
        list(ray_map(missing, partial(squares, -1, -1), LOCAL))
    assert not list(ray_map(partial(numbers, 0), partial(squares, -1, -1), LOCAL))


@pytest.mark.slow
def test_a_killed_worker_costs_nothing_else(tmp_path: Path) -> None:
    """Each number comes once, and only those in the batch that was interrupted are repeated."""
    killed: list[int] = []

    def kill() -> None:
        while len(killed) < 2:
            time.sleep(0.2)
            begun = [path.name.split("-") for path in tmp_path.iterdir()]
            alive = [int(pid) for _, pid, _ in begun if Path("/proc", pid).exists()]
            if len(begun) > 30 * (1 + len(killed)) and alive:
                os.kill(alive[0], signal.SIGKILL)
                killed.append(alive[0])

    threading.Thread(target=kill, daemon=True).start()
    results = list(ray_map(partial(numbers, 200), partial(noted, tmp_path), Cluster(workers=2)))
    assert Counter(results) == Counter((number, number) for number in range(200))
    assert len(killed) == 2
    repeated = len(list(tmp_path.iterdir())) - 200
    assert repeated <= 2 * 4


def test_no_cluster_answers() -> None:
    with pytest.raises(ValueError, match="expected auto, HOST:PORT or ray://"):
        list(ray_map(partial(numbers, 4), unusable, Cluster("127.0.0.1:9")))
