"""Folders of recordings that augmentation uses: impulse responses of rooms, and noises.

Each folder is read once a process, and held on the device: an hour takes 0.23 GB.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from amt.io.audio import AUDIO_SUFFIXES, SAMPLE_RATE, AudioError, load
from amt.io.impulse_responses import DIRECT_SECONDS, direct_sound

RESPONSE_SECONDS = 1.5
RESPONSE_SAMPLES = round(RESPONSE_SECONDS * SAMPLE_RATE)
FADE_SECONDS = 0.2


@dataclass(frozen=True, eq=False)
class Recordings:
    """Recordings end to end: samples (M,); start and length (N, 1) of each, in samples."""

    samples: Tensor
    start: Tensor
    length: Tensor

    def excerpt(self, which: Tensor, position: Tensor, samples: int) -> Tensor:
        """(B, samples) from recordings `which` (B, 1), from `position` (B, 1) on, 0 to 1 of each.

        A recording that ends before goes on from its beginning.
        """
        length = self.length[which[:, 0]]
        first = (position * length).long()
        steps = torch.arange(samples, device=self.samples.device)
        return self.samples[self.start[which[:, 0]] + (first + steps) % length]


@lru_cache(maxsize=4)
def impulse_responses(folder: str, device: torch.device) -> Tensor:
    """What follows the direct sound in each response of a folder: (N, RESPONSE_SAMPLES).

    The direct sound, which is left out, is 1 at sample 0. Raises FileNotFoundError where the folder
    is missing or has no audio, AudioError where a file cannot be decoded or is silent.
    """
    if device.type != "cpu":
        return impulse_responses(folder, torch.device("cpu")).to(device)
    tails = [_tail(path, load(path)) for path in _audio_files(folder, "impulse_responses")]
    return torch.from_numpy(np.stack(tails))


@lru_cache(maxsize=4)
def noises(folder: str, device: torch.device) -> Recordings:
    """The recordings of a folder; raises as `impulse_responses` does."""
    if device.type != "cpu":
        read = noises(folder, torch.device("cpu"))
        return Recordings(*(part.to(device) for part in (read.samples, read.start, read.length)))
    found = [load(path) for path in _audio_files(folder, "noises")]
    length = torch.tensor([len(audio) for audio in found])[:, None]
    return Recordings(torch.from_numpy(np.concatenate(found)), length.cumsum(0) - length, length)


def _audio_files(folder: str, setting: str) -> list[Path]:
    root = Path(folder).expanduser()
    advice = f"set augment.{setting} to a folder with audio, or to null"
    if not root.is_dir():
        raise FileNotFoundError(f"augment.{setting}={folder}: no such folder; {advice}")
    found = sorted(path for path in root.rglob("*") if path.suffix.lower() in AUDIO_SUFFIXES)
    if not found:
        raise FileNotFoundError(f"augment.{setting}={folder}: no audio in this folder; {advice}")
    return found


def _tail(path: Path, response: np.ndarray) -> np.ndarray:
    """What follows the direct sound, as a part of it, faded out where it is cut: float32."""
    direct, spread = direct_sound(response), round(DIRECT_SECONDS * SAMPLE_RATE)
    if not response[direct]:
        raise AudioError(f"{path} is silent: expected the impulse response of a room; take it out")
    tail = np.zeros(RESPONSE_SAMPLES, dtype=np.float32)
    after = response[direct + spread : direct + RESPONSE_SAMPLES] / response[direct]
    tail[spread : spread + len(after)] = after
    fade = round(FADE_SECONDS * SAMPLE_RATE)
    tail[-fade:] *= np.linspace(1, 0, fade, dtype=np.float32)
    return tail
