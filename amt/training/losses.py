"""The training loss: weighted binary cross-entropy of every target, squared error of velocities."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import torch.nn.functional as F
from torch import Tensor

# Weight of the part of the velocity error that all notes of an example share. It mostly comes from
# the recording level, which says little about how hard the keys were played; what matters is which
# notes are louder than others.
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
    """Binary cross-entropy of every target; for velocity, the squared error at onsets.

    weights: of each target in the total; targets that the network does not predict are left out.
    positive: weight of positive cells, which are rare. Velocity is a fraction of 127; a cell counts
    by the height of its onset triangle, and the error that all velocities of an example share
    counts less (SHARED_VELOCITY). Release and pedal count where the recording's pedal is known.
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
        """The weight of each cell of a target."""
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
    """Squared `errors` (B, T, 88); their mean over the `cells` of an example counts less."""
    counted = cells.sum(dim=(1, 2), keepdim=True).clamp(min=1e-6)
    shared = (errors * cells).sum(dim=(1, 2), keepdim=True) / counted
    return (errors - shared).square() + SHARED_VELOCITY * shared.square()
