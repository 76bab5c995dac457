"""Tests of drift: what they give where nothing has changed, and where something has."""

from __future__ import annotations

import numpy as np
import pytest

from amt.monitoring.domain_classifier import classify
from amt.monitoring.drift_tests import effective_size, holm, ks, more_rejected, psi, psi_by_chance


def test_the_psi_by_chance_is_its_mean() -> None:
    rng = np.random.default_rng(0)
    even = np.full(10, 0.1)
    drawn = [
        psi(rng.multinomial(250, even) / 250, rng.multinomial(200, even) / 200, 200)
        for _ in range(500)
    ]
    assert np.mean(drawn) == pytest.approx(psi_by_chance(10, 200, 250), rel=0.1)


def test_the_psi_of_known_shares() -> None:
    found = psi(np.array([0.5, 0.5, 0.0]), np.array([0.25, 0.75, 0.0]), 1000)
    assert found == pytest.approx(0.25 * np.log(2) + 0.25 * np.log(1.5))


def test_ks_takes_what_is_not_known_for_a_value() -> None:
    known = np.arange(100.0)
    half = np.where(known % 2, known, np.nan)
    assert ks(known, known)[1] == pytest.approx(1)
    distance, p = ks(known, half)
    assert distance == pytest.approx(0.5)
    assert p < 1e-6


def test_values_of_one_piece_are_worth_less() -> None:
    rng = np.random.default_rng(0)
    pieces = [f"piece {number // 8}" for number in range(160)]
    alike = np.repeat(rng.standard_normal(20), 8) + rng.standard_normal(160) * 0.01
    assert effective_size(alike, pieces) == pytest.approx(20, rel=0.1)
    assert effective_size(rng.standard_normal(160), pieces) > 100
    assert effective_size(np.zeros(160), pieces) == 160
    assert effective_size(alike, [str(number) for number in range(160)]) == 160
    window = rng.standard_normal(100) + 0.4
    assert ks(alike, window, 20)[1] > 10 * ks(alike, window)[1]


def test_holm() -> None:
    assert holm([0.01, 0.04, 0.03]).tolist() == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.01], tests=10).tolist() == pytest.approx([0.1])


def test_rejections() -> None:
    assert more_rejected(0, 200, 0.0, 250) == pytest.approx(1)
    assert more_rejected(2, 200, 0.01, 250) > 0.1
    assert more_rejected(30, 200, 0.01, 250) < 1e-6


def test_the_classifier_sees_a_change_of_a_combination_only() -> None:
    rng = np.random.default_rng(0)
    reference = rng.standard_normal((200, 5))
    same, moved = rng.standard_normal((200, 5)), rng.standard_normal((200, 5))
    moved += 0.4  # Of each number little, of their sum much.
    moved[::10, 2] = np.nan
    assert classify(reference, same)[0] < 0.6
    area, p = classify(reference, moved)
    assert area > 0.65 and p < 1e-6
    assert classify(reference, moved[:3]) == (0.5, 1.0)
