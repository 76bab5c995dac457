"""Train the beat network on compositions of ASAP, on invented pieces, or on both.

python experiments/score/train_beats.py ASAP RUN --material both --steps 2000
python experiments/score/train_beats.py ASAP RUN --material invented --steps 4000
python experiments/score/train_beats.py ASAP RUN --material both --device cuda --workers 4

With --fold the works of one of four folds are left out, for cross-validation.

Started again it goes on where RUN/last.pt ends: the same batches, as if it had never stopped. Every
VALIDATE steps it prints F1 of the most probable frames on ASAP's validation compositions and writes
the averaged weights to RUN/averaged.safetensors. ASAP is needed for these figures in any case.
"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import mir_eval
import numpy as np
import torch
import torch.nn.functional as F
from asap import (
    FOLDS,
    SPLITS,
    Annotations,
    first_performances,
    folds_of_works,
    read_annotations,
)
from beat_material import UNKNOWN, Works, asap_takes, batch, invented_takes
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from amt.analysis.symbolic.beat_network import BeatNetwork
from amt.analysis.symbolic.beat_posteriors import BeatPosteriors, beat_posteriors
from amt.io.atomic import atomic_write
from amt.io.midi import read_midi
from amt.models.checkpoint import read_checkpoint, write_weights
from amt.notes import Notes
from amt.training.muon import Muon

# Frames by which a beat may be early or late without loss, and around it where the network may
# also say that there is one (the shift-tolerant loss of Foscarin et al. 2024, "Beat this!").
TOLERANCE, IGNORED = 2, 3
CLASS_WEIGHTS = {"metre": 0.2, "period": 0.1}
POSITIVE_WEIGHT = 2.0
WARM_UP, AVERAGING = 100, 0.997
CLIP = 1.0
# Options on which the batches of a run depend.
DRAWN = ("splits", "material", "pieces", "batch", "seed", "fold")
Piece = tuple[Notes, Annotations]


def main() -> None:
    options = training_parser(__doc__).parse_args()
    torch.set_num_threads(options.threads)
    options.run.mkdir(parents=True, exist_ok=True)
    train(options, validation_pieces(options.asap, options.fold))


def training_parser(about: str) -> argparse.ArgumentParser:
    """The options of a training, also of `train_bars.py`, which has other defaults."""
    parser = argparse.ArgumentParser(description=about.partition("\n")[0])
    add = parser.add_argument
    add("asap", type=Path, help="folder of ASAP")
    add("run", type=Path, help="folder for checkpoints")
    add("--splits", nargs="+", choices=SPLITS, default=["train"], help="of ASAP, to train on")
    add("--material", choices=("asap", "invented", "both"), default="asap")
    add("--pieces", type=int, default=1000, help="invented pieces")
    add("--steps", type=int, default=4000)
    add("--batch", type=int, default=8)
    add("--lr", type=float, default=4e-3)
    add("--seed", type=int, default=0)
    add("--threads", type=int, default=1)
    add("--device", default="cpu", help="e.g. cuda (default: %(default)s)")
    add("--workers", type=int, default=0, help="processes that make batches; 0: this one")
    add(
        "--fold",
        type=int,
        choices=range(FOLDS),
        help="leave out the works of this fold",
    )
    add("--validate", type=int, default=250, help="steps between validations")
    add("--start", type=Path, help="weights to start from (.safetensors)")
    return parser


def train(options: argparse.Namespace, pieces: Sequence[Piece], stop: int | None = None) -> None:
    """All steps that are not done yet, up to `stop`."""
    torch.manual_seed(options.seed)
    device = torch.device(options.device)
    network = BeatNetwork().to(device)
    if options.start:
        network.load_state_dict(read_checkpoint(options.start)["state_dict"])
    optimizer = Muon(network.named_parameters(), lr=options.lr)
    averaged = torch.optim.swa_utils.AveragedModel(network, avg_fn=moving_average)
    drawn = {name: getattr(options, name) for name in DRAWN}
    done = restore(options.run / "last.pt", network, averaged, optimizer, drawn)
    steps = range(done, stop or options.steps)
    batches = Batches(material(options), options.seed, options.batch)
    loader = DataLoader(batches, None, sampler=steps, num_workers=options.workers)
    began, losses = time.monotonic(), []
    for step, crops in zip(steps, loader, strict=True):
        torch.manual_seed(1_000_000 * options.seed + step)
        for group in optimizer.param_groups:
            group["lr"] = options.lr * schedule(step, options.steps)
        losses.append(update(network, optimizer, crops))
        averaged.update_parameters(network)
        if (step + 1) % options.validate == 0 or step + 1 == options.steps:
            save(options.run, network, averaged, optimizer, step + 1, drawn)
            row = " ".join(f"{n} {v:.3f}" for n, v in validate(averaged.module, pieces).items())
            loss, minutes = np.mean(losses), (time.monotonic() - began) / 60
            print(f"{step + 1} {minutes:.1f} min loss {loss:.4f} {row}", flush=True)
            losses = []


class Batches(Dataset):
    """The batch of each step, which has a seed of its own: a run that goes on draws the same."""

    def __init__(self, sources: Sequence[Works], seed: int, size: int) -> None:
        self.sources, self.seed, self.size = sources, seed, size

    def __getitem__(self, step: int) -> dict[str, Tensor]:
        crops = batch(np.random.default_rng([self.seed, step]), self.sources, self.size)
        return {name: torch.from_numpy(column) for name, column in crops.items()}


def material(options: argparse.Namespace) -> list[Works]:
    """What each batch is drawn from, in turn: of "both", three quarters are of ASAP."""
    if options.material == "asap":
        return [asap_takes(options.asap, options.splits, options.fold)]
    invented = invented_takes(options.pieces, options.seed)
    return (
        [invented]
        if options.material == "invented"
        else [*[asap_takes(options.asap, options.splits, options.fold)] * 3, invented]
    )


def moving_average(mean: Tensor, new: Tensor, count: int) -> Tensor:
    """The average over the last steps; at first, when there are few, over fewer."""
    return mean + (new - mean) * max(1 - AVERAGING, 10 / (10 + int(count)))


def schedule(step: int, steps: int) -> float:
    """Share of the learning rate: a linear rise, then half a cosine down to zero."""
    return min((step + 1) / WARM_UP, 0.5 + 0.5 * math.cos(math.pi * step / steps))


def update(network: BeatNetwork, optimizer: Muon, crops: dict[str, Tensor]) -> float:
    """One step of training; its loss."""
    device = next(network.parameters()).device
    tensors = {name: column.to(device, non_blocking=True) for name, column in crops.items()}
    network.train()
    loss = total_loss(network(tensors["features"]), tensors)
    optimizer.zero_grad()
    loss.backward()
    torch.nn.utils.clip_grad_norm_(network.parameters(), CLIP)
    optimizer.step()
    return float(loss.detach())


def total_loss(logits: dict[str, Tensor], targets: dict[str, Tensor]) -> Tensor:
    """Loss of beats and downbeats, and a little of what follows from them."""
    known = targets["known"]
    loss = event_loss(logits["beat"], targets["beat"], known)
    loss = loss + event_loss(logits["downbeat"], targets["downbeat"], known)
    for name, weight in CLASS_WEIGHTS.items():
        # Classes are constant within the frames that the middle of the network joins.
        found = logits[name][:, :: known.shape[1] // targets[name].shape[1]]
        classes = F.cross_entropy(
            found.transpose(1, 2), targets[name], ignore_index=UNKNOWN, label_smoothing=0.05
        )
        loss = loss + weight * classes
    return loss


def event_loss(logits: Tensor, events: Tensor, known: Tensor) -> Tensor:
    """Shift-tolerant cross-entropy by second: of each event the best frame near it counts."""
    best = F.max_pool1d(logits, 2 * TOLERANCE + 1, 1, TOLERANCE)
    far = 1 - F.max_pool1d(events, 2 * IGNORED + 1, 1, IGNORED)
    costs = POSITIVE_WEIGHT * F.softplus(-best) * events + F.softplus(logits) * far
    return 10 * (costs * known).sum() / known.sum().clamp(min=1)


def restore(
    path: Path,
    network: BeatNetwork,
    averaged: torch.nn.Module,
    optimizer: Muon,
    drawn: dict[str, Any],
) -> int:
    """Load what `save` wrote, if there is anything; the number of steps done.

    drawn: the options in DRAWN. SystemExit if the run began with others: it would train on works
    that it is to leave out.
    """
    if not path.is_file():
        return 0
    state = torch.load(path, weights_only=True, map_location="cpu")
    for name, value in drawn.items():
        if state["drawn"][name] != value:
            began = state["drawn"][name]
            raise SystemExit(f"{path} began with {name}={began}, not {value}; use another RUN")
    network.load_state_dict(state["network"])
    averaged.load_state_dict(state["averaged"])
    optimizer.load_state_dict(state["optimizer"])
    return int(state["step"])


def save(
    run: Path,
    network: BeatNetwork,
    averaged: torch.nn.Module,
    optimizer: Muon,
    step: int,
    drawn: dict[str, Any],
) -> None:
    """Write last.pt, to go on from, and averaged.safetensors, to use."""
    parts = {"network": network, "averaged": averaged, "optimizer": optimizer}
    with atomic_write(run / "last.pt") as part:
        torch.save(
            {name: one.state_dict() for name, one in parts.items()}
            | {"step": step, "drawn": drawn},
            part,
        )
    settings = {"model": network.settings, "decoder": {}}
    checkpoint = {"state_dict": averaged.module.state_dict(), "hyper_parameters": settings}
    write_weights(run / "averaged.safetensors", checkpoint, run.name, "see the card")


def validation_pieces(root: Path, fold: int | None = None) -> list[Piece]:
    """One performance of each validation composition, and its annotations.

    fold: instead, of each work of this fold that is in training or validation.
    """
    found = first_performances(root, "validation")
    if fold is not None:
        folds = folds_of_works(root)
        found = [*first_performances(root, "train"), *found]
        found = list({one.work: one for one in found if folds[one.work] == fold}.values())
    return [(read_midi(one.midi), read_annotations(one.annotations)) for one in found]


def validate(network: BeatNetwork, pieces: Sequence[Piece]) -> dict[str, float]:
    """Mean over the pieces: F1 of beats and downbeats, share of time with the right metre."""
    network.eval()
    rows = [scores(beat_posteriors(notes, network), truth) for notes, truth in pieces]
    return {name: float(np.mean([row[name] for row in rows])) for name in rows[0]}


def scores(found: BeatPosteriors, truth: Annotations) -> dict[str, float]:
    """Scores of one piece without a decoder: peaks above one half are the beats."""
    downbeats = truth.beats[truth.downbeats]
    first, last = (int(time * found.frame_rate) for time in truth.beats[[0, -1]])
    frames = np.arange(first, min(last, len(found.beat)), found.frame_rate)
    times = frames / found.frame_rate
    metre = np.array(found.metres)[found.metre[frames].argmax(1)]
    return {
        "beat": mir_eval.beat.f_measure(truth.beats, peaks(found.beat) / found.frame_rate),
        "downbeat": mir_eval.beat.f_measure(downbeats, peaks(found.downbeat) / found.frame_rate),
        "metre": float(np.mean(metre == [truth.metre_at(time) for time in times])),
    }


def peaks(probability: np.ndarray, threshold: float = 0.5, reach: int = 4) -> np.ndarray:
    """Frames (N,) above the threshold that no other within `reach` frames surpasses."""
    padded = np.pad(probability, reach)
    windows = np.lib.stride_tricks.sliding_window_view(padded, 2 * reach + 1)
    found = (probability >= threshold) & (probability >= windows.max(1))
    frames = np.flatnonzero(found)
    return frames[np.diff(frames, prepend=-reach - 1) > reach]


if __name__ == "__main__":
    main()
