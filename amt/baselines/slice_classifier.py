"""Classifies slices by their longest note: standardised features, PCA, and an SVC, k-NN or forest.

Fitted by scikit-learn with grid searches whose folds are split by composition. Where the features
are posteriors of the keys, the first classifier takes the key that sounds longest, without fitting.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from sklearn.base import ClassifierMixin
from sklearn.decomposition import PCA
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.model_selection import GridSearchCV, GroupKFold
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from torch import Tensor

from amt.baselines.context import fit_trees
from amt.baselines.estimators import from_tensor, to_tensor
from amt.baselines.slices import (
    FROM_POSTERIORS,
    Slicer,
    Slices,
    piece_context_examples,
    piece_slices,
    transposed,
)
from amt.data.datamodule import PianoDataModule
from amt.data.pieces import SourceError
from amt.models.build import build_front_end, build_model
from amt.models.checkpoint import (
    CheckpointError,
    network_state,
    read_checkpoint,
    with_network_prefix,
)
from amt.models.linear import LinearKeys
from amt.notes import MIN_PITCH

FOLDS = 3
# Each classifier of the grids and its settings that are not searched.
ESTIMATORS: dict[str, tuple[type[ClassifierMixin], dict[str, Any]]] = {
    "svc": (SVC, {}),
    # Without a search tree, which would be one more kind of object in a checkpoint.
    "knn": (KNeighborsClassifier, {"algorithm": "brute"}),
    "forest": (RandomForestClassifier, {"min_samples_leaf": 2}),
}
LONGEST_KEY = "longest_key"


class Classifier(Protocol):
    """Predicts a class index (N,) for features (N, D)."""

    def predict(self, features: np.ndarray) -> np.ndarray: ...


@dataclass(frozen=True)
class LongestKey:
    """Predicts, of classes with `pitches` (K,), the one with the highest mean posterior."""

    pitches: np.ndarray

    def predict(self, features: np.ndarray) -> np.ndarray:
        return features[:, self.pitches - MIN_PITCH].argmax(axis=1)


@dataclass(frozen=True, eq=False)
class SliceClassifiers:
    """Classifiers of slices by name; the first one is the model, the others are for comparison.

    pitches: (K,), the pitch of each class, ascending. counts: (K,), its frequency in training.
    """

    slicer: Slicer
    pitches: np.ndarray
    counts: np.ndarray
    classifiers: Mapping[str, Classifier]

    def predictions(self, slices: Slices) -> dict[str, np.ndarray]:
        """Pitches (N,) predicted by each classifier, and by two baselines that see no features.

        majority: the most frequent pitch of training. chroma: the most frequent pitch of the
        strongest pitch class.
        """
        predicted = {
            name: self.pitches[classifier.predict(slices.features)]
            for name, classifier in self.classifiers.items()
        }
        majority = np.full(len(slices.pitch), self.pitches[self.counts.argmax()])
        in_class = self.pitches % 12 == slices.chroma.argmax(axis=1)[:, None]
        chroma = self.pitches[(self.counts * in_class).argmax(axis=1)]
        chroma = np.where(in_class.any(axis=1), chroma, majority)
        return {**predicted, "majority": majority, "chroma": chroma}

    def checkpoint(self, model: Mapping[str, Any]) -> dict[str, Any]:
        """Tensors and plain types; `model` configures the front end and the network, if any."""
        slicing = {"frames": self.slicer.frames, "representation": self.slicer.representation}
        settings = {**model, "slices": slicing, "classifiers": list(self.classifiers)}
        state = {"pitches": torch.tensor(self.pitches), "counts": torch.tensor(self.counts)}
        for name, classifier in self.classifiers.items():
            if not isinstance(classifier, LongestKey):
                state[f"classifiers.{name}"] = to_tensor(classifier)
        if self.slicer.trees is not None:
            state["trees"] = to_tensor(self.slicer.trees)
        if self.slicer.svm is not None:
            state |= with_network_prefix(self.slicer.svm.state_dict())
        return {"state_dict": state, "hyper_parameters": {"model": settings}}

    @staticmethod
    def load(path: Path) -> SliceClassifiers:
        """The classifiers of a checkpoint. Raises CheckpointError."""
        checkpoint = read_checkpoint(path)
        try:
            model, state = checkpoint["hyper_parameters"]["model"], checkpoint["state_dict"]
            slicer = _slicer(model, state, **model["slices"])
            pitches, counts = (state[name].numpy() for name in ("pitches", "counts"))
            classifiers = {name: _restored(name, state, pitches) for name in model["classifiers"]}
            return SliceClassifiers(slicer, pitches, counts, classifiers)
        except (KeyError, TypeError, ValueError, AttributeError, RuntimeError) as error:
            reason = " ".join(repr(error).split())
            expected = "expected a checkpoint of `python train.py model=svm_slice`"
            raise CheckpointError(
                f"{path}: not a slice classifier ({reason}); {expected}"
            ) from error


def _slicer(
    model: Mapping[str, Any], state: Mapping[str, Tensor], frames: int, representation: str
) -> Slicer:
    """The slicer with the front end of `model`, and its network and trees if it has them."""
    if "network" not in model:
        return Slicer(build_front_end(model["features"]), frames, representation)
    front_end, network = build_model(model)
    assert isinstance(network, LinearKeys)
    network.load_state_dict(network_state(state))
    slicer = Slicer(front_end, frames, representation, network)
    if "trees" not in state:
        return slicer
    return replace(slicer, trees=from_tensor(state["trees"], [HistGradientBoostingClassifier]))


def _restored(name: str, state: Mapping[str, Tensor], pitches: np.ndarray) -> Classifier:
    """The classifier that a checkpoint holds under this name."""
    if name == LONGEST_KEY:
        return LongestKey(pitches)
    if name not in ESTIMATORS:
        raise ValueError(f"classifier {name!r}: expected one of {', '.join(ESTIMATORS)}")
    return from_tensor(state[f"classifiers.{name}"], [StandardScaler, PCA, ESTIMATORS[name][0]])


@dataclass(frozen=True)
class SliceFit:
    """How slices are cut, and which classifiers are fitted to them.

    slice_frames, representation: as in `amt.baselines.slices.Slicer`. svm_checkpoint: of model=svm,
    for representation=posteriors and context, which use its front end. max_slices: how many are
    drawn from the training pieces, about. transpose: also train on each slice transposed by up to
    so many semitones up and down, where features can be shifted. grids: for each classifier, the
    first of which is the model, the values to search, named as in scikit-learn: pca__n_components,
    classifier__C. context_examples: how many the trees of representation=context are fitted to,
    about.
    """

    slice_frames: int = 100
    representation: str = "spectrum"
    svm_checkpoint: str | None = None
    transpose: int = 0
    max_slices: int = 4000
    grids: Mapping[str, Mapping[str, Sequence[Any]]] = field(default_factory=lambda: {"svc": {}})
    context_examples: int = 600_000
    seed: int = 0

    def __call__(self, data: PianoDataModule, model: Mapping[str, Any]) -> dict[str, Any]:
        """A checkpoint of classifiers fitted to the training pieces of `data`.

        Raises SourceError where there are too few compositions for the folds, or fewer than two
        classes.
        """
        config, state = self._front_end_and_network(model)
        slicer = _slicer(config, state, self.slice_frames, self.representation)
        if self.representation == "context":
            limits = (self.max_slices, self.context_examples)
            examples = piece_context_examples(slicer, data, *limits, self.seed)
            slicer = replace(slicer, trees=fit_trees(*examples, self.seed))
        drawn, groups = piece_slices(slicer, data, "train", self.max_slices, self.seed)
        slices, groups = self._with_transposed(slicer, drawn, groups)
        pitches, classes = np.unique(slices.pitch, return_inverse=True)
        counts = (drawn.pitch == pitches[:, None]).sum(axis=1)
        if len(np.unique(groups)) < FOLDS or len(pitches) < 2:
            raise SourceError(
                f"slices of {len(np.unique(groups))} compositions with {len(pitches)} pitches; "
                f"expected at least {FOLDS} and 2"
            )
        classifiers: dict[str, Classifier] = {}
        if self.representation in FROM_POSTERIORS:
            classifiers[LONGEST_KEY] = LongestKey(pitches)
        for name in self.grids:
            classifiers[name] = self._search(name, slices.features, classes, groups)
        return SliceClassifiers(slicer, pitches, counts, classifiers).checkpoint(config)

    def _with_transposed(
        self, slicer: Slicer, slices: Slices, groups: np.ndarray
    ) -> tuple[Slices, np.ndarray]:
        """The slices and their transpositions, with the composition of each (N,)."""
        if not self.transpose:
            return slices, groups
        if not slicer.bins_per_semitone:
            raise ValueError(
                f"representation={self.representation} cannot be transposed: set "
                "model.fit.transpose=0"
            )
        steps = range(-self.transpose, self.transpose + 1)
        parts = [transposed(slices, step, slicer.bins_per_semitone) for step in steps]
        features, chroma, pitch = (
            np.concatenate([getattr(part, name) for part in parts])
            for name in ("features", "chroma", "pitch")
        )
        on_keyboard = pitch > 0
        groups = np.tile(groups, len(parts))[on_keyboard]
        return Slices(features[on_keyboard], chroma[on_keyboard], pitch[on_keyboard]), groups

    def _front_end_and_network(
        self, model: Mapping[str, Any]
    ) -> tuple[dict[str, Any], dict[str, Tensor]]:
        """Config with `features` and, for an SVM, `network`; and the state of the SVM."""
        if self.svm_checkpoint is None:
            return {"features": model["features"]}, {}
        checkpoint = read_checkpoint(Path(self.svm_checkpoint))
        fitted = checkpoint.get("hyper_parameters", {}).get("model", {})
        if "network" not in fitted:
            raise CheckpointError(f"{self.svm_checkpoint}: expected a checkpoint of model=svm")
        return {name: fitted[name] for name in ("features", "network")}, checkpoint["state_dict"]

    def _search(
        self, name: str, features: np.ndarray, classes: np.ndarray, groups: np.ndarray
    ) -> Pipeline:
        """The pipeline with the most accurate settings of its grid on held-out compositions."""
        kind, settings = ESTIMATORS[name]
        seed = {} if kind is KNeighborsClassifier else {"random_state": self.seed}
        steps = [
            ("scale", StandardScaler()),
            ("pca", PCA(svd_solver="randomized", random_state=self.seed)),
            ("classifier", kind(**settings, **seed)),
        ]
        grid = {key: list(values) for key, values in self.grids[name].items()}
        search = GridSearchCV(Pipeline(steps), grid, cv=GroupKFold(FOLDS), error_score="raise")
        search.fit(features, classes, groups=groups)
        score, best = search.best_score_, search.best_params_
        print(f"{name}: accuracy {score:.3f} on held-out compositions with {best}")
        return search.best_estimator_
