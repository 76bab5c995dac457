"""Sections and chords of generated pieces are found with their times and names."""

from itertools import pairwise

import numpy as np
import pytest
from generated_pieces import MAJOR_NAMES, changed, joined, melody, piece

from amt.analysis.symbolic.chords import estimate_chords
from amt.analysis.symbolic.sections import find_sections, novelty
from amt.notes import Notes

THEME = piece(1)
OTHER = changed(piece(2, tonic=5), semitones=-12, velocity=-25)


def labels(notes: Notes) -> list[str]:
    return [section.label for section in find_sections(notes)]


def test_the_form_a_b_a_is_found() -> None:
    notes = joined(THEME, OTHER, THEME)
    sections = find_sections(notes)
    assert [section.label for section in sections] == ["A", "B", "A"]
    first = THEME.onset[-1] - THEME.onset[0] + 0.5
    second = OTHER.onset[-1] - OTHER.onset[0] + 0.5
    assert sections[1].start == pytest.approx(first, abs=2)
    assert sections[1].stop == pytest.approx(first + second, abs=2)
    assert (sections[0].start, sections[-1].stop) == (notes.onset[0], notes.end)
    for one, following in pairwise(sections):
        assert one.stop == following.start


def test_a_variant_has_a_prime() -> None:
    louder = changed(piece(3), velocity=12)
    assert labels(joined(THEME, OTHER, louder)) == ["A", "B", "A'"]


def test_five_sections_with_three_letters() -> None:
    third = changed(piece(4, tonic=8, minor=True), semitones=12, velocity=20)
    assert labels(joined(THEME, OTHER, third, OTHER, THEME)) == ["A", "B", "C", "B", "A"]


@pytest.mark.parametrize("seed", range(3))
def test_a_uniform_piece_is_one_section(seed: int) -> None:
    assert labels(piece(seed, bars=48)) == ["A"]


def test_without_notes_or_duration_there_are_no_sections() -> None:
    assert find_sections(Notes.empty()) == []
    assert find_sections(Notes([1.0], [1.0], [60], [64])) == []
    assert labels(melody([60])) == ["A"]


def test_novelty_peaks_where_the_features_change() -> None:
    features = np.repeat([[0.0, 0.0], [3.0, 1.0]], 30, axis=0)
    assert novelty(features).argmax() == 30
    assert novelty(features).max() == pytest.approx(0.5, abs=0.05)


def test_the_chords_of_a_generated_piece_are_found() -> None:
    notes = piece(5, bars=8)
    chords = estimate_chords(notes, 1 + np.arange(33) * 0.6)
    bar = 4 * 60 / 100
    names = [
        next(chord.name for chord in chords if chord.start <= time < chord.stop)
        for time in 1 + bar * (np.arange(7) + 0.5)
    ]
    right = [name.startswith(root) for name, root in zip(names, MAJOR_NAMES, strict=False)]
    assert sum(right) >= 6


@pytest.mark.parametrize(
    ("pitches", "name"),
    [
        ((48, 52, 55), "C"),
        ((50, 53, 57), "Dm"),
        ((47, 50, 53), "Bdim"),
        ((43, 59, 62, 65), "G7"),
        ((46, 50, 53, 57), "Bbmaj7"),
        ((45, 52, 55, 60), "Am7"),
        ((48, 52, 56), "Caug"),
        ((47, 50, 53, 57), "Bm7b5"),
        ((47, 50, 53, 56), "Bdim7"),
        ((52, 60, 67), "C"),
    ],
)
def test_each_kind_of_chord_has_its_name(pitches: tuple[int, ...], name: str) -> None:
    beats = np.arange(5.0)
    onset = np.repeat(beats[:4], len(pitches))
    notes = Notes(onset, onset + 0.9, np.tile(pitches, 4), np.full(len(onset), 64))
    chords = estimate_chords(notes, beats)
    assert [(chord.start, chord.stop, chord.name) for chord in chords] == [(0.0, 4.0, name)]


def test_silence_and_clusters_have_no_chord() -> None:
    cluster = Notes([0.0] * 6, [2.0] * 6, np.arange(60, 66), [64] * 6)
    assert estimate_chords(cluster, np.array([0.0, 1.0, 2.0, 3.0, 4.0])) == []
    assert estimate_chords(Notes.empty(), np.zeros(0)) == []
