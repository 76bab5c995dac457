"""Two excerpts at once."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from amt.augment.noise import rms

# A soft excerpt is not raised further than this, nor a loud one lowered.
MOST_DB = 12.0


@dataclass(frozen=True, eq=False)
class Mixture:
    """audio (B, S), notes (B, N, columns) and length (B,) of a batch; mixed (B,): which are two.

    What is known of one excerpt alone (its pedal) does not hold for examples that are `mixed`.
    """

    audio: Tensor
    notes: Tensor
    length: Tensor
    mixed: Tensor


def mix(audio: Tensor, notes: Tensor, length: Tensor, mixed: Tensor, level_db: Tensor) -> Mixture:
    """To the `mixed` examples (B,) the one before it in the batch, `level_db` (B, 1) against it.

    Both lists of notes hold, rows with pitch 0 being padding; velocities stay, since they say how
    hard a key was struck. Where either excerpt has ended, neither counts.
    """
    if len(audio) < 2 or not mixed.any():
        return Mixture(audio, notes, length, torch.zeros_like(mixed))
    other = audio.roll(1, 0)
    most = 10 ** (MOST_DB / 20)
    balance = (rms(audio) / rms(other).clamp(min=1e-9)).clamp(1 / most, most)
    sum_of_both = audio + balance * 10 ** (level_db / 20) * other
    added = torch.where(mixed[:, None, None], notes.roll(1, 0), 0)
    return Mixture(
        audio=torch.where(mixed[:, None], sum_of_both, audio),
        notes=torch.cat([notes, added], dim=1),
        length=torch.where(mixed, torch.minimum(length, length.roll(1, 0)), length),
        mixed=mixed,
    )
