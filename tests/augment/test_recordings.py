"""Folders that augmentation reads: what is wrong with one is said in a line."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from sounds import NOTHING

from amt.augment.recordings import Recordings, impulse_responses
from amt.io.audio import AudioError, save

CPU = torch.device("cpu")


@pytest.mark.parametrize("setting", ["impulse_responses", "noises"])
def test_a_missing_folder_is_said_in_one_line(setting: str, tmp_path: Path) -> None:
    for folder in (tmp_path / "missing", tmp_path):
        with pytest.raises(FileNotFoundError) as raised:
            replace(NOTHING, **{setting: str(folder)}).read_folders()
        message = str(raised.value)
        assert "\n" not in message and str(folder) in message and f"augment.{setting}" in message


def test_without_folders_there_is_nothing_to_read() -> None:
    before = impulse_responses.cache_info().misses
    NOTHING.read_folders()
    assert impulse_responses.cache_info().misses == before


def test_what_is_no_impulse_response_is_refused(tmp_path: Path) -> None:
    save(tmp_path / "silence.wav", np.zeros(100))
    with pytest.raises(AudioError, match=r"silence\.wav is silent"):
        impulse_responses(str(tmp_path), CPU)
    (tmp_path / "silence.wav").write_text("no audio")
    with pytest.raises(AudioError, match=r"silence\.wav"):
        impulse_responses(str(tmp_path), CPU)


def test_a_folder_is_read_once(tmp_path: Path) -> None:
    save(tmp_path / "a.wav", np.r_[1.0, np.zeros(99)] / 2)
    first = impulse_responses(str(tmp_path), CPU)
    (tmp_path / "a.wav").unlink()
    assert impulse_responses(str(tmp_path), CPU) is first


def test_excerpts_begin_where_asked_and_go_round() -> None:
    length = torch.tensor([[4], [3]])
    found = Recordings(torch.arange(7.0), length.cumsum(0) - length, length)
    which, position = torch.tensor([[0], [1]]), torch.tensor([[0.5], [0.7]])
    assert found.excerpt(which, position, 5).tolist() == [[2, 3, 0, 1, 2], [6, 4, 5, 6, 4]]
