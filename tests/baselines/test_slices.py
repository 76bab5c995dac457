"""Slices, their labels, and the baselines that use the frequency of pitches only."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from amt.baselines.scoring import score_slices
from amt.baselines.slice_classifier import SliceClassifiers
from amt.baselines.slices import Slicer, Slices, longest_notes, transposed
from amt.features.frontends import LogFrequency
from amt.notes import Notes

RATE = 16000


def notes(*rows: tuple[float, float, int]) -> Notes:
    onset, offset, pitch = np.array(rows).T
    return Notes(onset, offset, pitch, np.full(len(rows), 64))


def test_the_note_that_sounds_longest_is_the_label() -> None:
    played = notes((0.0, 0.5, 60), (0.6, 0.9, 72), (0.9, 1.4, 72), (1.9, 2.5, 40))
    assert longest_notes(played, 4, 1.0).tolist() == [60, 72, 40, 0]


def test_of_equally_long_notes_the_lowest_is_the_label() -> None:
    assert longest_notes(notes((0.0, 1.0, 64), (0.0, 1.0, 48)), 1, 1.0).tolist() == [48]


def test_a_note_that_is_repeated_sounds_as_long_as_its_parts() -> None:
    played = notes((0.0, 0.3, 60), (0.3, 0.6, 60), (0.0, 0.5, 72))
    assert longest_notes(played, 1, 1.0).tolist() == [60]


def test_without_notes_nothing_has_a_label() -> None:
    assert longest_notes(Notes.empty(), 3, 1.0).tolist() == [0, 0, 0]


def test_the_lowest_and_the_highest_key_keep_their_numbers() -> None:
    assert longest_notes(notes((0.0, 1.0, 21), (1.0, 2.0, 108)), 2, 1.0).tolist() == [21, 108]


def tone(pitch: int, seconds: float) -> np.ndarray:
    time = np.arange(round(seconds * RATE)) / RATE
    return (0.3 * np.sin(2 * np.pi * 440 * 2 ** ((pitch - 69) / 12) * time)).astype(np.float32)


@pytest.mark.parametrize("frames", [10, 50])
def test_silent_and_incomplete_slices_are_left_out(frames: int) -> None:
    slicer = Slicer(LogFrequency(), frames)
    seconds = slicer.seconds
    audio = tone(69, 3.5 * seconds)
    slices = slicer.cut(audio, notes((0.0, seconds, 69), (2 * seconds, 3 * seconds, 69)))
    assert slices.pitch.tolist() == [69, 69]
    assert slices.features.shape[0] == slices.chroma.shape[0] == 2
    assert slices.chroma.argmax(axis=1).tolist() == [9, 9]


@pytest.mark.parametrize("samples", [0, 1, 100])
def test_a_short_recording_has_no_slices(samples: int) -> None:
    cut = Slicer(LogFrequency(), 50).cut(np.zeros(samples, np.float32), notes((0, 1, 60)))
    assert cut.features.shape == (0, 0) and cut.pitch.tolist() == []


def test_wrong_settings_are_refused() -> None:
    with pytest.raises(ValueError, match="slice_frames=0"):
        Slicer(LogFrequency(), 0)
    with pytest.raises(ValueError, match="representation=smell: expected one of spectrum"):
        Slicer(LogFrequency(), 50, "smell")


class First:
    """Predicts the first class for every slice."""

    def predict(self, features: np.ndarray) -> np.ndarray:
        return np.zeros(len(features), dtype=np.int64)


@pytest.fixture
def classifiers() -> SliceClassifiers:
    pitches, counts = np.array([57, 60, 69]), np.array([3, 9, 4])
    return SliceClassifiers(Slicer(LogFrequency(), 25), pitches, counts, {"svc": First()})


def test_baselines_predict_the_most_frequent_pitch(classifiers: SliceClassifiers) -> None:
    chroma = np.eye(12)[[9, 0, 1]]
    predictions = classifiers.predictions(Slices(np.zeros((3, 5)), chroma, np.ones(3)))
    assert predictions["majority"].tolist() == [60, 60, 60]
    assert predictions["chroma"].tolist() == [69, 60, 60]
    assert predictions["svc"].tolist() == [57, 57, 57]


def test_scores_by_piece_and_over_all_slices(classifiers: SliceClassifiers) -> None:
    seconds = classifiers.slicer.seconds
    pieces = [
        ("right", tone(57, 2 * seconds), notes((0.0, 9.0, 57))),
        ("an octave off", tone(69, 4 * seconds), notes((0.0, 9.0, 69))),
        ("too short", tone(69, 0.01), notes((0.0, 9.0, 69))),
    ]
    rows, remarks = score_slices(classifiers, pieces)
    assert [row["name"] for row in rows] == ["right", "an octave off"]
    assert [row["accuracy"] for row in rows] == [1.0, 0.0]
    assert [row["chroma_accuracy"] for row in rows] == [0.0, 1.0]
    assert "all 6 slices" in remarks
    assert "| svc | 0.333 | 0.167 | 1.000 |" in remarks
    assert "| octave 4 | 0 | 0 | 0 | 4 | 0 | 0 | 0 | 0 | 0 |" in remarks


def test_without_slices_there_are_no_scores(classifiers: SliceClassifiers) -> None:
    assert score_slices(classifiers, []) == ([], "no slice in which a note sounds")


@pytest.mark.parametrize("bins", [1, 3])
def test_transposing_shifts_features_chroma_and_pitch(bins: int) -> None:
    features = np.zeros((2, 2, 88 * bins), np.float32)
    features[:, :, 40 * bins] = 1
    slices = Slices(features.reshape(2, -1), np.eye(12)[[1, 2]], np.array([61, 107]))
    higher = transposed(slices, 2, bins)
    assert higher.pitch.tolist() == [63, 0]
    assert higher.chroma.argmax(axis=1).tolist() == [3, 4]
    assert higher.features.reshape(2, 2, -1).argmax(axis=2).tolist() == [[42 * bins] * 2] * 2
    back = transposed(higher, -2, bins)
    assert (back.features == slices.features).all()


def test_features_do_not_depend_on_the_batch() -> None:
    slicer = Slicer(LogFrequency(), 10)
    audio = np.random.default_rng(0).normal(size=round(20 * slicer.seconds * RATE))
    audio = audio.astype(np.float32)
    whole = slicer.cut(audio, notes((0, 99, 60)))
    start = 17 * 10 * 512
    part = slicer.cut(audio[start:], notes((0, 99, 60)))
    torch.testing.assert_close(whole.features[17:20], part.features[:3])
