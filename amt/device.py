"""Which device and precision to compute in; memory: when it ran out, and how to keep it."""

from __future__ import annotations

import ctypes
import sys
import warnings

import torch

from amt.errors import DeviceWarning, one_line

_M_TRIM_THRESHOLD, _M_TOP_PAD, _M_MMAP_MAX = -1, -2, -4
_KEEP = 2**31 - 1
_GROW = 256 * 2**20

PRECISIONS = ("auto", "float32", "bfloat16")
# What torch raises for a device that is not there or cannot be used.
_DEVICE_ERRORS = (
    RuntimeError,
    AssertionError,
    NotImplementedError,
    torch.cuda.DeferredCudaCallError,
)
# In the messages of cuBLAS and cuDNN, of Apple's GPUs and of CPUs, which raise a RuntimeError.
_OUT_OF_MEMORY = ("out of memory", "alloc_failed", "allocate memory", "not enough memory")


def pick_device(name: str = "auto") -> torch.device:
    """The device called `name`; "auto": an NVIDIA or Apple GPU where one works, else the CPU.

    Warns of a GPU that is there and does not work. Raises ValueError where `name` cannot be used.
    """
    try:
        return _tried(_best_device() if name == "auto" else name)
    except _DEVICE_ERRORS as error:
        reason = one_line(error).partition(" CUDA kernel errors might")[0]
        if name != "auto":
            raise ValueError(f"device {name} cannot be used here ({reason}); try cpu") from error
        warnings.warn(DeviceWarning(f"no GPU is used, but the cpu: {reason}"), stacklevel=2)
        return torch.device("cpu")


def _tried(name: str) -> torch.device:
    """The device `name`, once it has computed something.

    A GPU can be available and still have no kernels in this version of torch, no memory that is
    free, or a driver that fails.
    """
    ones = torch.ones(8, 8, device=name)
    (ones @ ones).sum().item()
    return ones.device


def is_out_of_memory(error: Exception) -> bool:
    """Whether torch or NumPy raised `error` because memory ran out, on any device."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    text = str(error).lower()
    return isinstance(error, RuntimeError) and any(part in text for part in _OUT_OF_MEMORY)


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
