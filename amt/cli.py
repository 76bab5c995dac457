"""The `amt` command. Everything is imported where it is needed, so that nobody waits for more."""

from __future__ import annotations

import argparse
import importlib
import inspect
import logging
import os
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from amt import __version__
from amt.options import add_options, build, list_of

SOURCES = ("synthetic", "maestro", "maps", "folder")
INTERRUPTED = 130


def main(words: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code; what goes wrong ends in one line on stderr."""
    words = sys.argv[1:] if words is None else words
    _hush_libraries()
    _share_processor()
    try:
        arguments = _parser(words).parse_args(words)
        code = arguments.run(arguments)
        sys.stdout.flush()
        return code
    except KeyboardInterrupt:
        return _complain("interrupted; what was finished stays", INTERRUPTED)
    except BrokenPipeError:
        # Who read the output (head, less) has gone; without this Python complains once more.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except OSError as error:
        place = f"{error.filename}: " if error.filename else ""
        return _complain(f"{place}{error.strerror or error}")
    except ValueError as error:
        return _complain(str(error))


def _complain(text: str, code: int = 1) -> int:
    print(f"amt: {' '.join(text.split())}", file=sys.stderr)
    return code


def _hush_libraries() -> None:
    """Keep the warnings of libraries from people who cannot act on them; `python -W` shows them."""
    if not sys.warnoptions:
        warnings.simplefilter("ignore")
        logging.disable(logging.WARNING)


def _share_processor() -> None:
    """Let idle threads sleep. An LSTM makes its threads wait for each other at every step, and
    those that wait spinning stop the others wherever something else runs as well: 20 times slower.
    Must come before torch is imported.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


def _parser(words: Sequence[str]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("amt", description="Automatic piano transcription.")
    parser.add_argument("--version", action="version", version=f"amt {__version__}")
    commands = parser.add_subparsers(required=True)
    _add_transcribe(commands, with_licences=bool({"-h", "--help"} & set(words)))
    _add_describe(commands)
    _add_synth(commands)
    _add_prepare(commands, with_sources="prepare" in words)
    return parser


def _add_transcribe(commands: Any, with_licences: bool) -> None:
    """`transcribe`; the licences of the models, which their files tell, only for the help."""
    from amt.bundled import bundled_names
    from amt.formats import FORMATS

    parser = commands.add_parser(
        "transcribe",
        help="recordings to notes",
        description="Transcribe piano recordings of any length to notes.",
        epilog=_licences(bundled_names()) if with_licences else "",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("inputs", nargs="+", type=Path, metavar="AUDIO", help="audio files, or folders of them")
    _add_output(parser, "transcriptions")
    add(
        "--format",
        type=list_of(*FORMATS),
        default=("mid",),
        metavar="LIST",
        help=f"one or more of {','.join(FORMATS)}, with commas between (default: mid); "
        "png draws the notes, wav plays them",
    )
    _add_model(parser)
    add(
        "--ends",
        choices=("sound", "key"),
        default="sound",
        help="where notes end: with their sound (default), or with their keys, the sustain pedal "
        "beside them",
    )
    add("--piano", type=Path, metavar="FOLDER", help="sampled piano for wav (default: built-in)")
    parser.set_defaults(run=_transcribe)


def _add_output(parser: argparse.ArgumentParser, folder: str) -> None:
    parser.add_argument(
        "--output",
        type=Path,
        default=Path(folder),
        metavar="DIR",
        help="folder for the results; older results are replaced (default: %(default)s)",
    )


def _add_model(parser: argparse.ArgumentParser) -> None:
    """Which network listens, and where and how it is computed."""
    from amt.bundled import DEFAULT, bundled_names

    names, add = bundled_names(), parser.add_argument
    weights = parser.add_mutually_exclusive_group().add_argument
    weights(
        "--model",
        choices=names or None,
        default=DEFAULT,
        metavar="NAME",
        help=f"a model that comes along: {', '.join(names)} (default: %(default)s)",
    )
    weights("--ckpt", type=Path, metavar="PATH", help="a checkpoint of yours, or .safetensors")
    add("--device", default="auto", help="cpu, cuda, cuda:1 ... (default: cuda if there is one)")
    add(
        "--precision",
        choices=("auto", "float32", "bfloat16"),
        default="auto",
        help="of the network (default: bfloat16 on processors that multiply it in hardware)",
    )


def _add_describe(commands: Any) -> None:
    parser = commands.add_parser(
        "describe",
        help="recordings or MIDI to a page that shows and plays them",
        description="Describe piano recordings or MIDI files, one page each: notes, keys, tempo, "
        "chords, figures that return, sound. Everything is in the page; it loads nothing.",
    )
    add = parser.add_argument
    add("inputs", nargs="+", type=Path, metavar="FILE", help="audio, MIDI, or folders of them")
    _add_output(parser, "descriptions")
    add(
        "--format",
        type=list_of("html", "json"),
        default=("html", "json"),
        metavar="LIST",
        help="html, a page to look at and to listen to; json, for programs (default: html,json)",
    )
    _add_model(parser)
    add("--piano", type=Path, metavar="FOLDER", help="sampled piano to play (default: built-in)")
    parser.set_defaults(run=_describe)


def _licences(names: Sequence[str]) -> str:
    """What the models that come along were trained on, and whether they may be used to earn."""
    from amt.bundled import bundled_licence

    lines = [f"  {name:8s} trained on {bundled_licence(name)}" for name in names]
    return "\n".join(["models:", *lines]) if lines else ""


def _add_synth(commands: Any) -> None:
    parser = commands.add_parser(
        "synth", help="notes to sound", description="Play a MIDI file or note table on a piano."
    )
    add = parser.add_argument
    add("notes", type=Path, metavar="IN.mid", help="or a note table, .tsv")
    add("audio", type=Path, metavar="OUT.wav", help="or .flac, .ogg, .opus, .mp3")
    add("--piano", type=Path, metavar="FOLDER", help="sampled piano (default: the built-in one)")
    add("--seed", type=int, metavar="N", help="another built-in piano in another room")
    parser.set_defaults(run=_synth)


def _add_prepare(commands: Any, with_sources: bool) -> None:
    """`prepare`; its sources are only imported when it is asked for."""
    parser = commands.add_parser(
        "prepare",
        help="data sets to a cache for training",
        description="Decode a data set once into a cache for training; run it again to resume.",
    )
    if not with_sources:
        return
    sources = parser.add_subparsers(required=True)
    for name in SOURCES:
        source = getattr(importlib.import_module(f"amt.data.{name}"), name.capitalize())
        _add_source(sources, name, source)


def _add_source(sources: Any, name: str, source: type) -> None:
    about = inspect.cleandoc(source.__doc__ or name)
    parser = sources.add_parser(
        name,
        help=about.splitlines()[0],
        description=about,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_options(parser, source, without=("name",))
    add = parser.add_argument
    add(
        "--cache",
        type=Path,
        default=Path("cache"),
        metavar="DIR",
        help="where caches are, as data.cache in training (default: %(default)s)",
    )
    add("--workers", type=int, metavar="N", help="processes, 0: this one (default: one a core)")
    add("--verify", action="store_true", help="only check the files that the cache holds")
    parser.set_defaults(run=_prepare, parser=parser, source=source)


def _transcribe(arguments: argparse.Namespace) -> int:
    from amt.batch import plan, transcribe_all
    from amt.formats import load_player

    transcriber = _load_transcriber(arguments)
    player = load_player(arguments.piano)
    arguments.output.mkdir(parents=True, exist_ok=True)
    jobs = plan(arguments.inputs, arguments.output)
    failed = transcribe_all(transcriber, jobs, arguments.format, player, arguments.ends)
    return 1 if failed else 0


def _load_transcriber(arguments: argparse.Namespace) -> Any:
    from amt.bundled import bundled_checkpoint
    from amt.transcriber import Transcriber, pick_device

    checkpoint = arguments.ckpt or bundled_checkpoint(arguments.model)
    return Transcriber.load(checkpoint, pick_device(arguments.device), arguments.precision)


def _describe(arguments: argparse.Namespace) -> int:
    from amt.batch import do_all, plan
    from amt.formats import load_player
    from amt.portrait.portrait import SUFFIXES, is_recording, portrayer

    jobs = plan(arguments.inputs, arguments.output, SUFFIXES)
    heard = any(is_recording(job.source) for job in jobs)
    transcriber = _load_transcriber(arguments) if heard else None
    player = load_player(arguments.piano)
    arguments.output.mkdir(parents=True, exist_ok=True)
    model = arguments.ckpt.name if arguments.ckpt else arguments.model
    failed = do_all(jobs, arguments.format, portrayer(transcriber, model, player))
    return 1 if failed else 0


def _synth(arguments: argparse.Namespace) -> int:
    from amt.audio import SAMPLE_RATE, save
    from amt.data.pieces import read_notes
    from amt.formats import load_player

    notes = read_notes(arguments.notes)
    if not len(notes):
        raise ValueError(f"{arguments.notes} has no notes of a piano; there is nothing to play")
    audio = load_player(arguments.piano, arguments.seed)(notes)
    save(arguments.audio, audio)
    print(f"{arguments.audio}: {len(notes)} notes, {len(audio) / SAMPLE_RATE:.1f} s")
    return 0


def _prepare(arguments: argparse.Namespace) -> int:
    from amt.data.cache import cache_folder, prepare, read_manifest, verify

    source = build(arguments.parser, arguments, arguments.source)
    folder = cache_folder(arguments.cache, source)
    if not arguments.verify:
        report = prepare(source, folder, arguments.workers)
        print(report)
        return 0 if report.entries else 1
    complaints = verify(folder)
    good = f"{folder}: {len(read_manifest(folder))} pieces, all as they were stored"
    print("\n".join(complaints) or good)
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())
