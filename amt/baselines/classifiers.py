"""Fitted classifiers as plain arrays, and what they predict: nothing of scikit-learn is pickled.

Each predicts the index of a class for features (N, D), as the scikit-learn object does that it was
taken from.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from scipy.sparse import csr_array
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.metrics.pairwise import pairwise_kernels
from sklearn.neighbors import KNeighborsClassifier
from sklearn.svm import SVC

Arrays = dict[str, np.ndarray]
# Rows that walk down all trees at once: their nodes fit into a core's cache.
ROWS_AT_ONCE = 1 << 10


class Classifier(Protocol):
    """What predicts, and can be stored: arrays, and settings of plain types."""

    def predict(self, features: np.ndarray) -> np.ndarray: ...

    def stored(self) -> tuple[Arrays, dict[str, Any]]: ...


@dataclass(frozen=True, eq=False)
class SupportVectors:
    """An SVC of K classes, one against one (Chang and Lin 2011, "LIBSVM", section 7).

    vectors: (V, D), by class. coefficients: (K - 1, V), those of a vector against each other class.
    counts: (K,), vectors of each class. intercepts: one a pair of classes. kernel, gamma: of SVC.
    """

    vectors: np.ndarray
    coefficients: np.ndarray
    counts: np.ndarray
    intercepts: np.ndarray
    kernel: str
    gamma: float

    @staticmethod
    def of(machine: SVC) -> SupportVectors:
        # With two classes scikit-learn turns the signs round.
        sign = -1.0 if len(machine.n_support_) == 2 else 1.0
        return SupportVectors(
            machine.support_vectors_,
            sign * machine.dual_coef_,
            machine.n_support_.astype(np.int64),
            sign * machine.intercept_,
            machine.kernel,
            float(machine._gamma),
        )

    def stored(self) -> tuple[Arrays, dict[str, Any]]:
        names = ("vectors", "coefficients", "counts", "intercepts")
        settings = {"kernel": self.kernel, "gamma": self.gamma}
        return {name: getattr(self, name) for name in names}, settings

    def predict(self, features: np.ndarray) -> np.ndarray:
        """The class that wins the most duels; of several the first."""
        likeness = self._kernel(features)
        edges = np.cumsum(self.counts)[:-1]
        blocks, weights = (np.split(a, edges, axis=1) for a in (likeness, self.coefficients))
        parts = np.stack([b @ w.T for b, w in zip(blocks, weights, strict=True)], axis=1)
        first, second = np.triu_indices(len(self.counts), 1)
        duels = parts[:, first, second - 1] + parts[:, second, first] + self.intercepts
        is_first, is_second = (np.eye(len(self.counts))[side] for side in (first, second))
        votes = (duels > 0) @ is_first + (duels <= 0) @ is_second
        return votes.argmax(axis=1)

    def _kernel(self, features: np.ndarray) -> np.ndarray:
        settings = {
            "linear": {},
            "rbf": {"gamma": self.gamma},
            "poly": {"gamma": self.gamma, "coef0": 0.0},
            "sigmoid": {"gamma": self.gamma, "coef0": 0.0},
        }
        return pairwise_kernels(features, self.vectors, self.kernel, **settings[self.kernel])


@dataclass(frozen=True, eq=False)
class Neighbours:
    """The stored points (M, D) of a k-NN and their classes (M,)."""

    points: np.ndarray
    classes: np.ndarray
    neighbours: int

    @staticmethod
    def of(machine: KNeighborsClassifier) -> Neighbours:
        return Neighbours(machine._fit_X, machine._y, machine.n_neighbors)

    def stored(self) -> tuple[Arrays, dict[str, Any]]:
        return {"points": self.points, "classes": self.classes}, {"neighbours": self.neighbours}

    def predict(self, features: np.ndarray) -> np.ndarray:
        """The class of most neighbours. To fit a k-NN is to store its points."""
        machine = KNeighborsClassifier(self.neighbours).fit(self.points, self.classes)
        return machine.predict(features)


@dataclass(frozen=True, eq=False)
class Forest:
    """The trees of a random forest, one after the other.

    left, right: (M,), the children of a node, which come after it, -1 for a leaf. feature,
    threshold: (M,), a node asks whether the feature is at most the threshold: left then. roots: of
    each tree. node, label, share: (E,), the part of a leaf's training examples that are of a class,
    where it is not 0. Raises ValueError where children do not come after their parent.
    """

    left: np.ndarray
    right: np.ndarray
    feature: np.ndarray
    threshold: np.ndarray
    roots: np.ndarray
    node: np.ndarray
    label: np.ndarray
    share: np.ndarray
    classes: int

    def __post_init__(self) -> None:
        _check_branches(self.left, self.right)

    @staticmethod
    def of(machine: RandomForestClassifier) -> Forest:
        trees = [tree.tree_ for tree in machine.estimators_]
        roots = np.cumsum([0, *(tree.node_count for tree in trees[:-1])])
        left = _joined([tree.children_left for tree in trees], roots)
        right = _joined([tree.children_right for tree in trees], roots)
        value = np.concatenate([tree.value[:, 0] for tree in trees])
        value = value / value.sum(axis=1, keepdims=True) * (left < 0)[:, None]
        node, label = value.nonzero()
        return Forest(
            left,
            right,
            np.concatenate([tree.feature for tree in trees]),
            np.concatenate([tree.threshold for tree in trees]),
            roots,
            node,
            label,
            value[node, label],
            value.shape[1],
        )

    def stored(self) -> tuple[Arrays, dict[str, Any]]:
        names = ("left", "right", "feature", "threshold", "roots", "node", "label", "share")
        return {name: getattr(self, name) for name in names}, {"classes": self.classes}

    def predict(self, features: np.ndarray) -> np.ndarray:
        """The class of the highest mean share over the trees."""
        node = _leaves(self, features.astype(np.float32))
        size = len(self.left), self.classes
        shares = csr_array((self.share, (self.node, self.label)), shape=size)
        total = sum(shares[leaves].toarray() for leaves in node.T)
        return np.asarray(total).argmax(axis=1)


@dataclass(frozen=True, eq=False)
class Boosted:
    """Boosted trees that tell two classes apart, one after the other, as in `Forest`.

    value: (M,), what a leaf adds to the log-odds of the second class, which begin at `baseline`.
    """

    left: np.ndarray
    right: np.ndarray
    feature: np.ndarray
    threshold: np.ndarray
    roots: np.ndarray
    value: np.ndarray
    baseline: float

    def __post_init__(self) -> None:
        _check_branches(self.left, self.right)

    @staticmethod
    def of(machine: HistGradientBoostingClassifier) -> Boosted:
        trees = [tree.nodes for (tree,) in machine._predictors]
        roots = np.cumsum([0, *(len(tree) for tree in trees[:-1])])
        left, right = (
            _joined([np.where(t["is_leaf"], -1, t[side].astype(np.int64)) for t in trees], roots)
            for side in ("left", "right")
        )
        columns = ("feature_idx", "num_threshold", "value")
        feature, threshold, value = (np.concatenate([t[name] for t in trees]) for name in columns)
        baseline = float(np.squeeze(machine._baseline_prediction))
        return Boosted(left, right, feature.astype(np.int64), threshold, roots, value, baseline)

    def stored(self) -> tuple[Arrays, dict[str, Any]]:
        names = ("left", "right", "feature", "threshold", "roots", "value")
        return {name: getattr(self, name) for name in names}, {"baseline": self.baseline}

    def log_odds(self, features: np.ndarray) -> np.ndarray:
        """Log-odds (N,) of the second class for features (N, D)."""
        parts = np.split(features, range(ROWS_AT_ONCE, len(features), ROWS_AT_ONCE))
        return np.concatenate([self.value[_leaves(self, part)].sum(axis=1) for part in parts]) + (
            self.baseline
        )


@dataclass(frozen=True)
class Highest:
    """Takes the class whose own feature is the highest, of several the first: nothing is fitted."""

    def stored(self) -> tuple[Arrays, dict[str, Any]]:
        return {}, {}

    def predict(self, features: np.ndarray) -> np.ndarray:
        return features.argmax(axis=1)


def _leaves(trees: Forest | Boosted, features: np.ndarray) -> np.ndarray:
    """The leaf of each tree (N, R) that features (N, D) come to."""
    is_leaf = trees.left < 0
    stays, feature = np.where(is_leaf, np.arange(len(is_leaf)), -1), np.maximum(trees.feature, 0)
    # Right, then left; a leaf leads to itself, so that all rows can go on until the last is there.
    ways = np.stack([np.maximum(trees.right, stays), np.maximum(trees.left, stays)], axis=1).ravel()
    values, row = features.ravel(), np.arange(len(features))[:, None] * features.shape[1]
    node, before = np.tile(trees.roots, (len(features), 1)), None
    while before is None or (node != before).any():
        goes_left = values.take(row + feature.take(node)) <= trees.threshold.take(node)
        node, before = ways.take(2 * node + goes_left), node
    return node


def _joined(children: Sequence[np.ndarray], roots: np.ndarray) -> np.ndarray:
    """The children of the nodes of many trees, as nodes of one array; -1 stays."""
    pairs = zip(children, roots, strict=True)
    return np.concatenate([np.where(child < 0, -1, child + root) for child, root in pairs])


def _check_branches(left: np.ndarray, right: np.ndarray) -> None:
    """Whoever walks down a tree from a stranger's file must come to its end."""
    inner = np.flatnonzero(left >= 0)
    children = np.stack([left[inner], right[inner]])
    if not ((children > inner) & (children < len(left))).all():
        raise ValueError("branches lead back or nowhere: expected -1 or a later node")


KINDS: dict[str, Any] = {
    "longest": Highest,
    "svc": SupportVectors,
    "knn": Neighbours,
    "forest": Forest,
}


def restored(
    kind: str, arrays: Mapping[str, np.ndarray], settings: Mapping[str, Any]
) -> Classifier:
    """The classifier that `stored` told apart. Raises ValueError or TypeError where it is none."""
    if kind not in KINDS:
        raise ValueError(f"classifier={kind!r}: expected one of {', '.join(KINDS)}")
    return KINDS[kind](**arrays, **settings)
