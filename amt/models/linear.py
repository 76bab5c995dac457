"""One linear classifier per key on normalised spectra (Poliner and Ellis 2007).

"A Discriminative Model for Polyphonic Piano Transcription", EURASIP Journal on Advances in Signal
Processing. `amt.baselines.svm` trains the classifiers as support vector machines.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from amt.features.frontends import SpectrogramShape
from amt.notes import NUM_KEYS


class LinearKeys(nn.Module):
    """spec (B, C, T, F) -> logits (B, T, 88) for each of `outputs`, by one weight matrix each.

    The features of a frame are its normalised spectrum and, with `rise`, the increase of each bin
    from the previous frame to the next. window: number of bins over which spectra are normalised.
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
        self.feature_width = shape.channels * shape.num_bins * (2 if rise else 1)
        self.classifiers = nn.ModuleDict(
            {name: nn.Linear(self.feature_width, NUM_KEYS) for name in outputs}
        )
        # The number of columns of each output.
        self.widths = dict.fromkeys(outputs, NUM_KEYS)

    def forward(self, spec: Tensor) -> dict[str, Tensor]:
        return self.outputs(spec, self.features(spec))

    def outputs(self, spec: Tensor, features: Tensor) -> dict[str, Tensor]:
        """The logits, from `features(spec)`; they need nothing else of `spec`."""
        return {name: linear(features).float() for name, linear in self.classifiers.items()}

    def features(self, spec: Tensor) -> Tensor:
        """Features (B, T, D) of spec (B, C, T, F)."""
        parts = [normalised(spec, self.window)]
        if self.rise:
            padded = F.pad(spec, (0, 0, 1, 1), mode="replicate")
            parts.append((padded[:, :, 2:] - padded[:, :, :-2]).relu())
        return torch.cat(parts, dim=1).transpose(1, 2).flatten(2)


def normalised(spec: Tensor, window: int, quietest: float = 0.05) -> Tensor:
    """Spectra (..., F) with the mean of `window` bins around each bin removed and unit deviation.

    So gain and equalisation hardly change the result. A standard deviation below `quietest` is
    replaced by `quietest`: otherwise the noise floor would be amplified.
    """
    # Subtracting the mean of the spectrum changes nothing below, but the squares lose fewer digits.
    flat = (spec - spec.mean(dim=-1, keepdim=True)).reshape(-1, 1, spec.shape[-1])
    mean, square = (_sliding_mean(values, window) for values in (flat, flat * flat))
    deviation = (square - mean * mean).clamp(min=quietest**2).sqrt()
    return ((flat - mean) / deviation).reshape(spec.shape)


def _sliding_mean(values: Tensor, window: int) -> Tensor:
    return F.avg_pool1d(values, window, stride=1, padding=window // 2, count_include_pad=False)
