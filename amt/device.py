"""Which device and precision to compute in, and a memory setting that makes CPUs faster."""

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
    """The device called `name`; "auto": an NVIDIA or Apple GPU where there is one, else the CPU.

    Raises ValueError where the device cannot be used.
    """
    if name == "auto":
        return torch.device(_best_device())
    try:
        return torch.zeros(1, device=name).device
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        raise ValueError(
            f"device {name} cannot be used here ({one_line(error)}); try cpu"
        ) from error


def _best_device() -> str:
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def pick_precision(name: str, device: torch.device) -> torch.dtype:
    """The precision called `name`; "auto": the fastest in which a network runs well on `device`.

    Raises ValueError for an unknown name.
    """
    if name not in PRECISIONS:
        raise ValueError(f"precision {name!r}: expected one of {', '.join(PRECISIONS)}")
    if name == "auto":
        fast = device.type == "cpu" and fastest_precision("cpu") == "bf16-mixed"
        name = "bfloat16" if fast else "float32"
    return getattr(torch, name)


def keep_freed_memory() -> bool:
    """Let the C library keep freed large blocks for the next training step.

    By default glibc returns them to the kernel, which clears every page again: a third of a
    training step on a CPU. Returns whether the settings were taken (only glibc on Linux has them).
    """
    if not sys.platform.startswith("linux"):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    settings = ((_M_MMAP_MAX, 0), (_M_TRIM_THRESHOLD, _KEEP), (_M_TOP_PAD, _GROW))
    return all([mallopt(*setting) == 1 for setting in settings])


def fastest_precision(accelerator: str = "auto") -> str:
    """Lightning's name of the fastest precision in which training works well on `accelerator`.

    bfloat16 where the device multiplies it in hardware, else 32 bits; never float16, in which
    gradients vanish without a scaler.
    """
    if accelerator in ("auto", "gpu", "cuda") and torch.cuda.is_available():
        return (
            "bf16-mixed" if torch.cuda.is_bf16_supported(including_emulation=False) else "32-true"
        )
    if accelerator == "auto" and torch.backends.mps.is_available():
        return "32-true"
    if accelerator in ("auto", "cpu") and _cpu_has_bfloat16():
        return "bf16-mixed"
    return "32-true"


def _cpu_has_bfloat16() -> bool:
    return torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
