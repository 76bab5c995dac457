"""Options that the commands with a server share: address and model."""

from __future__ import annotations

import argparse
from typing import Any

from amt.commands.options import local_or_uri


def add_server_options(parser: argparse.ArgumentParser, port: str) -> None:
    """Add address and model; `port` says what the default of --port is, for its help.

    The parser must have argument_default=SUPPRESS: settings of the environment hold otherwise.
    """
    from amt.inference.pretrained import pretrained_names

    names, option = pretrained_names(), parser.add_argument
    option(
        "--host",
        help="address to listen on (default: AMT_HOST, or 127.0.0.1, this machine only; 0.0.0.0: "
        "all addresses)",
    )
    option("--port", type=_port, metavar="N", help=f"port to listen on (default: {port})")
    option(
        "--model",
        choices=names or None,
        metavar="NAME",
        help=f"a pretrained model: {', '.join(names)} (default: AMT_MODEL, or base)",
    )
    option(
        "--ckpt",
        dest="storage_uri",
        type=place,
        metavar="PATH",
        help="your own model: a checkpoint (.ckpt, .safetensors), a folder of `amt export`, or a "
        "gs:// folder; of LAKE/models/NAME the current version (default: AIP_STORAGE_URI)",
    )
    option("--device", help="cpu, cuda, ... (default: AMT_DEVICE, or a GPU if there is one)")


def server_settings(arguments: argparse.Namespace) -> dict[str, Any]:
    """The settings that were given as options."""
    given = {name: value for name, value in vars(arguments).items() if name != "run"}
    if "model" in given and "storage_uri" not in given:
        given["storage_uri"] = ""  # The option --model overrides the variable AIP_STORAGE_URI.
    return given


def place(text: str) -> str:
    """A `type` for argparse: a path, ~ expanded, or a gs:// URI. A malformed one is an error."""
    if not text.strip():
        raise argparse.ArgumentTypeError("it is empty: expected a path, or gs://BUCKET[/PREFIX]")
    return str(local_or_uri(text))


def _port(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 65535:
        raise argparse.ArgumentTypeError(f"{text!r}: expected a port from 1 to 65535")
    return int(text)
