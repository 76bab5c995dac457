"""Scores of transcription systems on degraded recordings: noise, mp3, reverberation, detuning.

python experiments/accuracy/robustness.py FOLDER --first-seconds 10 --limit 6 --output DIR

Takes the options of leaderboard.py. Every excerpt is changed by each condition of conditions.py,
written with its notes to DIR/conditions, and scored as by leaderboard.py. Writes robustness.md,
robustness.csv (a row per condition, piece and system) and the changed recordings to DIR.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import score_tables as tables
import soundfile
from conditions import CONDITIONS, ConditionError, Scene, write_condition
from leaderboard import Leaderboard, measure, parser, selected_systems
from recordings import make_excerpts
from systems import RunError
from tqdm import tqdm

from amt.data.pieces import SourceError, hash_fraction, safe_name
from amt.io.atomic import atomic_write
from amt.io.audio import AUDIO_SUFFIXES
from amt.models.checkpoint import CheckpointError


def main(arguments: Sequence[str]) -> None:
    options = _parser().parse_args(arguments)
    folder = options.output / "conditions"
    try:
        systems = selected_systems(options)
        errors = write_conditions(folder, options)
        options.first_seconds = options.limit = None
        board = measure(folder, systems, options)
    except (ConditionError, RunError, SourceError, CheckpointError) as error:
        sys.exit(str(error))
    board.failures[:0] = errors
    rows = complete_pieces([with_condition_column(row) for row in board.rows])
    if not rows:
        sys.exit("no recording was transcribed in all conditions: " + "; ".join(board.failures))
    text = report(rows, board)
    print(text)
    with atomic_write(options.output / "robustness.md") as part:
        part.write_text(text, "utf-8")
    tables.write_csv(rows, options.output / "robustness.csv")


def _parser() -> argparse.ArgumentParser:
    shared = parser(__doc__)
    shared.set_defaults(output=Path("evaluation/robustness"))
    add = shared.add_argument
    add("--noise", type=Path, help="folder of recorded noises (default: pink noise)")
    add("--response", type=Path, help="impulse response file (default: a built-in room)")
    add("--seed", type=int, default=0, help="of noises and the room (default: %(default)s)")
    return shared


def write_conditions(folder: Path, options: argparse.Namespace) -> list[str]:
    """Write all excerpts in all conditions into `folder`; returns error messages."""
    shutil.rmtree(folder, ignore_errors=True)
    found, errors = make_excerpts(
        options.folder, options.cache / "excerpts", options.first_seconds, options.limit
    )
    noises = sorted(p for p in (options.noise or Path()).glob("*") if p.suffix in AUDIO_SUFFIXES)
    scene = Scene(noises=tuple(noises) if options.noise else (), response=options.response)
    for excerpt in tqdm(found, desc="conditions", unit="piece"):
        samples, rate = soundfile.read(excerpt.audio, always_2d=True)
        for name, condition in CONDITIONS.items():
            seed = [options.seed, round(hash_fraction(excerpt.name) * 2**32)]
            drawn = replace(scene, rng=np.random.default_rng(seed))
            stem = folder / safe_name(name) / safe_name(excerpt.name)
            stem.parent.mkdir(parents=True, exist_ok=True)
            write_condition(condition, samples, rate, excerpt.reference, drawn, stem)
    return [f"{name}: {error}" for name, error in errors.items()]


def with_condition_column(row: tables.Row) -> tables.Row:
    """The row with a column `condition`, which is part of its piece's name."""
    folder, _, piece = str(row["piece"]).partition("/")
    names = {safe_name(name): name for name in CONDITIONS}
    return {"condition": names[folder], **row, "piece": piece}


def complete_pieces(rows: Sequence[tables.Row]) -> list[tables.Row]:
    """The rows of the pieces that every system transcribed in every condition."""
    systems = tables.by_system(rows)
    wanted = len(systems) * len(CONDITIONS)
    pieces = [row["piece"] for row in rows]
    return [row for row in rows if pieces.count(row["piece"]) == wanted]


def report(rows: Sequence[tables.Row], board: Leaderboard) -> str:
    """A Markdown table: mean note F1 by condition and system, and the loss against clean."""
    pieces = {str(row["piece"]): float(row["seconds"]) for row in rows}
    head = f"note F1 (50 ms) on {len(pieces)} excerpts of {np.median(list(pieces.values())):.0f} s"
    systems = tables.by_system(rows)
    versions = ", ".join(f"{name} {own[0]['version']}" for name, own in systems.items())
    lines = [
        [name, *(cell for own in systems.values() for cell in _cells(own, name))]
        for name in CONDITIONS
    ]
    columns = [column for name in systems for column in (name, "loss")]
    parts = [f"{head}, mean by piece; {versions}.\n", tables.markdown_table(["", *columns], lines)]
    return "\n".join([*parts, *(f"- {failure}" for failure in board.failures)])


def _cells(rows: Sequence[tables.Row], condition: str) -> list[str]:
    """The mean of a condition, and its difference from the clean recordings."""
    score, clean = (
        tables.mean([row for row in rows if row["condition"] == name], "note_f1") or 0.0
        for name in (condition, "clean")
    )
    return [f"{score:.3f}", f"{clean - score:+.3f}"]


if __name__ == "__main__":
    main(sys.argv[1:])
