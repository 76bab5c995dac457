"""Levels of notes are those of their partials in the recording."""

from __future__ import annotations

import numpy as np
import pytest

from amt.features.levels import note_levels
from amt.io.audio import SAMPLE_RATE


def tone(pitch: float, amplitude: float, start: float, seconds: float = 4.0) -> np.ndarray:
    """A sine that begins at `start` seconds."""
    time = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    hertz = 440 * 2 ** ((pitch - 69) / 12)
    sound = amplitude * np.sin(2 * np.pi * hertz * time) * (time >= start)
    return np.asarray(sound, dtype=np.float32)


def level(audio: np.ndarray, onset: float, key: int, sample_rate: int = SAMPLE_RATE) -> np.ndarray:
    return note_levels(audio, sample_rate, np.array([onset]), np.array([key]))[0]


@pytest.mark.parametrize("key", [20, 40, 60, 80])
def test_a_tenth_of_the_amplitude_is_one_less(key: int) -> None:
    loud, soft = (level(tone(key + 21, amplitude, 1.0), 1.0, key) for amplitude in (0.5, 0.05))
    np.testing.assert_allclose(loud[[0, -1]] - soft[[0, -1]], 1.0, atol=0.02)
    assert loud[0] > loud[1] + 0.5  # its octave does not sound


def test_partials_are_the_octave_the_twelfth_and_two_octaves() -> None:
    for column, semitones in enumerate((0, 12, 19, 24)):
        levels = level(tone(60 + semitones, 0.3, 1.0), 1.0, 39)
        assert np.argmax(levels[:4]) == column


def test_only_the_beginning_of_a_note_counts() -> None:
    audio = tone(69, 0.3, 1.0)
    assert level(audio, 0.5, 48)[0] < level(audio, 1.0, 48)[0] - 3
    louder_later = audio + tone(69, 0.6, 1.3)
    assert level(louder_later, 1.0, 48) == pytest.approx(level(audio, 1.0, 48))


@pytest.mark.parametrize("sample_rate", [SAMPLE_RATE, 44100])
@pytest.mark.parametrize(("onset", "fall"), [(0.0, 0.0), (3.9, 0.0), (4.5, 9.0)])
def test_notes_at_both_ends_of_a_recording(onset: float, fall: float, sample_rate: int) -> None:
    """And beyond its end, where there is nothing."""
    time = np.arange(4 * sample_rate) / sample_rate
    audio = (0.3 * np.sin(2 * np.pi * 440 * time)).astype(np.float32)
    inside = level(audio, 2.0, 48, sample_rate)[0]
    assert level(audio, onset, 48, sample_rate)[0] == pytest.approx(
        max(inside - fall, -6.0), abs=0.15
    )


def test_many_notes_at_once_are_as_one_by_one() -> None:
    audio = tone(60, 0.2, 0.5) + tone(67, 0.4, 1.1)
    onset, key = np.array([0.5, 1.1, 1.1, 3.0]), np.array([39, 46, 39, 80])
    together = note_levels(audio, SAMPLE_RATE, onset, key)
    alone = [level(audio, *pair) for pair in zip(onset, key, strict=True)]
    np.testing.assert_allclose(together, alone, atol=1e-5)


def test_no_notes_and_silence() -> None:
    none = note_levels(np.zeros(100, np.float32), SAMPLE_RATE, np.zeros(0), np.zeros(0, int))
    assert none.shape == (0, 5)
    assert (level(np.zeros(SAMPLE_RATE, np.float32), 0.5, 40) <= -5.5).all()
