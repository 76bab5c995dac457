"""Fitted scikit-learn estimators in a checkpoint, in the format of skops: loading runs no code.

A checkpoint holds tensors and plain types only, so the bytes that skops writes become a tensor.
skops creates objects of types that it trusts or that are listed here, and nothing else. It does not
check that the arrays of an estimator fit together; trees are checked here, since scikit-learn
would follow a cycle of branches for ever.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from zipfile import ZIP_DEFLATED

import numpy as np
import torch
from sklearn.base import BaseEstimator
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.pipeline import Pipeline
from skops import io as skops
from torch import Tensor

from amt.errors import one_line

# What our estimators contain beside the types that skops trusts: plain arrays of tree nodes.
TRUSTED = (
    "sklearn.tree._tree.Tree",
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
)


def to_tensor(estimator: BaseEstimator) -> Tensor:
    """A fitted estimator as a tensor of bytes (N,) uint8."""
    data = skops.dumps(estimator, compression=ZIP_DEFLATED)
    return torch.frombuffer(bytearray(data), dtype=torch.uint8)


def from_tensor(data: Tensor, types: Sequence[type]) -> Any:
    """The fitted estimator that `to_tensor` stored.

    types: of the estimator, or of the steps if it is a pipeline. Raises ValueError where the data
    are damaged or hold anything else.
    """
    try:
        estimator = skops.loads(data.numpy().tobytes(), trusted=list(TRUSTED))
        steps = [step for _, step in estimator.steps] if _is(estimator, Pipeline) else [estimator]
        sound = [type(step) for step in steps] == list(types) and all(map(_ends, steps))
    except Exception as error:  # Damaged data can break the reader at any place.
        raise ValueError(f"not an estimator in the format of skops: {one_line(error)}") from error
    if not sound:
        names = ", ".join(kind.__name__ for kind in types)
        raise ValueError(f"expected an estimator of {names} whose trees have no cycles")
    return estimator


def _is(estimator: Any, kind: type) -> bool:
    """Whether an object is of this very type; a subclass could behave differently."""
    return type(estimator) is kind


def _ends(estimator: Any) -> bool:
    """Whether all trees of an estimator lead from the root to a leaf; True if it has none."""
    width = getattr(estimator, "n_features_in_", 0)
    if _is(estimator, RandomForestClassifier):
        trees = [tree.tree_ for tree in estimator.estimators_]
        return all(
            _leads_to_leaves(
                t.children_left, t.children_right, t.feature, t.children_left < 0, width
            )
            for t in trees
        )
    if _is(estimator, HistGradientBoostingClassifier):
        # scikit-learn has no public access to these trees.
        nodes = [tree.nodes for trees in estimator._predictors for tree in trees]
        return all(
            _leads_to_leaves(n["left"], n["right"], n["feature_idx"], n["is_leaf"] > 0, width)
            and not n["is_categorical"].any()
            for n in nodes
        )
    return True


def _leads_to_leaves(
    left: np.ndarray, right: np.ndarray, feature: np.ndarray, is_leaf: np.ndarray, width: int
) -> bool:
    """Whether every inner node compares one of `width` features and its children come after it."""
    inner = np.flatnonzero(~is_leaf)
    children = np.stack([left[inner], right[inner]]).astype(np.int64)
    features = feature[inner].astype(np.int64)
    return bool(
        ((children > inner) & (children < len(left))).all()
        and ((features >= 0) & (features < width)).all()
    )
