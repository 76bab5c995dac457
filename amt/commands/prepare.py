"""`amt prepare`: data sets to a cache for training."""

from __future__ import annotations

import argparse
import importlib
import inspect
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from amt.commands.options import add_options, build

SOURCES = ("synthetic", "maestro", "maps", "folder")


def add(commands: Any, words: Sequence[str]) -> None:
    """Add the command; its sources are only imported when it is asked for."""
    parser = commands.add_parser(
        "prepare",
        help="data sets to a cache for training",
        description="Decode a data set once into a cache for training; run it again to resume.",
    )
    if "prepare" not in words:
        return
    sources = parser.add_subparsers(required=True)
    for name in SOURCES:
        source = getattr(importlib.import_module(f"amt.data.{name}"), name.capitalize())
        _add_source(sources, name, source)


def _add_source(sources: Any, name: str, source: type) -> None:
    about = inspect.cleandoc(source.__doc__ or name)
    parser = sources.add_parser(
        name,
        help=about.splitlines()[0],
        description=about,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_options(parser, source, without=("name",))
    option = parser.add_argument
    option(
        "--cache",
        type=Path,
        default=Path("cache"),
        metavar="DIR",
        help="where caches are, as data.cache in training (default: %(default)s)",
    )
    option("--workers", type=int, metavar="N", help="processes, 0: this one (default: one a core)")
    option("--verify", action="store_true", help="only check the files that the cache holds")
    parser.set_defaults(run=_run, parser=parser, source=source)


def _run(arguments: argparse.Namespace) -> int:
    from amt.data.cache import cache_folder, prepare, read_manifest, verify

    source = build(arguments.parser, arguments, arguments.source)
    folder = cache_folder(arguments.cache, source)
    if not arguments.verify:
        report = prepare(source, folder, arguments.workers)
        print(report)
        return 0 if report.entries else 1
    complaints = verify(folder)
    good = f"{folder}: {len(read_manifest(folder))} pieces, all as they were stored"
    print("\n".join(complaints) or good)
    return 1 if complaints else 0
