"""Decode a data set into a cache on a cluster; a counterpart of `amt.data.workers`."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from functools import partial
from typing import TypeVar

from amt.data.workers import CrashError
from amt.distributed.cluster import Cluster
from amt.distributed.ray_map import ray_map
from amt.distributed.worker import Alive

T = TypeVar("T")
R = TypeVar("R")


def map_on_cluster(
    function: Callable[[T], R], items: Sequence[T], cluster: Cluster
) -> Generator[tuple[T, R | CrashError], None, None]:
    """`crash_safe_map` by the processes of a cluster.

    What the function writes, it must write into a folder that all machines of the cluster see.
    """
    if items:
        yield from ray_map(partial(_alone, items), partial(_same, function), cluster)


def _alone(items: Sequence[T]) -> list[list[T]]:
    """Each item in a batch of its own: a piece takes seconds, and is not repeated for another."""
    return [[item] for item in items]


def _same(function: Callable[[T], R], alive: Alive) -> Callable[[T], R]:
    return function
