"""A domain classifier: can reference and window be told apart by all numbers together?

Where each number moves a little, or only their combinations do, no test of one number sees it.
"""

from __future__ import annotations

import numpy as np

FOLDS = 5
# Strong: with 40 numbers and some hundred recordings a weaker penalty learns single pieces.
INVERSE_PENALTY = 0.05
CLIP = 4.0  # in quartile ranges from the median


def classify(reference: np.ndarray, window: np.ndarray) -> tuple[float, float]:
    """Area under the ROC curve of a logistic regression, and its p-value.

    reference (R, F), window (N, F); NaN where not known. Every vector is scored by a model of the
    other folds; the p-value is that of the Mann-Whitney test of these scores. 0.5: they cannot be
    told apart, 1: always. Too few recordings for the folds give 0.5 and 1.
    """
    from scipy.stats import mannwhitneyu
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedKFold, cross_val_predict

    if min(len(reference), len(window)) < FOLDS:
        return 0.5, 1.0
    vectors = _standardised(reference, window)
    is_new = np.repeat([0, 1], [len(reference), len(window)])
    model = LogisticRegression(C=INVERSE_PENALTY, class_weight="balanced", max_iter=500)
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=0)
    scores = cross_val_predict(model, vectors, is_new, cv=folds, method="decision_function")
    test = mannwhitneyu(scores[is_new == 1], scores[is_new == 0], alternative="greater")
    return float(test.statistic) / (len(reference) * len(window)), float(test.pvalue)


def _standardised(reference: np.ndarray, window: np.ndarray) -> np.ndarray:
    """Both, with median 0 and quartile range 1 of the reference; not known is 0 and a column."""
    low, middle, high = np.nanpercentile(reference, (25, 50, 75), axis=0)
    scale = np.where(high > low, high - low, 1.0)
    both = (np.concatenate([reference, window]) - middle) / scale
    unknown = np.isnan(both)
    values = np.clip(np.nan_to_num(both), -CLIP, CLIP)
    return np.hstack([values, unknown[:, unknown.any(axis=0)]])
