"""Trunks: from a spectrogram (B, C, T, F) to features (B, D, T, G)."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from amt.features.frontends import SpectrogramShape
from amt.notes import NUM_KEYS


class ConvTrunk(nn.Module):
    """The acoustic model of Onsets and Frames (Hawthorne et al. 2018): one vector per frame, G = 1.

    Three 3x3 convolutions, max pooling by 2 over frequency after the second and the third, then a
    linear layer over channels and frequencies.
    """

    groups = 1

    def __init__(
        self, shape: SpectrogramShape, channels: int = 24, dim: int = 256, dropout: float = 0.2
    ) -> None:
        super().__init__()
        self.dim = dim
        self.convolutions = nn.Sequential(
            nn.BatchNorm2d(shape.channels),
            *_conv(shape.channels, channels, 3),
            *_conv(channels, channels, 3),
            nn.MaxPool2d((1, 2)),
            nn.Dropout(dropout),
            *_conv(channels, 2 * channels, 3),
            nn.MaxPool2d((1, 2)),
            nn.Dropout(dropout),
        )
        self.project = nn.Linear(2 * channels * (shape.num_bins // 4), dim)

    def forward(self, spec: Tensor) -> Tensor:
        features = self.convolutions(spec).permute(0, 2, 1, 3).flatten(2)
        return torch.relu(self.project(features)).transpose(1, 2)[..., None]


class HarmonicTrunk(nn.Module):
    """A convolutional network that shares its weights over pitch: one vector per key, G = 88.

    A stem at the full frequency resolution, a strided convolution to the 88 keys, then blocks in
    which each key combines the features at its harmonics and at the keys whose harmonic it is
    (after Wei et al. 2022, "HPPNet"). A learned embedding per key is added, since low and high keys
    differ. separable: use depthwise separable convolutions in the blocks, which are
    faster and have fewer weights.
    """

    groups = NUM_KEYS

    def __init__(
        self,
        shape: SpectrogramShape,
        channels: int = 32,
        blocks: int = 3,
        stem_channels: int = 8,
        kernel_size: int = 3,
        harmonics: int = 8,
        dropout: float = 0.0,
        separable: bool = False,
    ) -> None:
        super().__init__()
        if not shape.bins_per_semitone:
            raise ValueError(
                "the harmonic trunk needs a front end that is logarithmic in frequency: "
                "use features=logfreq or features=cqt, or model/trunk=conv"
            )
        self.dim = channels
        steps = shape.bins_per_semitone
        self.stem = nn.Sequential(
            nn.BatchNorm2d(shape.channels),
            *_conv(shape.channels, stem_channels, 3),
            ResidualBlock(stem_channels, 5, PairedConv2d if stem_channels <= 8 else nn.Conv2d),
        )
        self.to_keys = nn.Sequential(
            nn.Conv2d(stem_channels, channels, (1, steps), stride=(1, steps), bias=False),
            nn.BatchNorm2d(channels),
            nn.ReLU(),
        )
        self.key_embedding = nn.Parameter(torch.zeros(channels, 1, NUM_KEYS))
        self.blocks = nn.Sequential(
            *(
                HarmonicBlock(channels, harmonics, kernel_size, dropout, separable)
                for _ in range(blocks)
            )
        )

    def forward(self, spec: Tensor) -> Tensor:
        return self.blocks(self.key_features(spec))

    def key_features(self, spec: Tensor) -> Tensor:
        """The input of the blocks: (B, D, T, 88), from the frequency bins of each key."""
        keys = self.to_keys(self._stem(spec))
        # Under autocast a float32 embedding would make the input of every block float32 too.
        return keys + self.key_embedding.to(keys.dtype)

    def _stem(self, spec: Tensor) -> Tensor:
        """The stem; the memory format becomes channels_last after the first batch norm.

        The norm comes before the change because it is slow in channels_last with 2 or 3 channels.
        """
        x = spec
        for index, layer in enumerate(self.stem):
            x = layer(x)
            if index == 0:
                x = x.contiguous(memory_format=torch.channels_last)
        return x


class HarmonicBlock(nn.Module):
    """A harmonic convolution over pitch, then local convolutions; both are residual."""

    def __init__(
        self,
        channels: int,
        harmonics: int,
        kernel_size: int,
        dropout: float,
        separable: bool = False,
    ) -> None:
        super().__init__()
        self.harmonics = HarmonicConv(channels, harmonics)
        self.norm = nn.BatchNorm2d(channels)
        self.local = ResidualBlock(
            channels, kernel_size, SeparableConv2d if separable else nn.Conv2d
        )
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        x = torch.relu(self.norm(x + self.harmonics(x)))
        return self.dropout(self.local(x))


class HarmonicConv(nn.Module):
    """Each key's output is a linear map of the inputs at the key and at its (sub)harmonics.

    The h-th harmonic of a key lies round(12 log2 h) semitones above it, so for h = 2..H the inputs
    are shifted by that many keys up and down. The usual way (HPPNet) copies the shifted features,
    concatenates them and applies a 1x1 convolution. The same linear map is a sum of dilated
    convolutions along the keys, which need no copies:

    - octaves (h = 2, 4, 8) are 12 keys apart, so that one kernel with dilation 12 covers them all,
      and its middle tap is the key itself;
    - any other interval of s keys is a kernel of two taps with dilation 2 s, at -s and +s.

    On a CPU this is five times as fast in bfloat16. Beyond the 88 keys the inputs are zero.
    """

    def __init__(self, channels: int, harmonics: int = 8) -> None:
        super().__init__()
        shifts = {round(12 * math.log2(h)) for h in range(2, harmonics + 1)}
        octaves = sum(1 for shift in shifts if shift % 12 == 0)
        self.octaves = nn.Conv2d(
            channels,
            channels,
            (1, 2 * octaves + 1),
            dilation=(1, 12),
            padding=(0, 12 * octaves),
        )
        self.intervals = nn.ModuleList(
            nn.Conv2d(
                channels, channels, (1, 2), dilation=(1, 2 * shift), padding=(0, shift), bias=False
            )
            for shift in sorted(shifts)
            if shift % 12
        )
        self._share_initial_scale(2 * len(shifts) + 1)

    def _share_initial_scale(self, taps: int) -> None:
        """Initialise like a single convolution with `taps` taps: together the parts are one."""
        bound = 1 / math.sqrt(self.octaves.in_channels * taps)
        for parameter in self.parameters():
            nn.init.uniform_(parameter, -bound, bound)

    def forward(self, x: Tensor) -> Tensor:
        gathered = self.octaves(x)
        for interval in self.intervals:
            gathered = gathered + interval(x)
        return gathered


class PairedConv2d(nn.Conv2d):
    """Computes the same as `nn.Conv2d` with same padding, faster on a CPU; F must be even.

    Two neighbouring frequency bins with C channels are treated as one bin with 2 C channels, which
    in channels_last is the same memory. CPU kernels work on 16 channels at a time, so that with
    8 channels or fewer half of each vector instruction would be unused.
    """

    def forward(self, x: Tensor) -> Tensor:
        weight = _paired(self.weight)
        pairs = x.permute(0, 2, 3, 1).unflatten(2, (-1, 2)).flatten(3).permute(0, 3, 1, 2)
        bias = self.bias
        if bias is not None:
            bias = bias.repeat(2)
        padding = weight.shape[2] // 2, weight.shape[3] // 2
        pairs = F.conv2d(pairs, weight, bias, padding=padding)
        return pairs.permute(0, 2, 3, 1).unflatten(3, (2, -1)).flatten(2, 3).permute(0, 3, 1, 2)


def _paired(weight: Tensor) -> Tensor:
    """A kernel (O, I, T, F) over bins, F odd, as a kernel (2 O, 2 I, T, G) over pairs of bins.

    Bin p of a pair in the output reads bin r of the pair q away in the input; these are 2 q + r - p
    bins apart, so that this tap of the old kernel is their weight. G is odd.
    """
    reach = weight.shape[-1] // 2
    pairs = (reach + 1) // 2
    missing = 2 * pairs - reach
    both = torch.stack([F.pad(weight, (missing + p, missing + 1 - p)) for p in range(2)])
    split = both.unflatten(-1, (-1, 2))
    return split.permute(0, 1, 5, 2, 3, 4).flatten(0, 1).flatten(1, 2)


class SeparableConv2d(nn.Sequential):
    """Depthwise separable convolution: one per channel (same padding), then a 1x1 over channels."""

    def __init__(
        self, inputs: int, outputs: int, kernel_size: int, padding: int, bias: bool = True
    ) -> None:
        super().__init__(
            nn.Conv2d(inputs, inputs, kernel_size, padding=padding, groups=inputs, bias=False),
            nn.Conv2d(inputs, outputs, 1, bias=bias),
        )


class ResidualBlock(nn.Module):
    """Two convolutions with batch norm, added to the block's input (He et al. 2016)."""

    def __init__(
        self, channels: int, kernel_size: int, convolution: type[nn.Module] = nn.Conv2d
    ) -> None:
        super().__init__()
        self.body = nn.Sequential(
            *_conv(channels, channels, kernel_size, convolution),
            *_conv(channels, channels, kernel_size, convolution)[:2],
        )

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(x + self.body(x))


def _conv(
    inputs: int, outputs: int, kernel_size: int, convolution: type[nn.Module] = nn.Conv2d
) -> list[nn.Module]:
    return [
        convolution(inputs, outputs, kernel_size, padding=kernel_size // 2, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(),
    ]
