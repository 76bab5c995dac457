"""What a few minutes of corrections gain on other pieces of the same piano, and cost elsewhere.

python experiments/feedback/gain.py MAESTRO PIANO ROOM OUTPUT --other maps=DIR --other sampled=DIR \
  --train paths.maps=DIR paths.maestro=DIR paths.pianos=DIR:DIR

PIANO (a sampled piano) in ROOM (an impulse response) should be new to the model. Validation
performances of MAESTRO are rendered on it: `--corrected` of them are transcribed, errors are
planted and all are corrected; these pairs go through `amt feedback check`, `amt feedback export`
and `python train.py experiment=finetune`. The others, and the folders of --other (audio with notes
of the same stem), are scored before and after. Writes gain.md, and before.json and after.json with
the scores of each piece.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path

import numpy as np
from material import Studio, performances, with_errors, write_recording
from scipy.stats import wilcoxon

from amt.cloud.lake import open_lake
from amt.data.sources.folder import Folder
from amt.evaluation.evaluate import evaluate
from amt.feedback.pairs import pair_files, write_pair
from amt.inference.pretrained import find_checkpoint
from amt.inference.transcriber import Transcriber
from amt.io.atomic import atomic_write
from amt.io.note_tables import read_notes

ROOT = Path(__file__).resolve().parents[2]
SCORES = ("note_f1", "note_offset_f1")
Scores = dict[str, dict[str, dict[str, float]]]  # Set, piece, name of the score.


def main(arguments: Sequence[str]) -> None:
    options = _parser().parse_args(arguments)
    corrected, new = render(options)
    lake = options.output / "lake"
    if not lake.exists():
        correct(corrected, lake, options)
    weights = finetune(lake, options)
    sets = {"new": new, **dict(options.other)}
    before = scored(options.init, sets, options.output / "before.json", options.first_seconds)
    after = scored(weights, sets, options.output / "after.json", options.first_seconds)
    text = report(before, after)
    print(text)
    with atomic_write(options.output / "gain.md") as part:
        part.write_text(text, "utf-8")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("maestro", type=Path, help="folder with MAESTRO's CSV and MIDI files")
    add("piano", type=Path, help="folder of a sampled piano")
    add("room", type=Path, help="an impulse response")
    add("output", type=Path, help="folder for everything; what is in it is used again")
    add("--room-db", type=float, default=-3.0, help="reverberation (default: %(default)s dB)")
    add("--corrected", type=int, default=5, help="recordings corrected (default: %(default)s)")
    add("--new", type=int, default=10, help="other recordings to score (default: %(default)s)")
    add("--seconds", type=float, default=60.0, help="of each recording (default: %(default)s)")
    add("--seed", type=int, default=0)
    add("--init", default="base", help="the model (default: %(default)s)")
    add("--other", type=_named, action="append", default=[], metavar="NAME=DIR")
    add("--first-seconds", type=float, default=30.0, help="of all scored (default: %(default)s)")
    add("--train", nargs="*", default=[], metavar="KEY=VALUE", help="settings of train.py")
    return parser


def _named(text: str) -> tuple[str, Path]:
    name, _, folder = text.partition("=")
    return name, Path(folder)


def render(options: argparse.Namespace) -> tuple[Path, Path]:
    """The folders of the recordings to correct and of the others, rendered where they are not."""
    studio = Studio.load(options.piano, options.room, options.room_db)
    folders = options.output / "to-correct", options.output / "new"
    used = {path.stem for _, folder in options.other for path in folder.rglob("*")}
    found = (midi for midi in performances(options.maestro, options.seed) if midi.stem not in used)
    for folder, count in zip(folders, (options.corrected, options.new), strict=True):
        folder.mkdir(parents=True, exist_ok=True)
        for midi in islice(found, count):
            write_recording(studio, midi, options.seconds, folder, options.seed)
    return folders


def correct(folder: Path, lake: Path, options: argparse.Namespace) -> None:
    """Save a pair of each recording, as the page does: true notes, the pedal as transcribed."""
    transcriber = Transcriber.load(find_checkpoint(options.init))
    rng = np.random.default_rng(options.seed)
    for number, path in enumerate(sorted(folder.glob("*.flac"))):
        before = with_errors(transcriber.transcribe(path, ends="key"), rng)
        truth = replace(read_notes(path.with_suffix(".mid")), pedal=before.pedal)
        files = pair_files(
            path.read_bytes(), before, truth, options.seconds, path.name, {"name": options.init}
        )
        write_pair(open_lake(lake), f"{path.stem[:40].replace('.', '_')}-1-{number:08x}", files)


def finetune(lake: Path, options: argparse.Namespace) -> Path:
    """Check and export the pairs, train; the checkpoint."""
    export, run = options.output / "corrections", options.output / "run"
    feedback = [sys.executable, "-m", "amt.cli", "feedback"]
    _call([*feedback, "check", "--lake", str(lake)])
    _call([*feedback, "export", str(export), "--lake", str(lake)])
    train = [sys.executable, str(ROOT / "train.py"), "experiment=finetune", "evaluate=false"]
    named = [f"init={options.init}", f"paths.corrections={export}", f"hydra.run.dir={run}"]
    _call([*train, *named, *options.train])
    return run / "checkpoints" / "last.ckpt"


def _call(words: Sequence[str]) -> None:
    print("$", *words, flush=True)
    subprocess.run(words, check=True, cwd=ROOT)


def scored(model: Path | str, sets: dict[str, Path], kept: Path, seconds: float) -> Scores:
    """Scores of each piece of each set; they are written to `kept`."""
    transcriber = Transcriber.load(find_checkpoint(str(model)))
    found: Scores = {}
    for name, folder in sets.items():
        pieces = ((piece.name, piece.load()) for piece in Folder(str(folder), test=1.0).pieces())
        recordings = ((piece, one.audio, one.notes) for piece, one in pieces)
        rows = evaluate(transcriber, recordings, seconds).rows
        found[name] = {str(row["name"]): {key: float(row[key]) for key in SCORES} for row in rows}
    kept.write_text(json.dumps(found, indent=1), "utf-8")
    return found


def report(before: Scores, after: Scores) -> str:
    """A table of means before and after, and of how sure the difference is (Wilcoxon's test)."""
    lines = ["| set | pieces | score | before | after | change | better on | p |"]
    lines.append("|---|---:|---|---:|---:|---:|---:|---:|")
    for name, pieces in before.items():
        for score in SCORES:
            old = np.array([values[score] for values in pieces.values()])
            new = np.array([after[name][piece][score] for piece in pieces])
            lines.append(f"| {name} | {len(old)} | {score} | {_change(old, new)} |")
    return "\n".join(lines)


def _change(old: np.ndarray, new: np.ndarray) -> str:
    p = wilcoxon(new, old).pvalue if np.any(new != old) else 1.0
    better = np.count_nonzero(new > old)
    means = f"{old.mean():.4f} | {new.mean():.4f} | {(new - old).mean():+.4f}"
    return f"{means} | {better} | {p:.3f}"


if __name__ == "__main__":
    main(sys.argv[1:])
