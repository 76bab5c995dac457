"""The training loss: cross-entropy on logits, weighted where notes begin; velocities by squares."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import torch.nn.functional as F
from torch import Tensor

# What the error that all velocities of an example share counts. It is mostly the recording's: how
# loud it is says little of how hard it was played. To guess would cost what velocities say of each
# other, which is what is listened to.
SHARED_VELOCITY = 0.1


def _default_weights() -> dict[str, float]:
    return {
        "onset": 4.0,
        "offset": 1.0,
        "frame": 1.0,
        "velocity": 2.0,
        "release": 0.5,
        "pedal": 0.2,
    }


def _default_positive() -> dict[str, float]:
    return {"onset": 5.0, "offset": 5.0, "frame": 1.0, "release": 5.0}


@dataclass(frozen=True)
class Loss:
    """Binary cross-entropy of every target; of velocities, at onsets, the squared error.

    weights: of each target in the total; what the network does not predict is left out. positive:
    weight of positive cells, which are rare. Velocity is a fraction of 127 and counts by the height
    of the onset triangle; of the error that an example's velocities share, only a part. Release and
    pedal count where the recording's pedal is known.
    """

    weights: Mapping[str, float] = field(default_factory=_default_weights)
    positive: Mapping[str, float] = field(default_factory=_default_positive)

    def __call__(
        self, logits: Mapping[str, Tensor], targets: Mapping[str, Tensor]
    ) -> dict[str, Tensor]:
        """Means over valid cells for each target, and their weighted sum as `total`.

        logits, targets: (B, T, 88) each, the pedal's (B, T, 1); targets["mask"]: (B, T),
        targets["pedal_known"]: (B,).
        """
        parts = {}
        for name in self.weights:
            if name not in logits:
                continue
            cells = self._cells(name, targets)
            errors = self._errors(name, logits[name], targets[name], cells)
            parts[name] = (errors * cells).sum() / cells.sum().clamp(min=1.0)
        parts["total"] = sum(
            (self.weights[n] * part for n, part in parts.items()), targets["mask"].new_zeros(())
        )
        return parts

    def _cells(self, name: str, targets: Mapping[str, Tensor]) -> Tensor:
        """What each cell of a target counts."""
        mask = targets["mask"][..., None]
        if name in ("release", "pedal"):
            mask = mask * targets["pedal_known"][:, None, None]
        if name == "velocity":
            return mask * targets["onset"]
        return mask.expand_as(targets[name])

    def _errors(self, name: str, logits: Tensor, target: Tensor, cells: Tensor) -> Tensor:
        if name == "velocity":
            return _velocity_errors(logits.sigmoid() - target, cells)
        weight = logits.new_tensor(self.positive.get(name, 1.0))
        return F.binary_cross_entropy_with_logits(
            logits, target, pos_weight=weight, reduction="none"
        )


def _velocity_errors(errors: Tensor, cells: Tensor) -> Tensor:
    """Squares of `errors` (B, T, 88), what the `cells` of an example share counting less."""
    counted = cells.sum(dim=(1, 2), keepdim=True).clamp(min=1e-6)
    shared = (errors * cells).sum(dim=(1, 2), keepdim=True) / counted
    return (errors - shared).square() + SHARED_VELOCITY * shared.square()
