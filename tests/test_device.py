"""Devices and precisions are chosen by what the machine has."""

from __future__ import annotations

import platform
import sys

import pytest
import torch

from amt import device
from amt.device import is_out_of_memory, pick_device, pick_precision
from amt.errors import DeviceWarning


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc has these settings")
def test_glibc_takes_the_settings() -> None:
    assert device.keep_freed_memory()


def test_other_systems_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    assert not device.keep_freed_memory()


@pytest.mark.parametrize(
    ("cuda", "mps", "expected"),
    [(True, True, "cuda"), (False, True, "mps"), (False, False, "cpu")],
)
def test_auto_takes_a_gpu_where_there_is_one(
    cuda: bool, mps: bool, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: mps)
    monkeypatch.setattr(device, "_tried", torch.device)
    assert pick_device("auto") == torch.device(expected)


NO_KERNEL = (
    "CUDA error: no kernel image is available for execution on the device\nCUDA kernel errors "
    "might be asynchronously reported at some other API call, so the stacktrace might be incorrect."
)
FULL = "CUDA out of memory. Tried to allocate 2.00 MiB. GPU 0 has a total capacity of 1.95 GiB"


@pytest.mark.parametrize("error", [RuntimeError(NO_KERNEL), torch.OutOfMemoryError(FULL)])
def test_a_gpu_that_does_not_work_is_left_for_the_cpu_with_a_warning(
    error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    ones = torch.ones

    def broken(*sizes: int, device: str) -> torch.Tensor:
        if device == "cuda":
            raise error
        return ones(*sizes, device=device)

    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch, "ones", broken)
    first_line = str(error).partition("\n")[0]
    with pytest.warns(DeviceWarning) as caught:
        assert pick_device("auto") == torch.device("cpu")
    assert [str(one.message) for one in caught] == [f"no GPU is used, but the cpu: {first_line}"]
    with pytest.raises(ValueError) as raised:
        pick_device("cuda")
    assert str(raised.value) == f"device cuda cannot be used here ({first_line}); try cpu"


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (torch.OutOfMemoryError(FULL), True),
        (MemoryError(), True),
        (RuntimeError("MPS backend out of memory (MPS allocated: 5.92 GB)"), True),
        (RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling cublasCreate"), True),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to"), True),
        (RuntimeError("DefaultCPUAllocator: not enough memory: you tried to"), True),
        (RuntimeError(NO_KERNEL), False),
        (ValueError("out of memory"), False),
    ],
)
def test_errors_of_too_little_memory(error: Exception, expected: bool) -> None:
    assert is_out_of_memory(error) == expected


def test_apple_gpus_train_in_32_bits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    monkeypatch.setattr(device, "_cpu_has_bfloat16", lambda: True)
    assert device.fastest_precision("auto") == device.fastest_precision("mps") == "32-true"


@pytest.mark.parametrize(("has", "precision"), [(True, "bf16-mixed"), (False, "32-true")])
def test_bfloat16_only_where_the_processor_multiplies_it(
    has: bool, precision: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    monkeypatch.setattr(device, "_cpu_has_bfloat16", lambda: has)
    assert device.fastest_precision("cpu") == precision
    assert device.fastest_precision("auto") == precision
    assert device.fastest_precision("mps") == "32-true"


@pytest.mark.parametrize(("has", "precision"), [(True, "bf16-mixed"), (False, "32-true")])
def test_a_gpu_decides_where_there_is_one(
    has: bool, precision: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: has)
    assert device.fastest_precision("gpu") == precision


def test_precisions() -> None:
    cpu, cuda = torch.device("cpu"), torch.device("cuda")
    assert pick_precision("auto", cpu) in (torch.float32, torch.bfloat16)
    assert pick_precision("auto", cuda) == torch.float32
    assert pick_precision("bfloat16", cuda) == torch.bfloat16
    with pytest.raises(ValueError, match="expected one of auto, float32, bfloat16"):
        pick_precision("half", cpu)


def test_devices() -> None:
    assert pick_device("cpu") == torch.device("cpu")
    assert pick_device().type in ("cpu", "cuda", "mps")
    with pytest.raises(ValueError, match="try cpu"):
        pick_device("abacus")
