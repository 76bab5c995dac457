"""Mix the channels of a recording to one, so that they never cancel.

The mean of the channels is used wherever it keeps their energy. With one channel inverted (a broken
cable, some phones) the mean is silence; there the channels are added in phase.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

# Phase is judged over sections of this many seconds.
SECTION_SECONDS = 5.0
# The rest of a recording, if it is shorter, says nothing of phases: it is mixed as what was before.
_MIN_SECONDS = 0.1
# The energy of a sum of channels, relative to the sum of their energies: 0 if they cancel, 1 if
# they are independent. A stereo recording is well above 1; below this, half of it is lost.
MIN_ENERGY = 0.5
# The least share of the energy without its constant part that float32 still gives accurately.
_MIN_SHARE = 1e-5
# The mix changes over this time at the border of two sections.
_FADE_SECONDS = 0.02
# Samples of all channels in a section, at most: it is held in memory.
_MAX_SECTION = 1 << 21

Blocks = Iterator[np.ndarray]


class MonoMix:
    """Mixes blocks (n, C) to (n,). cancelled: seconds where the mean of the channels would cancel.

    Sections end with the block in which they are complete.
    """

    def __init__(self, rate: int) -> None:
        self.rate = rate
        self.cancelled = 0.0
        self._last: np.ndarray | None = None

    def mix(self, blocks: Blocks) -> Blocks:
        """The mixed blocks, up to SECTION_SECONDS later."""
        section: list[np.ndarray] = []
        for block in blocks:
            section.append(block)
            samples = sum(len(one) for one in section)
            if (
                block.shape[1] == 1
                or samples >= SECTION_SECONDS * self.rate
                or samples * block.shape[1] >= _MAX_SECTION
            ):
                yield from self._mix_section(section)
                section = []
        if section:
            yield from self._mix_section(section)

    def _mix_section(self, section: list[np.ndarray]) -> Blocks:
        channels = section[0].shape[1]
        mean = np.full(channels, 1 / channels, dtype=np.float32)
        last = self._last
        short = sum(len(block) for block in section) < _MIN_SECONDS * self.rate
        if channels == 1:
            weights = mean
        elif short and last is not None:
            weights = last
        else:
            weights = _in_phase(_covariance(section), mean)
        if not np.array_equal(weights, mean):
            self.cancelled += sum(len(block) for block in section) / self.rate
            # Either polarity will do: the one that is nearer to the section before.
            weights = -weights if last is not None and weights @ last < 0 else weights
        self._last = weights
        for block in section:
            yield self._weighted(block, last, weights)
            last = weights

    def _weighted(
        self, block: np.ndarray, last: np.ndarray | None, weights: np.ndarray
    ) -> np.ndarray:
        """The weighted sum of the channels (n,), its weights at first those of the last block."""
        # Samples that are not finite are reported by the caller.
        with np.errstate(all="ignore"):
            # block.mean(axis=1) takes eight times as long over so short an axis.
            mixed = block @ weights
            if last is not None and not np.array_equal(last, weights):
                size = min(len(block), round(_FADE_SECONDS * self.rate))
                ramp = np.linspace(0, 1, size, endpoint=False, dtype=np.float32)[:, None]
                mixed[:size] = (block[:size] * (last + ramp * (weights - last))).sum(axis=1)
        return mixed


def _covariance(section: list[np.ndarray]) -> np.ndarray:
    """Covariance (C, C) of the channels times the number of samples; NaN if one is not finite.

    Zero where a constant offset leaves only rounding errors of it.
    """
    with np.errstate(all="ignore"):
        products = sum((block.T @ block).astype(np.float64) for block in section)
        totals = sum(np.ones(len(block), np.float32) @ block for block in section)
        covariance = products - np.outer(totals, totals) / sum(len(block) for block in section)
        accurate = not np.trace(covariance) < _MIN_SHARE * np.trace(products)
    return covariance if accurate else np.zeros_like(covariance)


def _in_phase(covariance: np.ndarray, mean: np.ndarray) -> np.ndarray:
    """The weights of the channels: `mean` itself, unless they would cancel.

    Channels opposite in phase to the strongest one are inverted. If even then too little is left,
    the strongest channel is taken alone.
    """
    energy = np.diag(covariance)
    least = MIN_ENERGY * energy.sum()
    if not covariance.sum() < least:
        return mean
    strongest = int(energy.argmax())
    opposite = covariance[strongest] < -0.5 * np.sqrt(energy * energy[strongest])
    signs = np.where(opposite, -1, 1).astype(np.float32)
    if signs @ covariance @ signs >= least:
        return signs * mean
    return (np.arange(len(mean)) == strongest).astype(np.float32)
