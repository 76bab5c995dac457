"""Peak picking: ideal posteriors give the notes back; noise, borders and plateaus are handled."""

from __future__ import annotations

import json
from dataclasses import asdict, replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from amt.data.targets import make_targets
from amt.decoding.peaks import Decoder
from amt.notes import MIN_PITCH, NUM_KEYS, Notes

FRAME_RATE = 50.0
KEY = 39


def silence(frames: int) -> dict[str, torch.Tensor]:
    return {
        name: torch.zeros(frames, NUM_KEYS) for name in ("onset", "offset", "frame", "velocity")
    }


def ideal(notes: Notes, frames: int, frame_rate: float = FRAME_RATE, width: float = 2.0):
    table = np.stack([notes.onset, notes.offset, notes.pitch, notes.velocity], axis=1)
    rolls = make_targets(torch.tensor(table, dtype=torch.float32)[None], frames, frame_rate, width)
    return {name: roll[0] for name, roll in rolls.items()}


@st.composite
def playable(draw: st.DrawFn) -> Notes:
    """Notes on a few keys; those of one key follow each other, some without any gap."""
    rows = []
    for pitch in draw(st.sets(st.integers(21, 108), max_size=4)):
        time = draw(st.floats(0, 0.5))
        for _ in range(draw(st.integers(1, 6))):
            duration = draw(st.floats(0.07, 1.0))
            rows.append((time, time + duration, pitch, draw(st.integers(1, 127))))
            time += duration + draw(st.sampled_from([0.0, 0.003, 0.02]) | st.floats(0, 0.5))
    return Notes(*np.array(rows).reshape(-1, 4).T)


def by_pitch(notes: Notes) -> np.ndarray:
    return np.lexsort((notes.onset, notes.pitch))


@settings(deadline=None, max_examples=150)
@given(playable(), st.sampled_from([2.0, 2.5]), st.sampled_from([31.25, 50.0, 62.5]))
def test_ideal_targets_give_the_notes_back(notes: Notes, width: float, frame_rate: float) -> None:
    gap = 3.5 / frame_rate / 0.07  # stretch time so that triangles of one key stay apart
    notes = replace(notes, onset=notes.onset * gap, offset=notes.offset * gap)
    frames = int(notes.end * frame_rate) + 5
    decoded = Decoder().decode(ideal(notes, frames, frame_rate, width), frame_rate)
    expected, found = by_pitch(notes), by_pitch(decoded)
    assert decoded.pitch[found].tolist() == notes.pitch[expected].tolist()
    assert decoded.velocity[found].tolist() == notes.velocity[expected].tolist()
    np.testing.assert_allclose(decoded.onset[found], notes.onset[expected], atol=0.002)
    np.testing.assert_allclose(decoded.offset[found], notes.offset[expected], atol=0.002)


@pytest.mark.parametrize("position", [0.0, 0.25, 0.5, 0.75, 20.5, 20.9, 38.5, 38.75, 39.0])
def test_onset_time_is_exact_at_ties_and_borders(position: float) -> None:
    posteriors = silence(40)
    posteriors["onset"][:, KEY] = (1 - (torch.arange(40) - position).abs() / 2).clamp(min=0)
    decoded = Decoder().decode(posteriors, FRAME_RATE)
    np.testing.assert_allclose(decoded.onset * FRAME_RATE, [position], atol=1e-5)


def test_height_of_the_triangle_does_not_move_its_time() -> None:
    posteriors = silence(40)
    triangle = (1 - (torch.arange(40) - 20.3).abs() / 2).clamp(min=0)
    posteriors["onset"][:, KEY] = 0.7 * triangle
    decoded = Decoder().decode(posteriors, FRAME_RATE)
    np.testing.assert_allclose(decoded.onset * FRAME_RATE, [20.3], atol=1e-5)


def onset_frames(values: list[float], **settings: float) -> list[float]:
    posteriors = silence(len(values))
    posteriors["onset"][:, KEY] = torch.tensor(values)
    decoded = Decoder(min_interval=0.0, **settings).decode(posteriors, FRAME_RATE)
    return (decoded.onset * FRAME_RATE).round(4).tolist()


def test_plateaus_and_shoulders() -> None:
    assert onset_frames([0, 0, 0.9, 0.9, 0.9, 0, 0]) == [3.0]
    # 3 + (0.1 - 0.6) / (0.9 - 0.1) / 2
    assert onset_frames([0, 0.6, 0.6, 0.9, 0.1, 0]) == [2.6875]
    assert onset_frames([0, 0.9, 0.6, 0.6, 0, 0]) == onset_frames([0, 0.9, 0.6, 0.5, 0, 0])
    assert onset_frames([0.8, 0.8, 0.8]) == [1.0]
    assert onset_frames([0.8]) == [0.0]
    assert onset_frames([]) == []


def test_threshold_counts_from_its_own_value() -> None:
    assert len(onset_frames([0, 0.25, 0], onset_threshold=0.25)) == 1
    assert len(onset_frames([0, 0.2499, 0], onset_threshold=0.25)) == 0


