"""`amt app`: the page and HTTP application that transcribes recordings and answers questions."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any

from amt.commands.server_options import add_server_options, place, server_settings


def add(commands: Any, words: Sequence[str]) -> None:
    """Add the sub-command to the parser of `amt`."""
    parser = commands.add_parser(
        "app",
        help="a page to transcribe recordings, ask about them and correct them",
        description="Start a page in the browser: drop recordings, watch and hear their notes, ask "
        "questions, correct notes. It needs no account and no key, and listens on this machine "
        "only unless --host says otherwise. Settings are environment variables too (AMT_*); "
        "amt/app/README.md lists them.",
        argument_default=argparse.SUPPRESS,
    )
    add_server_options(parser, port="AIP_HTTP_PORT, PORT, or 8080")
    parser.add_argument(
        "--lake",
        type=place,
        metavar="PLACE",
        help="folder or gs://BUCKET[/PREFIX] for recordings and results (default: AMT_LAKE, or "
        "~/amt-lake)",
    )
    parser.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> int:
    from amt.app.settings import AppSettings

    settings = AppSettings.from_environment(**server_settings(arguments))
    try:
        from amt.app.server import serve
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("amt"):
            raise
        advice = "install it with: pip install 'amt[app]'"
        raise ValueError(f"the app needs {error.name}; {advice}") from error
    return serve(settings)
