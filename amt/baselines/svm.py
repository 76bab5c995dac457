"""Fits the transcriber of Poliner and Ellis (2007): a linear SVM a key, and how keys change state.

"A Discriminative Model for Polyphonic Piano Transcription", EURASIP Journal on Advances in Signal
Processing. What is fitted ends in the matrices of `amt.models.linear.LinearKeys` and the numbers of
`amt.decoding.hmm.StateDecoder`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC
from torch import Tensor
from tqdm import tqdm

from amt.data.datamodule import PianoDataModule
from amt.data.dataset import Segments, collate
from amt.data.pieces import SourceError
from amt.features.frontends import FrontEnd
from amt.inference.parallel import parallel_map
from amt.models.build import build_model
from amt.models.checkpoint import with_network_prefix
from amt.models.linear import LinearKeys
from amt.notes import NUM_KEYS

# An onset target of this height is within a frame of the onset; 0 is at least two frames from it.
ONSET_HEIGHT = 0.5
# A state that lasted no longer than two frames on average would be no state.
MOST = 0.45
# What a classifier says of a key that it never heard.
NEVER = -9.0


@dataclass(frozen=True, eq=False)
class Examples:
    """Frames to learn from.

    features: (N, D) float32. targets: by output, (N, 88) float32 in 0..1. held: (N,), whether the
    work is held out. sounding, attacks, releases: (88,), how many frames each key sounds in, in how
    many it begins to, and in how many it stops. frames: how many there were.
    """

    features: np.ndarray
    targets: dict[str, np.ndarray]
    held: np.ndarray
    sounding: np.ndarray
    attacks: np.ndarray
    releases: np.ndarray
    frames: float


@dataclass(frozen=True)
class SvmFit:
    """How the classifiers are fitted.

    segments: of data.segment_seconds each, drawn and augmented as for any other model, so that
    shifted keys give rare ones more to learn from. frames: taken from each. held_out: part of the
    works that only calibrates. examples: frames with a key, at most; negatives: so many times as
    many without it. regularisation: C of the SVM.
    """

    segments: int = 768
    frames: int = 32
    held_out: float = 0.25
    examples: int = 1000
    negatives: float = 4.0
    regularisation: float = 1e-3
    seed: int = 0

    def __call__(self, data: PianoDataModule, model: Mapping[str, Any]) -> dict[str, Any]:
        """A checkpoint of `model` (`features`, `network`), fitted to the training pieces of `data`.

        Raises SourceError where there are fewer than two works, since one must be held out.
        """
        front_end, network = build_model(model)
        assert isinstance(network, LinearKeys)
        examples = self.draw(front_end, network, data)
        for name, classifier in network.classifiers.items():
            weight, bias = self.fit(examples, name)
            parameters = {"weight": torch.from_numpy(weight), "bias": torch.from_numpy(bias)}
            classifier.load_state_dict(parameters)
        settings = {"model": dict(model), "decoder": states(examples)}
        return {
            "state_dict": with_network_prefix(network.state_dict()),
            "hyper_parameters": settings,
        }

    @torch.inference_mode()
    def draw(self, front_end: FrontEnd, network: LinearKeys, data: PianoDataModule) -> Examples:
        """Random frames of random segments of the training pieces."""
        rng = np.random.default_rng(self.seed)
        features, held = [], []
        targets: dict[str, list[np.ndarray]] = {name: [] for name in network.widths}
        counts = np.zeros((3, NUM_KEYS))
        frames = 0.0
        for batch, is_held in self._batches(data, front_end, rng):
            chosen, row = _random_frames(batch["mask"], self.frames, rng)
            features.append(network.features(batch["spec"])[row, chosen].numpy())
            held.append(is_held[row])
            for name, found in targets.items():
                found.append(batch[name][row, chosen].numpy())
            counts += _changes(batch["frame"], batch["mask"])
            frames += float(batch["mask"].sum())
        return Examples(
            np.concatenate(features),
            {name: np.concatenate(found) for name, found in targets.items()},
            np.concatenate(held),
            counts[0],
            counts[1],
            counts[2],
            frames,
        )

    def _batches(
        self, data: PianoDataModule, front_end: FrontEnd, rng: np.random.Generator
    ) -> Iterator[tuple[Mapping[str, Tensor], np.ndarray]]:
        """Batches of segments, and which of their segments are from works that are held out."""
        segments = Segments(
            data.caches, "train", data.segment_samples, self.seed, data.weights, data.extend_sustain
        )
        works = np.unique([entry.work for _, entry in segments.places])
        if len(works) < 2:
            raise SourceError("one training piece; an SVM needs two at least, one to calibrate on")
        kept = rng.permutation(works)[max(1, round(self.held_out * len(works))) :]
        generator = torch.Generator().manual_seed(self.seed)
        for first in tqdm(range(0, self.segments, data.batch_size), desc="segments"):
            index = range(first, min(first + data.batch_size, self.segments))
            held = np.array([segments.locate(i)[1].work not in kept for i in index])
            batch = collate([segments[i] for i in index])
            yield data.compute(batch, front_end, generator), held

    def fit(self, examples: Examples, name: str) -> tuple[np.ndarray, np.ndarray]:
        """Weights (88, D) and biases (88,) that give the log-odds of the output `name`."""
        learn = ~examples.held
        scaler = StandardScaler().fit(examples.features[learn])
        features = scaler.transform(examples.features)
        heights = examples.targets[name]
        on, off = heights >= ONSET_HEIGHT, heights == 0
        weight, bias = np.zeros((NUM_KEYS, features.shape[1])), np.full(NUM_KEYS, 0.0)
        heard = on[learn].any(axis=0) & off[learn].any(axis=0)
        if not (heard.any() and on[examples.held].any()):
            raise SourceError("no key sounds in the training pieces, or in those to calibrate on")
        keys = np.flatnonzero(heard).tolist()
        planes = parallel_map(
            lambda key: self._separate(features, on[:, key] & learn, off[:, key] & learn),
            keys,
            torch.get_num_threads(),
        )
        for key, plane in zip(tqdm(keys, desc=f"SVMs: {name}"), planes, strict=True):
            weight[key], bias[key] = plane
        scores = features[examples.held] @ weight.T + bias
        slope, intercept = _calibrate(scores, on[examples.held], on[learn].mean(axis=0), heard)
        weight, bias = slope * weight, np.where(heard, slope * bias + intercept, NEVER)
        weight /= scaler.scale_
        return weight, bias - weight @ scaler.mean_

    def _separate(
        self, features: np.ndarray, on: np.ndarray, off: np.ndarray
    ) -> tuple[np.ndarray, float]:
        """The plane, weights (D,) and bias, between some frames with a key and some without."""
        rng = np.random.default_rng(self.seed)
        with_key = rng.permutation(np.flatnonzero(on))[: self.examples]
        most = round(self.negatives * len(with_key))
        without = rng.permutation(np.flatnonzero(off))[:most]
        chosen = np.concatenate([with_key, without])
        machine = LinearSVC(C=self.regularisation, dual="auto", random_state=self.seed)
        machine.fit(features[chosen], on[chosen])
        return machine.coef_[0], float(machine.intercept_[0])


def states(examples: Examples) -> dict[str, list[float]]:
    """attack and release, 88 each, of the keys' hidden Markov models.

    Counts begin at one event in some seconds, so that nothing is impossible.
    """
    silent = examples.frames - examples.sounding
    attack = (examples.attacks + 1) / (silent + 100)
    release = (examples.releases + 1) / (examples.sounding + 10)
    return {"attack": attack.clip(max=MOST).tolist(), "release": release.clip(max=MOST).tolist()}


def _random_frames(
    mask: Tensor, count: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Frames, and the rows they are of: at most `count` a row of mask (B, T), none twice."""
    order = np.argsort(rng.random(mask.shape) - mask.numpy(), axis=1)[:, :count]
    row = np.repeat(np.arange(len(mask)), order.shape[1])
    inside = mask.numpy()[row, order.reshape(-1)] > 0
    return order.reshape(-1)[inside], row[inside]


