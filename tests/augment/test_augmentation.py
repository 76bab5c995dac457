"""All effects: draws can be repeated, inputs stay, nothing is asked and nothing is done."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hydra_configs import composed
from omegaconf import OmegaConf
from sounds import NOTHING, one_note_each, seeded
from torch import Tensor

from amt.augment import Augmentation
from amt.features.frontends import SpectrogramShape
from amt.io.audio import save

LOGFREQ = SpectrogramShape(2, 264, 3)
EFFECTS = ("reverb", "band", "noise", "recorded_noise", "compression", "clipping", "codec")


@pytest.fixture(scope="module")
def everything(tmp_path_factory: pytest.TempPathFactory) -> Augmentation:
    folder = tmp_path_factory.mktemp("recordings")
    save(folder / "a.wav", np.random.default_rng(0).normal(0, 0.1, 5000))
    recordings = {"impulse_responses": str(folder), "noises": str(folder)}
    return replace(Augmentation(), **dict.fromkeys(EFFECTS, 1), mixing=1, **recordings)


@pytest.mark.parametrize("samples", [16000, 15999, 1])
def test_shapes_stay(samples: int, everything: Augmentation) -> None:
    audio = torch.randn(3, samples)
    augmented = everything.waveform(audio, seeded())
    assert augmented.shape == audio.shape and torch.isfinite(augmented).all()
    spec, notes = torch.randn(3, 2, 7, 264), one_note_each([40, 60, 80])
    moved, labels = everything.spectrogram(spec, notes, LOGFREQ, seeded())
    assert moved.shape == spec.shape and labels.shape == notes.shape


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_kinds_of_numbers_stay(dtype: torch.dtype, everything: Augmentation) -> None:
    audio, notes = torch.randn(3, 4000, dtype=dtype), one_note_each([40, 60, 80])
    spec = torch.randn(3, 2, 7, 264, dtype=dtype)
    mixture = everything.mix(audio, notes, torch.tensor([4000] * 3), seeded())
    assert mixture.audio.dtype == dtype and mixture.notes.dtype == torch.float32
    assert mixture.length.dtype == torch.int64
    assert everything.waveform(audio, seeded()).dtype == dtype
    assert everything.spectrogram(spec, notes, LOGFREQ, seeded())[0].dtype == dtype


def test_nothing_asked_nothing_done(everything: Augmentation) -> None:
    audio, spec, notes = torch.randn(2, 999), torch.randn(2, 2, 7, 264), one_note_each([40, 60])
    augment = replace(
        NOTHING, noises=everything.noises, impulse_responses=everything.impulse_responses
    )
    assert torch.equal(augment.waveform(audio, seeded()), audio)
    same, labels = augment.spectrogram(spec, notes, LOGFREQ, seeded())
    assert torch.equal(same, spec) and torch.equal(labels, notes)
    mixture = augment.mix(audio, notes, torch.tensor([999, 999]), seeded())
    assert torch.equal(mixture.audio, audio) and torch.equal(mixture.notes, notes)


def test_the_same_generator_draws_the_same(everything: Augmentation) -> None:
    audio, spec, notes = torch.randn(4, 999), torch.randn(4, 2, 7, 264), one_note_each([60] * 4)

    def draw(seed: int) -> tuple[Tensor, Tensor, Tensor]:
        generator = seeded(seed)
        mixture = everything.mix(audio, notes, torch.tensor([999] * 4), generator)
        sound = everything.waveform(mixture.audio, generator)
        return sound, *everything.spectrogram(spec, mixture.notes, LOGFREQ, generator)

    for once, again, otherwise in zip(draw(1), draw(1), draw(2), strict=True):
        assert torch.equal(once, again) and not torch.equal(once, otherwise)


def test_all_that_is_random_comes_from_the_generator(everything: Augmentation) -> None:
    state = torch.get_rng_state()
    everything.waveform(torch.randn(4, 999, generator=seeded()), seeded())
    assert torch.equal(torch.get_rng_state(), state)


def test_inputs_are_left_as_they_were(everything: Augmentation) -> None:
    audio, spec, notes = torch.randn(2, 999), torch.randn(2, 2, 7, 264), one_note_each([40, 60])
    length = torch.tensor([999, 500])
    copies = [tensor.clone() for tensor in (audio, spec, notes, length)]
    everything.mix(audio, notes, length, seeded())
    everything.waveform(audio, seeded())
    everything.spectrogram(spec, notes, LOGFREQ, seeded())
    assert all(map(torch.equal, (audio, spec, notes, length), copies))


@pytest.mark.parametrize("effect", EFFECTS)
def test_effects_are_as_frequent_as_asked(effect: str, everything: Augmentation) -> None:
    """What an example did not draw leaves it bit for bit as it was."""
    audio = torch.randn(400, 2000)
    folders = {"noises": everything.noises, "impulse_responses": everything.impulse_responses}
    augmented = replace(NOTHING, **folders, **{effect: 0.25}).waveform(audio, seeded())
    touched = (augmented != audio).any(dim=-1).float().mean().item()
    assert touched == pytest.approx(0.25, abs=0.07)


def test_silence_stays_silent(everything: Augmentation) -> None:
    silence = torch.zeros(3, 4000)
    assert torch.equal(everything.waveform(silence, seeded()), silence)
    notes = torch.zeros(3, 0, 4)
    mixture = everything.mix(silence, notes, torch.tensor([4000] * 3), seeded())
    assert torch.equal(mixture.audio, silence)


def test_silence_beside_sound_stays_silent(everything: Augmentation) -> None:
    audio = torch.randn(3, 4000) * torch.tensor([[1.0], [0.0], [1.0]])
    heard = everything.waveform(audio, seeded())
    assert not heard[1].any() and torch.isfinite(heard).all()


def test_the_configuration_holds_the_defaults(tmp_path: Path) -> None:
    config = OmegaConf.to_container(composed().augment)
    assert isinstance(config, dict)
    assert config.pop("_target_") == "amt.augment.Augmentation"
    plain = {
        name: list(v) if isinstance(v, tuple) else v for name, v in asdict(Augmentation()).items()
    }
    assert config == plain
