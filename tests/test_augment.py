"""Augmentation: labels follow, onsets stay, levels are as asked, draws can be repeated."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from front_ends import LOGARITHMIC, SAMPLE_RATE, front_end, key_frequency
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from amt.augment import Augmentation, transpose
from amt.features import SpectrogramShape
from amt.notes import MAX_PITCH, MIN_PITCH

NOTHING = Augmentation(
    key_shift=0, detune=0.0, gain_db=0.0, tilt_db=0.0, equalizer_db=0.0, noise=0.0, reverb=0.0
)
LOGFREQ = SpectrogramShape(2, 264, 3)


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def sines(pitches: list[int]) -> Tensor:
    time = torch.arange(SAMPLE_RATE) / SAMPLE_RATE
    return torch.stack([0.3 * torch.sin(2 * math.pi * key_frequency(p) * time) for p in pitches])


def one_note_each(pitches: list[int]) -> Tensor:
    """(B, 2, 4): a note and a row of padding."""
    notes = torch.zeros(len(pitches), 2, 4)
    notes[:, 0] = torch.tensor([[0.1, 0.9, pitch, 64] for pitch in pitches])
    return notes


def rms(audio: Tensor) -> Tensor:
    return audio.square().mean(dim=-1).sqrt()


@pytest.mark.parametrize("samples", [16000, 15999, 1])
def test_shapes_stay(samples: int) -> None:
    audio = torch.randn(3, samples)
    augmented = Augmentation(noise=1, reverb=1).waveform(audio, seeded())
    assert augmented.shape == audio.shape and torch.isfinite(augmented).all()
    spec, notes = torch.randn(3, 2, 7, 264), one_note_each([40, 60, 80])
    moved, labels = Augmentation().spectrogram(spec, notes, LOGFREQ, seeded())
    assert moved.shape == spec.shape and labels.shape == notes.shape


def test_nothing_asked_nothing_done() -> None:
    audio, spec, notes = torch.randn(2, 999), torch.randn(2, 2, 7, 264), one_note_each([40, 60])
    assert torch.equal(NOTHING.waveform(audio, seeded()), audio)
    same, labels = NOTHING.spectrogram(spec, notes, LOGFREQ, seeded())
    assert torch.equal(same, spec) and torch.equal(labels, notes)


def test_the_same_generator_draws_the_same() -> None:
    audio, spec, notes = torch.randn(4, 999), torch.randn(4, 2, 7, 264), one_note_each([60] * 4)
    augment = Augmentation(noise=1, reverb=1)

    def draw(seed: int) -> tuple[Tensor, Tensor, Tensor]:
        generator = seeded(seed)
        sound = augment.waveform(audio, generator)
        return sound, *augment.spectrogram(spec, notes, LOGFREQ, generator)

    for once, again, otherwise in zip(draw(1), draw(1), draw(2), strict=True):
        assert torch.equal(once, again) and not torch.equal(once, otherwise)


def test_inputs_are_left_as_they_were() -> None:
    audio, spec, notes = torch.randn(2, 999), torch.randn(2, 2, 7, 264), one_note_each([40, 60])
    copies = [tensor.clone() for tensor in (audio, spec, notes)]
    Augmentation(noise=1, reverb=1).waveform(audio, seeded())
    Augmentation().spectrogram(spec, notes, LOGFREQ, seeded())
    assert all(map(torch.equal, (audio, spec, notes), copies))


# Key shift.


@pytest.mark.parametrize("kind", LOGARITHMIC)
def test_labels_move_with_the_sound(kind: str) -> None:
    pitches = [50, 60, 69, 76, 85, 90] * 2
    convert = front_end(kind)
    augment = replace(NOTHING, key_shift=2)
    spec, notes = augment.spectrogram(
        convert(sines(pitches)), one_note_each(pitches), convert.shape, seeded()
    )
    middle = spec[:, 0, spec.shape[2] // 2]
    sounding = middle.argmax(dim=-1) // convert.shape.bins_per_semitone + MIN_PITCH
    assert sounding.tolist() == notes[:, 0, 2].tolist()
    shifts = (notes[:, 0, 2] - torch.tensor(pitches)).unique().tolist()
    assert len(shifts) > 2 and min(shifts) >= -2 and max(shifts) <= 2
    assert not notes[:, 1].any()


def test_every_shift_is_drawn_equally_often() -> None:
    augment = replace(NOTHING, key_shift=2)
    notes = one_note_each([60] * 1000)
    _, moved = augment.spectrogram(torch.zeros(1000, 1, 1, 264), notes, LOGFREQ, seeded())
    counts = torch.bincount((moved[:, 0, 2] - 58).long())
    assert len(counts) == 5 and counts.min() > 150


def test_what_enters_at_the_border_is_as_quiet_as_the_quietest() -> None:
    augment = replace(NOTHING, key_shift=2)
    spec = torch.rand(50, 2, 3, 264) - 1
    notes = one_note_each([60] * 50)
    moved, labels = augment.spectrogram(spec, notes, LOGFREQ, seeded())
    for before, after, shift in zip(spec, moved, labels[:, 0, 2] - 60, strict=True):
        entered = 3 * int(abs(shift))
        edge = after[..., :entered] if shift > 0 else after[..., 264 - entered :]
        assert torch.equal(edge, before.amin(dim=-1, keepdim=True).expand_as(edge))


def test_detuning_moves_the_sound_by_parts_of_a_bin_and_leaves_the_labels() -> None:
    spec = torch.arange(264.0).expand(200, 1, 2, 264)
    augment = replace(NOTHING, detune=0.3)
    moved, labels = augment.spectrogram(spec, one_note_each([60] * 200), LOGFREQ, seeded())
    assert torch.equal(labels, one_note_each([60] * 200))
    shift = 100 - moved[:, 0, 0, 100]
    assert 0.8 < shift.max() <= 0.9 + 1e-4 and -0.9 - 1e-4 <= shift.min() < -0.8
    assert len(shift.unique()) > 150


def test_a_frequency_axis_that_is_not_logarithmic_is_not_shifted() -> None:
    spec, notes = torch.randn(8, 1, 5, 229), one_note_each([60] * 8)
    augment = replace(NOTHING, key_shift=2)
    same, labels = augment.spectrogram(spec, notes, SpectrogramShape(1, 229), seeded())
    assert torch.equal(same, spec) and torch.equal(labels, notes)


@settings(deadline=None)
@given(st.integers(MIN_PITCH, MAX_PITCH), st.integers(-12, 12))
def test_notes_that_leave_the_keyboard_become_padding(pitch: int, semitones: int) -> None:
    moved = transpose(one_note_each([pitch]), torch.tensor([[semitones]]))
    target = pitch + semitones
    assert moved[0, 0, 2] == (target if MIN_PITCH <= target <= MAX_PITCH else 0)
    assert moved[0, 1, 2] == 0


# Level and frequency response.


def test_gain_is_one_level_for_an_example() -> None:
    augment = replace(NOTHING, gain_db=6.0)
    spec = torch.zeros(2000, 2, 3, 12)
    moved, _ = augment.spectrogram(spec, torch.zeros(2000, 0, 4), LOGFREQ, seeded())
    level = moved.flatten(1)
    assert (level - level[:, :1]).abs().max() < 1e-6
    assert level[:, 0].std().item() == pytest.approx(6 / 20, rel=0.1)
    assert level[:, 0].mean().item() == pytest.approx(0, abs=0.03)


def test_tilt_is_a_straight_line_per_octave() -> None:
    augment = replace(NOTHING, tilt_db=1.5)
    spec = torch.zeros(2000, 1, 1, 265)
    moved, _ = augment.spectrogram(spec, torch.zeros(2000, 0, 4), LOGFREQ, seeded())
    assert moved.diff(dim=-1).std(dim=-1).max() < 1e-5
    over_all = (moved[..., -1] - moved[..., 0]).std().item()
    assert over_all == pytest.approx(1.5 / 20 * 88 / 12, rel=0.1)


def test_the_frequency_response_is_smooth_and_as_strong_as_asked() -> None:
    augment = replace(NOTHING, equalizer_db=3.0)
    spec = torch.zeros(2000, 2, 4, 264)
    moved, _ = augment.spectrogram(spec, torch.zeros(2000, 0, 4), LOGFREQ, seeded())
    assert torch.equal(moved, moved[:, :1, :1].expand_as(moved))
    assert moved.std().item() * 20 == pytest.approx(3, rel=0.15)
    assert moved.diff(dim=-1).abs().max() < 0.1


# Noise and reverberation.


@settings(deadline=None, max_examples=20)
@given(st.floats(0, 60), st.floats(0.001, 1))
def test_noise_has_the_ratio_that_was_asked(ratio: float, loudness: float) -> None:
    augment = replace(NOTHING, noise=1, noise_db=(ratio, ratio))
    audio = loudness * sines([60, 72])
    noise = augment.waveform(audio, seeded()).double() - audio.double()
    found = 20 * torch.log10(rms(audio.double()) / rms(noise))
    assert found.tolist() == pytest.approx([ratio, ratio], abs=0.05)


def test_ratios_spread_over_their_range() -> None:
    augment = replace(NOTHING, noise=1, noise_db=(10.0, 50.0))
    audio = torch.randn(200, 400)
    found = 20 * torch.log10(rms(audio) / rms(augment.waveform(audio, seeded()) - audio))
    assert 10 <= found.min() < 13 and 47 < found.max() <= 50


def test_silence_stays_silent() -> None:
    silence = torch.zeros(2, 4000)
    assert torch.equal(Augmentation(noise=1, reverb=1).waveform(silence, seeded()), silence)


@pytest.mark.parametrize("effect", ["noise", "reverb"])
def test_effects_are_as_frequent_as_asked(effect: str) -> None:
    audio = torch.randn(400, 200)
    augmented = replace(NOTHING, **{effect: 0.25}).waveform(audio, seeded())
    touched = (augmented != audio).any(dim=-1).float().mean().item()
    assert touched == pytest.approx(0.25, abs=0.07)


def impulse(at: int = 3000, samples: int = 24000) -> Tensor:
    audio = torch.zeros(16, samples)
    audio[:, at] = 1
    return audio


def test_reverberation_does_not_move_an_onset() -> None:
    """Nothing before the direct sound, the direct sound as it was, and it stays the strongest."""
    augment = replace(NOTHING, reverb=1, reverb_db=(-3.0, -3.0))
    heard = augment.waveform(impulse(at=3000), seeded())
    assert heard[:, :3000].abs().max() < 1e-6
    assert heard[:, 3000].tolist() == pytest.approx([1] * 16, abs=1e-6)
    assert heard[:, 3001:].abs().max() < 0.9
    assert heard[:, 3001:].abs().max() > 0.01


@pytest.mark.parametrize("level", [-25.0, -3.0])
def test_reverberation_has_the_level_that_was_asked(level: float) -> None:
    augment = replace(NOTHING, reverb=1, reverb_db=(level, level))
    tail = augment.waveform(impulse(), seeded())[:, 3001:]
    assert (10 * torch.log10(tail.square().sum(dim=-1))).tolist() == pytest.approx(
        [level] * 16, abs=0.1
    )


def test_reverberation_decays_by_60_db_in_its_time() -> None:
    augment = replace(NOTHING, reverb=1, reverb_decay=(0.5, 0.5), reverb_db=(-3.0, -3.0))
    tail = augment.waveform(impulse(at=0).repeat(20, 1), seeded())
    early, late = (tail[:, at : at + 1600].square().mean() for at in (1600, 4800))
    assert (10 * torch.log10(early / late)).item() == pytest.approx(60 * 0.2 / 0.5, abs=1.5)


def test_the_end_does_not_come_back_at_the_beginning() -> None:
    audio = torch.zeros(4, 8000)
    audio[:, 7999] = 1
    heard = replace(NOTHING, reverb=1).waveform(audio, seeded())
    assert heard[:, :7999].abs().max() < 1e-6
