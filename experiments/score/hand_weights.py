"""Fit the weights of `amt.score.hand_division` to the staves of ASAP's training split; print them.

    python experiments/score/hand_weights.py ASAP --minutes 5

A conditional random field over the dividing pitch, chord by chord. A note is of the right hand with
the probability that the division is at or below its pitch; the loss is its cross-entropy. The share
of notes with the right hand in the validation split, with the weights of `amt` and with these, says
which are better: a lower cross-entropy does not always mean more right notes.
"""

from __future__ import annotations

import argparse
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from asap_truth import Aligned, aligned_performances
from torch import Tensor
from torch.nn import functional

from amt.analysis.symbolic.viterbi import viterbi_path
from amt.score import hand_division
from amt.score.chords import chords

SEGMENT = 128
BATCH = 24
LEARNING_RATE = 0.05
WEIGHT_DECAY = 1e-4
DISTANCE = torch.tensor(np.abs(hand_division.DIVISIONS[:, None] - hand_division.DIVISIONS)).float()


@dataclass(frozen=True, eq=False)
class Segment:
    """Chords in a row: features (C, D, F); of each known note its chord, pitch, whether right."""

    features: Tensor
    chord: Tensor
    pitch: Tensor
    right: Tensor


def main() -> None:
    """Fit and print."""
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    parser.add_argument("asap", type=Path, help="folder of ASAP")
    parser.add_argument("--minutes", type=float, default=5.0)
    arguments = parser.parse_args()
    torch.manual_seed(0)
    segments = [
        segment
        for one in aligned_performances(arguments.asap, "train")
        for segment in segments_of(one)
    ]
    weights, moves = fit(segments, 60 * arguments.minutes)
    print("WEIGHTS", [round(weight, 3) for weight in weights])
    print("MOVE_SEMITONE, MOVE", [round(move, 3) for move in moves])
    validation = list(aligned_performances(arguments.asap, "validation"))
    shipped = (hand_division.WEIGHTS, (hand_division.MOVE_SEMITONE, hand_division.MOVE))
    for name, own in (("shipped", shipped), ("fitted", (np.array(weights), moves))):
        shares = [right_share(one, *own) for one in validation]
        print(f"validation, {name}: {np.mean(shares):.4f}")


def right_share(one: Aligned, weights: np.ndarray, moves: Sequence[float]) -> float:
    """The share of the notes of a performance that get their hand with these weights and costs."""
    chord = chords(one.notes.onset)
    distance = np.abs(hand_division.DIVISIONS[:, None] - hand_division.DIVISIONS)
    cost = moves[0] * distance + moves[1] * (distance > 0)
    path = viterbi_path(hand_division.features(one.notes, chord) @ weights, cost)
    known = one.match >= 0
    right = one.notes.pitch >= hand_division.DIVISIONS[path][chord]
    return float(np.mean(right[known] == (one.truth.staff[one.match[known]] == 1)))


def segments_of(one: Aligned) -> list[Segment]:
    """The segments of a performance, all of the same number of chords; the rest is not used."""
    chord = chords(one.notes.onset)
    features = torch.tensor(hand_division.features(one.notes, chord)).float()
    known = one.match >= 0
    right = one.truth.staff[one.match] == 1
    segments = []
    for first in range(0, len(features) - SEGMENT + 1, SEGMENT):
        own = known & (chord >= first) & (chord < first + SEGMENT)
        columns = (chord[own] - first, one.notes.pitch[own], right[own])
        segments.append(Segment(features[first : first + SEGMENT], *map(torch.tensor, columns)))
    return segments


def fit(segments: list[Segment], seconds: float) -> tuple[list[float], list[float]]:
    """Weights of the features and costs of moving, by Adam for so many seconds."""
    weights = torch.zeros(segments[0].features.shape[-1], requires_grad=True)
    moves = torch.full((2,), -2.0, requires_grad=True)
    optimizer = torch.optim.Adam([weights, moves], lr=LEARNING_RATE)
    generator = random.Random(0)
    begin = time.monotonic()
    while (passed := time.monotonic() - begin) < seconds:
        optimizer.param_groups[0]["lr"] = LEARNING_RATE * (1 - 0.9 * passed / seconds)
        batch = generator.sample(segments, BATCH)
        loss = batch_loss(batch, weights, functional.softplus(moves))
        optimizer.zero_grad()
        (loss + WEIGHT_DECAY * (weights**2).sum()).backward()
        optimizer.step()
    return weights.tolist(), functional.softplus(moves).tolist()


def batch_loss(batch: list[Segment], weights: Tensor, moves: Tensor) -> Tensor:
    """Cross-entropy of the hands of all notes."""
    scores = torch.stack([one.features for one in batch]) @ weights
    cost = moves[0] * DISTANCE + moves[1] * (DISTANCE > 0)
    at_or_below = torch.cumsum(marginals(scores, -cost), dim=-1)
    losses = []
    for probabilities, one in zip(at_or_below, batch, strict=True):
        division = one.pitch - int(hand_division.DIVISIONS[0])
        right = probabilities[one.chord, division.clamp(0, len(hand_division.DIVISIONS) - 1)]
        right = torch.where(division < 0, torch.zeros_like(right), right).clamp(1e-4, 1 - 1e-4)
        losses.append(functional.binary_cross_entropy(right, one.right.float()))
    return torch.stack(losses).mean()


def marginals(scores: Tensor, change: Tensor) -> Tensor:
    """Probability of each division in each chord, (B, C, D), by forward and backward sums."""
    forward = [scores[:, 0]]
    for step in range(1, scores.shape[1]):
        forward.append(torch.logsumexp(forward[-1][:, :, None] + change, 1) + scores[:, step])
    backward = [torch.zeros_like(scores[:, 0])]
    for step in range(scores.shape[1] - 1, 0, -1):
        after = (scores[:, step] + backward[-1])[:, None, :]
        backward.append(torch.logsumexp(change + after, 2))
    return torch.softmax(torch.stack(forward, 1) + torch.stack(backward[::-1], 1), dim=-1)


if __name__ == "__main__":
    main()
