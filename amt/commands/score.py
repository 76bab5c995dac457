"""`amt score`: recordings or MIDI files to sheet music."""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from amt.commands.notation_options import (
    add_notation_options,
    check_notation_has_effect,
    chosen_notation,
)
from amt.commands.options import (
    add_model_options,
    add_output_option,
    comma_separated,
    load_transcriber,
    local_or_uri,
    make_output_folder,
)

if TYPE_CHECKING:
    from amt.inference.batch import JobFunction
    from amt.inference.transcriber import Transcriber
    from amt.notes import Notes
    from amt.score.notated import NotatedPiece, Notation

FORMATS = ("musicxml", "mid", "pdf", "svg", "json")


def add(commands: Any, words: Sequence[str]) -> None:
    """Add the command to those of `amt`."""
    parser = commands.add_parser(
        "score",
        help="recordings or MIDI files to sheet music",
        description="Write piano recordings or MIDI files as sheet music: beats and bars, two "
        "hands, note values, keys. Recordings are transcribed first.",
        epilog="musicxml is for notation programs such as MuseScore; pdf and svg show its pages, "
        "which need more libraries: pip install 'amt[score]'",
    )
    parser.add_argument(
        "inputs",
        nargs="+",
        type=local_or_uri,
        metavar="FILE",
        help="audio, films, MIDI, note tables (tsv, csv, json), folders of them, patterns such as "
        "'*.mid', gs:// URIs",
    )
    add_output_option(parser, "scores")
    parser.add_argument(
        "--format",
        type=comma_separated(*FORMATS),
        default=("musicxml", "pdf"),
        metavar="LIST",
        help=f"one or more of {','.join(FORMATS)}, separated by commas (default: musicxml,pdf); in "
        "mid every note keeps its time; json has the beats, and hand, bar, position and value of "
        "each note",
    )
    add_notation_options(parser, usual="map")
    add_model_options(parser)
    parser.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> int:
    from amt.inference.batch import run_jobs
    from amt.inference.jobs import plan_jobs
    from amt.page.describe import SUFFIXES, is_recording
    from amt.score.render import check_libraries

    check_notation_has_effect(arguments, quantized=("mid",))
    check_libraries(arguments.format)
    notation = chosen_notation(arguments, usual="map")
    jobs = plan_jobs(arguments.inputs, arguments.output, SUFFIXES)
    has_audio = any(is_recording(Path(job.source)) for job in jobs)
    transcriber = load_transcriber(arguments) if has_audio else None
    make_output_folder(arguments.output)
    failed = run_jobs(jobs, arguments.format, score_job(transcriber, notation))
    return 1 if failed else 0


def score_job(transcriber: Transcriber | None, notation: Notation) -> JobFunction:
    """The function for `amt.inference.batch.run_jobs` that writes the score of one file.

    transcriber: for recordings; None if all files contain notes.
    """
    from amt.inference.batch import progress_bar
    from amt.inference.writers import readable_name, write_bytes

    def run(source: Path, targets: Sequence[Path], label: str) -> str:
        begin = time.perf_counter()
        notes, remark = _read(transcriber, source, label)
        piece = notation.of(notes, readable_name(source).replace("_", " "))
        with progress_bar(f"{label}: writing the score"):
            summary = piece.summary
            for target in sorted(targets, key=_is_drawn):
                write_bytes(target, _content(piece, target))
        took = f"{summary} in {time.perf_counter() - begin:.1f} s"
        return f"{took}; {remark}" if remark else took

    return run


def _read(transcriber: Transcriber | None, source: Path, label: str) -> tuple[Notes, str]:
    """The notes in a file, or of a recording, and what is to be said of its tuning.

    They end where their keys are released.
    """
    from amt.inference.batch import bar_progress, folder_fault, progress_bar
    from amt.inference.retuning import tuning_remark
    from amt.inference.transcription import Options
    from amt.io.note_tables import read_notes
    from amt.page.describe import is_recording

    if source.is_dir():
        raise ValueError(f"{source}: {folder_fault(source, 'audio and no MIDI files')}")
    if transcriber is None or not is_recording(source):
        return read_notes(source), ""
    with progress_bar(f"{label}: reading") as bar:
        found = transcriber.run(source, Options("key"), bar_progress(bar, label))
    return found.notes, tuning_remark(found.tuning_document())


def _is_drawn(target: Path) -> bool:
    """Pages come last: what Verovio cannot draw may end the process."""
    return target.suffix in (".pdf", ".svg")


def _content(piece: NotatedPiece, target: Path) -> bytes:
    from amt.io.midi import midi_bytes

    if target.suffix == ".mid":
        return midi_bytes(piece.written(piece.notes), tempo_map=piece.tempo_map)
    return piece.content(target.suffix.removeprefix("."))
