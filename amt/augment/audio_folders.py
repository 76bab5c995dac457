"""Folders of audio for augmentation: impulse responses of rooms, and noise recordings.

Each folder is read once per process and kept on the device; an hour of audio takes 0.23 GB.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from amt.io.audio import AUDIO_SUFFIXES, SAMPLE_RATE, AudioError, load
from amt.io.folders import files_below
from amt.io.impulse_responses import DIRECT_SECONDS, direct_sound

RESPONSE_SECONDS = 1.5
RESPONSE_SAMPLES = round(RESPONSE_SECONDS * SAMPLE_RATE)
FADE_SECONDS = 0.2


@dataclass(frozen=True, eq=False)
class NoiseRecordings:
    """N recordings, concatenated: samples (M,); start and length (N, 1) of each, in samples."""

    samples: Tensor
    start: Tensor
    length: Tensor

    def excerpts(self, index: Tensor, position: Tensor, samples: int) -> Tensor:
        """Excerpts (B, samples) of the recordings `index` (B, 1).

        position: (B, 1), where each excerpt begins, as a fraction of its recording. A recording
        that is too short is repeated.
        """
        length = self.length[index[:, 0]]
        first = (position * length).long()
        steps = torch.arange(samples, device=self.samples.device)
        return self.samples[self.start[index[:, 0]] + (first + steps) % length]


@lru_cache(maxsize=4)
def load_impulse_responses(folder: str, device: torch.device) -> Tensor:
    """The reverberation of each impulse response in a folder: (N, RESPONSE_SAMPLES).

    The responses are scaled and shifted so that the direct sound is 1 at sample 0; it is then
    removed. Raises FileNotFoundError if the folder is missing or has no audio, AudioError if a file
    cannot be decoded or is silent.
    """
    if device.type != "cpu":
        return load_impulse_responses(folder, torch.device("cpu")).to(device)
    paths = _audio_files(folder, "impulse_responses")
    responses = [_reverberation(path, load(path, strict=True)) for path in paths]
    return torch.from_numpy(np.stack(responses))


@lru_cache(maxsize=4)
def load_noises(folder: str, device: torch.device) -> NoiseRecordings:
    """The noise recordings of a folder; raises the same errors as `load_impulse_responses`."""
    if device.type != "cpu":
        read = load_noises(folder, torch.device("cpu"))
        parts = (read.samples, read.start, read.length)
        return NoiseRecordings(*(part.to(device) for part in parts))
    found = [load(path, strict=True) for path in _audio_files(folder, "noises")]
    length = torch.tensor([len(audio) for audio in found])[:, None]
    samples = torch.from_numpy(np.concatenate(found))
    return NoiseRecordings(samples, length.cumsum(0) - length, length)


def _audio_files(folder: str, key: str) -> list[Path]:
    """All audio below `folder`, which the configuration names as augment.`key`, sorted."""
    root = Path(folder).expanduser()
    advice = f"set augment.{key} to a folder with audio, or to null"
    if not root.is_dir():
        raise FileNotFoundError(f"augment.{key}={folder}: no such folder; {advice}")
    found = sorted(path for path in files_below(root) if path.suffix.lower() in AUDIO_SUFFIXES)
    if not found:
        raise FileNotFoundError(f"augment.{key}={folder}: no audio in this folder; {advice}")
    return found


def _reverberation(path: Path, response: np.ndarray) -> np.ndarray:
    """All after the direct sound, relative to its amplitude, faded out at the end: float32."""
    direct, spread = direct_sound(response), round(DIRECT_SECONDS * SAMPLE_RATE)
    if not response[direct]:
        raise AudioError(
            f"{path} is silent; expected the impulse response of a room; remove the file"
        )
    tail = np.zeros(RESPONSE_SAMPLES, dtype=np.float32)
    after = response[direct + spread : direct + RESPONSE_SAMPLES] / response[direct]
    tail[spread : spread + len(after)] = after
    fade = round(FADE_SECONDS * SAMPLE_RATE)
    tail[-fade:] *= np.linspace(1, 0, fade, dtype=np.float32)
    return tail
