"""Shift and drift of corrected notes against those that a model hears."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from corrected_pairs import melody, shifted

from amt.feedback.alignment import align
from amt.notes import Notes


def performance(seed: int = 0) -> Notes:
    return melody(seed, count=900, seconds=120.0)


def with_jitter(notes: Notes, seconds: float) -> Notes:
    onset = notes.onset + np.random.default_rng(9).normal(0, seconds, len(notes))
    return replace(notes, onset=onset, offset=onset + 0.2)


@pytest.mark.parametrize("late", [0.0, 0.04, -0.2, 0.7])
def test_a_shift_is_found_to_the_millisecond(late: float) -> None:
    heard = with_jitter(performance(), 0.005)
    found = align(shifted(performance(), late), heard)
    assert found.shift == pytest.approx(late, abs=0.002)
    assert found.drift == pytest.approx(0.0, abs=0.005) and found.support > 0.95


@pytest.mark.parametrize("factor", [1.001, 0.998])
def test_a_drift_is_found(factor: float) -> None:
    truth = performance()
    slower = replace(truth, onset=truth.onset * factor, offset=truth.offset * factor)
    found = align(slower, truth)
    assert found.drift == pytest.approx(120 * (factor - 1), abs=0.02) and found.support > 0.8


def test_missed_and_added_notes_do_not_matter() -> None:
    rng = np.random.default_rng(1)
    heard = performance().select(rng.random(900) < 0.6)
    found = align(shifted(performance(), 0.05), heard)
    assert found.shift == pytest.approx(0.05, abs=0.002) and 0.5 < found.support < 0.75


def test_other_notes_have_no_support() -> None:
    assert align(performance(0), performance(1)).support < 0.3


@pytest.mark.parametrize("empty", [Notes(*[np.zeros(0)] * 4)])
def test_no_notes(empty: Notes) -> None:
    assert align(empty, performance()).support == align(performance(), empty).support == 0.0
