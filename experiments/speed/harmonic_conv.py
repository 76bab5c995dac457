"""Speed of HarmonicConv (dilated convolutions), compared with concatenating shifted copies.

    python experiments/speed/harmonic_conv.py

Both compute the same function. Times are of a forward and a backward pass.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from amt.device import fastest_precision, keep_freed_memory
from amt.models.trunk import HarmonicConv

SHAPE = (8, 32, 160, 88)
SHIFTS = sorted({s * round(12 * math.log2(h)) for h in range(1, 9) for s in (-1, 1)})
RUNS = 15


class Concatenate(nn.Module):
    """Copies shifted by the harmonics, concatenated and mixed by a 1x1 convolution."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.mix = nn.Conv2d(channels * len(SHIFTS), channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        reach, keys = max(SHIFTS), x.shape[-1]
        padded = F.pad(x, (reach, reach))
        copies = [padded[..., reach + shift : reach + shift + keys] for shift in SHIFTS]
        return self.mix(torch.cat(copies, dim=1))


def main() -> None:
    keep_freed_memory()
    half = fastest_precision("cpu") == "bf16-mixed"
    modules = {"dilated": HarmonicConv(SHAPE[1]), "concatenated": Concatenate(SHAPE[1])}
    x = torch.randn(SHAPE).to(memory_format=torch.channels_last).requires_grad_()
    times: dict[str, list[float]] = {name: [] for name in modules}
    for run in range(RUNS + 2):
        for name, module in modules.items():
            seconds = timed(module.to(memory_format=torch.channels_last), x, half)
            if run >= 2:
                times[name].append(seconds)
    ratios = sorted(b / a for a, b in zip(times["dilated"], times["concatenated"], strict=True))
    for name, values in times.items():
        print(f"{name:13s} {1e3 * sorted(values)[RUNS // 2]:6.1f} ms")
    print(
        f"ratio {ratios[RUNS // 2]:.1f} ({ratios[0]:.1f} to {ratios[-1]:.1f}), "
        f"{torch.get_num_threads()} threads, {'bfloat16' if half else 'float32'}"
    )


def timed(module: Callable[[Tensor], Tensor], x: Tensor, half: bool) -> float:
    """Seconds of a forward and a backward pass."""
    begin = time.perf_counter()
    with torch.autocast("cpu", torch.bfloat16, enabled=half):
        y = module(x)
    y.backward(torch.ones_like(y))
    return time.perf_counter() - begin


if __name__ == "__main__":
    main()
