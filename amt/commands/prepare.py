"""`amt prepare`: decode a data set into a cache for training."""

from __future__ import annotations

import argparse
import importlib
import inspect
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from amt.commands.engine_options import add_engine_options, chosen_cluster
from amt.commands.options import add_dataclass_options, build_dataclass, local_or_uri

SOURCES = ("synthetic", "maestro", "maps", "folder")
FOLDER = "cache"


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
    from amt.data.arrays import FRONT_ENDS

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
        type=local_or_uri,
        default=Path(FOLDER),
        metavar="DIR",
        help="folder of all caches, data.cache in training (default: %(default)s); or "
        f"gs://BUCKET/prepared, to which the set is copied when it is complete in {FOLDER}",
    )
    option(
        "--arrays",
        type=local_or_uri,
        metavar="DIR",
        help="also write X and Y of each piece, spectrogram and piano roll, as .npy files into a "
        "folder or gs://BUCKET/FOLDER",
    )
    option(
        "--features",
        choices=list(FRONT_ENDS),
        default="logfreq",
        help="front end of the spectrograms of --arrays (default: %(default)s)",
    )
    option(
        "--workers",
        type=int,
        metavar="N",
        help="processes; 0: this one (default: one per core, at most 8; for ray, one for each core "
        "of the cluster)",
    )
    add_engine_options(parser)
    option(
        "--verify",
        action="store_true",
        help="only compare the files of the cache with their checksums",
    )
    parser.set_defaults(run=_run, parser=parser, source=source)


def _run(arguments: argparse.Namespace) -> int:
    from amt.cloud.objects import is_bucket_uri
    from amt.data.cache import cache_folder, prepare
    from amt.data.manifest import warn_of_leaks
    from amt.distributed.preparing import map_on_cluster

    if arguments.workers is not None and arguments.workers < 0:
        raise ValueError(f"--workers {arguments.workers}: expected 0 or more processes")
    source = build_dataclass(arguments.parser, arguments, arguments.source)
    remote = is_bucket_uri(arguments.cache)
    folder = cache_folder(FOLDER if remote else arguments.cache, source)
    target = f"{arguments.cache.rstrip('/')}/{folder.name}" if remote else None
    if arguments.verify:
        return _verify(target or folder)
    cluster = chosen_cluster(arguments)
    parallel_map = partial(map_on_cluster, cluster=cluster) if cluster else None
    report = prepare(source, folder, arguments.workers, parallel_map)
    print(report)
    warn_of_leaks(report.entries)
    if not report.entries:
        return 1
    if target:
        _copy(folder, target)
    if arguments.arrays:
        _write_arrays(folder, arguments.arrays, arguments.features)
    return 0


def _copy(folder: Path, target: str) -> None:
    from amt.data.upload import upload_set

    copied = upload_set(folder, target)
    command = f"python train.py data=prepared paths.prepared={target}"
    print(f"{target}: {copied} files copied; next: {command}")


def _write_arrays(folder: Path, place: str | Path, features: str) -> None:
    from amt.data.arrays import write_arrays

    count = write_arrays(folder, place, features)
    print(f"{place}: X ({features}) and Y of {count} pieces")


def _verify(place: str | Path) -> int:
    from amt.data.manifest import read_manifest, verify
    from amt.data.upload import read_uploaded_manifest, verify_uploaded

    if isinstance(place, Path):
        errors, count = verify(place), len(read_manifest(place))
    else:
        errors, count = verify_uploaded(place), len(read_uploaded_manifest(place))
    print("\n".join(errors) or f"{place}: {count} pieces, all files unchanged")
    if errors:
        raise ValueError(
            "to make these files again: remove them and type the same command without --verify"
        )
    return 0
