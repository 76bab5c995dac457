"""Classifiers as arrays predict what scikit-learn's predict."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.decomposition import PCA
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from amt.baselines.classifiers import KINDS, Boosted, restored
from amt.baselines.slice_classifier import SliceClassifier

MACHINES = {
    "svc": [SVC(C=3.0), SVC(kernel="linear"), SVC(kernel="poly", gamma=0.1), SVC(kernel="sigmoid")],
    "knn": [KNeighborsClassifier(1), KNeighborsClassifier(4)],
    "forest": [RandomForestClassifier(7, random_state=0, min_samples_leaf=3)],
}
CASES = [(kind, machine) for kind, machines in MACHINES.items() for machine in machines]


def examples(classes: int) -> tuple[np.ndarray, np.ndarray]:
    """Overlapping clouds in five dimensions, so that votes are tied and leaves are mixed."""
    rng = np.random.default_rng(classes)
    label = rng.integers(classes, size=60 * classes)
    centre = rng.normal(size=(classes, 5))
    return (centre[label] + 0.7 * rng.normal(size=(len(label), 5))).astype(np.float32), label


@pytest.mark.parametrize("classes", [2, 3, 6])
@pytest.mark.parametrize(("kind", "machine"), CASES)
def test_stored_arrays_predict_the_same(kind: str, machine, classes: int) -> None:
    features, label = examples(classes)
    machine.fit(features[::2], label[::2])
    arrays, settings = KINDS[kind].of(machine).stored()
    tensors = {name: torch.from_numpy(np.array(array)) for name, array in arrays.items()}
    again = restored(kind, {name: tensor.numpy() for name, tensor in tensors.items()}, settings)
    assert again.predict(features).tolist() == machine.predict(features).tolist()


@pytest.mark.parametrize(("kind", "machine"), CASES)
def test_the_whole_pipeline_is_one_matrix_and_a_classifier(kind: str, machine) -> None:
    features, label = examples(4)
    features = features * np.array([1, 10, 100, 0.1, 1]) + 5
    pipeline = make_pipeline(StandardScaler(), PCA(3), machine).fit(features[::2], label[::2])
    assert (
        SliceClassifier.of(pipeline).predict(features) == pipeline.predict(features)
    ).mean() > 0.995


def test_an_unknown_kind_is_refused() -> None:
    with pytest.raises(
        ValueError, match="classifier='oracle': expected one of longest, svc, knn, forest"
    ):
        restored("oracle", {}, {})


@pytest.mark.parametrize("child", [0, -2, 10**6])
def test_a_forest_that_nobody_comes_out_of_is_refused(child: int) -> None:
    features, label = examples(3)
    forest = KINDS["forest"].of(RandomForestClassifier(2, random_state=0).fit(features, label))
    arrays, settings = forest.stored()
    arrays["right"][0] = child
    with pytest.raises(ValueError, match="branches lead back or nowhere"):
        restored("forest", arrays, settings)


def test_boosted_trees_have_the_log_odds_of_those_they_were_taken_from() -> None:
    features, label = examples(2)
    features = np.tile(features, (20, 1)) + np.random.default_rng(0).normal(size=(2400, 5))
    machine = HistGradientBoostingClassifier(max_iter=12).fit(features, np.tile(label, 20))
    arrays, settings = Boosted.of(machine).stored()
    again = Boosted(**{name: torch.from_numpy(a).numpy() for name, a in arrays.items()}, **settings)
    np.testing.assert_allclose(again.log_odds(features), machine.decision_function(features))
    assert again.log_odds(features[:0]).shape == (0,)
    with pytest.raises(ValueError, match="branches lead back or nowhere"):
        Boosted(**{**arrays, "left": np.zeros_like(arrays["left"])}, **settings)
