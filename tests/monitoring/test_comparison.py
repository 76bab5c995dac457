"""A window against a profile: verdict and words."""

from __future__ import annotations

from dataclasses import replace

import pytest
from recording_numbers import entries, f1_of, profile, quieter, recordings

from amt.monitoring.comparison import compare
from amt.monitoring.windows import compare_windows

PROFILE = profile()


def test_recordings_like_the_reference_are_ok() -> None:
    for seed in range(2):
        found = compare(PROFILE, recordings(100, seed))
        assert (found.verdict, found.reasons) == ("ok", ())
        assert found.auc < 0.65


def test_quieter_recordings_are_an_alarm_that_says_by_how_much() -> None:
    found = compare(PROFILE, quieter(recordings(50), 14))
    assert found.verdict == "alarm"
    assert any(text.startswith(("level fell by 13", "level fell by 14")) for text in found.reasons)
    assert {shift.name for shift in found.shifts[:2]} == {"level_db", "peak_db"}
    assert found.auc > 0.9


def test_the_estimated_f1_is_corrected_by_what_was_known() -> None:
    window = recordings(60, seed=3)
    true = sum(map(f1_of, window)) / len(window)
    found = compare(PROFILE, window)
    assert found.f1 == pytest.approx(true, abs=0.01)
    assert found.f1_error is not None and found.f1_error < 0.02
    assert compare(replace(PROFILE, f1=None), window).f1 is None


def test_numbers_that_are_no_longer_known() -> None:
    found = compare(PROFILE, recordings(50, tuning_cents=None, expected_f1=None))
    assert found.verdict == "alarm"
    assert "tuning: not known of 100% of the recordings" in found.reasons
    assert found.f1 is None


def test_rejected_inputs() -> None:
    found = compare(PROFILE, recordings(50), rejected=20)
    assert found.verdict == "alarm"
    assert found.reasons == ("20 of 70 inputs were rejected",)
    assert compare(PROFILE, [], rejected=20).verdict == "alarm"


def test_numbers_that_vary_less_are_said_to() -> None:
    found = compare(PROFILE, recordings(100, bandwidth_hz=6500.0))
    assert found.reasons[0].startswith("bandwidth varies less")


def test_what_is_left_out_is_not_compared() -> None:
    found = compare(profile(leave_out=("seconds",)), recordings(50, seconds=1e4))
    assert found.verdict == "ok"
    assert "seconds" not in {shift.name for shift in found.shifts}


def test_a_window_needs_recordings() -> None:
    with pytest.raises(ValueError, match="expected at least 10"):
        compare(PROFILE, recordings(9))


def test_windows_are_counted_back_from_the_newest() -> None:
    found = recordings(115) + quieter(recordings(40, seed=2), 14)
    drift = compare_windows(PROFILE, entries(found), 40)
    assert [w.comparison.recordings for w in drift.windows] == [35, 40, 40, 40]
    assert [w.comparison.verdict for w in drift.windows] == ["ok", "ok", "ok", "alarm"]
    assert drift.verdict == "alarm"
    with pytest.raises(ValueError, match="--window 5: expected at least 10"):
        compare_windows(PROFILE, entries(found), 5)
    with pytest.raises(ValueError, match="base: 9 recordings, 0 rejected: expected at least 10"):
        compare_windows(PROFILE, entries(found[:9]), 40)
