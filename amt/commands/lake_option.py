"""The option --lake of the commands that work on the lake of `amt app`."""

from __future__ import annotations

import argparse
import os
from typing import TYPE_CHECKING, Any

from amt.commands.options import local_or_uri

if TYPE_CHECKING:
    from amt.cloud.lake import Lake

_VARIABLE = "AMT_LAKE"


def add_lake_option(parser: argparse.ArgumentParser, **options: Any) -> None:
    """Add --lake; its default is that of `amt app`."""
    parser.add_argument(
        "--lake",
        type=local_or_uri,
        metavar="PLACE",
        help=f"folder or gs://BUCKET[/PREFIX] of the app (default: {_VARIABLE}, or ~/amt-lake)",
        **options,
    )


def open_given_lake(arguments: argparse.Namespace) -> Lake:
    """The lake of --lake, of the environment, or the default. Raises ValueError if it is a folder
    that does not exist."""
    from amt.app.settings import DEFAULT_LAKE
    from amt.cloud.lake import open_lake
    from amt.cloud.objects import is_bucket_uri
    from amt.io.folders import user_path

    place = getattr(arguments, "lake", None) or os.environ.get(_VARIABLE) or DEFAULT_LAKE
    if is_bucket_uri(place):
        return open_lake(str(place))
    folder = user_path(str(place))
    if not folder.is_dir():
        raise ValueError(f"{folder}: there is no such lake; name that of the app: --lake PLACE")
    return open_lake(folder)
