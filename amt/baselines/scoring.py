"""Scores of what names slices: accuracy and weighted F1 by piece and over all slices, by octave."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping

import numpy as np
from sklearn.metrics import accuracy_score, f1_score

from amt.analysis.pitch import OCTAVE
from amt.baselines.slice_classifier import SliceClassifiers
from amt.notes import MAX_PITCH, MIN_PITCH, Notes
from amt.notes import extend_sustain as extend


def score_slices(
    namers: SliceClassifiers,
    recordings: Iterable[tuple[str, np.ndarray, Notes]],
    extend_sustain: bool = True,
) -> tuple[list[dict[str, float | str]], str]:
    """A row a recording, as `amt.evaluation.evaluate.Evaluation` takes them, and what all slices say.

    recordings: name, audio (S,), notes as keys ended them; with `extend_sustain` they last as long
    as the pedal holds them. Recordings without a slice in which a note sounds have no row. Scores
    of the model are `accuracy` and `weighted_f1`; what stands beside it has `knn_accuracy` and so
    on.
    """
    rows: list[dict[str, float | str]] = []
    truths, guesses = [], []
    for name, audio, notes in recordings:
        begin = time.perf_counter()
        slices = namers.slicer.cut(audio, extend(notes) if extend_sustain else notes)
        if not len(slices.pitch):
            continue
        guessed = namers.guesses(slices)
        seconds, took = len(slices.pitch) * namers.slicer.seconds, time.perf_counter() - begin
        scores = _scores(slices.pitch, guessed)
        rows.append({"name": name, "seconds": seconds, "took": took, **scores})
        truths.append(slices.pitch)
        guesses.append(guessed)
    if not rows:
        return [], "no slice in which a note sounds"
    truth = np.concatenate(truths)
    guess = {kind: np.concatenate([found[kind] for found in guesses]) for kind in guesses[0]}
    return rows, _remarks(truth, guess)


def _scores(truth: np.ndarray, guesses: Mapping[str, np.ndarray]) -> dict[str, float]:
    model, *others = guesses
    scores = {
        "accuracy": float(accuracy_score(truth, guesses[model])),
        "weighted_f1": _weighted_f1(truth, guesses[model]),
    }
    for kind in others:
        scores[f"{kind}_accuracy"] = float(accuracy_score(truth, guesses[kind]))
    return scores


def _weighted_f1(truth: np.ndarray, guess: np.ndarray) -> float:
    return float(f1_score(truth, guess, average="weighted", zero_division=0))


def _remarks(truth: np.ndarray, guesses: Mapping[str, np.ndarray]) -> str:
    """Over all slices: scores of every kind, and the octaves that the model takes for others."""
    lines = [f"all {len(truth)} slices:", "", "| | accuracy | weighted F1 | pitch class |"]
    lines.append("|---|---:|---:|---:|")
    for kind, guess in guesses.items():
        right, same_class = guess == truth, (guess - truth) % OCTAVE == 0
        f1 = _weighted_f1(truth, guess)
        lines.append(f"| {kind} | {right.mean():.3f} | {f1:.3f} | {same_class.mean():.3f} |")
    model = next(iter(guesses))
    return "\n".join(
        [*lines, "", f"{model}, slices by octave:", "", _octaves(truth, guesses[model])]
    )


def _octaves(truth: np.ndarray, guess: np.ndarray) -> str:
    """Slices by the octave of their note (rows) and of the note named (columns)."""
    octaves = range(MIN_PITCH // OCTAVE - 1, MAX_PITCH // OCTAVE)
    here, there = (pitch // OCTAVE - 1 for pitch in (truth, guess))
    table = [[int(((here == i) & (there == j)).sum()) for j in octaves] for i in octaves]
    rows = [
        f"| octave {octave} | {' | '.join(map(str, counts))} |"
        for octave, counts in zip(octaves, table, strict=True)
    ]
    head = f"| true, named | {' | '.join(map(str, octaves))} |"
    return "\n".join([head, "|---|" + "---:|" * len(octaves), *rows])
