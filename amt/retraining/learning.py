"""The first steps of a run: from corrections to a new model, its scores, and the gate."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from amt.cloud.registry import WEIGHTS_FILE
from amt.data.manifest import MANIFEST, Root
from amt.data.pieces import Split
from amt.data.sources.prepared import Prepared
from amt.feedback.pairs import list_pairs
from amt.inference.pretrained import checksum
from amt.models.checkpoint import read_checkpoint, read_settings, write_weights
from amt.retraining.context import Context, StepInput
from amt.retraining.files import upload_pairs
from amt.retraining.gate import CORRECTIONS, gate
from amt.retraining.measuring import ScoredSet, decoded_sets, dump
from amt.retraining.register import ensure_registered
from amt.retraining.runs import Result, RunError, results_of
from amt.retraining.scripts import (
    TRAIN,
    EvaluateJob,
    Rows,
    TrainJob,
    command_line,
    corrections_overrides,
    find_checkout,
    set_overrides,
)
from amt.retraining.settings import FixedSet, Settings, plain

CURRENT, NEW = "current", "new"
NUMBERS_FILE = "numbers.json"
# Pairs that may be trained on: those to be reviewed wait for a person.
USABLE = ("accepted", "new", "changed")


def collect(context: Context, settings: Settings) -> Result:
    """Which pairs are new since the last run that trained, and which version serves now."""
    usable = [pair for pair in list_pairs(context.lake) if pair.status in USABLE]
    known = trained_pairs(context, settings.model)
    return {
        "began": context.now().isoformat(timespec="seconds"),
        "settings": plain(settings),
        "parent": ensure_registered(context.registry(settings), context.now(), context.tools),
        "new": [pair.id for pair in usable if pair.id not in known],
        "known": [pair.id for pair in usable if pair.id in known],
    }


def trained_pairs(context: Context, model: str) -> set[str]:
    """The pairs of the last run of a model that came to training, whatever became of it."""
    for _, results in results_of(context.lake, model):
        if "prepare" in results:
            return {pair["pair"] for pair in results["prepare"]["pairs"]}
    return set()


def validate(step: StepInput) -> Result:
    """Check the pairs that wait for a decision; enough of the new ones must be accepted.

    One of all accepted pairs at least must be in the share for training.
    """
    step.context.tools.check_pairs(step.context.lake)
    pairs = list_pairs(step.context.lake)
    accepted = {pair.id: pair.decision for pair in pairs if pair.status == "accepted"}
    new = [pair for pair in pairs if pair.id in step.results["collect"]["new"]]
    new_accepted = [pair.id for pair in new if pair.id in accepted]
    to_train = [found for found in accepted.values() if found and found.split == "train"]
    return {
        "accepted": new_accepted,
        "others": {pair.id: pair.status for pair in new if pair.id not in accepted},
        "to_train": len(to_train),
        "enough": len(new_accepted) >= step.settings.min_new_pairs and bool(to_train),
    }


def prepare(step: StepInput) -> Result:
    """Copy all accepted pairs, old and new, into the run, in folders by split."""
    folder = step.folder / "pairs"
    shutil.rmtree(folder, ignore_errors=True)
    pairs = step.context.tools.export_pairs(step.context.lake, folder)
    return {"pairs": pairs, "files": upload_pairs(step.run, folder)}


def train(step: StepInput) -> Result:
    """Fine-tune the current weights on the pairs; the result is a weight file in the run.

    Its matrices have 16 bits: what is scored is what is registered.
    """
    job, begin = _train_job(step), time.monotonic()
    checkpoint = read_checkpoint(step.context.tools.train(job))
    path = step.folder / WEIGHTS_FILE
    write_weights(path, checkpoint, step.settings.model, _licence(job.init))
    step.run.lake.upload(path, step.run.name(WEIGHTS_FILE))
    return {
        "command": command_line(TRAIN, job.words()),
        "seconds": round(time.monotonic() - begin, 1),
        "sha256": checksum(path),
        "recipe": checkpoint["hyper_parameters"].get("recipe"),
    }


def _train_job(step: StepInput) -> TrainJob:
    return TrainJob(
        checkout=find_checkout(step.context.checkout),
        init=step.current_weights(),
        pairs=step.pairs(),
        folder=step.folder / "train",
        cache=step.context.work / "cache" / "train",
        overrides=step.settings.train.overrides,
        seed=step.settings.seed,
        report=lambda line: step.context.report(f"{step.run.id}: {line}"),
    )


def _licence(parent: Path) -> str:
    """The licence of a model that was fine-tuned from another one."""
    addition = "fine-tuned on corrections of its users"
    stated = str(read_settings(parent).get("licence", "not stated"))
    return stated if addition in stated else f"{stated}; {addition}"


def evaluate(step: StepInput) -> Result:
    """Score both models on the fixed sets and on the test share of the pairs, piece by piece.

    The numbers of the new model's recordings, for its profile, are written beside.
    """
    rows = {name: _both_scores(step, name) for name in [CORRECTIONS, *step.settings.gate.sets]}
    name = step.run.name(NUMBERS_FILE)
    if step.run.lake.stat(name) is None:
        sets = [_scored_set(step, one, rows[one][NEW]) for one in step.settings.gate.sets]
        step.run.lake.write(name, dump(step.context.tools.measure(step.new_weights(), sets)))
    return {"rows": rows}


def _scored_set(step: StepInput, name: str, rows: Rows) -> ScoredSet:
    """A fixed set with the note F1 of its pieces."""
    fixed = step.settings.gate.sets[name]
    return ScoredSet(_roots(step, name, fixed), _split(fixed), _by_piece(rows, "note_f1"))


def _both_scores(step: StepInput, name: str) -> dict[str, Rows]:
    """The rows of both models on a set; those that were scored before an interruption are kept."""
    if name == CORRECTIONS and not _has_test_pairs(step):
        return {CURRENT: [], NEW: []}
    return {model: _scores(step, name, model) for model in (CURRENT, NEW)}


def _scores(step: StepInput, name: str, model: str) -> Rows:
    stored = step.run.name(f"scores/{name}/{model}.json")
    if step.run.lake.stat(stored) is not None:
        return json.loads(step.run.lake.read(stored))
    rows = step.context.tools.evaluate(_evaluate_job(step, name, model))
    step.run.lake.write(stored, (json.dumps(rows, indent=1) + "\n").encode())
    return rows


def _evaluate_job(step: StepInput, name: str, model: str) -> EvaluateJob:
    fixed = step.settings.gate.sets.get(name)
    if fixed:
        split, overrides = fixed.split, set_overrides(fixed, MANIFEST)
    else:
        split, overrides = "test", corrections_overrides(step.pairs())
    return EvaluateJob(
        checkout=find_checkout(step.context.checkout),
        checkpoint=step.current_weights() if model == CURRENT else step.new_weights(),
        folder=step.folder / "scores" / name / model,
        cache=_cache(step, name),
        split=split,
        overrides=(*overrides, f"paths.streamed={_cache(step, name)}"),
    )


def _has_test_pairs(step: StepInput) -> bool:
    return any(pair["split"] == "test" for pair in step.results["prepare"]["pairs"])


def _cache(step: StepInput, name: str) -> Path:
    """Where a set is decoded. That of a fixed set is kept for the next run."""
    folder = step.folder if name == CORRECTIONS else step.context.work
    return folder / "cache" / name


def _roots(step: StepInput, name: str, fixed: FixedSet) -> list[Root]:
    """The decoded set: its own folder if it is a prepared one."""
    if "data=prepared" in set_overrides(fixed, MANIFEST):
        return [Prepared(fixed.place, str(_cache(step, name))).cache]
    return decoded_sets(_cache(step, name))


def _split(fixed: FixedSet) -> Split:
    splits: dict[str, Split] = {"train": "train", "validation": "validation", "test": "test"}
    return splits[fixed.split]


def judge(step: StepInput) -> Result:
    """Let the new model through, or say why not, in one line for each set."""
    metric, rows = step.settings.metric, step.results["evaluate"]["rows"]
    current, new = (
        {name: _by_piece(both[model], metric) for name, both in rows.items()}
        for model in (CURRENT, NEW)
    )
    verdicts = gate(step.settings.gate, current, new)
    passed = all(verdict.passed for verdict in verdicts)
    return {"passed": passed, "verdicts": [asdict(verdict) for verdict in verdicts]}


def _by_piece(rows: Rows, metric: str) -> Mapping[str, float]:
    """A metric by the name of the piece, where a piece has it. Raises RunError if none has."""
    found = {str(row["name"]): float(row[metric]) for row in rows if metric in row}
    if rows and not found:
        known = ", ".join(name for name in rows[0] if name not in ("name", "seconds", "took"))
        raise RunError(f"metric: {metric}: not among the scores; expected one of {known}")
    return found


def mean_scores(rows: Mapping[str, Mapping[str, Rows]], metric: str) -> dict[str, Any]:
    """For each set the number of pieces and the mean metric of both models."""
    found = {}
    for name, both in rows.items():
        means = {}
        for model in (CURRENT, NEW):
            values = list(_by_piece(both[model], metric).values())
            means[model] = sum(values) / len(values) if values else None
        found[name] = {"pieces": len(both[NEW]), **means}
    return found
