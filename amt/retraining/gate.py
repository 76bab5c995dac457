"""The gate: whether a new model is better where it should be, and nowhere worse than a margin.

The test is the paired permutation test: under the null hypothesis the sign of each piece's
difference is random, so all 2^n sign patterns are equally likely (exact up to 13 pieces, 10,000
random patterns above). It was chosen over Wilcoxon's signed-rank test, since that tests medians of
ranks while the gate is about the mean over pieces, and over the t-test, since differences of F1
have long tails. Its assumption: differences are symmetric around the margin if the null hypothesis
holds. With n pieces no p is below 2^-n, so few pieces can prove nothing, and the gate says so.

All sets must pass, so the chance that a model worse than a margin passes is at most alpha, however
many sets there are (intersection-union test, Berger 1982), and alpha needs no correction.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from amt.retraining.settings import GateSettings

CORRECTIONS = "corrections"
_RESAMPLES = 9_999

# A piece's scores, by name of the piece.
Scores = Mapping[str, float]


@dataclass(frozen=True)
class Verdict:
    """The gate's decision on one set. p: None where no test was possible. line: says why."""

    set: str
    passed: bool
    pieces: int
    current: float | None
    new: float | None
    p: float | None
    line: str


def gate(
    settings: GateSettings, current: Mapping[str, Scores], new: Mapping[str, Scores]
) -> list[Verdict]:
    """The verdict on every set. current, new: for each set the metric of each piece."""
    verdicts = [_corrections_verdict(settings, current[CORRECTIONS], new[CORRECTIONS])]
    for name, fixed in settings.sets.items():
        verdicts.append(_fixed_verdict(settings, name, fixed.margin, current[name], new[name]))
    return verdicts


def p_greater(differences: Sequence[float]) -> float:
    """The p of the one-sided permutation test that the mean difference is not above 0."""
    from scipy.stats import permutation_test

    values = np.asarray(differences, dtype=np.float64)
    found = permutation_test(
        (values,),
        np.mean,
        permutation_type="samples",
        alternative="greater",
        n_resamples=_RESAMPLES,
        rng=np.random.default_rng(0),
    )
    return float(found.pvalue)


def pieces_needed(alpha: float) -> int:
    """How many pieces the test needs at least: 2^-n <= alpha."""
    return math.ceil(-math.log2(alpha))


def _corrections_verdict(settings: GateSettings, current: Scores, new: Scores) -> Verdict:
    differences, rule = _differences(current, new), settings.corrections
    count, needed = len(differences), pieces_needed(settings.alpha)
    if not count:
        line = "no correction is in the test share, so better or not cannot be said: correct more"
        return Verdict(CORRECTIONS, False, 0, None, None, None, f"{CORRECTIONS}: FAILED: {line}")
    gain = float(np.mean(differences))
    if count < needed:
        few = f"too few pieces for a test at {settings.alpha:g} (it needs {needed})"
        passed = rule.few_pieces == "mean" and gain > rule.gain
        basis = "judged by the mean alone" if rule.few_pieces == "mean" else "refused"
        return _verdict(CORRECTIONS, passed, current, new, None, f"{few}, {basis}")
    p = p_greater([difference - rule.gain for difference in differences])
    claim = f"better by more than {rule.gain:g}: p = {p:.2g}"
    return _verdict(CORRECTIONS, p <= settings.alpha, current, new, p, claim)


def _fixed_verdict(
    settings: GateSettings, name: str, margin: float, current: Scores, new: Scores
) -> Verdict:
    differences, needed = _differences(current, new), pieces_needed(settings.alpha)
    if not differences:
        line = f"{name}: FAILED: no pieces were scored; choose another set or split"
        return Verdict(name, False, 0, None, None, None, line)
    if len(differences) < needed:
        few = f"too few pieces for a test at {settings.alpha:g} (it needs {needed})"
        return _verdict(name, False, current, new, None, f"{few}; choose a larger set")
    p = p_greater([difference + margin for difference in differences])
    claim = f"not worse by {margin:g}: p = {p:.2g}"
    return _verdict(name, p <= settings.alpha, current, new, p, claim)


def _verdict(
    name: str, passed: bool, current: Scores, new: Scores, p: float | None, why: str
) -> Verdict:
    before, after = (float(np.mean(list(scores.values()))) for scores in (current, new))
    figures = f"{before:.4f} -> {after:.4f} ({after - before:+.4f}), {len(new)} pieces"
    line = f"{name}: {'passed' if passed else 'FAILED'}: {figures}; {why}"
    return Verdict(name, passed, len(new), before, after, p, line)


def _differences(current: Scores, new: Scores) -> list[float]:
    """New minus current by piece. Raises ValueError where the pieces are not the same."""
    if current.keys() != new.keys():
        only = ", ".join(sorted(current.keys() ^ new.keys()))
        raise ValueError(f"both models must be scored on the same pieces; only one has {only}")
    return [new[name] - current[name] for name in sorted(new)]
