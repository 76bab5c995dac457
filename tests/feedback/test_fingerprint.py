"""Fingerprints: the same audio in other formats, at other levels, in part; and other audio."""

from __future__ import annotations

import numpy as np
import pytest
from corrected_pairs import file_of, melody, plucked

from amt.feedback.fingerprint import common_part, fingerprint
from amt.io.audio import load_bytes


@pytest.fixture(scope="module")
def audio() -> np.ndarray:
    return plucked(melody(0, 120, 20.0), 20.0)


@pytest.mark.parametrize("kind", ["WAV", "OGG"])
def test_the_same_audio_in_another_format_at_another_level(audio: np.ndarray, kind: str) -> None:
    other = load_bytes(file_of(0.3 * audio, kind))
    assert common_part(fingerprint(audio), fingerprint(other)) > 0.95


def test_a_shift_does_not_matter(audio: np.ndarray) -> None:
    late = np.concatenate([np.zeros(2345, np.float32), audio])
    assert common_part(fingerprint(audio), fingerprint(late)) > 0.9


def test_a_part_of_a_recording(audio: np.ndarray) -> None:
    part = fingerprint(audio[100_000:228_000])
    assert common_part(fingerprint(audio), part) == pytest.approx(0.4, abs=0.05)
    assert common_part(part, fingerprint(audio)) == pytest.approx(0.4, abs=0.05)


def test_other_audio(audio: np.ndarray) -> None:
    others = [plucked(melody(seed, 120, 20.0), 20.0) for seed in range(1, 6)]
    assert [common_part(fingerprint(audio), fingerprint(other)) for other in others] == [0.0] * 5


def test_short_audio_says_nothing(audio: np.ndarray) -> None:
    for short in (audio[:0], audio[:5000], audio[:20_000]):
        assert common_part(fingerprint(short), fingerprint(short)) == 0.0
