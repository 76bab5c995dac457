"""`amt serve`: the HTTP server."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any

from amt.commands.server_options import add_server_options, server_settings


def add(commands: Any, words: Sequence[str]) -> None:
    """Add the sub-command to the parser of `amt`."""
    parser = commands.add_parser(
        "serve",
        help="HTTP server, on its own or as a Vertex AI container",
        description="Start an HTTP server. Routes: POST /predict (JSON, as Vertex AI defines it), "
        "POST /transcribe (upload of one audio file), GET / (a page), /health, /metrics and /docs. "
        "Limits and other settings are environment variables: AMT_*, and AIP_*, which Vertex AI "
        "sets. "
        "amt/serving/README.md lists them.",
        argument_default=argparse.SUPPRESS,
    )
    add_server_options(parser, port="AIP_HTTP_PORT, or 8080")
    parser.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> int:
    from amt.serving.settings import Settings

    settings = Settings.from_environment(**server_settings(arguments))
    try:
        from amt.serving.server import serve
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("amt"):
            raise
        advice = "install it with: pip install 'amt[serve]'"
        raise ValueError(f"serving needs {error.name}; {advice}") from error
    return serve(settings)
