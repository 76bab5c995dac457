"""All effects together: repeatable, inputs unchanged, no effect at strength 0."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hydra_configs import composed
from omegaconf import OmegaConf
from signals import NO_EFFECTS, one_note_each, seeded
from torch import Tensor

from amt.augment import Augmentation
from amt.features.frontends import SpectrogramShape
from amt.io.audio import save

LOGFREQ = SpectrogramShape(2, 264, 3)
EFFECTS = ("reverb", "band_limit", "noise", "recorded_noise", "compression", "clipping", "codec")


@pytest.fixture(scope="module")
def all_effects(tmp_path_factory: pytest.TempPathFactory) -> Augmentation:
    folder = tmp_path_factory.mktemp("audio")
    save(folder / "a.wav", np.random.default_rng(0).normal(0, 0.1, 5000))
    folders = {"impulse_responses": str(folder), "noises": str(folder)}
    return replace(Augmentation(), **dict.fromkeys(EFFECTS, 1), mixing=1, **folders)


@pytest.mark.parametrize("samples", [16000, 15999, 1])
def test_shapes_are_unchanged(samples: int, all_effects: Augmentation) -> None:
    audio = torch.randn(3, samples)
    augmented = all_effects.waveform(audio, seeded())
    assert augmented.shape == audio.shape and torch.isfinite(augmented).all()
    spec, notes = torch.randn(3, 2, 7, 264), one_note_each([40, 60, 80])
    moved, labels = all_effects.spectrogram(spec, notes, LOGFREQ, seeded())
    assert moved.shape == spec.shape and labels.shape == notes.shape


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_dtypes_are_unchanged(dtype: torch.dtype, all_effects: Augmentation) -> None:
    audio, notes = torch.randn(3, 4000, dtype=dtype), one_note_each([40, 60, 80])
    spec = torch.randn(3, 2, 7, 264, dtype=dtype)
    mixture = all_effects.mix(audio, notes, torch.tensor([4000] * 3), seeded())
    assert mixture.audio.dtype == dtype and mixture.notes.dtype == torch.float32
    assert mixture.length.dtype == torch.int64
    assert all_effects.waveform(audio, seeded()).dtype == dtype
    assert all_effects.spectrogram(spec, notes, LOGFREQ, seeded())[0].dtype == dtype


def test_without_effects_the_batch_is_unchanged(all_effects: Augmentation) -> None:
    audio, spec, notes = torch.randn(2, 999), torch.randn(2, 2, 7, 264), one_note_each([40, 60])
    augment = replace(
        NO_EFFECTS, noises=all_effects.noises, impulse_responses=all_effects.impulse_responses
    )
    assert torch.equal(augment.waveform(audio, seeded()), audio)
    same, labels = augment.spectrogram(spec, notes, LOGFREQ, seeded())
    assert torch.equal(same, spec) and torch.equal(labels, notes)
    mixture = augment.mix(audio, notes, torch.tensor([999, 999]), seeded())
    assert torch.equal(mixture.audio, audio) and torch.equal(mixture.notes, notes)


def test_the_same_generator_gives_the_same_result(all_effects: Augmentation) -> None:
    audio, spec, notes = torch.randn(4, 999), torch.randn(4, 2, 7, 264), one_note_each([60] * 4)

    def augmented(seed: int) -> tuple[Tensor, Tensor, Tensor]:
        generator = seeded(seed)
        mixture = all_effects.mix(audio, notes, torch.tensor([999] * 4), generator)
        waveform = all_effects.waveform(mixture.audio, generator)
        return waveform, *all_effects.spectrogram(spec, mixture.notes, LOGFREQ, generator)

    for once, again, otherwise in zip(augmented(1), augmented(1), augmented(2), strict=True):
        assert torch.equal(once, again) and not torch.equal(once, otherwise)


def test_the_global_generator_is_not_used(all_effects: Augmentation) -> None:
    state = torch.get_rng_state()
    all_effects.waveform(torch.randn(4, 999, generator=seeded()), seeded())
    assert torch.equal(torch.get_rng_state(), state)


def test_inputs_are_unchanged(all_effects: Augmentation) -> None:
    audio, spec, notes = torch.randn(2, 999), torch.randn(2, 2, 7, 264), one_note_each([40, 60])
    length = torch.tensor([999, 500])
    copies = [tensor.clone() for tensor in (audio, spec, notes, length)]
    all_effects.mix(audio, notes, length, seeded())
    all_effects.waveform(audio, seeded())
    all_effects.spectrogram(spec, notes, LOGFREQ, seeded())
    assert all(map(torch.equal, (audio, spec, notes, length), copies))


@pytest.mark.parametrize("effect", EFFECTS)
def test_effects_have_their_probability(effect: str, all_effects: Augmentation) -> None:
    """Examples without the effect are bit-identical."""
    audio = torch.randn(400, 2000)
    folders = {"noises": all_effects.noises, "impulse_responses": all_effects.impulse_responses}
    augmented = replace(NO_EFFECTS, **folders, **{effect: 0.25}).waveform(audio, seeded())
    changed = (augmented != audio).any(dim=-1).float().mean().item()
    assert changed == pytest.approx(0.25, abs=0.07)


def test_silence_stays_silent(all_effects: Augmentation) -> None:
    silence = torch.zeros(3, 4000)
    assert torch.equal(all_effects.waveform(silence, seeded()), silence)
    notes = torch.zeros(3, 0, 4)
    mixture = all_effects.mix(silence, notes, torch.tensor([4000] * 3), seeded())
    assert torch.equal(mixture.audio, silence)


def test_a_silent_example_in_a_batch_stays_silent(all_effects: Augmentation) -> None:
    audio = torch.randn(3, 4000) * torch.tensor([[1.0], [0.0], [1.0]])
    augmented = all_effects.waveform(audio, seeded())
    assert not augmented[1].any() and torch.isfinite(augmented).all()


def test_the_configuration_holds_the_defaults(tmp_path: Path) -> None:
    config = OmegaConf.to_container(composed().augment)
    assert isinstance(config, dict)
    assert config.pop("_target_") == "amt.augment.Augmentation"
    plain = {
        name: list(v) if isinstance(v, tuple) else v for name, v in asdict(Augmentation()).items()
    }
    assert config == plain
