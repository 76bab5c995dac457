"""Train the bar network: which of the beats begin a bar, and in which metre.

python experiments/score/train_bars.py ASAP RUN --steps 3000
python experiments/score/train_bars.py ASAP RUN --material invented --steps 3000

It learns from annotated beats: shaken, some of them wrong, some at half or double speed. Every
VALIDATE steps it prints, for the true beats of ASAP's validation compositions, F1 of the downbeats
and the share of right first metres, and writes RUN/averaged.safetensors.
"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from asap import Annotations
from beat_material import UNKNOWN, Take, Works, change_of_tempo, changed_notes, draw
from torch import Tensor
from train_beats import CLIP, material, moving_average, training_parser, validation_pieces

from amt.analysis.symbolic.bar_features import bar_features
from amt.analysis.symbolic.bar_network import LEVELS, BarNetwork
from amt.analysis.symbolic.beat_network import METRES
from amt.models.checkpoint import read_checkpoint, write_weights
from amt.notes import Notes

BEATS = 128
# Shaken beats are at least so far apart, in seconds.
MIN_PERIOD = 1e-3
METRE_WEIGHT, LEVEL_WEIGHT = 0.3, 0.2
WARM_UP = 100
# How often beats are at another level, where the metre has it, and how often some are wrong.
OTHER_LEVEL, WRONG = 0.5, 0.6
Piece = tuple[Notes, Annotations]
Crop = dict[str, np.ndarray]


def main() -> None:
    parser = training_parser(__doc__)
    parser.set_defaults(material="both", pieces=400, steps=3000, batch=16, lr=2e-3)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    options.run.mkdir(parents=True, exist_ok=True)
    train(options, material(options), validation_pieces(options.asap))


def train(options: argparse.Namespace, sources: list[Works], pieces: Sequence[Piece]) -> None:
    torch.manual_seed(options.seed)
    rng = np.random.default_rng(options.seed)
    network = BarNetwork()
    if options.start:
        network.load_state_dict(read_checkpoint(options.start)["state_dict"])
    optimizer = torch.optim.AdamW(network.parameters(), lr=options.lr, weight_decay=0.02)
    averaged = torch.optim.swa_utils.AveragedModel(network, avg_fn=moving_average)
    began, losses = time.monotonic(), []
    for step in range(options.steps):
        rise = min((step + 1) / WARM_UP, 0.5 + 0.5 * math.cos(math.pi * step / options.steps))
        for group in optimizer.param_groups:
            group["lr"] = options.lr * rise
        losses.append(update(network, optimizer, batch(rng, sources, options.batch)))
        averaged.update_parameters(network)
        if (step + 1) % options.validate == 0 or step + 1 == options.steps:
            save(options.run, averaged.module)
            row = " ".join(f"{n} {v:.3f}" for n, v in validate(averaged.module, pieces).items())
            loss, minutes = np.mean(losses), (time.monotonic() - began) / 60
            print(f"{step + 1} {minutes:.1f} min loss {loss:.4f} {row}", flush=True)
            losses = []


def update(network: BarNetwork, optimizer: torch.optim.Optimizer, crops: Crop) -> float:
    """One step of training; its loss."""
    network.train()
    targets = {name: torch.from_numpy(column) for name, column in crops.items()}
    loss = total_loss(network(targets["features"]), targets)
    optimizer.zero_grad()
    loss.backward()
    torch.nn.utils.clip_grad_norm_(network.parameters(), CLIP)
    optimizer.step()
    return float(loss.detach())


def total_loss(logits: dict[str, Tensor], targets: dict[str, Tensor]) -> Tensor:
    known = targets["known"]
    costs = F.binary_cross_entropy_with_logits(
        logits["downbeat"], targets["downbeat"], reduction="none"
    )
    metre, level = (
        F.cross_entropy(
            logits[name].transpose(1, 2), targets[name], ignore_index=UNKNOWN, label_smoothing=0.05
        )
        for name in ("metre", "level")
    )
    downbeat = (costs * known).sum() / known.sum().clamp(min=1)
    return downbeat + METRE_WEIGHT * metre + LEVEL_WEIGHT * level


def batch(rng: np.random.Generator, sources: Sequence[Works], size: int) -> Crop:
    """Augmented crops, drawn from the sources in turn; each array has a first dimension B."""
    found = [crop(rng, draw(rng, sources[index % len(sources)])) for index in range(size)]
    return {name: np.stack([one[name] for one in found]) for name in found[0]}


def crop(rng: np.random.Generator, take: Take) -> Crop:
    """BEATS beats of a take, augmented; what is missing in a short one is unknown.

    downbeat, known: (BEATS,) float. metre, level: (BEATS,) class or UNKNOWN.
    """
    take, level = at_other_level(rng, take)
    beats = with_errors(rng, take)
    first = int(rng.integers(0, max(len(beats.beats) - BEATS // 2, 1)))
    part = slice(first, first + BEATS)
    times, down, strict, metre = (
        column[part] for column in (beats.beats, beats.downbeats, beats.strict, beats.metre)
    )
    begin, end = times[0] - 1.0, 2 * times[-1] - times[-2]
    inside = (take.notes.onset >= begin) & (take.notes.onset < end)
    spread = rng.uniform(0.0, 0.1) if take.exact else 0.0
    warp = change_of_tempo(rng, begin, end - begin, 2 ** rng.normal(0, 0.2), spread)
    notes = changed_notes(rng, take, inside, warp, int(rng.integers(-6, 7)))
    shaken = warp(times) + rng.normal(0, 1, len(times)) * rng.uniform(0, 0.02)
    rising = np.maximum.accumulate(shaken) + MIN_PERIOD * np.arange(len(times))
    features = bar_features(notes, rising)
    missing = BEATS - len(times)
    return {
        "features": np.pad(features, ((0, missing), (0, 0))),
        "downbeat": np.pad(down.astype(np.float32), (0, missing)),
        "known": np.pad(strict.astype(np.float32), (0, missing)),
        "metre": np.pad(metre, (0, missing), constant_values=UNKNOWN),
        "level": np.where(np.arange(BEATS) < len(times), level, UNKNOWN),
    }


def at_other_level(rng: np.random.Generator, take: Take) -> tuple[Take, int]:
    """The take with beats of another level, often, and the index in LEVELS of the true one.

    Finer by two; by three where beats divide in three; coarser by two or three where all bars do.
    """
    bars = np.diff(np.flatnonzero(take.downbeats))
    kinds = {METRES[metre] for metre in take.metre if metre != UNKNOWN}
    possible = [2.0]
    if kinds and all(int(name.split("/")[0]) in (6, 9, 12) for name in kinds):
        possible.append(3.0)
    possible += [1 / n for n in (2, 3) if len(bars) > 8 and not (bars % n).any()]
    if rng.random() >= OTHER_LEVEL:
        return take, LEVELS.index(1.0)
    level = possible[rng.integers(len(possible))]
    if level < 1:
        step = round(1 / level)
        return _selected(
            take, slice(int(take.downbeats.argmax()) % step, None, step)
        ), LEVELS.index(level)
    for part in range(1, int(level)):
        share = 1 / (int(level) + 1 - part)
        places = np.arange(part, len(take.beats), part)
        between = take.beats[places - 1] + share * (take.beats[places] - take.beats[places - 1])
        take = _inserted(take, places, between)
    return take, LEVELS.index(level)


def with_errors(rng: np.random.Generator, take: Take) -> Take:
    """The take; or with some beats lost and some too many: single ones, every second of a run."""
    if rng.random() >= WRONG or len(take.beats) < 20:
        return take
    lost = rng.random(len(take.beats)) < rng.uniform(0, 0.05)
    take = _selected(take, ~(lost | _runs(rng, len(take.beats)) & _every_second(len(take.beats))))
    false = rng.random(len(take.beats)) < rng.uniform(0, 0.05)
    places = 1 + np.flatnonzero((false | _runs(rng, len(take.beats)))[1:])
    return _inserted(take, places, (take.beats[places] + take.beats[places - 1]) / 2)


def _runs(rng: np.random.Generator, count: int) -> np.ndarray:
    """True in some runs of beats: (count,)."""
    found = np.zeros(count, dtype=bool)
    for _ in range(rng.poisson(count / 100)):
        first = rng.integers(count)
        found[first : first + rng.integers(3, 25)] = True
    return found


def _every_second(count: int) -> np.ndarray:
    return np.arange(count) % 2 == 1


def _selected(take: Take, kept: slice | np.ndarray) -> Take:
    names = ("beats", "downbeats", "strict", "metre")
    return replace(take, **{name: getattr(take, name)[kept] for name in names})


def _inserted(take: Take, places: np.ndarray, times: np.ndarray) -> Take:
    """The take with further beats, no downbeats, before those at `places`."""
    return replace(
        take,
        beats=np.insert(take.beats, places, times),
        downbeats=np.insert(take.downbeats, places, False),
        strict=np.insert(take.strict, places, take.strict[places]),
        metre=np.insert(take.metre, places, take.metre[places]),
    )


def save(run: Path, network: BarNetwork) -> None:
    settings = {"model": network.settings, "decoder": {}}
    checkpoint = {"state_dict": network.state_dict(), "hyper_parameters": settings}
    write_weights(run / "averaged.safetensors", checkpoint, run.name, "see the card")


@torch.inference_mode()
def validate(network: BarNetwork, pieces: Sequence[Piece]) -> dict[str, float]:
    """Mean over the pieces, from true beats: F1 of downbeats; share of right metres and levels."""
    network.eval()
    f1, metre, level = [], [], []
    for notes, truth in pieces:
        features = torch.from_numpy(bar_features(notes, truth.beats))[None]
        logits = network(features)
        found = logits["downbeat"][0].numpy() > 0
        f1.append(2 * (found & truth.downbeats).sum() / (found.sum() + truth.downbeats.sum()))
        mean = logits["metre"][0].softmax(1).mean(0)
        metre.append(METRES[int(mean.argmax())] == truth.metres[0][1])
        level.append(int(logits["level"][0].softmax(1).mean(0).argmax()) == 0)
    rows = {"downbeat": f1, "metre": metre, "level": level}
    return {name: float(np.mean(row)) for name, row in rows.items()}


if __name__ == "__main__":
    main()
