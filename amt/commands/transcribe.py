"""`amt transcribe`: recordings to notes."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from amt.commands.options import list_of
from amt.commands.shared import add_model, add_output, load_transcriber


def add(commands: Any, words: Sequence[str]) -> None:
    """Add the command; the licences of the models, which their files tell, only for the help."""
    from amt.inference.pretrained import pretrained_names
    from amt.inference.writers import FORMATS

    with_licences = bool({"-h", "--help"} & set(words))
    parser = commands.add_parser(
        "transcribe",
        help="recordings to notes",
        description="Transcribe piano recordings of any length to notes.",
        epilog=_licences(pretrained_names()) if with_licences else "",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    option = parser.add_argument
    option("inputs", nargs="+", type=Path, metavar="AUDIO", help="audio files, or folders of them")
    add_output(parser, "transcriptions")
    option(
        "--format",
        type=list_of(*FORMATS),
        default=("mid",),
        metavar="LIST",
        help=f"one or more of {','.join(FORMATS)}, with commas between (default: mid); "
        "png draws the notes, wav plays them",
    )
    add_model(parser)
    option(
        "--ends",
        choices=("sound", "key"),
        default="sound",
        help="where notes end: with their sound (default), or with their keys, the sustain pedal "
        "beside them",
    )
    option("--piano", type=Path, metavar="FOLDER", help="sampled piano for wav (default: built-in)")
    parser.set_defaults(run=_run)


def _licences(names: Sequence[str]) -> str:
    """What the models that come along were trained on, and whether they may be used to earn."""
    from amt.inference.pretrained import pretrained_licence

    lines = [f"  {name:8s} trained on {pretrained_licence(name)}" for name in names]
    return "\n".join(["models:", *lines]) if lines else ""


def _run(arguments: argparse.Namespace) -> int:
    from amt.inference.batch import plan, transcribe_jobs
    from amt.inference.writers import load_player

    transcriber = load_transcriber(arguments)
    player = load_player(arguments.piano)
    arguments.output.mkdir(parents=True, exist_ok=True)
    jobs = plan(arguments.inputs, arguments.output)
    failed = transcribe_jobs(transcriber, jobs, arguments.format, player, arguments.ends)
    return 1 if failed else 0
