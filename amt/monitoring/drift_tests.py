"""Tests of whether a window of values comes from the distribution of a reference.

psi   population stability index: sum over bins of (window - reference) ln(window / reference).
      Under no change it is chi-square with B - 1 degrees of freedom, times (1/n + 1/m); see
      Yurdakul and Naranjo 2020, "Statistical Properties of the Population Stability Index".
ks    Kolmogorov-Smirnov, two samples, by scipy
holm  p-values of many tests so that all together err as rarely as one would (Holm 1979)
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

# Takes the place of values that are not known, so that they count as one value below all others.
UNKNOWN = -1e9


def psi(reference: np.ndarray, window: np.ndarray, recordings: int) -> float:
    """The index of shares (B,) in the same bins; an empty bin counts as half a recording."""
    floor = 0.5 / max(recordings, 1)
    used = (reference > 0) | (window > 0)
    old, new = (np.maximum(shares[used], floor) for shares in (reference, window))
    old, new = old / old.sum(), new / new.sum()
    return float(np.sum((new - old) * np.log(new / old)))


def psi_by_chance(bins: int, recordings: int, reference: float) -> float:
    """The mean of `psi` where nothing has changed.

    reference: how many independent recordings the profile is worth.
    """
    return max(bins - 1, 0) * (1 / max(recordings, 1) + 1 / max(reference, 1))


def ks(
    reference: np.ndarray, window: np.ndarray, effective: float | None = None
) -> tuple[float, float]:
    """Largest distance of the distribution functions, and its p-value; NaN is a value too.

    effective: how many independent values the reference is worth, by default all of them.
    """
    from scipy.stats import ks_2samp, kstwobign

    if not len(reference) or not len(window):
        return 0.0, 1.0
    old, new = (np.nan_to_num(values, nan=UNKNOWN) for values in (reference, window))
    distance = float(ks_2samp(old, new, method="asymp").statistic)
    size = len(reference) if effective is None else min(effective, len(reference))
    return distance, float(kstwobign.sf(distance * np.sqrt(size * len(new) / (size + len(new)))))


def holm(p: Sequence[float], tests: int = 0) -> np.ndarray:
    """Adjusted p-values (N,). tests: how many there are in all, if more than these."""
    values = np.asarray(p, dtype=np.float64)
    order = np.argsort(values)
    factors = max(tests, len(values)) - np.arange(len(values))
    adjusted = np.empty(len(values))
    adjusted[order] = np.maximum.accumulate(np.minimum(values[order] * factors, 1.0))
    return adjusted


def effective_size(values: np.ndarray, groups: Sequence[str]) -> float:
    """How many independent values (N,) in groups are worth, if those of a group are alike.

    N / (1 + (m - 1) r), with m the mean size of a group and r the correlation of two values of one,
    by an analysis of variance of their ranks (Kish 1965, "Survey Sampling", design effect).
    """
    from scipy.stats import rankdata

    _, group = np.unique(groups, return_inverse=True)
    sizes = np.bincount(group)
    if not 1 < len(sizes) < len(values):
        return float(len(values))
    ranks = rankdata(np.nan_to_num(values, nan=UNKNOWN))
    means = np.bincount(group, ranks) / sizes
    between = float(sizes @ np.square(means - ranks.mean())) / (len(sizes) - 1)
    within = float(np.square(ranks - means[group]).sum()) / (len(values) - len(sizes))
    size = (len(values) - np.square(sizes).sum() / len(values)) / (len(sizes) - 1)
    total = between + (size - 1) * within
    alike = np.clip((between - within) / total, 0.0, 1.0) if total else 0.0
    return float(len(values) / (1 + (len(values) / len(sizes) - 1) * alike))


def more_rejected(rejected: int, accepted: int, share: float, reference: int) -> float:
    """p-value of as many rejected inputs, where `share` of `reference` ones were rejected."""
    from scipy.stats import fisher_exact

    before = round(share * reference)
    table = [[rejected, accepted], [before, max(reference - before, 0)]]
    return float(fisher_exact(table, alternative="greater").pvalue)
