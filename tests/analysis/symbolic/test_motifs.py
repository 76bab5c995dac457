"""Melody lines and motifs: inserted patterns are found, in any key and at any tempo."""

import numpy as np
import pytest
from generated_pieces import changed, melody, piece
from hypothesis import given, settings
from hypothesis import strategies as st

from amt.analysis.symbolic.motifs import melodic_motifs, rhythmic_motifs
from amt.analysis.symbolic.skyline import bass_line, skyline
from amt.notes import Notes

PATTERN = [0, 4, 7, 5, -1, 2, 11]
RHYTHM = [0.25, 0.25, 0.5, 1.0, 0.25, 0.75]


def with_pattern(seed: int = 0) -> tuple[Notes, list[float]]:
    """Random notes with PATTERN among them at four heights, half a second a note; its times."""
    generator = np.random.default_rng(seed)
    pitches: list[int] = []
    times = []
    for root in (60, 65, 58, 63):
        pitches += generator.integers(50, 84, 12).tolist()
        times.append(len(pitches) * 0.5)
        pitches += [root + step for step in PATTERN]
    return melody(pitches + generator.integers(50, 84, 12).tolist()), times


@pytest.mark.parametrize("seed", range(5))
def test_an_inserted_pattern_is_found_in_all_keys(seed: int) -> None:
    notes, times = with_pattern(seed)
    best = melodic_motifs(notes)[0]
    assert best.steps == tuple(np.diff(PATTERN))
    assert best.count == 4
    assert [start for start, _ in best.times] == times
    assert [stop - start for start, stop in best.times] == [0.5 * (len(PATTERN) - 1)] * 4
    assert best.explained == pytest.approx(24 / (len(notes) - 1))


def test_occurrences_in_melody_and_bass_are_one_motif() -> None:
    notes, times = with_pattern(1)
    bass = melody([24 + step for step in PATTERN], 0.5, start=60.0)
    above = melody([90] * len(PATTERN), 0.5, start=60.0)
    columns = ("onset", "offset", "pitch", "velocity")
    tables = (notes, bass, above)
    both = Notes(*(np.concatenate([getattr(t, name) for t in tables]) for name in columns))
    best = melodic_motifs(both)[0]
    assert best.steps == tuple(np.diff(PATTERN))
    assert sorted(start for start, _ in best.times) == [*times, 60.0]


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 50), st.integers(-12, 12), st.sampled_from([0.5, 0.8, 1.5]))
def test_motifs_do_not_depend_on_key_and_tempo(seed: int, semitones: int, slower: float) -> None:
    notes = piece(seed, bars=8, jitter=0.0)
    moved = changed(notes, semitones)
    assert melodic_motifs(moved) == melodic_motifs(notes)
    assert rhythmic_motifs(moved) == rhythmic_motifs(notes)
    stretched = [motif.steps for motif in melodic_motifs(changed(with_pattern(seed)[0], 0, slower))]
    assert stretched == [motif.steps for motif in melodic_motifs(with_pattern(seed)[0])]


def test_an_inserted_rhythm_is_found_for_any_pitches() -> None:
    generator = np.random.default_rng(1)
    lengths: list[float] = []
    for _ in range(6):
        lengths += (0.25 * 2.0 ** generator.integers(0, 3, 8)).tolist()
        lengths += RHYTHM
    pitches = generator.integers(50, 84, len(lengths)).tolist()
    steps = tuple(np.rint(2 * np.diff(np.log2(RHYTHM))).astype(int))
    best = rhythmic_motifs(melody(pitches, lengths))[0]
    assert best.count >= 5
    # The motif may have another step at either end by chance, or begin one step later.
    assert set(_parts(steps, 4)) & set(_parts(best.steps, 4))


def _parts(steps: tuple[int, ...], length: int) -> list[tuple[int, ...]]:
    return [tuple(steps[at : at + length]) for at in range(len(steps) - length + 1)]


def test_occurrences_do_not_overlap_and_explain_each_note_once() -> None:
    notes = piece(2, bars=32)
    motifs = melodic_motifs(notes)
    assert motifs
    assert sum(motif.explained for motif in motifs) <= 1
    for motif in motifs:
        assert motif.count == len(motif.times) >= 2
        assert all(start < stop for start, stop in motif.times)


@pytest.mark.parametrize(
    "notes",
    [
        Notes.empty(),
        melody([60]),
        melody([60] * 100),
        melody(list(range(21, 109))),
        Notes([0.0] * 4, [60.0] * 4, [48, 52, 55, 60], [64] * 4),
        melody(np.random.default_rng(3).integers(40, 90, 300).tolist()),
    ],
    ids=["nothing", "one", "same", "chromatic", "chord", "random"],
)
def test_notes_without_repetition_have_no_motifs(notes: Notes) -> None:
    assert melodic_motifs(notes) == []
    assert rhythmic_motifs(notes) == []


def test_the_melody_leaves_out_notes_below_a_held_note() -> None:
    onset = [0.0, 0.0, 0.5, 1.0, 2.0, 2.01]
    offset = [2.05, 0.5, 1.0, 1.5, 3.0, 3.0]
    notes = Notes(onset, offset, [72, 48, 60, 62, 71, 48], [64] * 6)
    assert notes.pitch[skyline(notes)].tolist() == [72, 71]
    assert notes.pitch[bass_line(notes)].tolist() == [48, 60, 62, 48]
