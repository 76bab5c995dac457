"""Fits the transcriber of Poliner and Ellis (2007): one linear SVM and one HMM per key.

"A Discriminative Model for Polyphonic Piano Transcription", EURASIP Journal on Advances in Signal
Processing. The results are the weights of `amt.models.linear.LinearKeys` and the transition
probabilities of `amt.decoding.hmm.HmmDecoder`.
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

# Targets from here on are positive examples, those of 0 negative ones; the frames between, next to
# an onset, are neither.
POSITIVE_TARGET = 0.5
# Fewer seldom have the same keys in training and in calibration.
LEAST_SEGMENTS = 96
# Largest transition probability: a state lasts more than two frames on average.
MAX_TRANSITION = 0.45
# Log-odds of a key without positive or without negative examples.
MIN_LOG_ODDS = -9.0


@dataclass(frozen=True, eq=False)
class Examples:
    """Training frames, and counts for the HMMs.

    features: (N, D) float32. targets: by output, (N, 88) float32 in 0..1. held_out: (N,), whether
    the composition is for calibration only. sounding, attacks, releases: (88,), the number of
    frames in which each key sounds, begins to sound, and stops. frames: how many were counted.
    """

    features: np.ndarray
    targets: dict[str, np.ndarray]
    held_out: np.ndarray
    sounding: np.ndarray
    attacks: np.ndarray
    releases: np.ndarray
    frames: float


@dataclass(frozen=True)
class SvmFit:
    """How the classifiers are fitted.

    segments: number of segments of data.segment_seconds, at most data.segments_per_epoch (but at
    least `LEAST_SEGMENTS`), drawn and augmented as for any other model; with pitch shifts rare keys
    get more examples.
    frames_per_segment: drawn from each. calibration_share: share of the compositions that is used
    for calibration only. max_positives: most frames per key in which it sounds.
    negatives_per_positive: ratio of the frames in which it does not. svm_c: C of the SVM.
    """

    segments: int = 768
    frames_per_segment: int = 32
    calibration_share: float = 0.25
    max_positives: int = 1000
    negatives_per_positive: float = 4.0
    svm_c: float = 1e-3
    seed: int = 0

    def __call__(self, data: PianoDataModule, model: Mapping[str, Any]) -> dict[str, Any]:
        """A checkpoint of `model` (`features`, `network`), fitted to the training pieces of `data`.

        Raises SourceError where there are fewer than two compositions: one is for calibration.
        """
        front_end, network = build_model(model)
        assert isinstance(network, LinearKeys)
        examples = self.draw(front_end, network, data)
        for name, classifier in network.classifiers.items():
            weight, bias = self.fit(examples, name)
            parameters = {"weight": torch.from_numpy(weight), "bias": torch.from_numpy(bias)}
            classifier.load_state_dict(parameters)
        settings = {"model": dict(model), "decoder": transition_probabilities(examples)}
        return {
            "state_dict": with_network_prefix(network.state_dict()),
            "hyper_parameters": settings,
        }

    @torch.inference_mode()
    def draw(self, front_end: FrontEnd, network: LinearKeys, data: PianoDataModule) -> Examples:
        """Random frames of random segments of the training pieces."""
        rng = np.random.default_rng(self.seed)
        features, held_out = [], []
        targets: dict[str, list[np.ndarray]] = {name: [] for name in network.widths}
        counts = np.zeros((3, NUM_KEYS))
        frames = 0.0
        for batch, is_held_out in self._batches(data, front_end, rng):
            chosen, row = _random_frames(batch["mask"], self.frames_per_segment, rng)
            features.append(network.features(batch["spec"])[row, chosen].numpy())
            held_out.append(is_held_out[row])
            for name, parts in targets.items():
                parts.append(batch[name][row, chosen].numpy())
            counts += _state_counts(batch["frame"], batch["mask"])
            frames += float(batch["mask"].sum())
        return Examples(
            np.concatenate(features),
            {name: np.concatenate(parts) for name, parts in targets.items()},
            np.concatenate(held_out),
            counts[0],
            counts[1],
            counts[2],
            frames,
        )

    def _batches(
        self, data: PianoDataModule, front_end: FrontEnd, rng: np.random.Generator
    ) -> Iterator[tuple[Mapping[str, Tensor], np.ndarray]]:
        """Batches of segments, and which of their segments are for calibration (B,)."""
        segments = Segments(
            data.caches, "train", data.segment_samples, self.seed, data.weights, data.extend_sustain
        )
        compositions = np.unique([entry.composition for _, entry in segments.pieces])
        if len(compositions) < 2:
            raise SourceError(
                "one training piece; an SVM needs at least two, one of them for calibration"
            )
        num_held_out = max(1, round(self.calibration_share * len(compositions)))
        training = rng.permutation(compositions)[num_held_out:]
        generator = torch.Generator().manual_seed(self.seed)
        count = min(self.segments, max(data.segments_per_epoch, LEAST_SEGMENTS))
        for first in tqdm(range(0, count, data.batch_size), desc="segments"):
            index = range(first, min(first + data.batch_size, count))
            held_out = np.array([segments.locate(i)[1].composition not in training for i in index])
            batch = collate([segments[i] for i in index])
            yield data.compute(batch, front_end, generator), held_out

    def fit(self, examples: Examples, name: str) -> tuple[np.ndarray, np.ndarray]:
        """Weights (88, D) and biases (88,) that give the log-odds of the output `name`."""
        training = ~examples.held_out
        scaler = StandardScaler().fit(examples.features[training])
        features = scaler.transform(examples.features)
        targets = examples.targets[name]
        on, off = targets >= POSITIVE_TARGET, targets == 0
        weight, bias = np.zeros((NUM_KEYS, features.shape[1])), np.full(NUM_KEYS, 0.0)
        fitted = on[training].any(axis=0) & off[training].any(axis=0)
        if not (fitted.any() and on[examples.held_out].any()):
            raise SourceError("no key sounds in the training pieces, or in those for calibration")
        keys = np.flatnonzero(fitted).tolist()
        planes = parallel_map(
            lambda key: self._fit_key(features, on[:, key] & training, off[:, key] & training),
            keys,
            torch.get_num_threads(),
        )
        for key, plane in zip(tqdm(keys, desc=f"SVMs: {name}"), planes, strict=True):
            weight[key], bias[key] = plane
        scores = features[examples.held_out] @ weight.T + bias
        prior = on[training].mean(axis=0)
        slope, intercept = _calibrate(scores, on[examples.held_out], prior, fitted)
        weight, bias = slope * weight, np.where(fitted, slope * bias + intercept, MIN_LOG_ODDS)
        # The network gets features that are not standardised: fold the scaler into its weights.
        weight /= scaler.scale_
        return weight, bias - weight @ scaler.mean_

    def _fit_key(
        self, features: np.ndarray, on: np.ndarray, off: np.ndarray
    ) -> tuple[np.ndarray, float]:
        """Weights (D,) and bias of one key's SVM. on, off: (N,), its possible examples."""
        rng = np.random.default_rng(self.seed)
        positives = rng.permutation(np.flatnonzero(on))[: self.max_positives]
        count = round(self.negatives_per_positive * len(positives))
        negatives = rng.permutation(np.flatnonzero(off))[:count]
        chosen = np.concatenate([positives, negatives])
        svm = LinearSVC(C=self.svm_c, dual="auto", random_state=self.seed)
        svm.fit(features[chosen], on[chosen])
        return svm.coef_[0], float(svm.intercept_[0])


