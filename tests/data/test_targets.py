"""Targets: triangles by hand and by formula; alignment with the spectrogram."""

from __future__ import annotations

import math
from itertools import product

import numpy as np
import pytest
import torch
from front_ends import HOPS, KINDS, SAMPLE_RATE, front_end, key_frequency
from hypothesis import given, settings
from hypothesis import strategies as st

from amt.data.targets import frame_mask, make_pedal_targets, make_targets
from amt.features.frontends import num_frames
from amt.notes import MAX_PITCH, MIN_PITCH, NUM_KEYS

RATE = 50.0
PADDING = (0.0, 0.0, 0.0, 0.0)


def table(*rows: tuple[float, float, float, float]) -> torch.Tensor:
    """One example (1, N, 4)."""
    return torch.tensor([rows], dtype=torch.float32)


def at(frame: float) -> float:
    """Seconds of a position in frames."""
    return frame / RATE


def by_formula(rows: list, frames: int, rate: float, width: float) -> dict[str, np.ndarray]:
    """The definitions in the docstring of make_targets, note by note and frame by frame."""
    names = ("onset", "offset", "frame", "velocity")
    rolls = {name: np.zeros((frames, NUM_KEYS)) for name in names}
    frame = np.arange(frames)
    for onset, offset, pitch, velocity in rows:
        if not MIN_PITCH <= pitch <= MAX_PITCH:
            continue
        rise = np.maximum(0, 1 - np.abs(frame - onset * rate) / width)
        fall = np.maximum(0, 1 - np.abs(frame - offset * rate) / width)
        sounds = (frame / rate >= onset) & (frame / rate < offset)
        loud = (rise > 0) * velocity / 127
        for name, values in zip(names, (rise, fall, sounds, loud), strict=True):
            column = rolls[name][:, int(pitch) - MIN_PITCH]
            np.maximum(column, values, out=column)
    return rolls


@st.composite
def tables(draw: st.DrawFn) -> list[tuple[float, float, float, float]]:
    """Notes before, within and after the segment, on few keys so that they overlap, and padding.

    Times differ from those of frames by a 64th of a frame at least, so that rounding is irrelevant.
    """
    place = st.integers(-64, 30 * 8).map(lambda eighth: at(eighth / 8 + 1 / 64))
    rows = []
    for _ in range(draw(st.integers(1, 8))):
        onset, offset = sorted((draw(place), draw(place)))
        pitch = draw(st.sampled_from([21, 60, 61, 108]))
        rows.append((onset, offset, float(pitch), float(draw(st.integers(1, 127)))))
    return rows + [PADDING] * draw(st.integers(0, 2))


@settings(deadline=None, max_examples=80)
@given(tables(), st.sampled_from([1.0, 1.5, 2.0, 2.7]))
def test_targets_agree_with_their_definition(rows: list, width: float) -> None:
    rolls = make_targets(table(*rows), 20, RATE, width)
    expected = by_formula(rows, 20, RATE, width)
    assert set(rolls) == set(expected)
    for name, roll in rolls.items():
        np.testing.assert_allclose(roll[0].numpy(), expected[name], atol=2e-5, err_msg=name)


@settings(deadline=None, max_examples=20)
@given(st.lists(tables(), min_size=2, max_size=4))
def test_examples_of_a_batch_are_independent(batch: list[list]) -> None:
    longest = max(map(len, batch))
    padded = torch.cat([table(*rows, *[PADDING] * (longest - len(rows))) for rows in batch])
    together = make_targets(padded, 20, RATE)
    for index, rows in enumerate(batch):
        for name, roll in make_targets(table(*rows), 20, RATE).items():
            torch.testing.assert_close(together[name][index], roll[0], atol=0, rtol=0)


def test_a_triangle_by_hand() -> None:
    rolls = make_targets(table((at(10.25), at(14.5), 60, 127)), 20, RATE, width=2.0)
    key = 60 - MIN_PITCH
    onset, offset = rolls["onset"][0, :, key], rolls["offset"][0, :, key]
    assert onset[8:14].tolist() == pytest.approx([0, 0.375, 0.875, 0.625, 0.125, 0], abs=1e-5)
    assert offset[12:18].tolist() == pytest.approx([0, 0.25, 0.75, 0.75, 0.25, 0], abs=1e-5)
    assert rolls["onset"].count_nonzero() == rolls["offset"].count_nonzero() == 4


def test_triangles_have_the_same_sum_between_frames() -> None:
    for place in np.linspace(10, 11, 9):
        onset = make_targets(table((at(place), at(15), 60, 64)), 20, RATE)["onset"]
        assert onset.sum() == pytest.approx(2.0, abs=1e-4)
    assert make_targets(table((at(10), at(15), 60, 64)), 20, RATE)["onset"].max() == pytest.approx(
        1
    )


def test_frames_are_active_in_the_interval_from_onset_to_offset() -> None:
    rolls = make_targets(table((at(3), at(6), 60, 64), (at(8.5), at(10.5), 62, 64)), 20, RATE)
    assert rolls["frame"][0, :, 60 - MIN_PITCH].nonzero().flatten().tolist() == [3, 4, 5]
    assert rolls["frame"][0, :, 62 - MIN_PITCH].nonzero().flatten().tolist() == [9, 10]
    assert rolls["frame"].sum() == 5


