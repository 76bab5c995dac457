"""Posteriors to metrical grids: beats, bars of several lengths, rubato, pauses and gaps."""

import time

import numpy as np
import pytest

from amt.analysis.symbolic.beat_decoding import WITH_BARS, candidate_frames, decode_beats
from amt.analysis.symbolic.beat_network import METRES, PERIODS
from amt.analysis.symbolic.beat_path import LONGEST
from amt.analysis.symbolic.beat_posteriors import BeatPosteriors
from amt.analysis.symbolic.grid import MetreSpan
from amt.notes import Notes

RATE = 50


def rubato(count: int, period: float = 0.5, change: float = 0.04, first: float = 0.6) -> np.ndarray:
    """Beats whose period wanders by `change` of itself from beat to beat."""
    steps = np.random.default_rng(3).normal(0, change, count - 1)
    return first + np.cumsum(np.append(0.0, period * np.exp(np.cumsum(steps) - steps.mean())))


def posteriors_of(
    beats: np.ndarray, downbeats: np.ndarray, metres: list[str], noise: float = 0.5
) -> BeatPosteriors:
    """Posteriors that a network may give for beats, whose metres are given for each."""
    rng = np.random.default_rng(0)
    length = int((beats[-1] + 3) * RATE)
    frames = np.rint(beats * RATE).astype(int)
    beat, downbeat = rng.normal([[-4.0], [-5.0]], noise, (2, length))
    beat[frames] += 7
    downbeat[frames[downbeats]] += 8
    place = np.clip(np.searchsorted(frames, np.arange(length), "right") - 1, 0, len(beats) - 1)
    metre = np.full((length, len(METRES)), 0.02)
    metre[np.arange(length), [METRES.index(metres[one]) for one in place]] = 0.8
    seconds = np.diff(beats, append=2 * beats[-1] - beats[-2])[place]
    period = np.exp(-0.5 * (np.log2(seconds[:, None] / PERIODS) / 0.2) ** 2) + 0.01
    period /= period.sum(1, keepdims=True)
    return BeatPosteriors(RATE, _sigmoid(beat), _sigmoid(downbeat), metre, period)


def _sigmoid(logits: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-logits))


def notes_at(onset: np.ndarray) -> Notes:
    return Notes(onset, onset + 0.2, np.full(len(onset), 60), np.full(len(onset), 70))


def every(count: int, size: int, pickup: int = 0) -> np.ndarray:
    number = np.arange(count)
    return (number >= pickup) & ((number - pickup) % size == 0)


@pytest.mark.parametrize(
    ("metre", "size"), [("2/4", 2), ("3/4", 3), ("4/4", 4), ("6/8", 2), ("9/8", 3), ("12/8", 4)]
)
def test_bars_of_each_length(metre: str, size: int) -> None:
    beats, downbeats = rubato(40), every(40, size)
    grid = decode_beats(posteriors_of(beats, downbeats, [metre] * 40), notes_at(beats))
    assert grid is not None
    np.testing.assert_allclose(grid.beats, beats, atol=1e-9)
    assert grid.downbeats.tolist() == downbeats.tolist()
    assert [span.signature for span in grid.metres] == [metre]
    assert grid.certainty > 0.9


def test_a_pickup() -> None:
    beats, downbeats = rubato(41), every(41, 4, pickup=1)
    grid = decode_beats(posteriors_of(beats, downbeats, ["4/4"] * 41), notes_at(beats))
    assert grid is not None
    assert grid.pickup == 1


def test_a_change_of_metre() -> None:
    beats = rubato(48)
    downbeats = np.append(every(24, 3), every(24, 4))
    metres = ["3/4"] * 24 + ["4/4"] * 24
    grid = decode_beats(posteriors_of(beats, downbeats, metres), notes_at(beats))
    assert grid is not None
    assert grid.downbeats.tolist() == downbeats.tolist()
    assert grid.metres == (MetreSpan(0, 3, 4), MetreSpan(8, 4, 4))


def test_downbeats_a_beat_late_in_three_bars_are_no_change_of_metre() -> None:
    beats, downbeats = rubato(64), every(64, 4)
    found = posteriors_of(beats, downbeats, ["4/4"] * 64)
    frames = np.rint(beats * RATE).astype(int)
    found.downbeat[frames[[24, 28, 32]]], found.downbeat[frames[[25, 29, 33]]] = 0.2, 0.8
    grid = decode_beats(found, notes_at(beats), WITH_BARS)
    assert grid is not None
    assert grid.downbeats.tolist() == downbeats.tolist()