def transition_probabilities(examples: Examples) -> dict[str, list[float]]:
    """Settings `attack` and `release` of `HmmDecoder`, 88 values each.

    Additive smoothing, one event in 100 silent and one in 10 sounding frames, keeps them above 0.
    """
    silent = examples.frames - examples.sounding
    attack = (examples.attacks + 1) / (silent + 100)
    release = (examples.releases + 1) / (examples.sounding + 10)
    return {
        "attack": attack.clip(max=MAX_TRANSITION).tolist(),
        "release": release.clip(max=MAX_TRANSITION).tolist(),
    }


def _random_frames(
    mask: Tensor, count: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Frames (N,) and their rows (N,): up to `count` valid frames per row of mask (B, T)."""
    order = np.argsort(rng.random(mask.shape) - mask.numpy(), axis=1)[:, :count]
    row = np.repeat(np.arange(len(mask)), order.shape[1])
    inside = mask.numpy()[row, order.reshape(-1)] > 0
    return order.reshape(-1)[inside], row[inside]


def _state_counts(frame: Tensor, mask: Tensor) -> np.ndarray:
    """Number of frames of targets (B, T, 88) in which keys sound, begin, stop: (3, 88)."""
    on = (frame > 0) & (mask[..., None] > 0)
    pairs = mask[:, 1:, None] > 0
    begins, stops = on[:, 1:] & ~on[:, :-1], ~on[:, 1:] & on[:, :-1] & pairs
    return np.stack([values.sum(dim=(0, 1)).numpy() for values in (on, begins, stops)])


def _calibrate(
    scores: np.ndarray, on: np.ndarray, prior: np.ndarray, fitted: np.ndarray
) -> tuple[float, np.ndarray]:
    """Slope and intercepts (88,) that turn scores (N, 88) of held-out frames into log-odds.

    Platt scaling (Platt 1999) with one curve for all keys and the prior log-odds of each key as a
    second input. scikit-learn's CalibratedClassifierCV would fit one curve per key, and rare keys
    have too few frames for that.
    """
    prior_odds = np.log(prior[fitted] / (1 - prior[fitted]))
    rows = np.stack(np.broadcast_arrays(scores[:, fitted], prior_odds), axis=-1).reshape(-1, 2)
    curve = LogisticRegression(C=1e6).fit(rows, on[:, fitted].reshape(-1))
    slope, weight = curve.coef_[0]
    intercept = np.zeros(NUM_KEYS)
    intercept[fitted] = weight * prior_odds + curve.intercept_[0]
    return float(slope), intercept
