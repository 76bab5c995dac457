"""Mixing: the sum of two excerpts as one example, with the notes of both."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from amt.augment.noise import rms

# The second excerpt is brought to the level of the first by a gain of at most this.
MAX_BALANCE_DB = 12.0


@dataclass(frozen=True, eq=False)
class MixedBatch:
    """A batch after mixing: audio (B, S), notes (B, N, columns), length (B,), mixed (B,).

    mixed: true for the examples that are the sum of two excerpts. What is known of one excerpt
    alone (its pedal) does not hold for them.
    """

    audio: Tensor
    notes: Tensor
    length: Tensor
    mixed: Tensor


def mix_excerpts(
    audio: Tensor, notes: Tensor, length: Tensor, mixed: Tensor, level_db: Tensor
) -> MixedBatch:
    """Add to each `mixed` example (B,) the previous one of the batch at `level_db` (B, 1).

    The note tables are concatenated, with padding (rows of zeros) for the examples that are not
    mixed. Velocities stay as they are, since they describe how the key was struck. The valid length
    is that of the shorter excerpt.
    """
    if len(audio) < 2 or not mixed.any():
        return MixedBatch(audio, notes, length, torch.zeros_like(mixed))
    other = audio.roll(1, 0)
    limit = 10 ** (MAX_BALANCE_DB / 20)
    balance = (rms(audio) / rms(other).clamp(min=1e-9)).clamp(1 / limit, limit)
    total = audio + balance * 10 ** (level_db / 20) * other
    added = torch.where(mixed[:, None, None], notes.roll(1, 0), 0)
    return MixedBatch(
        audio=torch.where(mixed[:, None], total, audio),
        notes=torch.cat([notes, added], dim=1),
        length=torch.where(mixed, torch.minimum(length, length.roll(1, 0)), length),
        mixed=mixed,
    )
