"""Command-line options of commands that may work on a cluster."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from amt.commands.options import at_least_one

if TYPE_CHECKING:
    from amt.distributed.cluster import Cluster

# Options that only --engine ray has, by their names in the parsed arguments.
_OF_RAY = ("address", "timeout", "tries")


def add_engine_options(parser: argparse.ArgumentParser) -> None:
    """Add --engine and what belongs to it."""
    add = parser.add_argument
    add(
        "--engine",
        choices=("local", "ray"),
        default="local",
        help="local: this process and its own (default); ray: processes of a Ray cluster, one core "
        "each (needs the extra: pip install 'amt[ray]')",
    )
    add(
        "--address",
        metavar="ADDRESS",
        help="for ray: a running cluster, auto, HOST:PORT or ray://HOST:10001, whose machines see "
        "the same folders (default: one is started on this machine)",
    )
    add(
        "--timeout",
        type=at_least_one,
        metavar="S",
        help="for ray: a file without progress for so many seconds is given up (default: 600)",
    )
    add(
        "--tries",
        type=at_least_one,
        metavar="N",
        help="for ray: a file that ends its process (crash, memory, timeout) is tried so often "
        "(default: 3)",
    )


def chosen_cluster(
    arguments: argparse.Namespace, device: str = "cpu", others: tuple[str, ...] = ()
) -> Cluster | None:
    """The cluster that the options choose; None for the local engine.

    device: where the model computes; each process gets a GPU if it is one. others: more options
    that only ray has. Raises ValueError where one of these is given for the local engine.
    """
    if arguments.engine == "local":
        for name in (*_OF_RAY, *others):
            if getattr(arguments, name) not in (None, False):
                raise ValueError(f"--{name}: only with --engine ray")
        return None
    from amt.distributed.cluster import Cluster

    given = {name: getattr(arguments, name) for name in (*_OF_RAY, "workers")}
    chosen = {name: value for name, value in given.items() if value is not None}
    return Cluster(**chosen, gpus=1 if device.startswith("cuda") else 0)
