"""Folders of impulse responses and noise: errors, caching, excerpts."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from signals import NO_EFFECTS

from amt.augment.audio_folders import NoiseRecordings, load_impulse_responses
from amt.io.audio import AudioError, save

CPU = torch.device("cpu")


@pytest.mark.parametrize("key", ["impulse_responses", "noises"])
def test_the_error_for_a_missing_folder_is_one_line(key: str, tmp_path: Path) -> None:
    for folder in (tmp_path / "missing", tmp_path):
        with pytest.raises(FileNotFoundError) as raised:
            replace(NO_EFFECTS, **{key: str(folder)}).read_folders()
        message = str(raised.value)
        assert "\n" not in message and str(folder) in message and f"augment.{key}" in message


def test_without_folders_nothing_is_read() -> None:
    before = load_impulse_responses.cache_info().misses
    NO_EFFECTS.read_folders()
    assert load_impulse_responses.cache_info().misses == before


def test_invalid_impulse_responses_are_errors(tmp_path: Path) -> None:
    save(tmp_path / "silence.wav", np.zeros(100))
    with pytest.raises(AudioError, match=r"silence\.wav is silent"):
        load_impulse_responses(str(tmp_path), CPU)
    (tmp_path / "silence.wav").write_text("no audio")
    with pytest.raises(AudioError, match=r"silence\.wav"):
        load_impulse_responses(str(tmp_path), CPU)


def test_a_folder_is_read_once(tmp_path: Path) -> None:
    save(tmp_path / "a.wav", np.r_[1.0, np.zeros(99)] / 2)
    first = load_impulse_responses(str(tmp_path), CPU)
    (tmp_path / "a.wav").unlink()
    assert load_impulse_responses(str(tmp_path), CPU) is first


def test_excerpts_begin_at_their_position_and_repeat() -> None:
    length = torch.tensor([[4], [3]])
    recordings = NoiseRecordings(torch.arange(7.0), length.cumsum(0) - length, length)
    index, position = torch.tensor([[0], [1]]), torch.tensor([[0.5], [0.7]])
    assert recordings.excerpts(index, position, 5).tolist() == [[2, 3, 0, 1, 2], [6, 4, 5, 6, 4]]
