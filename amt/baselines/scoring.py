"""Scores of slice classifiers: accuracy and weighted F1 by piece, over all slices and by octave."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping

import numpy as np
from sklearn.metrics import accuracy_score, confusion_matrix, f1_score

from amt.analysis.pitch import OCTAVE
from amt.baselines.slice_classifier import SliceClassifiers
from amt.notes import MAX_PITCH, MIN_PITCH, Notes
from amt.notes import extend_sustain as extend


def score_slices(
    classifiers: SliceClassifiers,
    recordings: Iterable[tuple[str, np.ndarray, Notes]],
    extend_sustain: bool = True,
) -> tuple[list[dict[str, float | str]], str]:
    """One row per recording, as in `amt.evaluation.evaluate.Evaluation`, and remarks on all slices.

    recordings: name, audio (S,), notes whose offsets are key releases; with `extend_sustain` the
    pedal extends them. Recordings without a slice in which a note sounds have no row. `accuracy`
    and `weighted_f1` are those of the first classifier; the others have `knn_accuracy` and so on.
    """
    rows: list[dict[str, float | str]] = []
    references, estimates = [], []
    for name, audio, notes in recordings:
        begin = time.perf_counter()
        slices = classifiers.slicer.cut(audio, extend(notes) if extend_sustain else notes)
        if not len(slices.pitch):
            continue
        estimate = classifiers.predictions(slices)
        seconds = len(slices.pitch) * classifiers.slicer.seconds
        took = time.perf_counter() - begin
        scores = _scores(slices.pitch, estimate)
        rows.append({"name": name, "seconds": seconds, "took": took, **scores})
        references.append(slices.pitch)
        estimates.append(estimate)
    if not rows:
        return [], "no slice in which a note sounds"
    together = {name: np.concatenate([part[name] for part in estimates]) for name in estimates[0]}
    return rows, _remarks(np.concatenate(references), together)


def _scores(reference: np.ndarray, estimates: Mapping[str, np.ndarray]) -> dict[str, float]:
    first, *others = estimates
    scores = {
        "accuracy": float(accuracy_score(reference, estimates[first])),
        "weighted_f1": _weighted_f1(reference, estimates[first]),
    }
    for name in others:
        scores[f"{name}_accuracy"] = float(accuracy_score(reference, estimates[name]))
    return scores


def _weighted_f1(reference: np.ndarray, estimate: np.ndarray) -> float:
    return float(f1_score(reference, estimate, average="weighted", zero_division=0))


def _remarks(reference: np.ndarray, estimates: Mapping[str, np.ndarray]) -> str:
    """Over all slices: scores of every classifier, and octave errors of the first one."""
    lines = [f"all {len(reference)} slices:", "", "| | accuracy | weighted F1 | pitch class |"]
    lines.append("|---|---:|---:|---:|")
    for name, estimate in estimates.items():
        right, same_class = estimate == reference, (estimate - reference) % OCTAVE == 0
        f1 = _weighted_f1(reference, estimate)
        lines.append(f"| {name} | {right.mean():.3f} | {f1:.3f} | {same_class.mean():.3f} |")
    first = next(iter(estimates))
    table = _octave_table(reference, estimates[first])
    return "\n".join([*lines, "", f"{first}, slices by octave:", "", table])


def _octave_table(reference: np.ndarray, estimate: np.ndarray) -> str:
    """Number of slices by the octave of the reference (rows) and of the estimate (columns)."""
    octaves = range(MIN_PITCH // OCTAVE - 1, MAX_PITCH // OCTAVE)
    true, estimated = (pitch // OCTAVE - 1 for pitch in (reference, estimate))
    counts = confusion_matrix(true, estimated, labels=list(octaves)).tolist()
    rows = [
        f"| octave {octave} | {' | '.join(map(str, row))} |"
        for octave, row in zip(octaves, counts, strict=True)
    ]
    head = f"| reference, estimate | {' | '.join(map(str, octaves))} |"
    return "\n".join([head, "|---|" + "---:|" * len(octaves), *rows])
