"""`amt transcribe`: piano recordings to notes."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from amt.commands.options import (
    add_model_options,
    add_output_option,
    comma_separated,
    load_transcriber,
)


def add(commands: Any, words: Sequence[str]) -> None:
    """Add the command to those of `amt`.

    The models' licences are read from their files, and only for the help text.
    """
    from amt.inference.pretrained import pretrained_names
    from amt.inference.writers import FORMATS

    with_licences = bool({"-h", "--help"} & set(words))
    parser = commands.add_parser(
        "transcribe",
        help="piano recordings to notes",
        description="Transcribe piano recordings of any length to notes.",
        epilog=_licences(pretrained_names()) if with_licences else "",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    option = parser.add_argument
    option("inputs", nargs="+", type=Path, metavar="AUDIO", help="audio files, or folders of them")
    add_output_option(parser, "transcriptions")
    option(
        "--format",
        type=comma_separated(*FORMATS),
        default=("mid",),
        metavar="LIST",
        help=f"one or more of {','.join(FORMATS)}, separated by commas (default: mid); "
        "png is a piano roll, wav a synthesis of the notes",
    )
    add_model_options(parser)
    option(
        "--ends",
        choices=("sound", "key"),
        default="sound",
        help="notes end where their sound ends (default), or where their keys are released, and "
        "the result contains the sustain pedal",
    )
    option("--piano", type=Path, metavar="FOLDER", help="sampled piano for wav (default: built-in)")
    parser.set_defaults(run=_run)


def _licences(names: Sequence[str]) -> str:
    """Training data and licence of the pretrained models, at the end of the help text."""
    from amt.inference.pretrained import pretrained_licence

    lines = [f"  {name:8s} trained on {pretrained_licence(name)}" for name in names]
    return "\n".join(["models:", *lines]) if lines else ""


def _run(arguments: argparse.Namespace) -> int:
    from amt.inference.batch import plan_jobs, transcribe_jobs
    from amt.inference.writers import load_player

    transcriber = load_transcriber(arguments)
    player = load_player(arguments.piano)
    arguments.output.mkdir(parents=True, exist_ok=True)
    jobs = plan_jobs(arguments.inputs, arguments.output)
    failed = transcribe_jobs(transcriber, jobs, arguments.format, player, arguments.ends)
    return 1 if failed else 0
