"""`amt serve`: the HTTP server."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any


def add(commands: Any, words: Sequence[str]) -> None:
    """Add the command to those of `amt`."""
    parser = commands.add_parser(
        "serve",
        help="transcribe by HTTP, on its own or as a Vertex AI container",
        description="Answer POST /predict (as Vertex AI asks) and POST /transcribe (a file), with "
        "GET /health, /metrics and /docs. Everything else is set by environment variables, AIP_* "
        "as Vertex AI sets them and AMT_*; the README lists them.",
        argument_default=argparse.SUPPRESS,
    )
    option = parser.add_argument
    option("--host", help="address to listen at (default: all)")
    option("--port", type=int, help="port to listen at (default: AIP_HTTP_PORT, or 8080)")
    option("--model", help="a model that comes along (default: AMT_MODEL, or base)")
    option(
        "--folder",
        dest="storage_uri",
        metavar="DIR",
        help="folder of an exported model, local or gs:// (default: AIP_STORAGE_URI)",
    )
    option("--device", help="cpu, cuda, ... (default: AMT_DEVICE, or cuda if there is one)")
    parser.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> int:
    from amt.serving.settings import Settings

    given = {name: value for name, value in vars(arguments).items() if name != "run"}
    if "model" in given and "storage_uri" not in given:
        given["storage_uri"] = ""  # What is typed comes before what the environment says.
    settings = Settings.read(**given)
    try:
        from amt.serving.server import serve
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("amt"):
            raise
        advice = "install it with: pip install 'amt[serve]'"
        raise ValueError(f"serving needs {error.name}; {advice}") from error
    return serve(settings)
