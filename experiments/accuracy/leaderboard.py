"""Scores amt and other transcribers on the same recordings, in the same way.

python experiments/accuracy/leaderboard.py FOLDER --first-seconds 30 --output DIR

FOLDER holds pairs of audio and notes (waltz.wav, waltz.mid). Every system gets the same wav files,
runs in a process of its own and is timed from audio to MIDI, start-up apart; its MIDI is read and
scored as any other. What the others transcribed is kept in the cache; --again runs and times them
anew. DIR gets leaderboard.md, leaderboard.csv (a row a piece and system), mistakes.csv, pictures.
"""

from __future__ import annotations

import argparse
import platform
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import score_tables as tables
from mistake_pictures import draw_all
from mistakes import KINDS, Judgement, count_mistakes, judge
from recordings import Excerpt, excerpts
from systems import PEERS, Result, RunError, System, chosen, run

from amt.data.pieces import SourceError
from amt.evaluation.metrics import OFFSET_RATIO, note_f1, note_scores
from amt.io.atomic import atomic_write
from amt.io.midi import read_midi
from amt.models.checkpoint import CheckpointError
from amt.notes import Notes, extend_sustain


@dataclass
class Board:
    """What was measured: a row a system and piece, who was right where, and what went wrong."""

    rows: list[tables.Row] = field(default_factory=list)
    judged: dict[tuple[str, str], Judgement] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)


def main(arguments: Sequence[str]) -> None:
    options = parser(__doc__).parse_args(arguments)
    try:
        systems = chosen_systems(options)
        board = measure(options.folder, systems, options)
    except (RunError, SourceError, CheckpointError) as error:
        sys.exit(str(error))
    if not board.rows:
        sys.exit("nothing was transcribed: " + "; ".join(board.failures))
    text = report(board, systems)
    print(text)
    write(board, text, options.output)


