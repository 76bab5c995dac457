"""Windows cover a recording; the early one makes no difference to the others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from amt.inference.windows import Windowing, compute_early_window, compute_windows


@given(
    frames=st.integers(1, 5000),
    seconds=st.floats(0.01, 60),
    margin=st.floats(0, 10),
    frame_rate=st.sampled_from([31.25, 50.0, 100.0]),
    workers=st.integers(1, 9),
)
@settings(deadline=None)
def test_windows_cover_every_frame_once(
    frames: int, seconds: float, margin: float, frame_rate: float, workers: int
) -> None:
    starts, length, kept_back = Windowing(seconds, margin).starts(frames, frame_rate, workers)
    assert starts[0] == 0 and starts[-1] + length == frames
    assert length <= max(1, round(seconds * frame_rate))
    assert all(0 <= start <= frames - length for start in starts)
    following = pairwise(starts)
    assert all(0 < after - before <= length - 2 * kept_back for before, after in following)


@pytest.mark.parametrize("seconds", [30.0, 60.0, 90.0, 600.0])
def test_workers_share_the_windows_evenly(seconds: float) -> None:
    frames = round(seconds * 31.25)
    starts, length, _ = Windowing().starts(frames, 31.25, workers=2)
    assert len(starts) % 2 == 0
    assert len(starts) * length < 1.3 * frames


def test_a_few_seconds_are_one_window() -> None:
    assert Windowing().starts(round(5 * 31.25), 31.25, workers=8)[0] == [0]


CPU = torch.device("cpu")


@dataclass
class Counter:
    """A model whose output is the number of the frame; it records the windows asked for."""

    device: torch.device = CPU
    sample_rate: int = 16000
    hop_length: int = 512
    feature_width: int = 0
    asked: list[tuple[int, int]] = field(default_factory=list)

    @property
    def widths(self) -> dict[str, int]:
        return {"onset": 1}

    def __call__(
        self, audio: np.ndarray, starts: Sequence[int], length: int, features: bool = False
    ) -> dict[str, torch.Tensor]:
        self.asked += [(start, length) for start in starts]
        rows = [torch.arange(start, start + length)[:, None] for start in starts]
        return {"onset": torch.stack(rows)}


AUDIO = np.zeros(60 * 16000, dtype=np.float32)
FRAMES = 1875


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("batch", [1, 3])
def test_windows_come_in_order_with_their_right_margins(workers: int, batch: int) -> None:
    model = Counter()
    windows = list(compute_windows(model, AUDIO, FRAMES, Windowing(batch=batch), workers))
    assert [window.first for window in windows] == [0, *(w.last for w in windows[:-1])]
    assert windows[-1].last == windows[-1].end == FRAMES
    for window in windows:
        assert window.outputs["onset"][:, 0].tolist() == list(range(window.first, window.end))
    assert all(window.end - window.last == 47 for window in windows[:-1])


def test_the_early_window_is_short() -> None:
    model = Counter()
    (window,) = compute_early_window(model, AUDIO, FRAMES, Windowing())
    assert window.early and (window.first, window.last, window.end) == (0, 71, 94)
    assert window.outputs["onset"].shape == (94, 1)
    assert model.asked == [(0, 94)]


@pytest.mark.parametrize(
    ("model", "frames", "windowing"),
    [
        (Counter(), 1500, Windowing()),
        (Counter(), FRAMES, Windowing(seconds=4.0)),
        (Counter(torch.device("meta")), FRAMES, Windowing()),
    ],
    ids=["short recording", "short windows", "fast device"],
)
def test_where_an_early_window_gains_nothing_there_is_none(
    model: Counter, frames: int, windowing: Windowing
) -> None:
    assert not list(compute_early_window(model, AUDIO, frames, windowing))
    assert not model.asked
