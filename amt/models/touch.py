"""How hard keys were struck, which the trunk, made to tell notes from no notes, half forgets."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from amt.features import SpectrogramShape
from amt.models.trunk import HarmonicGather
from amt.notes import NUM_KEYS

# Frames around each frame that are heard: at 31.25 a second 0.13 s either way.
REACH = 4


class Touch(nn.Module):
    """spec (B, C, T, F), features (B, D, T, 88) -> what is added to velocity's logits (B, T, 88).

    Every key hears how loud the spectrogram is around it, before and after, and so do its
    harmonics; `hidden` channels, the same for all keys. What it says starts at zero, so that it can
    join a trained network.
    """

    def __init__(
        self, shape: SpectrogramShape, dim: int, hidden: int = 32, harmonics: int = 8
    ) -> None:
        super().__init__()
        if hidden < 1:
            raise ValueError(f"touch={hidden}: expected a number of channels, or 0 for none")
        steps = shape.bins_per_semitone
        if not steps or shape.num_bins != steps * NUM_KEYS:
            raise ValueError(
                "touch needs a front end that is logarithmic in frequency: "
                "use features=logfreq or features=cqt, or model.touch=0"
            )
        self.norm = nn.BatchNorm2d(shape.channels)
        self.around = nn.Conv2d(
            shape.channels, hidden, (2 * REACH + 1, steps), stride=(1, steps), padding=(REACH, 0)
        )
        self.partials = HarmonicGather(hidden, harmonics)
        self.join = nn.Conv2d(hidden + dim, 2 * hidden, 1)
        self.say = nn.Conv2d(2 * hidden, 1, 1)
        nn.init.zeros_(self.say.weight)
        assert self.say.bias is not None
        nn.init.zeros_(self.say.bias)

    def forward(self, spec: Tensor, features: Tensor) -> Tensor:
        near = torch.relu(self.around(self.norm(spec)))
        heard = torch.relu(near + self.partials(near))
        joined = self.join(torch.cat([heard, features.to(heard.dtype)], dim=1))
        return self.say(torch.relu(joined))[:, 0]
