"""One linear classifier a key on normalised spectra (Poliner and Ellis 2007)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from amt.features.frontends import SpectrogramShape
from amt.notes import NUM_KEYS


class LinearKeys(nn.Module):
    """spec (B, C, T, F) -> logits (B, T, 88) of `outputs`, one matrix each.

    A frame's features are its spectrum, normalised, and with `rise` also how much each bin grows
    from the frame before to the one after it. window: bins over which a spectrum is normalised.
    """

    def __init__(
        self,
        shape: SpectrogramShape,
        outputs: Sequence[str] = ("frame", "onset"),
        window: int = 71,
        rise: bool = True,
    ) -> None:
        super().__init__()
        if window % 2 == 0:
            raise ValueError(f"window={window}: expected an odd number of bins")
        self.window = window
        self.rise = rise
        self.num_features = shape.channels * shape.num_bins * (2 if rise else 1)
        self.classifiers = nn.ModuleDict(
            {name: nn.Linear(self.num_features, NUM_KEYS) for name in outputs}
        )
        # The name of every output, and how many columns it has.
        self.widths = dict.fromkeys(outputs, NUM_KEYS)

    def forward(self, spec: Tensor) -> dict[str, Tensor]:
        features = self.features(spec)
        return {name: linear(features).float() for name, linear in self.classifiers.items()}

    def features(self, spec: Tensor) -> Tensor:
        """Features (B, T, D) of spec (B, C, T, F)."""
        parts = [normalised(spec, self.window)]
        if self.rise:
            padded = F.pad(spec, (0, 0, 1, 1), mode="replicate")
            parts.append((padded[:, :, 2:] - padded[:, :, :-2]).relu())
        return torch.cat(parts, dim=1).transpose(1, 2).flatten(2)


def normalised(spec: Tensor, window: int, quietest: float = 0.05) -> Tensor:
    """Each bin of spec (..., F) less the mean of the `window` bins around it, by their deviation.

    Neither loudness nor an equaliser changes it much. Deviations below `quietest` count as that, so
    that the floor of the spectrogram stays flat.
    """
    # Their own mean cancels out below; without it the squares keep two more digits.
    flat = (spec - spec.mean(dim=-1, keepdim=True)).reshape(-1, 1, spec.shape[-1])
    mean, square = (_sliding_mean(values, window) for values in (flat, flat * flat))
    deviation = (square - mean * mean).clamp(min=quietest**2).sqrt()
    return ((flat - mean) / deviation).reshape(spec.shape)


def _sliding_mean(values: Tensor, window: int) -> Tensor:
    return F.avg_pool1d(values, window, stride=1, padding=window // 2, count_include_pad=False)