def test_of_close_onsets_the_higher_stays() -> None:
    posteriors = silence(40)
    for frame, height in ((10, 0.7), (12, 0.9), (20, 0.8), (24, 0.7)):
        posteriors["onset"][frame, KEY] = height
        posteriors["onset"][frame, KEY + 1] = height / (1 + frame)
    onsets = Decoder(min_interval=0.05).decode(posteriors, FRAME_RATE).onset
    assert (onsets * FRAME_RATE).tolist() == [12, 20, 24]


def test_equal_close_onsets_leave_one() -> None:
    assert len(onset_frames([0, 0.9, 0.5, 0.9, 0])) == 2
    posteriors = silence(10)
    posteriors["onset"][[2, 4], KEY] = 0.9
    assert (Decoder().decode(posteriors, FRAME_RATE).onset * FRAME_RATE).tolist() == [2]


def one_note(frame: torch.Tensor, offset: torch.Tensor | None = None) -> float:
    """Offset in frames of a note with its onset at frame 10."""
    posteriors = silence(len(frame))
    posteriors["onset"][10, KEY] = 1.0
    posteriors["frame"][:, KEY] = frame
    if offset is not None:
        posteriors["offset"][:, KEY] = offset
    notes = Decoder().decode(posteriors, FRAME_RATE)
    assert len(notes) == 1
    return float(notes.offset[0] * FRAME_RATE)


def test_frame_fall_is_interpolated() -> None:
    frame = torch.zeros(60)
    frame[10:30] = 0.9
    frame[30] = 0.1  # from 0.9 at 29 to 0.1 at 30: 0.5 lies half way
    assert one_note(frame) == pytest.approx(29.5, abs=1e-4)


def test_note_without_an_end_lasts_to_the_end_of_the_roll() -> None:
    assert one_note(torch.ones(60)) == pytest.approx(60)


def test_offset_peak_ends_a_note_whose_frames_go_on() -> None:
    offset = torch.zeros(60)
    offset[40] = 0.8
    assert one_note(torch.ones(60), offset) == pytest.approx(40)


def test_frame_fall_long_before_the_offset_peak_wins() -> None:
    frame, offset = torch.zeros(60), torch.zeros(60)
    frame[10:20] = 1.0
    offset[40] = 0.8
    assert one_note(frame, offset) == pytest.approx(19.5)
    offset[20] = 0.9
    assert one_note(frame, offset) == pytest.approx(20)


def test_note_without_frames_is_short() -> None:
    assert one_note(torch.zeros(60)) == pytest.approx(10 + 0.03 * FRAME_RATE)


def test_ends_stay_on_their_key() -> None:
    posteriors = silence(60)
    posteriors["onset"][10, [KEY, KEY + 1]] = 1.0
    posteriors["frame"][:, [KEY, KEY + 1]] = 1.0
    posteriors["offset"][20, KEY + 1] = 1.0
    notes = Decoder().decode(posteriors, FRAME_RATE)
    assert notes.pitch.tolist() == [KEY + MIN_PITCH, KEY + 1 + MIN_PITCH]
    assert (notes.offset * FRAME_RATE).tolist() == [60, 20]


def test_next_onset_ends_a_note() -> None:
    posteriors = silence(60)
    posteriors["onset"][[10, 25], KEY] = 1.0
    posteriors["frame"][:, KEY] = 1.0
    notes = Decoder().decode(posteriors, FRAME_RATE)
    assert (notes.offset * FRAME_RATE).tolist() == [25, 60]


def test_velocity_is_rounded_and_never_zero() -> None:
    posteriors = silence(60)
    for key, value in enumerate((0.0, 0.4, 64 / 127 - 0.003, 1.0)):
        posteriors["onset"][10, key] = 1.0
        posteriors["velocity"][10, key] = value
    notes = Decoder().decode(posteriors, FRAME_RATE)
    assert notes.velocity.tolist() == [1, 51, 64, 127]


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_decodes_alike(dtype: torch.dtype) -> None:
    notes = Notes([0.1, 0.507, 0.9], [0.5, 0.81, 1.2], [60, 60, 72], [20, 64, 127])
    posteriors = ideal(notes, 80)
    half = {name: roll.to(dtype) for name, roll in posteriors.items()}
    decoded = Decoder().decode(half, FRAME_RATE)
    assert decoded.pitch.tolist() == notes.pitch.tolist()
    np.testing.assert_allclose(decoded.onset, notes.onset, atol=0.001)
    np.testing.assert_allclose(decoded.velocity, notes.velocity, atol=1)


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 2**32 - 1), st.integers(0, 40), st.sampled_from([0.0, 0.03, 0.2]))
def test_noise_gives_a_valid_table(seed: int, frames: int, interval: float) -> None:
    generator = torch.Generator().manual_seed(seed)
    posteriors = {  # steps of 1/8 make many ties
        name: (torch.rand(frames, NUM_KEYS, generator=generator) * 8).round() / 8
        for name in ("onset", "offset", "frame", "velocity")
    }
    notes = Decoder(min_interval=interval).decode(posteriors, FRAME_RATE)
    assert (notes.onset >= 0).all() and (notes.offset <= frames / FRAME_RATE).all()
    assert (notes.offset > notes.onset).all()
    assert ((notes.velocity >= 1) & (notes.velocity <= 127)).all()
    order = by_pitch(notes)
    same = np.diff(notes.pitch[order]) == 0
    assert (np.diff(notes.onset[order])[same] >= interval - 1e-9).all()
    assert (notes.offset[order][:-1][same] <= notes.onset[order][1:][same] + 1e-9).all()