def test_overlapping_notes_of_a_key_are_joined() -> None:
    rolls = make_targets(table((at(2), at(6), 60, 64), (at(4), at(9), 60, 64)), 20, RATE)
    assert rolls["frame"][0, :, 60 - MIN_PITCH].nonzero().flatten().tolist() == list(range(2, 9))
    assert rolls["frame"].max() == 1


def test_velocity_is_that_of_the_loudest_onset() -> None:
    rolls = make_targets(table((at(10), at(15), 60, 127), (at(12), at(15), 60, 32)), 20, RATE)
    velocity = rolls["velocity"][0, :, 60 - MIN_PITCH]
    assert velocity[9:12].tolist() == [1, 1, 1]
    assert velocity[12:14].tolist() == pytest.approx([32 / 127, 32 / 127])
    assert torch.equal(rolls["velocity"] > 0, rolls["onset"] > 0)


def test_notes_are_cut_at_the_borders() -> None:
    rolls = make_targets(table((at(-5), at(3), 60, 64), (at(18), at(40), 62, 64)), 20, RATE)
    assert rolls["frame"][0, :, 60 - MIN_PITCH].nonzero().flatten().tolist() == [0, 1, 2]
    assert rolls["frame"][0, :, 62 - MIN_PITCH].nonzero().flatten().tolist() == [18, 19]
    assert rolls["onset"][0, :, 60 - MIN_PITCH].sum() == 0
    assert rolls["offset"][0, :, 62 - MIN_PITCH].sum() == 0


@pytest.mark.parametrize("pitch", [0, 20, 109])
def test_pitches_outside_of_the_keyboard_are_ignored(pitch: int) -> None:
    rolls = make_targets(table((at(2), at(6), pitch, 64)), 20, RATE)
    assert all(roll.count_nonzero() == 0 for roll in rolls.values())


def test_without_notes_the_targets_are_zero() -> None:
    rolls = make_targets(torch.zeros(2, 0, 4), 20, RATE)
    assert all(roll.shape == (2, 20, NUM_KEYS) and not roll.any() for roll in rolls.values())


def test_the_fifth_column_gives_the_release_target() -> None:
    rolls = make_targets(table((at(10), at(15), 60, 64, at(12.5))), 20, RATE)
    release = rolls["release"][0, :, 60 - MIN_PITCH]
    assert release[10:16].tolist() == pytest.approx([0, 0.25, 0.75, 0.75, 0.25, 0], abs=1e-5)
    assert "release" not in make_targets(table((at(10), at(15), 60, 64)), 20, RATE)


def test_the_pedal_is_down_from_press_until_before_release() -> None:
    presses = torch.tensor([[[at(-3), at(1.5)], [at(4), at(6)], [0, 0]], [[0, 0]] * 3])
    pedal = make_pedal_targets(presses, 8, RATE)
    assert pedal.shape == (2, 8, 1)
    assert pedal[0, :, 0].nonzero().flatten().tolist() == [0, 1, 4, 5]
    assert not pedal[1].any()


def test_frames_are_valid_if_their_centre_is() -> None:
    mask = frame_mask(torch.tensor([0, 1, 512, 513, 10_000]), 4, 512)
    assert mask.tolist() == [[0] * 4, [1, 0, 0, 0], [1, 0, 0, 0], [1, 1, 0, 0], [1] * 4]


def click(pitch: int, seconds: float, samples: int) -> torch.Tensor:
    """A note as short as a click with its onset at exactly `seconds`: (1, S)."""
    since = torch.arange(samples) / SAMPLE_RATE - seconds
    struck = torch.exp(-since.clamp(min=0) / 0.004) * (since >= 0)
    return (struck * torch.cos(2 * math.pi * key_frequency(pitch) * since))[None].float()


@pytest.mark.parametrize(("kind", "hop_length"), list(product(KINDS, HOPS)))
@settings(deadline=None, max_examples=10)
@given(seconds=st.floats(0.15, 0.75), pitch=st.integers(60, 100))
def test_spectrogram_and_targets_agree_on_the_time(
    kind: str, hop_length: int, seconds: float, pitch: int
) -> None:
    """The frame of most energy is that of the onset target, within a frame."""
    samples = SAMPLE_RATE
    convert = front_end(kind, hop_length)
    spec = convert(click(pitch, seconds, samples))
    notes = table((seconds, seconds + 0.01, pitch, 100))
    rolls = make_targets(notes, num_frames(samples, hop_length), convert.frame_rate)
    assert rolls["onset"].shape[1] == spec.shape[2]
    loudest = (10 ** (2 * spec[0])).sum(dim=-1).argmax(dim=-1)
    struck = rolls["onset"][0, :, pitch - MIN_PITCH].argmax()
    assert (loudest - struck).abs().max() <= 1
    assert abs(struck / convert.frame_rate - seconds) <= 0.51 / convert.frame_rate
