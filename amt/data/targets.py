"""Piano-roll targets from note tables, on the device.

Times in seconds become frames here: frame t is at t / frame_rate seconds, as in
`amt.features.frontends`. pretty_midi's piano rolls are computed on the CPU and have frames only.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from amt.notes import MIN_PITCH, NUM_KEYS, OFFSET, ONSET, PITCH, RELEASE, VELOCITY


def make_targets(
    notes: Tensor, num_frames: int, frame_rate: float, width: float = 2.0
) -> dict[str, Tensor]:
    """Targets (B, T, 88) by name, for note tables (B, N, 4) of onset, offset (s), pitch, velocity.

    A fifth column, the key release (s), gives the target `release` as well. Rows with pitch 0 are
    padding. Times are relative to the start of the segment and may lie outside it.

    onset, offset, release: triangles max(0, 1 - |t - time * frame_rate| / width), with `width` in
    frames, which keep times between frames (Kong et al. 2021, "High-resolution piano
    transcription").
    frame: 1 if t / frame_rate lies in [onset, offset). velocity: velocity / 127 of the loudest note
    where the onset triangle is positive, else 0.
    """
    column = notes.unbind(-1)
    onset, offset, pitch, velocity = (column[i] for i in (ONSET, OFFSET, PITCH, VELOCITY))
    valid = (pitch >= MIN_PITCH) & (pitch < MIN_PITCH + NUM_KEYS)
    key = torch.where(valid, pitch - MIN_PITCH, 0).long()
    roll = _PianoRoll(valid, key, num_frames)
    onset_value, onset_frame = _triangle(onset * frame_rate, width)
    loudness = (velocity / 127)[..., None] * (onset_value > 0)
    targets = {
        "onset": roll.maximum(onset_value, onset_frame),
        "offset": roll.maximum(*_triangle(offset * frame_rate, width)),
        "frame": roll.between(onset * frame_rate, offset * frame_rate),
        "velocity": roll.maximum(loudness, onset_frame),
    }
    if len(column) > RELEASE:
        targets["release"] = roll.maximum(*_triangle(column[RELEASE] * frame_rate, width))
    return targets


def make_pedal_targets(presses: Tensor, num_frames: int, frame_rate: float) -> Tensor:
    """Target (B, T, 1): 1 while the pedal is down, for padded `presses` (B, P, 2) in seconds."""
    time = torch.arange(num_frames, device=presses.device)[:, None] / frame_rate
    down = (presses[:, None, :, 0] <= time) & (time < presses[:, None, :, 1])
    return down.any(dim=-1, keepdim=True).to(presses.dtype)


def frame_mask(lengths: Tensor, num_frames: int, hop_length: int) -> Tensor:
    """Mask (B, T): 1.0 if the centre of a frame lies within the `lengths` (B,) valid samples."""
    centre = torch.arange(num_frames, device=lengths.device) * hop_length
    return (centre < lengths[:, None]).float()


def _triangle(position: Tensor, width: float) -> tuple[Tensor, Tensor]:
    """Values (B, N, W) of triangles around `position` (B, N) in frames, and their frames."""
    reach = math.ceil(width)
    steps = torch.arange(-reach, reach + 1, device=position.device)
    frame = position.round().long()[..., None] + steps
    value = (1 - (frame - position[..., None]).abs() / width).clamp(min=0)
    return value, frame


class _PianoRoll:
    """Writes notes to piano rolls (B, T, 88).

    valid: (B, N), false for padding. Padding and frames outside the roll are written to an
    additional cell after the last one, which is dropped.
    """

    def __init__(self, valid: Tensor, key: Tensor, num_frames: int) -> None:
        self.valid = valid
        self.key = key
        self.frames = num_frames
        self.batch = torch.arange(len(key), device=key.device)[:, None]

    def maximum(self, value: Tensor, frame: Tensor) -> Tensor:
        """The maximum of the values (B, N, W) at each cell."""
        inside = self.valid[..., None] & (frame >= 0) & (frame < self.frames)
        row = self.batch[..., None] * self.frames + frame
        cell = torch.where(inside, row * NUM_KEYS + self.key[..., None], self._dropped)
        flat = value.new_zeros(self._dropped + 1)
        flat.scatter_reduce_(0, cell.flatten(), value.flatten(), "amax")
        return flat[:-1].view(-1, self.frames, NUM_KEYS)

    def between(self, start: Tensor, stop: Tensor) -> Tensor:
        """1 in the cells with start <= frame < stop; `start`, `stop` (B, N) in frames."""
        rows = self.frames + 1
        steps = start.new_zeros(len(self.key), rows, NUM_KEYS)
        for edge, sign in ((start, 1.0), (stop, -1.0)):
            row = edge.ceil().clamp(0, self.frames).long()
            cell = ((self.batch * rows + row) * NUM_KEYS + self.key).flatten()
            steps.view(-1).index_add_(0, cell, (sign * self.valid.to(start.dtype)).flatten())
        return (steps.cumsum(dim=1)[:, :-1] > 0.5).to(start.dtype)

    @property
    def _dropped(self) -> int:
        return len(self.key) * self.frames * NUM_KEYS
