"""Options that the commands with a server share: address and model."""

from __future__ import annotations

import argparse
from typing import Any

from amt.commands.options import file_or_folder


def add_server_options(parser: argparse.ArgumentParser, port: str) -> None:
    """Add address and model; `port` says what the default of --port is, for its help.

    The parser must have argument_default=SUPPRESS: settings of the environment hold otherwise.
    """
    option = parser.add_argument
    option(
        "--host",
        help="address to listen on (default: AMT_HOST, or 127.0.0.1, this machine only; 0.0.0.0: "
        "all addresses)",
    )
    option("--port", type=int, help=f"port to listen on (default: {port})")
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


def server_settings(arguments: argparse.Namespace) -> dict[str, Any]:
    """The settings that were given as options."""
    given = {name: value for name, value in vars(arguments).items() if name != "run"}
    if "model" in given and "storage_uri" not in given:
        given["storage_uri"] = ""  # The option --model overrides the variable AIP_STORAGE_URI.
    return given


def _local_or_uri(text: str) -> str:
    return text if "://" in text else str(file_or_folder(text))
