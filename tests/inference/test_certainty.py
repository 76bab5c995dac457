"""Certainty: statistics of posteriors that are known."""

from __future__ import annotations

import pytest
import torch

from amt.decoding.peaks import Decoder
from amt.inference.certainty import measure_certainty, onset_heights

FRAMES, KEYS = 20, 88
DECODER = Decoder(onset_threshold=0.5, pedal_threshold=0.4)


def posteriors(heights: list[float], frame: float = 0.0) -> dict[str, torch.Tensor]:
    """An onset peak on each of the first keys."""
    onset = torch.zeros(FRAMES, KEYS, dtype=torch.float16)
    for key, height in enumerate(heights):
        onset[4:7, key] = torch.tensor([height / 2, height, height / 2])
    pedal = torch.cat([torch.ones(5, 1), torch.zeros(15, 1)])
    return {"onset": onset, "frame": torch.full((FRAMES, KEYS), frame), "pedal": pedal}


def test_heights_of_peaks() -> None:
    onset = posteriors([0.9, 0.3, 0.05])["onset"]
    onset[10:13, 50] = 0.7  # A flat top counts once.
    assert sorted(onset_heights(onset)) == pytest.approx([0.3, 0.7, 0.9], abs=1e-3)


def test_expected_f1_is_that_of_calibrated_peaks() -> None:
    found = measure_certainty(posteriors([0.9, 0.7, 0.3]), DECODER)
    # 1.6 right of two notes, and 1.9 notes in all.
    assert found.expected_f1 == pytest.approx(2 * 1.6 / (2 + 1.9), abs=1e-3)
    assert found.onset == pytest.approx(0.8, abs=1e-3)
    assert found.uncertain == pytest.approx(2 / 3)
    assert found.pedal == pytest.approx(0.25)


def test_frames() -> None:
    found = measure_certainty(posteriors([0.9], frame=0.75), DECODER)
    assert found.frame == pytest.approx(0.5)
    assert found.polyphony == KEYS


@pytest.mark.parametrize("frames", [1, 2, 3])
def test_nothing_is_known_without_peaks(frames: int) -> None:
    silent = {name: values[:frames] for name, values in posteriors([]).items()}
    found = measure_certainty(silent, DECODER)
    assert (found.onset, found.expected_f1, found.frame) == (None, None, None)
    assert found.polyphony == 0
