"""`amt transcribe`: piano recordings to notes."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from amt.commands.engine_options import add_engine_options, chosen_cluster
from amt.commands.notation_options import (
    add_notation_options,
    check_notation_has_effect,
    chosen_notation,
)
from amt.commands.options import (
    add_model_options,
    add_output_option,
    at_least_one,
    chosen_checkpoint,
    comma_separated,
    file_or_folder,
    load_checkpoint,
    load_transcriber,
    local_or_uri,
    make_output_folder,
    threshold,
)

if TYPE_CHECKING:
    from amt.distributed.cluster import Cluster
    from amt.score.notated import Notation


def add(commands: Any, words: Sequence[str]) -> None:
    """Add the command to those of `amt`.

    The models' licences are read from their files, and only for the help text.
    """
    from amt.inference.pretrained import pretrained_names
    from amt.inference.writers import FORMATS, SCORES

    with_licences = bool({"-h", "--help"} & set(words))
    parser = commands.add_parser(
        "transcribe",
        help="piano recordings to notes",
        description="Transcribe piano recordings of any length to notes.",
        epilog=_licences(pretrained_names()) if with_licences else "",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    option = parser.add_argument
    option(
        "inputs",
        nargs="+",
        type=local_or_uri,
        metavar="AUDIO",
        help="audio or film files, folders of them, patterns such as '*.mp3', gs:// URIs of files "
        "or folders; or a listing, a .txt file with one path or URI a line",
    )
    add_output_option(parser, "transcriptions")
    option(
        "--format",
        type=comma_separated(*FORMATS, *SCORES),
        default=("mid",),
        metavar="LIST",
        help=f"one or more of {','.join((*FORMATS, *SCORES))}, separated by commas (default: mid); "
        "musicxml is sheet music, pdf and svg its pages (pip install 'amt[score]'); "
        "png is a piano roll, wav a synthesis of the notes; npy writes NAME_piano_roll.npy (uint8, "
        "one row for each 1/50 s, 88 keys, velocities) and NAME_embedding.npy (float32, mean and "
        "deviation of the network's features)",
    )
    add_model_options(parser)
    option(
        "--ends",
        choices=("sound", "key"),
        default="sound",
        help="notes end where their sound ends (default), or where their keys are released, and "
        "the result contains the sustain pedal",
    )
    option(
        "--onset-threshold",
        type=threshold,
        metavar="P",
        help="least probability of an onset, 0.01 to 0.99; higher gives fewer notes (default: that "
        "of the model)",
    )
    option(
        "--piano",
        type=file_or_folder,
        metavar="FOLDER",
        help="sampled piano for wav (default: built-in)",
    )
    add_notation_options(parser, usual="map where beats are certain, or else 120")
    add_engine_options(parser)
    _add_archive_options(parser)
    parser.set_defaults(run=_run)


def _add_archive_options(parser: argparse.ArgumentParser) -> None:
    option = parser.add_argument
    option(
        "--workers",
        type=at_least_one,
        metavar="N",
        help="for ray: processes (default: one for each core of the cluster)",
    )
    option(
        "--redo",
        action="store_true",
        help="for ray: transcribe again what an earlier run has done with the same model and "
        "options, which is skipped otherwise",
    )


def _licences(names: Sequence[str]) -> str:
    """Training data and licence of the pretrained models, at the end of the help text."""
    from amt.inference.pretrained import pretrained_licence

    lines = [f"  {name:8s} trained on {pretrained_licence(name)}" for name in names]
    return "\n".join(["models:", *lines]) if lines else ""


def _run(arguments: argparse.Namespace) -> int:
    from amt.inference.writers import FORMATS
    from amt.score.render import check_libraries

    check_notation_has_effect(arguments, quantized=FORMATS)
    check_libraries(arguments.format)
    device = "cpu" if arguments.device == "auto" else arguments.device
    cluster = chosen_cluster(arguments, device, others=("workers", "redo"))
    return _run_here(arguments) if cluster is None else _run_on(cluster, arguments, device)


def _run_here(arguments: argparse.Namespace) -> int:
    from amt.inference.batch import transcribe_jobs
    from amt.inference.jobs import plan_jobs
    from amt.inference.transcriber import Options
    from amt.inference.writers import load_player

    notation = _notation(arguments)
    transcriber = load_transcriber(arguments)
    player = load_player(arguments.piano)
    make_output_folder(arguments.output)
    jobs = plan_jobs(arguments.inputs, arguments.output)
    options = Options(arguments.ends, arguments.onset_threshold)
    failed = transcribe_jobs(transcriber, jobs, arguments.format, player, options, notation)
    return 1 if failed else 0


def _notation(arguments: argparse.Namespace) -> Notation | None:
    """How notes are written where beats matter; None if nothing that is asked for needs beats."""
    from amt.inference.writers import SCORES

    notation = chosen_notation(arguments, usual="certain")
    needed = notation.quantize or set(arguments.format) & {"mid", *SCORES}
    return notation if needed else None


def _run_on(cluster: Cluster, arguments: argparse.Namespace, device: str) -> int:
    """Transcribe on a cluster. This process needs no model: each worker loads it."""
    from amt.distributed.archive import transcribe_archive
    from amt.distributed.recordings import Request

    make_output_folder(arguments.output)
    options = (device, arguments.precision, arguments.backend)
    request = Request(
        partial(chosen_checkpoint, arguments.model, arguments.ckpt),
        partial(load_checkpoint, *options),
        arguments.output,
        arguments.format,
        run=f"{datetime.now(UTC):%Y%m%dT%H%M%S}-{uuid4().hex[:8]}",
        ends=arguments.ends,
        onset_threshold=arguments.onset_threshold,
        tuning=arguments.tuning,
        piano=arguments.piano,
        settings=" ".join(options[1:]),
        redo=arguments.redo,
        notation=_notation(arguments),
    )
    return 1 if transcribe_archive(arguments.inputs, request, cluster).failed else 0
