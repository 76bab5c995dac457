"""Piano-roll targets from note tables, on the device; the only place where seconds become frames.

Frame t stands at t / frame_rate seconds, as in `amt.features.frontends`.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from amt.notes import MIN_PITCH, NUM_KEYS, OFFSET, ONSET, PITCH, RELEASE, VELOCITY


def make_targets(
    notes: Tensor, num_frames: int, frame_rate: float, width: float = 2.0
) -> dict[str, Tensor]:
    """Targets (B, T, 88) for padded note tables (B, N, 4) of onset, offset (s), pitch, velocity.

    A fifth column, the release of the key (s), gives the target `release` as well. Rows with pitch
    0 are padding. Times count from the segment's start and may lie outside it.

    onset, offset, release: triangles max(0, 1 - |t - time * frame_rate| / width), with `width` in
    frames, so that times between frames survive (Kong et al. 2021, "High-resolution piano
    transcription").
    frame: 1 where t / frame_rate lies in [onset, offset). velocity: velocity / 127 of the strongest
    note wherever the onset triangle is positive, else 0.
    """
    column = notes.unbind(-1)
    onset, offset, pitch, velocity = (column[i] for i in (ONSET, OFFSET, PITCH, VELOCITY))
    real = (pitch >= MIN_PITCH) & (pitch < MIN_PITCH + NUM_KEYS)
    key = torch.where(real, pitch - MIN_PITCH, 0).long()
    grid = _Grid(real, key, num_frames)
    onset_height, onset_frame = _triangle(onset * frame_rate, width)
    strength = (velocity / 127)[..., None] * (onset_height > 0)
    targets = {
        "onset": grid.highest(onset_height, onset_frame),
        "offset": grid.highest(*_triangle(offset * frame_rate, width)),
        "frame": grid.between(onset * frame_rate, offset * frame_rate),
        "velocity": grid.highest(strength, onset_frame),
    }
    if len(column) > RELEASE:
        targets["release"] = grid.highest(*_triangle(column[RELEASE] * frame_rate, width))
    return targets


def make_pedal_targets(presses: Tensor, num_frames: int, frame_rate: float) -> Tensor:
    """Target (B, T, 1): 1 where the pedal is down, for padded `presses` (B, P, 2) in seconds."""
    time = torch.arange(num_frames, device=presses.device)[:, None] / frame_rate
    down = (presses[:, None, :, 0] <= time) & (time < presses[:, None, :, 1])
    return down.any(dim=-1, keepdim=True).to(presses.dtype)


def frame_mask(lengths: Tensor, num_frames: int, hop_length: int) -> Tensor:
    """Mask (B, T): 1.0 where a frame's centre lies inside the `lengths` (B,) valid samples."""
    centre = torch.arange(num_frames, device=lengths.device) * hop_length
    return (centre < lengths[:, None]).float()


def _triangle(position: Tensor, width: float) -> tuple[Tensor, Tensor]:
    """Heights (B, N, W) of a triangle around `position` (B, N), and the frames (B, N, W)."""
    reach = math.ceil(width)
    steps = torch.arange(-reach, reach + 1, device=position.device)
    frame = position.round().long()[..., None] + steps
    height = (1 - (frame - position[..., None]).abs() / width).clamp(min=0)
    return height, frame


class _Grid:
    """Writes notes into an empty roll (B, T, 88); padding and far frames go to a spare cell."""

    def __init__(self, real: Tensor, key: Tensor, num_frames: int) -> None:
        self.real = real
        self.key = key
        self.frames = num_frames
        self.batch = torch.arange(len(key), device=key.device)[:, None]

    def highest(self, value: Tensor, frame: Tensor) -> Tensor:
        """The highest of the values (B, N, W) that fall on each cell."""
        inside = self.real[..., None] & (frame >= 0) & (frame < self.frames)
        row = self.batch[..., None] * self.frames + frame
        cell = torch.where(inside, row * NUM_KEYS + self.key[..., None], self._spare)
        flat = value.new_zeros(self._spare + 1)
        flat.scatter_reduce_(0, cell.flatten(), value.flatten(), "amax")
        return flat[:-1].view(-1, self.frames, NUM_KEYS)

    def between(self, start: Tensor, stop: Tensor) -> Tensor:
        """1 in the cells with start <= frame < stop, for `start`, `stop` (B, N) in frames."""
        rows = self.frames + 1
        steps = start.new_zeros(len(self.key), rows, NUM_KEYS)
        for edge, sign in ((start, 1.0), (stop, -1.0)):
            row = edge.ceil().clamp(0, self.frames).long()
            cell = ((self.batch * rows + row) * NUM_KEYS + self.key).flatten()
            steps.view(-1).index_add_(0, cell, (sign * self.real.to(start.dtype)).flatten())
        return (steps.cumsum(dim=1)[:, :-1] > 0.5).to(start.dtype)

    @property
    def _spare(self) -> int:
        return len(self.key) * self.frames * NUM_KEYS