def test_beats_without_a_posterior_are_filled_in() -> None:
    beats, downbeats = rubato(40, change=0.0), every(40, 4)
    found = posteriors_of(beats, downbeats, ["4/4"] * 40)
    for missing in (10, 11, 21):
        near = slice(int(beats[missing] * RATE) - 3, int(beats[missing] * RATE) + 4)
        found.beat[near], found.downbeat[near] = 0.02, 0.01
    grid = decode_beats(found, notes_at(np.delete(beats, [10, 11, 21])))
    assert grid is not None
    np.testing.assert_allclose(grid.beats, beats, atol=0.1)
    assert grid.downbeats.tolist() == downbeats.tolist()


def test_onsets_between_the_beats_that_the_network_half_believes() -> None:
    beats, downbeats = rubato(40), every(40, 4)
    found = posteriors_of(beats, downbeats, ["4/4"] * 40)
    halves = np.rint((beats[1:] + beats[:-1]) / 2 * RATE).astype(int)
    found.beat[halves[::3]] = 0.4
    grid = decode_beats(found, notes_at(beats))
    assert grid is not None
    np.testing.assert_allclose(grid.beats, beats, atol=1e-9)


def test_a_fermata_is_a_long_beat() -> None:
    beats = rubato(40)
    beats[20:] += 1.5
    found = posteriors_of(beats, every(40, 4), ["4/4"] * 40)
    grid = decode_beats(found, notes_at(beats))
    assert grid is not None
    np.testing.assert_allclose(grid.beats, beats, atol=1e-9)
    assert grid.downbeats.tolist() == every(40, 4).tolist()


def test_beats_go_on_through_a_long_pause() -> None:
    beats = rubato(40)
    beats[20:] += 30.0
    found = posteriors_of(beats, every(40, 4), ["4/4"] * 40)
    grid = decode_beats(found, notes_at(beats))
    assert grid is not None
    assert np.isin(beats, grid.beats).all()
    assert np.diff(grid.beats).max() <= LONGEST
    assert grid.downbeats[np.searchsorted(grid.beats, beats[20])]


def test_beats_move_to_the_onsets_near_them() -> None:
    beats = rubato(40)
    grid = decode_beats(posteriors_of(beats, every(40, 4), ["4/4"] * 40), notes_at(beats + 0.03))
    assert grid is not None
    np.testing.assert_allclose(grid.beats, beats + 0.03, atol=1e-9)


def test_few_notes_have_no_beat() -> None:
    beats = rubato(40)
    found = posteriors_of(beats, every(40, 4), ["4/4"] * 40)
    assert decode_beats(found, notes_at(beats[:5])) is None


def test_silence_has_no_beat() -> None:
    beats = rubato(40)
    found = posteriors_of(beats, every(40, 4), ["4/4"] * 40)
    found.beat[:], found.downbeat[:] = 0.001, 0.0005
    assert decode_beats(found, notes_at(beats)) is None


def test_a_doubtful_beat_is_less_certain() -> None:
    beats, downbeats = rubato(80), every(80, 4)
    sure = posteriors_of(beats, downbeats, ["4/4"] * 80)
    doubtful = posteriors_of(beats, downbeats, ["4/4"] * 80)
    doubtful.beat[:] = _sigmoid(0.4 * np.log(sure.beat / (1 - sure.beat)) - 0.5)
    found = [decode_beats(one, notes_at(beats)) for one in (sure, doubtful)]
    assert found[0] is not None
    assert found[1] is not None
    assert found[0].certainty > found[1].certainty + 0.2


def test_candidates_are_peaks_and_something_between_them() -> None:
    beats = rubato(10)
    found = posteriors_of(beats, every(10, 4), ["4/4"] * 10)
    frames = candidate_frames(found, notes_at(beats))
    assert np.isin(np.rint(beats * RATE).astype(int), frames).all()
    assert np.diff(frames).max() <= 0.3 * RATE


def test_five_minutes_take_less_than_a_second() -> None:
    beats = rubato(700, period=0.43, change=0.02)
    found = posteriors_of(beats, every(700, 4), ["4/4"] * 700)
    begin = time.process_time()
    assert decode_beats(found, notes_at(beats)) is not None
    assert time.process_time() - begin < 1.5