def _changes(frame: Tensor, mask: Tensor) -> np.ndarray:
    """How many frames of `frame` (B, T, 88) each key sounds, begins to, stops to: (3, 88)."""
    on = (frame > 0) & (mask[..., None] > 0)
    pairs = mask[:, 1:, None] > 0
    begins, stops = on[:, 1:] & ~on[:, :-1], ~on[:, 1:] & on[:, :-1] & pairs
    return np.stack([values.sum(dim=(0, 1)).numpy() for values in (on, begins, stops)])


def _calibrate(
    scores: np.ndarray, on: np.ndarray, prior: np.ndarray, heard: np.ndarray
) -> tuple[float, np.ndarray]:
    """Slope and intercepts (88,) that make log-odds of the scores (N, 88) of held-out frames.

    Platt's logistic curve, one for all keys, which also knows how rare each key is: a curve a key
    would rest on a handful of frames for the rare ones.
    """
    rarity = np.log(prior[heard] / (1 - prior[heard]))
    rows = np.stack(np.broadcast_arrays(scores[:, heard], rarity), axis=-1).reshape(-1, 2)
    curve = LogisticRegression(C=1e6).fit(rows, on[:, heard].reshape(-1))
    slope, weight = curve.coef_[0]
    intercept = np.zeros(NUM_KEYS)
    intercept[heard] = weight * rarity + curve.intercept_[0]
    return float(slope), intercept
