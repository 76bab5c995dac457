"""Score amt and other transcription systems on the same recordings, in the same way.

python experiments/accuracy/leaderboard.py FOLDER --first-seconds 30 --output DIR

FOLDER contains pairs of audio and notes (waltz.wav, waltz.mid). Every system gets the same wav
files, runs in its own process and is timed from audio to MIDI, without start-up; its MIDI file is
scored. Results of external systems are cached; --again runs and times them again. Writes
leaderboard.md, leaderboard.csv (a row per piece and system), mistakes.csv and plots to DIR.
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
from recordings import Excerpt, make_excerpts
from systems import EXTERNAL_SYSTEMS, Result, RunError, System, run_system, select_systems

from amt.data.pieces import SourceError
from amt.evaluation.metrics import OFFSET_RATIO, note_f1, note_scores
from amt.evaluation.mistakes import KINDS, Comparison, compare, count_mistakes
from amt.io.atomic import atomic_write
from amt.io.midi import read_midi
from amt.models.checkpoint import CheckpointError
from amt.notes import Notes, extend_sustain


@dataclass
class Leaderboard:
    """Results: a row of scores per system and piece, matched notes, and error messages."""

    rows: list[tables.Row] = field(default_factory=list)
    comparisons: dict[tuple[str, str], Comparison] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)


def main(arguments: Sequence[str]) -> None:
    options = parser(__doc__).parse_args(arguments)
    try:
        systems = selected_systems(options)
        board = measure(options.folder, systems, options)
    except (RunError, SourceError, CheckpointError) as error:
        sys.exit(str(error))
    if not board.rows:
        sys.exit("nothing was transcribed: " + "; ".join(board.failures))
    text = report(board, systems)
    print(text)
    write(board, text, options.output)


def parser(description: str | None) -> argparse.ArgumentParser:
    """The options shared by leaderboard.py and robustness.py."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("folder", type=Path, help="audio + notes (.tsv, .mid, .midi, .txt) of the same stem")
    add("--systems", default=",".join(("amt", *EXTERNAL_SYSTEMS)), help="default: %(default)s")
    add("--ckpt", action="append", default=[], metavar="NAME=PATH", help="amt with other weights")
    add("--first-seconds", type=float, help="use only the beginning of each recording")
    add("--limit", type=int, help="use only this many recordings, spread over the folder")
    add("--output", type=Path, default=Path("evaluation/leaderboard"), help="default: %(default)s")
    add("--cache", type=Path, default=Path("cache/systems"), help="default: %(default)s")
    add("--again", action="store_true", help="run external systems again despite cached results")
    return parser


def selected_systems(options: argparse.Namespace) -> list[System]:
    """The systems of --systems and --ckpt. Raises RunError or CheckpointError."""
    return select_systems([name for name in options.systems.split(",") if name], options.ckpt)


def measure(folder: Path, systems: Sequence[System], options: argparse.Namespace) -> Leaderboard:
    """Run every system on the recordings of `folder` and score it. Raises SourceError."""
    found, errors = make_excerpts(
        folder, options.cache / "excerpts", options.first_seconds, options.limit
    )
    board = Leaderboard(failures=[f"{name}: {error}" for name, error in errors.items()])
    for system in systems:
        try:
            results = run_system(
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


def _score(board: Leaderboard, system: System, excerpt: Excerpt, result: Result | str) -> None:
    if isinstance(result, str):
        board.failures.append(f"{system.name}: {excerpt.name}: {result}")
        return
    written = read_midi(result.midi).crop(0.0, excerpt.seconds)
    estimate, reference = (
        extend_sustain(notes).crop(0.0, excerpt.seconds) for notes in (written, excerpt.reference)
    )
    board.comparisons[system.name, excerpt.name] = compare(reference, estimate)
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
    """note_offset_f1 without extension by the pedal: of the estimate only, and of both if known."""
    scores = {"written_note_offset_f1": note_f1(reference, written, OFFSET_RATIO)}
    if len(keys.pedal):
        scores["keys_note_offset_f1"] = note_f1(keys, written, OFFSET_RATIO)
    return scores


def report(board: Leaderboard, systems: Sequence[System]) -> str:
    """All tables in Markdown."""
    rows = tables.rows_of_common_pieces(board.rows)
    pieces = len({row["piece"] for row in rows})
    parts = [
        _heading(rows, pieces),
        tables.score_table(rows),
        _remarks(rows, systems),
        tables.offset_convention_table(rows),
        mistake_table(count_all_mistakes(board)),
        tables.piece_table(rows, "note_f1"),
        *(f"- {failure}" for failure in board.failures),
    ]
    return "\n".join(parts)


def _heading(rows: Sequence[tables.Row], pieces: int) -> str:
    seconds = sum({str(row["piece"]): float(row["seconds"]) for row in rows}.values())
    here = f"Python {platform.python_version()}"
    return f"{pieces} recordings, {seconds / 60:.1f} minutes; means by piece. {here}.\n"


def _remarks(rows: Sequence[tables.Row], systems: Sequence[System]) -> str:
    """Version, computer and remarks of each system, and whether the computer was busy."""
    lines = []
    for name, own in tables.by_system(rows).items():
        system = next(system for system in systems if system.name == name)
        note = f" {EXTERNAL_SYSTEMS[name].note}" if system.is_external else ""
        load = max(float(row["load_seconds"]) for row in own)
        timed = f"timed on {', '.join({str(row['machine']) for row in own})}"
        lines.append(f"- {name} {system.version}: {timed}, started in {load:.1f} s.{note}")
    if any(tables.was_busy(own) for own in tables.by_system(rows).values()):
        lines.append("- \\*: other programs used the processor too: the measured speed is too low.")
    return "\n".join(lines) + "\n"


def count_all_mistakes(board: Leaderboard) -> dict[str, Counter[str]]:
    """Mistakes of each kind on the common pieces by system, and the number of `notes`."""
    counts: dict[str, Counter[str]] = {}
    for row in tables.rows_of_common_pieces(board.rows):
        comparisons = board.comparisons[str(row["system"]), str(row["piece"])]
        total = counts.setdefault(str(row["system"]), Counter())
        total.update(count_mistakes(comparisons) + Counter({"notes": len(comparisons.reference)}))
    return counts


def mistake_table(counts: Mapping[str, Counter[str]]) -> str:
    """Mistakes of each kind per hundred notes of the reference."""
    lines = [
        [kind, *(f"{100 * count[kind] / max(count['notes'], 1):.2f}" for count in counts.values())]
        for kind in KINDS
    ]
    return tables.markdown_table(["mistakes per hundred notes", *counts], lines)


def write(board: Leaderboard, text: str, output: Path) -> None:
    """Write the report, the CSV tables and the plots."""
    with atomic_write(output / "leaderboard.md") as part:
        part.write_text(text, "utf-8")
    tables.write_csv(board.rows, output / "leaderboard.csv")
    counts = count_all_mistakes(board)
    rows = [
        {"system": name, "notes": c["notes"]} | {k: c[k] for k in KINDS}
        for name, c in counts.items()
    ]
    tables.write_csv(rows, output / "mistakes.csv")
    comparisons: dict[str, list[Comparison]] = {}
    for row in tables.rows_of_common_pieces(board.rows):
        key = str(row["system"]), str(row["piece"])
        comparisons.setdefault(key[0], []).append(board.comparisons[key])
    draw_all(comparisons, output)


if __name__ == "__main__":
    main(sys.argv[1:])
