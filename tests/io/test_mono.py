"""Channels are mixed to one so that they never cancel."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from sound_files import chirps, write

from amt.errors import FileWarning
from amt.io.audio import load
from amt.io.mono import SECTION_SECONDS, MonoMix

RATE = 8000
SIZE = 4000
SECTION = round(SECTION_SECONDS * RATE)
rng = np.random.default_rng(0)
SOUND = rng.normal(0, 0.1, 3 * SECTION).astype(np.float32)
OTHER = rng.normal(0, 0.1, 3 * SECTION).astype(np.float32)


def mix(*channels: np.ndarray) -> tuple[np.ndarray, float]:
    """The mix, and the seconds where the mean would cancel."""
    sound = np.stack(channels, axis=1).astype(np.float32)
    mono = MonoMix(RATE)

    def blocks() -> Iterator[np.ndarray]:
        for start in range(0, len(sound), SIZE):
            yield sound[start : start + SIZE]

    return np.concatenate(list(mono.mix(blocks()))), mono.cancelled


@pytest.mark.parametrize(
    "channels",
    [
        (SOUND,),
        (SOUND, SOUND),
        (SOUND, OTHER),
        (SOUND, 0 * SOUND),
        (SOUND, OTHER, SOUND + OTHER, 0 * SOUND, OTHER, SOUND - OTHER),
        (SOUND, OTHER - 0.4 * SOUND),
        (0 * SOUND, 0 * SOUND),
        (0 * SOUND + 0.5, 0 * SOUND - 0.5),
        (SOUND + 0.5, SOUND - 0.5),
        (1e-4 * SOUND + 0.5, 1e-4 * SOUND - 0.5),
    ],
)
def test_channels_that_do_not_cancel_give_their_mean_to_the_bit(
    channels: tuple[np.ndarray, ...],
) -> None:
    mono, cancelled = mix(*channels)
    weights = np.full(len(channels), 1 / len(channels), dtype=np.float32)
    sound = np.stack(channels, axis=1).astype(np.float32)
    parts = [sound[start : start + SIZE] @ weights for start in range(0, len(sound), SIZE)]
    np.testing.assert_array_equal(mono, np.concatenate(parts))
    assert cancelled == 0


@pytest.mark.parametrize(
    ("channels", "expected"),
    [
        ((SOUND, -SOUND), SOUND),
        ((SOUND, -0.5 * SOUND), 0.75 * SOUND),
        ((0.5 * SOUND, -SOUND), -0.75 * SOUND),
        ((SOUND + 0.3, -SOUND - 0.1), SOUND + 0.2),
        ((SOUND, 0.1 * OTHER - 0.9 * SOUND), 0.95 * SOUND - 0.05 * OTHER),
        ((SOUND, 0.99 * SOUND, -0.99 * SOUND, -0.99 * SOUND), 0.9925 * SOUND),
    ],
)
def test_channels_that_cancel_are_mixed_in_phase(
    channels: tuple[np.ndarray, ...], expected: np.ndarray
) -> None:
    mono, cancelled = mix(*channels)
    np.testing.assert_allclose(mono, expected, atol=1e-6)
    assert cancelled == 3 * SECTION_SECONDS


def test_the_strongest_channel_is_taken_where_no_polarity_helps() -> None:
    channels = rng.normal(0, 0.1, (6, 3 * SECTION))
    channels -= channels.mean(axis=0)
    channels[2] *= 1.2
    mono, cancelled = mix(*channels)
    np.testing.assert_allclose(mono, channels[2], atol=1e-6)
    assert cancelled == 3 * SECTION_SECONDS


def test_a_channel_that_is_inverted_for_a_while() -> None:
    second = SOUND.copy()
    second[SECTION : 2 * SECTION] *= -1
    mono, cancelled = mix(SOUND, second)
    assert cancelled == SECTION_SECONDS
    np.testing.assert_array_equal(mono[:SECTION], SOUND[:SECTION])
    fade = round(0.02 * RATE)
    for start in (SECTION, 2 * SECTION):
        inside = slice(start + fade, start + SECTION)
        np.testing.assert_allclose(mono[inside], SOUND[inside], atol=1e-7)


def test_the_polarity_is_kept_when_the_strongest_channel_changes() -> None:
    level = np.ones(len(SOUND))
    level[SECTION:] = 0.5
    mono, _ = mix(SOUND * level, -SOUND * (1.5 - level))
    np.testing.assert_allclose(mono, 0.75 * SOUND, atol=1e-7)


def test_a_recording_with_one_channel_inverted_is_read(tmp_path: Path) -> None:
    sound = chirps(2)
    left = write(tmp_path / "left.wav", sound)
    both = write(tmp_path / "both.flac", np.stack([sound, -sound], axis=1))
    with pytest.warns(FileWarning, match=r"both\.flac: its channels cancel each other for 2\.0 s"):
        mixed = load(both)
    np.testing.assert_allclose(mixed, load(left), atol=1e-4)
