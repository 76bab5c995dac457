"""`amt serve`: the HTTP server."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any

from amt.commands.options import file_or_folder


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
    option = parser.add_argument
    option("--host", help="address to listen on (default: AMT_HOST, or 0.0.0.0, all addresses)")
    option("--port", type=int, help="port to listen on (default: AIP_HTTP_PORT, or 8080)")
    option("--model", help="pretrained model (default: AMT_MODEL, or base)")
    option(
        "--ckpt",
        dest="storage_uri",
        type=_local_or_uri,
        metavar="PATH",
        help="your own model: a checkpoint (.ckpt, .safetensors), a folder of `amt export`, or a "
        "gs:// folder (default: AIP_STORAGE_URI)",
    )
    option("--device", help="cpu, cuda, ... (default: AMT_DEVICE, or a GPU if there is one)")
    parser.set_defaults(run=_run)


def _local_or_uri(text: str) -> str:
    return text if "://" in text else str(file_or_folder(text))


def _run(arguments: argparse.Namespace) -> int:
    from amt.serving.settings import Settings

    given = {name: value for name, value in vars(arguments).items() if name != "run"}
    if "model" in given and "storage_uri" not in given:
        given["storage_uri"] = ""  # The option --model overrides the variable AIP_STORAGE_URI.
    settings = Settings.from_environment(**given)
    try:
        from amt.serving.server import serve
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("amt"):
            raise
        advice = "install it with: pip install 'amt[serve]'"
        raise ValueError(f"serving needs {error.name}; {advice}") from error
    return serve(settings)
