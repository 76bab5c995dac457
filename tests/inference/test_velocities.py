"""Velocities that drift are brought back to the levels of the recording."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from amt.inference.transcriber import Options, Transcriber
from amt.inference.velocities import adjust_velocities
from amt.io.audio import SAMPLE_RATE
from amt.notes import Notes
from amt.synth import piano


@pytest.fixture(scope="module")
def played() -> tuple[Notes, np.ndarray]:
    """Two hundred notes of random velocities on the built-in piano."""
    rng = np.random.default_rng(3)
    onset = np.cumsum(rng.uniform(0.1, 0.3, 200))
    pitch, velocity = rng.integers(36, 90, 200), rng.integers(25, 110, 200)
    notes = Notes(onset, onset + 0.25, pitch, velocity)
    return notes, piano.render(notes, piano.random_instrument(rng), rng)


def heard(notes: Notes, drift: float) -> Notes:
    """`notes` with velocities that drift up and down, as an estimate."""
    moved = notes.velocity + drift * np.sin(notes.onset / 3)
    return replace(notes, velocity=np.clip(np.rint(moved), 1, 127))


def error(notes: Notes, truth: Notes) -> float:
    return float(np.abs(notes.velocity - truth.velocity).mean())


def test_a_drift_is_reduced(played: tuple[Notes, np.ndarray]) -> None:
    truth, audio = played
    estimate = heard(truth, 20)
    adjusted = adjust_velocities(estimate, audio, SAMPLE_RATE, 0.5)
    assert error(adjusted, truth) < 0.75 * error(estimate, truth)


def test_right_velocities_hardly_change(played: tuple[Notes, np.ndarray]) -> None:
    truth, audio = played
    adjusted = adjust_velocities(truth, audio, SAMPLE_RATE, 0.5)
    assert error(adjusted, truth) < 5


@pytest.mark.parametrize("weight", [0.2, 0.5, 1.0])
def test_mean_and_deviation_stay(played: tuple[Notes, np.ndarray], weight: float) -> None:
    truth, audio = played
    adjusted = adjust_velocities(heard(truth, 20), audio, SAMPLE_RATE, weight)
    before, after = heard(truth, 20).velocity, adjusted.velocity
    assert after.mean() == pytest.approx(before.mean(), abs=1)
    assert after.std() == pytest.approx(before.std(), rel=0.05)


def test_nothing_but_velocities_changes(played: tuple[Notes, np.ndarray]) -> None:
    truth, audio = played
    adjusted = adjust_velocities(heard(truth, 20), audio, SAMPLE_RATE, 0.5)
    for column in ("onset", "offset", "pitch"):
        np.testing.assert_array_equal(getattr(adjusted, column), getattr(truth, column))


def test_the_level_of_the_whole_recording_does_not_matter(
    played: tuple[Notes, np.ndarray],
) -> None:
    truth, audio = played
    loud, soft = (
        adjust_velocities(heard(truth, 20), audio * np.float32(gain), SAMPLE_RATE, 0.5)
        for gain in (1, 0.1)
    )
    assert np.abs(loud.velocity - soft.velocity).max() <= 2


@pytest.mark.parametrize("count", [0, 1, 2, 3])
def test_few_notes(played: tuple[Notes, np.ndarray], count: int) -> None:
    truth, audio = played
    few = truth.select(np.arange(count))
    for weight in (0.5, 1.0):
        adjusted = adjust_velocities(few, audio, SAMPLE_RATE, weight)
        assert len(adjusted) == count
        np.testing.assert_allclose(adjusted.velocity, few.velocity, atol=25)


def test_equal_velocities_and_no_weight_change_nothing(
    played: tuple[Notes, np.ndarray],
) -> None:
    truth, audio = played
    equal = replace(truth, velocity=np.full(len(truth), 64))
    same = adjust_velocities(equal, audio, SAMPLE_RATE, 0.5)
    np.testing.assert_array_equal(same.velocity, equal.velocity)
    alone = adjust_velocities(truth, audio, SAMPLE_RATE, 0.0)
    np.testing.assert_array_equal(alone.velocity, truth.velocity)


def test_a_silent_recording_says_nothing(played: tuple[Notes, np.ndarray]) -> None:
    truth, audio = played
    for silence in (np.zeros_like(audio), audio[:0]):
        silent = adjust_velocities(truth, silence, SAMPLE_RATE, 0.5)
        assert np.corrcoef(silent.velocity, truth.velocity)[0, 1] > 0.95


@pytest.mark.parametrize("kind", ["float64", "float16", ">f4", "reversed", "read-only"])
def test_samples_of_any_kind(played: tuple[Notes, np.ndarray], kind: str) -> None:
    truth, audio = played
    expected = adjust_velocities(heard(truth, 20), audio, SAMPLE_RATE, 0.5)
    same = audio[::-1].copy()[::-1] if kind == "reversed" else audio.copy()
    if kind == "read-only":
        same.flags.writeable = False
    elif kind != "reversed":
        same = same.astype(kind)
    found = adjust_velocities(heard(truth, 20), same, SAMPLE_RATE, 0.5)
    np.testing.assert_allclose(found.velocity, expected.velocity, atol=1)


def test_the_transcriber_does_it_and_both_ends_agree(played: tuple[Notes, np.ndarray]) -> None:
    _, audio = played
    transcriber = Transcriber.from_pretrained("open")
    plain = replace(transcriber, decoder=replace(transcriber.decoder, level_weight=0.0))
    found, keyed = transcriber.both_ends(audio)
    np.testing.assert_array_equal(found.velocity, keyed.velocity)
    without = plain.run(audio, Options(keyed=True)).notes
    np.testing.assert_array_equal(found.onset, without.onset)
    expected = adjust_velocities(without, audio, SAMPLE_RATE, 0.5)
    np.testing.assert_array_equal(found.velocity, expected.velocity)
    assert (found.velocity != without.velocity).any()
