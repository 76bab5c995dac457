"""A connection to a Ray cluster, or a small one on this machine that ends with the block."""

from __future__ import annotations

import logging
import os
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from amt.errors import one_line

# What the objects that pass between the processes may take: a few kB each. Ray's least value.
OBJECT_STORE_BYTES = 80 << 20
LOCAL = "local"
# Ray waits 30 s for its own processes, which is too short where others use all cores.
_STARTS = 3
_CONNECT_SECONDS = 10.0
# Ray reads these when it is imported. Users of the command read our reports, not Ray's.
_ENVIRONMENT = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_BACKEND_LOG_LEVEL": "fatal",
    "RAY_DISABLE_IMPORT_WARNING": "1",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
}


@dataclass(frozen=True)
class Cluster:
    """Where the work is done, and with how many processes.

    address: of a running cluster (auto, HOST:PORT or ray://HOST:10001); None starts one here.
    workers: processes, each on one core; None, one for each core. gpus: GPUs for each process.
    timeout: an item without a sign of life for so many seconds is given up. tries: an item that
    ends its process so many times, too.
    """

    address: str | None = None
    workers: int | None = None
    gpus: float = 0
    timeout: float = 600.0
    tries: int = 3


@contextmanager
def connected(cluster: Cluster) -> Iterator[int]:
    """Connect to the cluster while the block lasts; yields the number of workers.

    Raises ValueError if Ray is not installed, or no cluster answers.
    """
    for name, value in _ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    try:
        import ray
        import ray.data
    except ImportError as error:
        advice = "type pip install 'amt[ray]'"
        raise ValueError(
            f"--engine ray needs a package that is missing ({error}); {advice}"
        ) from error
    logging.getLogger("ray.data").setLevel(logging.CRITICAL)
    # Ray prints on stdout, for every process that died, half a page. There is no setting for it.
    ray._private.worker.print_to_stdstream = _discard
    if cluster.address is None:
        print("amt: starting Ray, which takes some seconds", file=sys.stderr)
        _start(cluster)
    else:
        _join(cluster.address)
    try:
        yield cluster.workers or max(1, int(ray.cluster_resources().get("CPU", 1)))
    finally:
        ray.shutdown()


@contextmanager
def _quiet() -> Iterator[None]:
    """Discard what is written to stderr, also by Ray's libraries, which say what level they use."""
    with Path(os.devnull).open("w") as nothing:
        kept = os.dup(2)
        os.dup2(nothing.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(kept, 2)
            os.close(kept)


def _discard(*_: Any, **__: Any) -> None:
    pass


def _start(cluster: Cluster) -> None:
    """Start a cluster on this machine. It ends with this process, however that ends."""
    import ray

    for left in reversed(range(_STARTS)):
        try:
            with _quiet():
                ray.init(
                    LOCAL,
                    num_cpus=cluster.workers or os.cpu_count() or 1,
                    num_gpus=None if cluster.gpus else 0,
                    include_dashboard=False,
                    object_store_memory=OBJECT_STORE_BYTES,
                    log_to_driver=False,
                    logging_level=logging.ERROR,
                )
            return
        except Exception as error:  # Ray raises this type itself.
            ray.shutdown()
            if not left:
                raise ValueError(
                    f"Ray does not start: {one_line(error, 300)}; try again"
                ) from error


def _join(address: str) -> None:
    import ray

    try:
        _require_answer(address)
        with _quiet():
            ray.init(address, log_to_driver=False, logging_level=logging.ERROR)
    except (OSError, RuntimeError, ValueError) as error:
        advice = "expected auto, HOST:PORT or ray://HOST:10001 of a running Ray cluster"
        raise ValueError(f"--address {address}: {advice} ({one_line(error)})") from error


def _require_answer(address: str) -> None:
    """Raises OSError if nothing listens at HOST:PORT, for which Ray would wait for minutes."""
    host, _, port = address.rpartition("://")[2].rpartition(":")
    if host and port.isdigit():
        socket.create_connection((host, int(port)), _CONNECT_SECONDS).close()
