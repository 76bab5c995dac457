"""What commands share: the folder for their results, and which network listens, and how."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from amt.inference.transcriber import Transcriber


def add_output(parser: argparse.ArgumentParser, folder: str) -> None:
    """The folder for the results, by default `folder`."""
    parser.add_argument(
        "--output",
        type=Path,
        default=Path(folder),
        metavar="DIR",
        help="folder for the results; older results are replaced (default: %(default)s)",
    )


def add_model(parser: argparse.ArgumentParser) -> None:
    """Which network listens, and where and how it is computed."""
    from amt.inference.pretrained import DEFAULT, pretrained_names

    names, add = pretrained_names(), parser.add_argument
    weights = parser.add_mutually_exclusive_group().add_argument
    weights(
        "--model",
        choices=names or None,
        default=DEFAULT,
        metavar="NAME",
        help=f"a model that comes along: {', '.join(names)} (default: %(default)s)",
    )
    own = "a checkpoint of yours, .safetensors, or a folder of `amt export`"
    weights("--ckpt", type=Path, metavar="PATH", help=own)
    add("--device", default="auto", help="cpu, cuda, cuda:1 ... (default: cuda if there is one)")
    add(
        "--precision",
        choices=("auto", "float32", "bfloat16"),
        default="auto",
        help="of the network (default: bfloat16 on processors that multiply it in hardware)",
    )
    add(
        "--backend",
        choices=("auto", "torchscript", "onnx"),
        default="auto",
        help="of an export (default: torchscript, which is faster; onnx holds no code)",
    )


def load_transcriber(arguments: argparse.Namespace) -> Transcriber:
    """The one that the options of `add_model` ask for. Raises CheckpointError, ValueError."""
    from amt.device import pick_device
    from amt.inference.pretrained import pretrained_checkpoint
    from amt.inference.transcriber import Transcriber

    checkpoint = arguments.ckpt or pretrained_checkpoint(arguments.model)
    device = pick_device(arguments.device)
    return Transcriber.load(checkpoint, device, arguments.precision, arguments.backend)
