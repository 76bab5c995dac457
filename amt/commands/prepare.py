"""`amt prepare`: decode a data set into a cache for training."""

from __future__ import annotations

import argparse
import importlib
import inspect
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from amt.commands.options import add_dataclass_options, build_dataclass, file_or_folder

SOURCES = ("synthetic", "maestro", "maps", "folder")


def add(commands: Any, words: Sequence[str]) -> None:
    """Add the command; the sources are imported only if the command line names it."""
    parser = commands.add_parser(
        "prepare",
        help="decode a data set into a cache for training",
        description="Decode a data set once into a cache for training; run it again to resume.",
    )
    if "prepare" not in words:
        return
    sources = parser.add_subparsers(required=True)
    for name in SOURCES:
        source = getattr(importlib.import_module(f"amt.data.sources.{name}"), name.capitalize())
        _add_source(sources, name, source)


def _add_source(sources: Any, name: str, source: type) -> None:
    about = inspect.cleandoc(source.__doc__ or name)
    parser = sources.add_parser(
        name,
        help=about.splitlines()[0],
        description=about,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_dataclass_options(parser, source, without=("name",))
    option = parser.add_argument
    option(
        "--cache",
        type=file_or_folder,
        default=Path("cache"),
        metavar="DIR",
        help="folder of all caches, data.cache in training (default: %(default)s)",
    )
    option(
        "--workers", type=int, metavar="N", help="processes; 0: this one (default: one per core)"
    )
    option(
        "--verify",
        action="store_true",
        help="only compare the files of the cache with their checksums",
    )
    parser.set_defaults(run=_run, parser=parser, source=source)


def _run(arguments: argparse.Namespace) -> int:
    from amt.data.cache import cache_folder, prepare, read_manifest, verify
    from amt.data.manifest import warn_of_leaks

    if arguments.workers is not None and arguments.workers < 0:
        raise ValueError(f"--workers {arguments.workers}: expected 0 or more processes")
    source = build_dataclass(arguments.parser, arguments, arguments.source)
    folder = cache_folder(arguments.cache, source)
    if not arguments.verify:
        report = prepare(source, folder, arguments.workers)
        print(report)
        warn_of_leaks(report.entries)
        return 0 if report.entries else 1
    errors = verify(folder)
    summary = f"{folder}: {len(read_manifest(folder))} pieces, all files unchanged"
    print("\n".join(errors) or summary)
    return 1 if errors else 0
