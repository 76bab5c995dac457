import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from amt.notes import COLUMNS, MAX_PITCH, MIN_PITCH, NUM_KEYS, SUSTAIN, Notes, extend_sustain
from amt.synth.performer import perform


def _many(count: int, seconds: float = 60.0) -> list[Notes]:
    return [perform(np.random.default_rng(seed), seconds) for seed in range(count)]


@pytest.fixture(scope="module")
def performances() -> list[Notes]:
    return _many(40)


@given(seed=st.integers(0, 2**32 - 1), seconds=st.floats(0.05, 30))
@settings(max_examples=40, deadline=None)
def test_notes_are_valid_and_never_overlap_on_one_key(seed: int, seconds: float) -> None:
    notes = perform(np.random.default_rng(seed), seconds)
    assert (notes.onset >= 0).all() and (notes.offset <= seconds).all()
    assert (notes.offset > notes.onset).all()
    assert ((notes.pitch >= MIN_PITCH) & (notes.pitch <= MAX_PITCH)).all()
    assert ((notes.velocity >= 1) & (notes.velocity <= 127)).all()
    for pitch in np.unique(notes.pitch):
        same = notes.pitch == pitch
        assert (notes.onset[same][1:] > notes.offset[same][:-1]).all()


@given(seed=st.integers(0, 2**32 - 1))
@settings(max_examples=20, deadline=None)
def test_pedal_movements_are_ordered_and_end_with_a_release(seed: int) -> None:
    pedal = perform(np.random.default_rng(seed), 20.0).pedal
    assert (np.diff(pedal.time) >= 0).all()
    assert ((pedal.value >= 0) & (pedal.value <= 127)).all()
    assert (pedal.controller == SUSTAIN).all()
    assert (pedal.time <= 20.0).all()
    if len(pedal):
        assert pedal.value[-1] == 0


def test_same_seed_same_performance() -> None:
    first, second, other = (perform(np.random.default_rng(seed), 20.0) for seed in (1, 1, 2))
    for name in COLUMNS:
        np.testing.assert_array_equal(getattr(first, name), getattr(second, name))
    np.testing.assert_array_equal(first.pedal.time, second.pedal.time)
    assert len(first) != len(other) or (first.pitch != other.pitch).any()


def test_the_distribution_of_pitches(performances: list[Notes]) -> None:
    pitch = np.concatenate([notes.pitch for notes in performances])
    count = np.bincount(pitch - MIN_PITCH, minlength=NUM_KEYS)
    assert count.min() >= 1
    share = count / count.sum()
    assert share[36 - 21 : 85 - 21].sum() > 0.75
    assert share[: 28 - 21].sum() < 0.04 and share[101 - 21 :].sum() < 0.04
    assert 60 < pitch.mean() < 70 and 12 < pitch.std() < 20


def test_the_distributions_of_density_velocity_and_duration(performances: list[Notes]) -> None:
    density = np.array([len(notes) / 60 for notes in performances])
    assert 6 < np.median(density) < 16
    velocity = np.concatenate([notes.velocity for notes in performances])
    low, high = np.percentile(velocity, [5, 95])
    assert low < 50 and high > 85
    length = np.concatenate([notes.offset - notes.onset for notes in performances])
    short, long = np.percentile(length, [10, 95])
    assert short < 0.06 and long > 0.35


def test_polyphony_reaches_ten_and_more(performances: list[Notes]) -> None:
    def most(notes: Notes) -> int:
        ends = np.sort(notes.offset)
        sounding = np.arange(1, len(notes) + 1) - np.searchsorted(ends, notes.onset, side="right")
        return int(sounding.max())

    assert max(most(notes) for notes in performances) >= 8
    assert sum(most(extend_sustain(notes)) >= 10 for notes in performances) > 20


def test_most_but_not_all_pieces_have_pedal(performances: list[Notes]) -> None:
    pedalled = np.array([len(notes.pedal) > 0 for notes in performances])
    assert 0.6 < pedalled.mean() < 1.0
    lengthened = [extend_sustain(n).offset.sum() > n.offset.sum() + 1 for n in performances]
    assert np.mean(lengthened) > 0.6


def test_fast_repetitions_trills_chords_and_leaps_occur(performances: list[Notes]) -> None:
    repeated = trills = chords = leaps = 0
    for notes in performances:
        gap, step = np.diff(notes.onset), np.abs(np.diff(notes.pitch))
        repeated += int(((gap < 0.2) & (step == 0)).sum())
        back = np.abs(notes.pitch[2:] - notes.pitch[:-2]) == 0
        near = np.isin(step[:-1], (1, 2)) & (notes.onset[2:] - notes.onset[:-2] < 0.25)
        trills += int((back & near).sum())
        chords += int((notes.onset[4:] - notes.onset[:-4] < 0.04).sum())
        leaps += int(((gap > 0.05) & (step > 24)).sum())
    assert min(repeated, trills, chords, leaps) > 100
