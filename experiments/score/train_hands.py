"""Train the network for hands on the staves of ASAP's scores.

    python experiments/score/train_hands.py ASAP RUN --fold 0      # cross-validation
    python experiments/score/train_hands.py ASAP RUN               # on the training split
    python experiments/score/train_hands.py ASAP RUN --ship        # and put it into the package

It learns from performances, whose notes are matched to those of the score, and from the scores
themselves: transposed, at other tempi, with jitter, other lengths and missing notes. With --fold
the works of the training and validation splits are divided in FOLDS, and one is held out; without,
the validation split is. The last lines have the share of notes with the right hand in each held
out composition (its first performance) and the mean, for the network and the dividing pitch.
Writes RUN/hands.safetensors.
"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from asap import FOLDS, folds_of_works, performances
from asap_truth import Truth, align
from ship_weights import ship
from torch import Tensor

from amt.models.checkpoint import WEIGHTS_SUFFIX, write_weights
from amt.notes import Notes
from amt.score.hand_division import divided
from amt.score.hand_features import NEIGHBOURS, hand_features
from amt.score.hand_network import HandNetwork
from amt.score.hand_posteriors import HAND_WEIGHTS, hand_logits

CROP, BATCH = 208, 18
LEARNING_RATE, WEIGHT_DECAY, WARM_UP, CLIP = 3e-3, 0.03, 50, 1.0
# The weights that are kept are a moving mean, over about so many steps.
AVERAGED = 100
# A crop is of a score in place of a performance this often.
SCORE_SHARE = 0.2
SEMITONES = 4
# Crops with fewer notes are drawn anew.
LEAST_NOTES = 8
# A score is played at 120 quarter notes a minute, its grace notes before the beat.
QUARTER, GRACE = 0.5, 0.06
MAX_BYTES = 400e3
LICENCE = "ASAP (CC BY-NC-SA 4.0): not for commercial use"


@dataclass(frozen=True, eq=False)
class Take:
    """A performance or score. right: (N,) staff 1. known: (N,) False for unmatched notes."""

    notes: Notes
    right: np.ndarray
    known: np.ndarray
    exact: bool = False


@dataclass(frozen=True, eq=False)
class Composition:
    """Its performances, of which there is at least one, and its score."""

    name: str
    work: str
    split: str
    played: list[Take]
    written: Take


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    add = parser.add_argument
    add("asap", type=Path, help="folder of ASAP")
    add("run", type=Path, help="folder for the weights")
    add(
        "--fold", type=int, choices=range(FOLDS), help="hold this one out, not the validation split"
    )
    add("--minutes", type=float, default=1.5, help="of processor time")
    add("--seed", type=int, default=0)
    add("--ship", action="store_true", help="write the weights into the package as well")
    options = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(options.seed)
    found = list(compositions(options.asap))
    folds = folds_of_works(options.asap)
    held = [
        one
        for one in found
        if (one.split == "validation" if options.fold is None else folds[one.work] == options.fold)
    ]
    network = train([one for one in found if one not in held], options)
    options.run.mkdir(parents=True, exist_ok=True)
    checkpoint = checkpoint_of(network)
    write_weights(options.run / f"hands{WEIGHTS_SUFFIX}", checkpoint, options.run.name, LICENCE)
    report(held, network)
    if options.ship:
        ship(HAND_WEIGHTS, "asap", checkpoint, LICENCE, MAX_BYTES)


def compositions(root: Path) -> Iterator[Composition]:
    """Those of the training and validation splits whose score agrees with performances."""
    ordered = (one for split in ("train", "validation") for one in performances(root, split))
    for name, versions in groupby(ordered, key=lambda one: one.composition):
        truth, played = None, []
        for one in versions:
            if aligned := align(one, truth):
                truth = aligned.truth
                right = truth.staff[aligned.match] == 1
                played.append(Take(aligned.notes, right, aligned.match >= 0))
        if truth is not None:
            yield Composition(name, one.work, one.split, played, take_from_score(truth))


def take_from_score(truth: Truth) -> Take:
    """The score, played at a steady tempo."""
    onset = (truth.quarter - truth.quarter.min()) * QUARTER + GRACE * ~truth.grace
    offset = onset + np.maximum(0.9 * QUARTER * truth.value, 0.05)
    order = np.lexsort((truth.pitch, onset))
    notes = Notes(onset, offset, truth.pitch, np.full(len(onset), 64))
    right = truth.staff[order] == 1
    return Take(notes, right, np.ones(len(right), dtype=bool), exact=True)


def train(found: Sequence[Composition], options: argparse.Namespace) -> HandNetwork:
    """A network that has learned for so many minutes of processor time: the mean of its weights."""
    rng = np.random.default_rng(options.seed)
    works: dict[str, list[Composition]] = {}
    for one in found:
        works.setdefault(one.work, []).append(one)
    network = HandNetwork()
    optimizer = torch.optim.AdamW(network.parameters(), lr=LEARNING_RATE, weight_decay=WEIGHT_DECAY)
    averaged = torch.optim.swa_utils.AveragedModel(network, avg_fn=moving_average)
    began, steps, losses = time.process_time(), 0, []
    while (part := (time.process_time() - began) / 60 / options.minutes) < 1:
        for group in optimizer.param_groups:
            rise = min((steps + 1) / WARM_UP, 1.0)
            group["lr"] = LEARNING_RATE * rise * (0.5 + 0.5 * math.cos(math.pi * part))
        crops = [crop(rng, draw(rng, list(works.values()))) for _ in range(BATCH)]
        loss = loss_of(network, *map(torch.stack, zip(*crops, strict=True)))
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), CLIP)
        optimizer.step()
        averaged.update_parameters(network)
        losses.append(float(loss.detach()))
        steps += 1
        if steps % 200 == 0:
            print(f"{steps} steps, loss {np.mean(losses[-200:]):.4f}", flush=True)
    print(f"{steps} steps, {len(works)} works, loss {np.mean(losses[-200:]):.4f}")
    return averaged.module.eval()


def moving_average(mean: Tensor, new: Tensor, count: Tensor | int) -> Tensor:
    """The exponential moving mean of a parameter; of the first steps the plain one."""
    return mean + (new - mean) * max(1 / AVERAGED, 1 / (1 + int(count)))


def loss_of(network: HandNetwork, features: Tensor, right: Tensor, known: Tensor) -> Tensor:
    """Cross-entropy of known notes: the mean of each crop, then of the crops."""
    costs = F.binary_cross_entropy_with_logits(network(features), right, reduction="none")
    share = known / known.sum(1, keepdim=True).clamp(min=CROP // 3)
    return (costs * share).sum() / len(features)


def draw(rng: np.random.Generator, works: Sequence[list[Composition]]) -> Take:
    """A random take: all works are equally likely, however often they were performed."""
    versions = works[rng.integers(len(works))]
    one = versions[rng.integers(len(versions))]
    if rng.random() < SCORE_SHARE:
        return one.written
    return one.played[rng.integers(len(one.played))]


def crop(rng: np.random.Generator, take: Take) -> tuple[Tensor, Tensor, Tensor]:
    """Features, right and known of CROP notes in a row, augmented; zero beyond the piece."""
    first = int(rng.integers(-CROP // 2, max(len(take.notes) - CROP // 2, 1)))
    around = np.arange(max(first - NEIGHBOURS, 0), min(first + CROP + NEIGHBOURS, len(take.notes)))
    part = replace(
        take,
        notes=take.notes.select(around),
        right=take.right[around],
        known=take.known[around],
    )
    changed = augmented(rng, part)
    if len(changed.notes) < LEAST_NOTES:
        return crop(rng, take)
    own = slice(NEIGHBOURS if first > 0 else 0, None)
    columns = hand_features(changed.notes), changed.right, changed.known
    return tuple(padded(column[own][:CROP]) for column in columns)  # type: ignore[return-value]


def padded(column: np.ndarray) -> Tensor:
    missing = [(0, CROP - len(column))] + [(0, 0)] * (column.ndim - 1)
    return torch.from_numpy(np.pad(column.astype(np.float32), missing))


def augmented(rng: np.random.Generator, take: Take) -> Take:
    """The take in another key, tempo, touch and loudness, with jitter and without some notes."""
    notes, count = take.notes, len(take.notes)
    scale = 2 ** np.clip(rng.normal(0, 0.3), -0.8, 0.8)
    length = (notes.offset - notes.onset) * scale * 2 ** rng.normal(0, 0.4)
    onset = (notes.onset - notes.onset[0]) * scale
    velocity = notes.velocity + rng.normal(0, 10)
    if take.exact or rng.random() < 0.3:
        onset = onset + rubato(rng, onset)
        velocity = velocity + rng.normal(0, 8, count)
    if rng.random() < 0.15:
        velocity = np.full(count, rng.uniform(40, 90))
    onset = onset + rng.normal(0, 1, count) * rng.uniform(0, 0.012)
    pitch = notes.pitch + rng.integers(-SEMITONES, SEMITONES + 1)
    lost = rng.uniform(0, 0.08) * (rng.random() < 0.5)
    order = np.lexsort((pitch, onset))
    order = order[rng.random(count) >= lost]
    velocity = np.clip(np.rint(velocity), 1, 127)
    changed = Notes(*(column[order] for column in (onset, onset + length, pitch, velocity)))
    return replace(take, notes=changed, right=take.right[order], known=take.known[order])


def rubato(rng: np.random.Generator, onset: np.ndarray) -> np.ndarray:
    """Delays (N,) of a tempo that rises and falls by up to 15 %."""
    rate = 2 * math.pi / rng.uniform(3, 15)
    return rng.uniform(0, 0.15) / rate * np.sin(rate * onset + rng.uniform(0, 2 * math.pi))


def report(held: Sequence[Composition], network: HandNetwork) -> None:
    """Print the share of notes with the right hand."""
    shares = []
    for one in held:
        take = one.played[0]
        found = hand_logits(take.notes, network) > 0, divided(take.notes)
        shares.append([(right == take.right)[take.known].mean() for right in found])
        print(f"{one.name}\tnetwork {shares[-1][0]:.3f} dividing pitch {shares[-1][1]:.3f}")
    network_mean, divided_mean = np.mean(shares, 0)
    print(f"{len(held)} compositions\tnetwork {network_mean:.4f} dividing pitch {divided_mean:.4f}")


def checkpoint_of(network: HandNetwork) -> dict[str, Any]:
    settings = {"model": network.settings, "decoder": {}}
    return {"state_dict": network.state_dict(), "hyper_parameters": settings}


if __name__ == "__main__":
    main()
