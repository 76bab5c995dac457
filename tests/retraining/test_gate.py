"""The gate: its level, its power, and what it says of few pieces."""

from __future__ import annotations

import numpy as np
import pytest

from amt.retraining.gate import CORRECTIONS, gate, p_greater, pieces_needed
from amt.retraining.settings import CorrectionsGate, FixedSet, GateSettings

SET = FixedSet(margin=0.01, place="somewhere")
SETTINGS = GateSettings(sets={"fixed": SET})


def scores(values: list[float]) -> dict[str, float]:
    return {f"piece{number}": value for number, value in enumerate(values)}


def verdict(
    differences: list[float], name: str = "fixed", settings: GateSettings = SETTINGS
) -> tuple[bool, str]:
    """Of one set whose pieces differ so; the other set passes."""
    fine = [0.1] * 8
    by_set = {CORRECTIONS: fine, "fixed": fine} | {name: differences}
    current = {key: scores([0.5] * len(values)) for key, values in by_set.items()}
    new = {key: scores([0.5 + one for one in values]) for key, values in by_set.items()}
    (found,) = [one for one in gate(settings, current, new) if one.set == name]
    return found.passed, found.line


def test_the_p_of_equal_differences_is_two_to_the_minus_n() -> None:
    for count in (2, 4, 10):
        assert p_greater([0.1] * count) == pytest.approx(2.0**-count)
    assert pieces_needed(0.05) == 5 and pieces_needed(0.01) == 7


def test_the_p_counts_the_sign_patterns_with_at_least_this_mean() -> None:
    # Of the 8 patterns of 3, 1 and 1, the means of ++ +, ++- and +-+ are not below (3 + 1 - 1) / 3.
    assert p_greater([3.0, 1.0, -1.0]) == pytest.approx(3 / 8)


def test_a_model_that_is_worse_by_the_margin_passes_as_rarely_as_the_level_says() -> None:
    rng = np.random.default_rng(1)
    trials = rng.normal(-0.01, 0.02, (150, 8))
    passed = np.mean([verdict(list(trial))[0] for trial in trials])
    assert passed <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 150)


def test_a_model_that_is_as_good_passes_on_twenty_pieces() -> None:
    rng = np.random.default_rng(2)
    trials = rng.normal(0.0, 0.005, (10, 20))
    assert np.mean([verdict(list(trial))[0] for trial in trials]) == 1.0


def test_corrections_must_be_better_and_not_only_as_good() -> None:
    assert verdict([0.02, 0.03, 0.01, 0.02, 0.05], CORRECTIONS)[0]
    passed, line = verdict([0.02, -0.02, 0.01, -0.01, 0.0], CORRECTIONS)
    assert not passed and "better by more than 0: p = 0." in line


def test_a_gain_can_be_asked_for() -> None:
    settings = GateSettings(corrections=CorrectionsGate(gain=0.05), sets={"fixed": SET})
    assert not verdict([0.03] * 8, CORRECTIONS, settings)[0]
    assert verdict([0.06] * 8, CORRECTIONS, settings)[0]


@pytest.mark.parametrize(("gain", "passes"), [(0.02, True), (-0.02, False)])
def test_few_corrections_are_judged_by_their_mean_and_it_says_so(gain: float, passes: bool) -> None:
    passed, line = verdict([gain] * 3, CORRECTIONS)
    assert passed == passes
    assert (
        "3 pieces; too few pieces for a test at 0.05 (it needs 5), judged by the mean alone" in line
    )


def test_few_corrections_can_be_refused() -> None:
    rule = CorrectionsGate(few_pieces="refuse")
    passed, line = verdict(
        [0.2] * 4, CORRECTIONS, GateSettings(corrections=rule, sets={"fixed": SET})
    )
    assert not passed and line.endswith("refused")


def test_few_pieces_of_a_fixed_set_prove_nothing() -> None:
    passed, line = verdict([0.0] * 4)
    assert not passed and line.endswith("(it needs 5); choose a larger set")
    assert not verdict([])[0]


def test_without_corrections_in_the_test_share_the_gate_says_so() -> None:
    passed, line = verdict([], CORRECTIONS)
    assert not passed and "no correction is in the test share" in line


def test_both_models_must_have_the_same_pieces() -> None:
    current = {CORRECTIONS: scores([0.5, 0.5]), "fixed": scores([0.5])}
    new = {CORRECTIONS: scores([0.5]), "fixed": scores([0.5])}
    with pytest.raises(ValueError, match="only one has piece1"):
        gate(SETTINGS, current, new)
