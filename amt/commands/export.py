"""`amt export`: a checkpoint to programs that run without amt."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from amt.commands.shared import add_output


def add(commands: Any, words: Sequence[str]) -> None:
    """Add the command to those of `amt`."""
    from amt.inference.pretrained import pretrained_names

    parser = commands.add_parser(
        "export",
        help="a checkpoint to TorchScript and ONNX",
        description="Write a checkpoint as programs from waveform to posteriors: model.pt "
        "(TorchScript) and model.onnx, with model.json and a model card.",
    )
    option = parser.add_argument
    known = ", ".join(pretrained_names())
    option("checkpoint", metavar="CKPT", help=f"a checkpoint, or the name of a model: {known}")
    add_output(parser, "exported")
    option("--licence", help="what it was trained on, and what for it may be used")
    parser.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> int:
    from amt.inference.export import export
    from amt.inference.model_card import model_facts
    from amt.inference.pretrained import pretrained_checkpoint

    checkpoint = Path(arguments.checkpoint)
    if not checkpoint.exists() and checkpoint.suffix == "":
        checkpoint = pretrained_checkpoint(arguments.checkpoint)
    export(checkpoint, arguments.output, model_facts(checkpoint, arguments.licence))
    print(f"{arguments.output}: next, amt transcribe RECORDING --ckpt {arguments.output}")
    return 0