def test_peaks_are_those_of_a_plain_search() -> None:
    generator = torch.Generator().manual_seed(3)
    posteriors = silence(300)
    posteriors["onset"] = (torch.rand(300, NUM_KEYS, generator=generator) * 6).round() / 6
    notes = Decoder(min_interval=0.0).decode(posteriors, FRAME_RATE)
    assert len(notes) == sum(plain_peaks(column.tolist(), 0.5) for column in posteriors["onset"].T)


def plain_peaks(values: list[float], threshold: float) -> int:
    """Number of plateaus at or above the threshold with lower values on both sides."""
    runs = [v for i, v in enumerate(values) if i == 0 or v != values[i - 1]]
    runs = [-1.0, *runs, -1.0]
    return sum(
        a < b > c and b >= threshold for a, b, c in zip(runs, runs[1:], runs[2:], strict=False)
    )


def test_wrong_posteriors_are_named() -> None:
    posteriors = silence(10)
    with pytest.raises(ValueError, match="missing: velocity"):
        Decoder().decode({k: v for k, v in posteriors.items() if k != "velocity"}, FRAME_RATE)
    with pytest.raises(ValueError, match=r"\(frames, 88\)"):
        Decoder().decode({k: v.T for k, v in posteriors.items()}, FRAME_RATE)
    posteriors["frame"][3, 3] = float("nan")
    with pytest.raises(ValueError, match="NaN in frame"):
        Decoder().decode(posteriors, FRAME_RATE)


def test_decoder_is_plain_numbers() -> None:
    decoder = Decoder(onset_threshold=0.4)
    assert Decoder(**json.loads(json.dumps(asdict(decoder)))) == decoder


def test_keys_come_up_before_the_sound_ends() -> None:
    posteriors = ideal(Notes([0.2, 0.2], [1.0, 1.2], [60, 64], [64, 64]), 100)
    posteriors["release"] = torch.zeros(100, NUM_KEYS)
    posteriors["release"][:, KEY] = (1 - (torch.arange(100) - 20.4).abs() / 2).clamp(min=0)
    by_sound, by_key = (Decoder().decode(posteriors, FRAME_RATE, e) for e in ("sound", "key"))
    np.testing.assert_allclose(by_sound.offset, [1.0, 1.2], atol=1e-5)
    np.testing.assert_allclose(by_key.offset, [20.4 / FRAME_RATE, 1.2], atol=1e-5)
    assert len(by_key.pedal) == 0


@pytest.mark.parametrize("height", [1.0, 0.7])
def test_the_pedal_moves_where_its_posterior_crosses_the_threshold(height: float) -> None:
    posteriors = {**silence(20), "pedal": torch.zeros(20, 1)}
    posteriors["pedal"][[0, 1, 2, 8, 9, 18, 19], 0] = height
    posteriors["onset"][1, KEY] = 1.0
    decoder = Decoder(pedal_threshold=0.35)
    assert len(decoder.decode(posteriors, FRAME_RATE).pedal) == 0
    pedal = decoder.decode(posteriors, FRAME_RATE, "key").pedal
    part = 0.35 / height
    expected = [0, 3 - part, 7 + part, 10 - part, 17 + part, 20]
    np.testing.assert_allclose(pedal.time * FRAME_RATE, expected, atol=1e-5)
    assert pedal.value.tolist() == [127, 0] * 3 and set(pedal.controller) == {64}


def test_presses_that_end_before_the_first_note_are_left_out() -> None:
    posteriors = {**silence(20), "pedal": torch.zeros(20, 1)}
    posteriors["pedal"][[1, 2, 8, 9, 10, 15, 16], 0] = 1.0
    posteriors["onset"][9, KEY] = 1.0
    pedal = Decoder().decode(posteriors, FRAME_RATE, "key").pedal
    np.testing.assert_allclose(pedal.time * FRAME_RATE, [7.5, 10.5, 14.5, 16.5])


@pytest.mark.parametrize(
    ("setting", "value"),
    [("onset_threshold", 7), ("pedal_threshold", -0.1), ("min_interval", -1.0),
     ("frame_threshold", float("nan"))],
)  # fmt: skip
def test_settings_out_of_range_are_refused(setting: str, value: float) -> None:
    with pytest.raises(ValueError, match=rf"decoder\.{setting}="):
        Decoder(**{setting: value})
