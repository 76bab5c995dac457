"""Keys of generated pieces, their changes over time, and notes without a key."""

import key_accuracy
import numpy as np
import pytest
from generated_pieces import changed, joined, melody, piece
from hypothesis import given, settings
from hypothesis import strategies as st

from amt.analysis.symbolic.key import (
    PROFILES,
    correlations,
    estimate_key,
    key_changes,
    key_name,
    key_ranking,
)
from amt.notes import Notes


@pytest.mark.parametrize("minor", [False, True])
@pytest.mark.parametrize("tonic", range(12))
def test_the_key_of_a_generated_piece_is_found(tonic: int, minor: bool) -> None:
    key = estimate_key(piece(seed=tonic, tonic=tonic, minor=minor))
    assert key is not None
    assert (key.tonic, key.mode) == (tonic, "minor" if minor else "major")
    assert 0.7 < key.correlation <= 1


def test_keys_have_their_usual_names() -> None:
    assert [key_name(index) for index in (0, 6, 10, 13, 15)] == [
        "C major",
        "F# major",
        "Bb major",
        "C# minor",
        "Eb minor",
    ]


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 50), st.integers(-11, 11), st.booleans())
def test_transposition_changes_the_tonic_only(seed: int, semitones: int, minor: bool) -> None:
    notes = piece(seed=seed, minor=minor, bars=8)
    before, after = key_ranking(notes), key_ranking(changed(notes, semitones))
    assert [(key.tonic + semitones) % 12 for key in before] == [key.tonic for key in after]
    assert [key.mode for key in before] == [key.mode for key in after]


def test_a_piece_that_modulates_is_in_one_of_its_keys() -> None:
    notes = joined(piece(1, tonic=0), piece(2, tonic=3))
    names = [span.key for span in key_changes(notes)]
    assert names == ["C major", "Eb major"]
    # Pitch classes of both add up to a third key.
    assert key_ranking(notes)[0].name not in names
    key = estimate_key(notes)
    assert key is not None and key.name in names


@pytest.mark.parametrize("profile", PROFILES)
def test_a_profile_has_correlation_one_with_itself(profile: str) -> None:
    for mode, index in zip(PROFILES[profile], (3, 15), strict=True):
        fit = correlations(np.roll(mode, 3)[None], profile)[0]
        assert fit.argmax() == index and fit.max() == pytest.approx(1)


def test_key_changes_are_found_with_their_times() -> None:
    first, second = piece(1, tonic=0), piece(2, tonic=3)
    notes = joined(first, second, first)
    spans = key_changes(notes)
    assert [span.key for span in spans] == ["C major", "Eb major", "C major"]
    length = first.onset[-1] - first.onset[0] + 0.5
    assert spans[0].stop == spans[1].start == pytest.approx(length, abs=5)
    assert spans[1].stop == pytest.approx(2 * length, abs=5)
    assert (spans[0].start, spans[-1].stop) == (notes.onset[0], notes.end)


random_pitches = np.random.default_rng(0).integers(30, 90, 500).tolist()


@pytest.mark.parametrize(
    "notes",
    [
        Notes.empty(),
        melody([60]),
        melody([60] * 100),
        Notes([0.0] * 4, [60.0] * 4, [48, 52, 55, 60], [64] * 4),
        melody(list(range(21, 109))),
        melody([60, 62, 64, 66, 68, 70] * 20),
        melody(random_pitches),
    ],
    ids=["nothing", "one", "same", "chord", "chromatic", "whole tones", "random"],
)
def test_notes_without_a_clear_key_have_none(notes: Notes) -> None:
    assert estimate_key(notes) is None
    assert key_ranking(notes) == [] and key_changes(notes) == []


@pytest.mark.parametrize(
    ("title", "named"),
    [
        ("Ballade No. 1 in G Minor, Op. 23", (7, True)),
        ("Sonata in B-flat Major, K. 281, First Movement", (10, False)),
        ("Prelude & Fugue in B flat minor, Book I, BWV 867", (10, True)),
        ("Barcarolle in F#", (6, False)),
        ("Son. in Bb D.961", (10, False)),
        ("Sonata F# Minor", (6, True)),
        ("Sonata in C  Minor, D. 958", (0, True)),
        ("Sonata in F K332", (5, False)),
        ("12 Etudes, Op. 25", None),
        ("Pictures at an Exhibition", None),
        ("Scherzo from A Midsummer Night's Dream", None),
        ("Variations on a Theme by Paganini", None),
        ("In the Mists, I. Andante", None),
        ("24 Preludes in All Keys", None),
    ],
)
def test_keys_are_read_from_titles(title: str, named: tuple[int, bool] | None) -> None:
    assert key_accuracy.title_key(title) == named


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        ((0, True), "right"),
        ((7, True), "fifth"),
        ((5, True), "fifth"),
        ((3, False), "relative"),
        ((0, False), "parallel"),
        ((9, False), "other"),
        ((1, True), "other"),
    ],
)
def test_relations_to_c_minor(found: tuple[int, bool], expected: str) -> None:
    assert key_accuracy.relation(0, True, *found) == expected


def test_a_minor_is_the_relative_of_c_major() -> None:
    assert key_accuracy.relation(0, False, 9, True) == "relative"
    assert key_accuracy.relation(0, False, 3, True) == "other"


@pytest.mark.parametrize(
    ("title", "kind"),
    [
        ("Ballade No. 1 in G Minor", "one piece"),
        ("Sonata No. 21 in C Major, Op. 53, 1st mov.", "first movement"),
        ("Sonata K. 457 in C minor, I. Allegro molto", "first movement"),
        ("Italian Concerto in F Major, BWV 971 (Complete)", "complete work"),
        ("Sonata in D Major, K. 576, II - Adagio", "later movement"),
        ("Sonata in C Minor, D. 959", "movement unknown"),
    ],
)
def test_the_kind_of_recording_is_read_from_titles(title: str, kind: str) -> None:
    assert key_accuracy.kind(title) == kind
