"""`amt export`: a checkpoint to TorchScript and ONNX files, which run without amt."""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Sequence
from typing import Any

from amt.commands.options import add_output_option


def add(commands: Any, words: Sequence[str]) -> None:
    """Add the command to those of `amt`."""
    from amt.inference.pretrained import pretrained_names

    parser = commands.add_parser(
        "export",
        help="a checkpoint to TorchScript and ONNX",
        description="Write a checkpoint as model.pt (TorchScript) and model.onnx, which compute "
        "posteriors from a waveform and run without amt, with model.json and a model card.",
    )
    option = parser.add_argument
    names = ", ".join(pretrained_names())
    option(
        "checkpoint",
        metavar="CKPT",
        help=f"a checkpoint, gs:// too, or a pretrained model: {names}",
    )
    add_output_option(parser, "exported")
    option("--licence", help="training data and permitted use, for the model card")
    parser.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> int:
    from amt.inference.export import export
    from amt.inference.model_card import model_info
    from amt.inference.pretrained import find_checkpoint
    from amt.inference.remote import local_model_folder

    checkpoint = find_checkpoint(arguments.checkpoint)
    with local_model_folder(arguments.output) as folder:
        export(checkpoint, folder, model_info(checkpoint, arguments.licence))
    ckpt = shlex.quote(str(arguments.output))
    print(f"{arguments.output}: next, amt transcribe RECORDING --ckpt {ckpt}")
    return 0
