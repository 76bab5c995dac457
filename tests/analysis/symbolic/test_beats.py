"""Tempo, beats and metre of generated pieces, and of onsets without any."""

import numpy as np
import pytest
from generated_pieces import changed, joined, melody, piece
from hypothesis import given, settings
from hypothesis import strategies as st

from amt.analysis.symbolic.beats import track_beats
from amt.analysis.symbolic.metre import estimate_metre
from amt.notes import Notes


@pytest.mark.parametrize("jitter", [0.0, 0.02])
@pytest.mark.parametrize("bpm", [80, 100, 125, 140])
def test_the_tempo_of_a_generated_piece_is_found(bpm: float, jitter: float) -> None:
    tempo, beats = track_beats(piece(bpm=bpm, jitter=jitter))
    assert tempo is not None
    assert tempo.bpm == pytest.approx(bpm, rel=0.02)
    assert tempo.slow <= tempo.bpm <= tempo.fast
    true = 1 + np.arange(64) * 60 / bpm
    far = np.abs(beats[:, None] - true).min(1)
    assert np.mean(far < 0.05) > 0.95 and len(beats) == pytest.approx(64, abs=2)


@settings(deadline=None, max_examples=15)
@given(st.integers(0, 20), st.floats(0.85, 1.2))
def test_slower_playing_is_a_slower_tempo(seed: int, slower: float) -> None:
    notes = piece(seed, bpm=105)
    before, after = track_beats(notes)[0], track_beats(changed(notes, slower=slower, shift=3.0))[0]
    assert before is not None and after is not None
    assert after.bpm * slower == pytest.approx(before.bpm, rel=0.02)


def test_a_change_of_tempo_is_followed() -> None:
    first = piece(1, bpm=90)
    notes = joined(first, piece(2, bpm=120), gap=0.6)
    beats = track_beats(notes)[1]
    border = first.onset[-1] - first.onset[0]
    steps = np.diff(beats)
    assert np.median(steps[beats[1:] < border - 5]) == pytest.approx(60 / 90, rel=0.03)
    assert np.median(steps[beats[:-1] > border + 5]) == pytest.approx(60 / 120, rel=0.03)


def random_onsets(count: int, seed: int) -> Notes:
    onset = np.random.default_rng(seed).uniform(0, count / 5, count)
    return Notes(onset, onset + 0.1, np.full(count, 60), np.full(count, 64))


@pytest.mark.parametrize(
    "notes",
    [
        Notes.empty(),
        melody([60]),
        Notes([0.0] * 20, [60.0] * 20, np.arange(40, 60), [64] * 20),
        random_onsets(20, 0),
        random_onsets(100, 1),
        random_onsets(1000, 2),
        melody([60] * 20, 1e5),
    ],
    ids=["nothing", "one", "chord", "random 20", "random 100", "random 1000", "a month"],
)
def test_onsets_without_a_beat_have_none(notes: Notes) -> None:
    tempo, beats = track_beats(notes)
    assert tempo is None and len(beats) == 0
    assert estimate_metre(notes, beats) is None


@pytest.mark.parametrize(
    ("beats", "division", "signature"), [(2, 2, "2/4"), (3, 2, "3/4"), (4, 2, "4/4"), (2, 3, "6/8")]
)
def test_the_metre_of_a_generated_piece_is_found(beats: int, division: int, signature: str) -> None:
    notes = piece(3, beats=beats, division=division, bpm=110, bars=24, jitter=0.015)
    metre = estimate_metre(notes, track_beats(notes)[1])
    assert metre is not None
    assert (metre.beats, metre.division, metre.signature) == (beats, division, signature)
    true = 1 + np.arange(25) * beats * 60 / 110
    assert all(np.abs(true - downbeat).min() < 0.06 for downbeat in metre.downbeats)


def test_even_notes_have_a_tempo_but_no_metre() -> None:
    notes = melody([60] * 100)
    tempo, beats = track_beats(notes)
    assert tempo is not None and tempo.bpm == pytest.approx(120, rel=0.01)
    assert estimate_metre(notes, beats) is None


def test_random_accents_have_no_metre() -> None:
    generator = np.random.default_rng(5)
    notes = melody(generator.integers(50, 80, 200).tolist())
    assert estimate_metre(notes, np.arange(200) * 0.5) is None


def test_undivided_beats_have_no_division() -> None:
    notes = melody([48, 72, 76] * 20, 0.5)
    metre = estimate_metre(notes, track_beats(notes)[1])
    assert metre is not None and (metre.beats, metre.division) == (3, None)