def parser(description: str | None) -> argparse.ArgumentParser:
    """The options that all comparisons share."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("folder", type=Path, help="audio + notes (.tsv, .mid, .midi, .txt) of the same stem")
    add("--systems", default=",".join(("amt", *PEERS)), help="default: %(default)s")
    add("--ckpt", action="append", default=[], metavar="NAME=PATH", help="amt with other weights")
    add("--first-seconds", type=float, help="only the beginning of each recording")
    add("--limit", type=int, help="only so many recordings, spread over the folder")
    add("--output", type=Path, default=Path("evaluation/leaderboard"), help="default: %(default)s")
    add("--cache", type=Path, default=Path("cache/peers"), help="default: %(default)s")
    add("--again", action="store_true", help="run the others too where their notes are kept")
    return parser


def chosen_systems(options: argparse.Namespace) -> list[System]:
    """The systems that were asked for. Raises RunError or CheckpointError."""
    return chosen([name for name in options.systems.split(",") if name], options.ckpt)


def measure(folder: Path, systems: Sequence[System], options: argparse.Namespace) -> Board:
    """Run every system on the recordings of `folder` and score it; raises SourceError."""
    found, errors = excerpts(
        folder, options.cache / "excerpts", options.first_seconds, options.limit
    )
    board = Board(failures=[f"{name}: {error}" for name, error in errors.items()])
    for system in systems:
        try:
            results = run(
                system, [excerpt.audio for excerpt in found], options.cache, options.again
            )
        except RunError as error:
            board.failures.append(str(error))
            continue
        for excerpt in found:
            _score(board, system, excerpt, results[excerpt.audio])
    for failure in board.failures:
        print(failure, file=sys.stderr)
    return board


def _score(board: Board, system: System, excerpt: Excerpt, result: Result | str) -> None:
    if isinstance(result, str):
        board.failures.append(f"{system.name}: {excerpt.name}: {result}")
        return
    written = read_midi(result.midi).crop(0.0, excerpt.seconds)
    estimate, reference = (
        extend_sustain(notes).crop(0.0, excerpt.seconds) for notes in (written, excerpt.reference)
    )
    board.judged[system.name, excerpt.name] = judge(reference, estimate)
    board.rows.append(
        {
            "system": system.name,
            "version": system.version,
            "piece": excerpt.name,
            "seconds": excerpt.seconds,
            **result.figures(),
            "notes": len(reference),
            "estimated": len(estimate),
            **note_scores(reference, estimate),
            **_other_offsets(reference, excerpt.reference, written),
        }
    )


def _other_offsets(reference: Notes, keys: Notes, written: Notes) -> dict[str, float]:
    """note_offset_f1 of the estimate without its pedal; against the keys too, where known."""
    scores = {"written_note_offset_f1": note_f1(reference, written, OFFSET_RATIO)}
    if len(keys.pedal):
        scores["keys_note_offset_f1"] = note_f1(keys, written, OFFSET_RATIO)
    return scores


def report(board: Board, systems: Sequence[System]) -> str:
    """The whole board as markdown."""
    rows = tables.common(board.rows)
    pieces = len({row["piece"] for row in rows})
    parts = [
        _heading(rows, pieces),
        tables.score_lines(rows),
        _remarks(rows, systems),
        tables.convention_lines(rows),
        mistake_lines(mistakes_of(board)),
        tables.piece_lines(rows, "note_f1"),
        *(f"- {failure}" for failure in board.failures),
    ]
    return "\n".join(parts)


def _heading(rows: Sequence[tables.Row], pieces: int) -> str:
    seconds = sum({str(row["piece"]): float(row["seconds"]) for row in rows}.values())
    here = f"Python {platform.python_version()}"
    return f"{pieces} recordings, {seconds / 60:.1f} minutes; means by piece. {here}.\n"


def _remarks(rows: Sequence[tables.Row], systems: Sequence[System]) -> str:
    """What each system is, and where and beside what it was timed."""
    lines = []
    for name, own in tables.by_system(rows).items():
        system = next(system for system in systems if system.name == name)
        note = f" {PEERS[name].note}" if system.is_peer else ""
        load = max(float(row["load_seconds"]) for row in own)
        timed = f"timed on {', '.join({str(row['machine']) for row in own})}"
        lines.append(f"- {name} {system.version}: {timed}, started in {load:.1f} s.{note}")
    if any(tables.busy(own) for own in tables.by_system(rows).values()):
        lines.append("- \\*: other programs kept the machine busy: the speed is too low.")
    return "\n".join(lines) + "\n"


def mistakes_of(board: Board) -> dict[str, Counter[str]]:
    """How many mistakes of each kind each system made on the common pieces, and of `notes`."""
    counts: dict[str, Counter[str]] = {}
    for row in tables.common(board.rows):
        judged = board.judged[str(row["system"]), str(row["piece"])]
        total = counts.setdefault(str(row["system"]), Counter())
        total.update(count_mistakes(judged) + Counter({"notes": len(judged.reference)}))
    return counts


def mistake_lines(counts: Mapping[str, Counter[str]]) -> str:
    """Mistakes of each kind a hundred notes of the reference."""
    lines = [
        [kind, *(f"{100 * count[kind] / max(count['notes'], 1):.2f}" for count in counts.values())]
        for kind in KINDS
    ]
    return tables.markdown(["mistakes a hundred notes", *counts], lines)


def write(board: Board, text: str, output: Path) -> None:
    """The report, the tables and the pictures."""
    with atomic_write(output / "leaderboard.md") as part:
        part.write_text(text, "utf-8")
    tables.write_csv(board.rows, output / "leaderboard.csv")
    counts = mistakes_of(board)
    rows = [
        {"system": name, "notes": c["notes"]} | {k: c[k] for k in KINDS}
        for name, c in counts.items()
    ]
    tables.write_csv(rows, output / "mistakes.csv")
    judged: dict[str, list[Judgement]] = {}
    for row in tables.common(board.rows):
        key = str(row["system"]), str(row["piece"])
        judged.setdefault(key[0], []).append(board.judged[key])
    draw_all(judged, output)


if __name__ == "__main__":
    main(sys.argv[1:])
