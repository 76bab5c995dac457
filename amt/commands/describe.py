"""`amt describe`: recordings or MIDI files to pages that show their analysis and play them."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from amt.commands.options import (
    add_model_options,
    add_output_option,
    comma_separated,
    file_or_folder,
    load_transcriber,
    local_or_uri,
    make_output_folder,
)


def add(commands: Any, words: Sequence[str]) -> None:
    """Add the command to those of `amt`."""
    parser = commands.add_parser(
        "describe",
        help="recordings or MIDI files to HTML pages with analysis and audio",
        description="Describe piano recordings or MIDI files, one page each: notes, keys, tempo, "
        "chords, sections, motifs, audio descriptors, and the first page of the score (pip install "
        "'amt[score]'). A page is one file and loads nothing else.",
    )
    option = parser.add_argument
    option(
        "inputs",
        nargs="+",
        type=local_or_uri,
        metavar="FILE",
        help="audio, films, MIDI, folders of them, patterns such as '*.mid', gs:// URIs",
    )
    add_output_option(parser, "descriptions")
    option(
        "--format",
        type=comma_separated("html", "json"),
        default=("html", "json"),
        metavar="LIST",
        help="html: a page with plots and a player; json: data for programs (default: both)",
    )
    add_model_options(parser)
    option(
        "--piano",
        type=file_or_folder,
        metavar="FOLDER",
        help="sampled piano for the player (default: built-in)",
    )
    parser.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> int:
    from amt.inference.batch import run_jobs
    from amt.inference.jobs import plan_jobs
    from amt.inference.writers import load_player
    from amt.page.describe import SUFFIXES, describe_job, is_recording

    jobs = plan_jobs(arguments.inputs, arguments.output, SUFFIXES)
    has_audio = any(is_recording(Path(job.source)) for job in jobs)
    transcriber = load_transcriber(arguments) if has_audio else None
    player = load_player(arguments.piano)
    make_output_folder(arguments.output)
    model = Path(arguments.ckpt).name if arguments.ckpt else arguments.model
    failed = run_jobs(jobs, arguments.format, describe_job(transcriber, model, player))
    return 1 if failed else 0
