"""The machine at hand: which device and precision to compute in, and what makes it fast."""

from __future__ import annotations

import ctypes
import sys

import torch

from amt.errors import one_line

_M_TRIM_THRESHOLD, _M_TOP_PAD, _M_MMAP_MAX = -1, -2, -4
_KEEP = 2**31 - 1
_GROW = 256 * 2**20

PRECISIONS = ("auto", "float32", "bfloat16")


def pick_device(name: str = "auto") -> torch.device:
    """The device called `name`, or the best there is. Raises ValueError where it cannot be used."""
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        return torch.zeros(1, device=name).device
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        raise ValueError(
            f"device {name} cannot be used here ({one_line(error)}); try cpu"
        ) from error


def pick_precision(name: str, device: torch.device) -> torch.dtype:
    """The precision called `name`, or the fastest that a network runs well in on `device`."""
    if name not in PRECISIONS:
        raise ValueError(f"precision {name!r}: expected one of {', '.join(PRECISIONS)}")
    if name == "auto":
        fast = device.type == "cpu" and fastest_precision("cpu") == "bf16-mixed"
        name = "bfloat16" if fast else "float32"
    return getattr(torch, name)


def keep_freed_memory() -> bool:
    """Let the C library keep large blocks that are freed, for the next step to use again.

    By default glibc gives them back, and the kernel clears every page anew: a third of a training
    step on a CPU. Returns whether the C library took the settings (only glibc on Linux has them).
    """
    if not sys.platform.startswith("linux"):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    settings = ((_M_MMAP_MAX, 0), (_M_TRIM_THRESHOLD, _KEEP), (_M_TOP_PAD, _GROW))
    return all([mallopt(*setting) == 1 for setting in settings])


def fastest_precision(accelerator: str = "auto") -> str:
    """Lightning's name of the fastest precision that trains well here.

    bfloat16 where the device multiplies it in hardware, else 32 bits; never 16-bit floats, whose
    gradients vanish without a scaler.
    """
    if accelerator in ("auto", "gpu", "cuda") and torch.cuda.is_available():
        return (
            "bf16-mixed" if torch.cuda.is_bf16_supported(including_emulation=False) else "32-true"
        )
    if accelerator in ("auto", "cpu") and _cpu_has_bfloat16():
        return "bf16-mixed"
    return "32-true"


def _cpu_has_bfloat16() -> bool:
    return torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
