"""Names the note of a slice: standardise, PCA, then an SVC, and a k-NN and a forest beside it.

Where features say how long each key sounds, the key that sounds longest stands before them all.

Fitted by scikit-learn with grid searches that are split by work; kept as tensors and plain types.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from sklearn.base import ClassifierMixin
from sklearn.decomposition import PCA
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import GridSearchCV, GroupKFold
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from torch import Tensor

from amt.baselines.classifiers import KINDS, Boosted, Classifier, Highest, restored
from amt.baselines.context import fit_trees
from amt.baselines.slices import OF_KEYS, Slicer, Slices, key_examples, piece_slices, transposed
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
Stored = TypeVar("Stored", np.ndarray, Tensor)


@dataclass(frozen=True, eq=False)
class SliceClassifier:
    """An affine map to principal components, and a classifier.

    matrix: (D, P), offset: (P,): features @ matrix + offset are what the classifier sees.
    """

    matrix: np.ndarray
    offset: np.ndarray
    classifier: Classifier

    @staticmethod
    def of(pipeline: Pipeline) -> SliceClassifier:
        scaler, pca, machine = (step for _, step in pipeline.steps)
        matrix = pca.components_.T / scaler.scale_[:, None]
        offset = -scaler.mean_ @ matrix - pca.mean_ @ pca.components_.T
        kind = next(kind for kind, (sort, _) in MACHINES.items() if isinstance(machine, sort))
        return SliceClassifier(matrix, offset, KINDS[kind].of(machine))

    @staticmethod
    def longest(pitches: np.ndarray, width: int) -> SliceClassifier:
        """Of classes with these pitches the one that sounds longest, by the first 88 features."""
        matrix = np.eye(width, dtype=np.float32)[:, pitches - MIN_PITCH]
        return SliceClassifier(matrix, np.zeros(len(pitches), np.float32), Highest())

    def predict(self, features: np.ndarray) -> np.ndarray:
        """The index of a class for features (N, D)."""
        return self.classifier.predict(features @ self.matrix + self.offset)


@dataclass(frozen=True, eq=False)
class SliceClassifiers:
    """What names slices, by kind; the first is the model, the others stand beside it.

    pitches: (K,), the MIDI number of each class, ascending. counts: (K,), how often it occurred in
    training, by which the baselines guess.
    """

    slicer: Slicer
    pitches: np.ndarray
    counts: np.ndarray
    namers: Mapping[str, SliceClassifier]

    def guesses(self, slices: Slices) -> dict[str, np.ndarray]:
        """The MIDI numbers (N,) that each namer gives, and those of the baselines.

        majority: always the commonest note of training. chroma: the commonest note of the loudest
        pitch class.
        """
        named = {
            kind: self.pitches[namer.predict(slices.features)]
            for kind, namer in self.namers.items()
        }
        commonest = np.full(len(slices.pitch), self.pitches[self.counts.argmax()])
        fits = self.pitches % 12 == slices.chroma.argmax(axis=1)[:, None]
        loudest = self.pitches[(self.counts * fits).argmax(axis=1)]
        loudest = np.where(fits.any(axis=1), loudest, commonest)
        return {**named, "majority": commonest, "chroma": loudest}

    def checkpoint(self, model: Mapping[str, Any]) -> dict[str, Any]:
        """Tensors and plain types; `model` describes the front end and the network, if any."""
        slicing = {"frames": self.slicer.frames, "describe": self.slicer.describe}
        settings: dict[str, Any] = {**model, "slices": slicing, "namers": {}}
        state = {"pitches": self.pitches, "counts": self.counts}
        if self.slicer.trees is not None:
            arrays, settings["trees"] = self.slicer.trees.stored()
            state |= {f"trees.{name}": array for name, array in arrays.items()}
        for kind, namer in self.namers.items():
            arrays, settings["namers"][kind] = namer.classifier.stored()
            arrays = {"matrix": namer.matrix, "offset": namer.offset, **arrays}
            state |= {f"{kind}.{name}": array for name, array in arrays.items()}
        tensors = {name: torch.from_numpy(np.array(array)) for name, array in state.items()}
        if self.slicer.keys is not None:
            tensors |= with_network_prefix(self.slicer.keys.state_dict())
        return {"state_dict": tensors, "hyper_parameters": {"model": settings}}

    @staticmethod
    def load(path: Path) -> SliceClassifiers:
        """Those of a checkpoint. Raises CheckpointError."""
        checkpoint = read_checkpoint(path)
        try:
            model = checkpoint["hyper_parameters"]["model"]
            arrays = {name: value.numpy() for name, value in checkpoint["state_dict"].items()}
            namers = {
                kind: _restored(kind, settings, arrays)
                for kind, settings in model["namers"].items()
            }
            slicer = _slicer(model, checkpoint["state_dict"], **model["slices"])
            return SliceClassifiers(slicer, arrays["pitches"], arrays["counts"], namers)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            expected = "expected a checkpoint of `python train.py model=svm_slice`"
            raise CheckpointError(f"{path}: names no slices ({error!r}); {expected}") from error


def _slicer(
    model: Mapping[str, Any], state: Mapping[str, Tensor], frames: int, describe: str
) -> Slicer:
    """The slicer whose front end, and network if there is one, are those of `model`."""
    if "network" not in model:
        return Slicer(build_front_end(model["features"]), frames, describe)
    front_end, network = build_model(model)
    assert isinstance(network, LinearKeys)
    network.load_state_dict(network_state(state))
    slicer = Slicer(front_end, frames, describe, network)
    if not (settings := model.get("trees")):
        return slicer
    arrays: dict[str, Any] = {name: x.numpy() for name, x in _own("trees", state).items()}
    return replace(slicer, trees=Boosted(**arrays, **settings))


def _restored(
    kind: str, settings: Mapping[str, Any], state: Mapping[str, np.ndarray]
) -> SliceClassifier:
    own = _own(kind, state)
    matrix, offset = own.pop("matrix"), own.pop("offset")
    return SliceClassifier(matrix, offset, restored(kind, own, settings))


def _own(owner: str, state: Mapping[str, Stored]) -> dict[str, Stored]:
    """What is named after its owner in a state."""
    prefix = f"{owner}."
    return {name.removeprefix(prefix): x for name, x in state.items() if name.startswith(prefix)}


# The machine of each kind, and what it is made with beside the settings that are searched.
MACHINES: dict[str, tuple[type[ClassifierMixin], dict[str, Any]]] = {
    "svc": (SVC, {}),
    "knn": (KNeighborsClassifier, {}),
    "forest": (RandomForestClassifier, {"min_samples_leaf": 2}),
}


@dataclass(frozen=True)
class SliceFit:
    """How slices are cut, and what names them.

    slice_frames, describe: of `amt.baselines.slices.Slicer`; keys: the checkpoint of model=svm that
    describe=keys and describe=context take, with its front end. slices: at most so many are drawn
    from the training pieces; transpose: each is learnt from so many semitones higher and lower,
    too, where features can be shifted. grids: for each kind of classifier, the first of which is
    the model, the values to try, as scikit-learn names them: pca__n_components, classifier__C.
    key_examples: so many keys in frames, about, the trees of describe=context learn from.
    """

    slice_frames: int = 100
    describe: str = "spectrum"
    keys: str | None = None
    transpose: int = 0
    slices: int = 4000
    grids: Mapping[str, Mapping[str, Sequence[Any]]] = field(default_factory=lambda: {"svc": {}})
    key_examples: int = 600_000
    seed: int = 0

    def __call__(self, data: PianoDataModule, model: Mapping[str, Any]) -> dict[str, Any]:
        """A checkpoint, fitted to the training pieces of `data`.

        Raises SourceError where they are too few to hold works out, or too much alike to classify.
        """
        description, state = self._listener(model)
        slicer = _slicer(description, state, self.slice_frames, self.describe)
        if self.describe == "context":
            rows = key_examples(slicer, data, self.slices, self.key_examples, self.seed)
            slicer = replace(slicer, trees=fit_trees(*rows, self.seed))
        heard, works = piece_slices(slicer, data, "train", self.slices, self.seed)
        slices, works = self._transposed(slicer, heard, works)
        pitches, classes = np.unique(slices.pitch, return_inverse=True)
        counts = (heard.pitch == pitches[:, None]).sum(axis=1)
        if len(np.unique(works)) < FOLDS or len(pitches) < 2:
            raise SourceError(
                f"slices of {len(np.unique(works))} pieces with {len(pitches)} notes; expected "
                f"{FOLDS} and 2 at least"
            )
        namers = {kind: self._search(kind, slices.features, classes, works) for kind in self.grids}
        if self.describe in OF_KEYS:
            namers = {
                "longest": SliceClassifier.longest(pitches, slices.features.shape[1]),
                **namers,
            }
        return SliceClassifiers(slicer, pitches, counts, namers).checkpoint(description)

    def _transposed(
        self, slicer: Slicer, slices: Slices, works: np.ndarray
    ) -> tuple[Slices, np.ndarray]:
        """The slices, and those that stand for them on other keys."""
        if not self.transpose:
            return slices, works
        if not slicer.bins_per_semitone:
            raise ValueError(f"describe={self.describe} cannot be shifted: fit.transpose must be 0")
        steps = range(-self.transpose, self.transpose + 1)
        moved = [transposed(slices, step, slicer.bins_per_semitone) for step in steps]
        features, chroma, pitch = (
            np.concatenate([getattr(part, name) for part in moved])
            for name in ("features", "chroma", "pitch")
        )
        kept = pitch > 0
        all_works = np.tile(works, len(moved))[kept]
        return Slices(features[kept], chroma[kept], pitch[kept]), all_works

    def _listener(self, model: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Tensor]]:
        """What the slicer hears with: `features`, perhaps `network`, and its weights."""
        if self.keys is None:
            return {"features": model["features"]}, {}
        checkpoint = read_checkpoint(Path(self.keys))
        fitted = checkpoint.get("hyper_parameters", {}).get("model", {})
        if "network" not in fitted:
            raise CheckpointError(f"{self.keys}: expected a checkpoint of model=svm")
        return {name: fitted[name] for name in ("features", "network")}, checkpoint["state_dict"]

    def _search(
        self, kind: str, features: np.ndarray, classes: np.ndarray, works: np.ndarray
    ) -> SliceClassifier:
        """The pipeline with the best settings of its grid, by accuracy on works held out."""
        sort, settings = MACHINES[kind]
        seed = {} if kind == "knn" else {"random_state": self.seed}
        steps = [
            ("scale", StandardScaler()),
            ("pca", PCA(svd_solver="randomized", random_state=self.seed)),
            ("classifier", sort(**settings, **seed)),
        ]
        grid = {name: list(values) for name, values in self.grids[kind].items()}
        search = GridSearchCV(Pipeline(steps), grid, cv=GroupKFold(FOLDS), error_score="raise")
        search.fit(features, classes, groups=works)
        print(f"{kind}: accuracy {search.best_score_:.3f} on works held out, {search.best_params_}")
        return SliceClassifier.of(search.best_estimator_)
