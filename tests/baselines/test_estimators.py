"""Estimators restored from a tensor predict the same; damaged or hostile tensors are refused."""

from __future__ import annotations

import io
import os
import zipfile
from typing import Any

import numpy as np
import pytest
import skops.io
import torch
from sklearn.decomposition import PCA
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.svm import SVC

from amt.baselines.estimators import from_tensor, to_tensor

CLASSIFIERS = [
    SVC(C=3.0),
    SVC(kernel="linear"),
    SVC(kernel="poly", gamma=0.1),
    SVC(kernel="sigmoid"),
    KNeighborsClassifier(1, algorithm="brute"),
    KNeighborsClassifier(4, algorithm="brute"),
    RandomForestClassifier(7, random_state=0, min_samples_leaf=3),
]


def examples(classes: int) -> tuple[np.ndarray, np.ndarray]:
    """Overlapping clouds in five dimensions, so that votes are tied and leaves are mixed."""
    rng = np.random.default_rng(classes)
    label = rng.integers(classes, size=60 * classes)
    centre = rng.normal(size=(classes, 5))
    return (centre[label] + 0.7 * rng.normal(size=(len(label), 5))).astype(np.float32), label


@pytest.mark.parametrize("classes", [2, 3, 6])
@pytest.mark.parametrize("classifier", CLASSIFIERS)
def test_a_restored_classifier_predicts_the_same(classifier: Any, classes: int) -> None:
    features, label = examples(classes)
    classifier.fit(features[::2], label[::2])
    data = to_tensor(classifier)
    assert data.dtype == torch.uint8 and data.ndim == 1
    again = from_tensor(data, [type(classifier)])
    assert again.predict(features).tolist() == classifier.predict(features).tolist()


@pytest.mark.parametrize("classifier", CLASSIFIERS)
def test_a_restored_pipeline_predicts_the_same(classifier: Any) -> None:
    features, label = examples(4)
    features = features * np.array([1, 10, 100, 0.1, 1]) + 5
    pipeline = make_pipeline(StandardScaler(), PCA(3), classifier).fit(features[::2], label[::2])
    again = from_tensor(to_tensor(pipeline), [StandardScaler, PCA, type(classifier)])
    assert again.predict(features).tolist() == pipeline.predict(features).tolist()


def test_restored_boosted_trees_give_the_same_log_odds() -> None:
    features, label = examples(2)
    features = np.tile(features, (20, 1)) + np.random.default_rng(0).normal(size=(2400, 5))
    trees = HistGradientBoostingClassifier(max_iter=12).fit(features, np.tile(label, 20))
    again = from_tensor(to_tensor(trees), [HistGradientBoostingClassifier])
    np.testing.assert_array_equal(
        again.decision_function(features), trees.decision_function(features)
    )


def test_other_estimators_are_refused() -> None:
    features, label = examples(3)
    data = to_tensor(make_pipeline(StandardScaler(), SVC()).fit(features, label))
    with pytest.raises(ValueError, match="expected an estimator of StandardScaler, PCA, SVC"):
        from_tensor(data, [StandardScaler, PCA, SVC])
    with pytest.raises(ValueError, match="expected an estimator of SVC"):
        from_tensor(data, [SVC])


def test_functions_are_refused() -> None:
    """skops trusts no function that the data name, so that loading calls none."""
    hostile = FunctionTransformer(os.system, kw_args={"command": "true"})
    with pytest.raises(ValueError, match="not an estimator in the format of skops") as error:
        from_tensor(to_tensor(hostile), [FunctionTransformer])
    assert "\n" not in str(error.value)


class Unknown(SVC):
    """A type that skops does not know."""


def test_unknown_types_are_refused() -> None:
    features, label = examples(2)
    with pytest.raises(ValueError, match="not an estimator in the format of skops") as error:
        from_tensor(to_tensor(Unknown().fit(features, label)), [Unknown])
    assert "\n" not in str(error.value)


def test_damaged_data_are_refused() -> None:
    features, label = examples(2)
    data = to_tensor(SVC().fit(features, label))
    for damaged in (data[:0], data[: len(data) // 2], torch.zeros(100, dtype=torch.uint8)):
        with pytest.raises(ValueError, match="not an estimator in the format of skops"):
            from_tensor(damaged, [SVC])


def with_array(data: torch.Tensor, change: Any) -> torch.Tensor:
    """An archive of skops in which every array of tree nodes is changed."""
    archive, result = zipfile.ZipFile(io.BytesIO(data.numpy().tobytes())), io.BytesIO()
    with zipfile.ZipFile(result, "w") as changed:
        for name in archive.namelist():
            content = archive.read(name)
            if name.endswith(".npy"):
                values = np.load(io.BytesIO(content))
                if values.dtype.names:
                    change(values)
                buffer = io.BytesIO()
                np.save(buffer, values)
                content = buffer.getvalue()
            changed.writestr(name, content)
    return torch.frombuffer(bytearray(result.getvalue()), dtype=torch.uint8)


@pytest.mark.parametrize("child", [0, 10**6])
@pytest.mark.parametrize("boosted", [False, True])
def test_trees_with_a_cycle_or_a_missing_node_are_refused(boosted: bool, child: int) -> None:
    features, label = examples(2)
    kind = HistGradientBoostingClassifier if boosted else RandomForestClassifier
    data = to_tensor(kind(random_state=0).fit(features, label))

    def change(nodes: np.ndarray) -> None:
        nodes["right" if boosted else "right_child"][0] = child

    assert from_tensor(with_array(data, lambda nodes: None), [kind]).predict(features).any()
    with pytest.raises(ValueError, match="whose trees have no cycles"):
        from_tensor(with_array(data, change), [kind])


@pytest.mark.parametrize("boosted", [False, True])
def test_trees_that_compare_a_missing_feature_are_refused(boosted: bool) -> None:
    features, label = examples(2)
    kind = HistGradientBoostingClassifier if boosted else RandomForestClassifier
    data = to_tensor(kind(random_state=0).fit(features, label))

    def change(nodes: np.ndarray) -> None:
        nodes["feature_idx" if boosted else "feature"][0] = 5

    with pytest.raises(ValueError, match="whose trees have no cycles"):
        from_tensor(with_array(data, change), [kind])


def test_the_format_is_that_of_skops() -> None:
    features, label = examples(2)
    data = to_tensor(SVC().fit(features, label)).numpy().tobytes()
    assert skops.io.get_untrusted_types(data=data) == []
