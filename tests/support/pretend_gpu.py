"""Tensors that pretend to be on an Apple GPU, and refuse what such a GPU refuses.

Their data stay on the CPU: a wrapper holds them and reports another device. Every operation with
such a tensor, and every one that creates a tensor there, is computed on the CPU and wrapped. The
device is called "meta", since torch refuses to index tensors of "mps" where there is no such GPU.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode, return_and_correct_aliasing
from torch.utils._pytree import tree_any, tree_map, tree_map_only

GPU = torch.device("meta")


class PretendTensor(Tensor):
    """A CPU tensor that reports the device GPU."""

    stored: Tensor

    @staticmethod
    def __new__(cls, inner: Tensor) -> PretendTensor:
        if inner.dtype in (torch.float64, torch.complex128):
            raise RuntimeError("Apple GPUs have no float64")
        outer = Tensor._make_wrapper_subclass(
            cls, inner.shape, inner.stride(), inner.storage_offset(), dtype=inner.dtype, device=GPU
        )
        outer.stored = inner
        return outer

    def __repr__(self) -> str:  # type: ignore[override]
        return f"PretendTensor({tuple(self.shape)}, {self.dtype})"

    @classmethod
    def __torch_function__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        # torch does these two without dispatch.
        if func is Tensor.tolist:
            return args[0].stored.tolist()
        if func is Tensor.new_tensor:
            return PretendTensor(args[0].stored.new_tensor(*args[1:], **(kwargs or {})))
        return torch._C._disabled_torch_function_impl(func, types, args, kwargs or {})

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return compute(func, args, kwargs or {})


class PretendGpu(TorchDispatchMode):
    """Within it, tensors can be created on GPU and moved there."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return compute(func, args, kwargs or {})


def compute(func: Any, args: Any, kwargs: dict[str, Any]) -> Any:
    """The result of an operation, on the pretended device if it works there."""
    device = kwargs.get("device")
    there = tree_any(lambda value: isinstance(value, PretendTensor), (args, kwargs))
    if device is not None:
        there = torch.device(device) == GPU
        kwargs = {**kwargs, "device": torch.device("cpu")} if there else kwargs
    elif there:
        _refuse_other_devices(func, args)
    inner_args, inner_kwargs = tree_map_only(PretendTensor, lambda v: v.stored, (args, kwargs))
    result = func(*inner_args, **inner_kwargs)
    if not there:
        return result
    result = tree_map(_wrap, result)
    on_gpu = tree_any(lambda value: isinstance(value, PretendTensor), args)
    # In-place operations must return the tensor that they changed, with its new shape.
    return return_and_correct_aliasing(func, args, kwargs, result) if on_gpu else result


def _refuse_other_devices(func: Any, args: Any) -> None:
    """Raises RuntimeError for a CPU tensor with dimensions among tensors of the device."""
    if func is torch.ops.aten.copy_.default:
        return

    def elsewhere(value: Any) -> bool:
        return isinstance(value, Tensor) and not isinstance(value, PretendTensor) and value.ndim > 0

    if tree_any(elsewhere, args):
        raise RuntimeError(f"{func}: tensors on the GPU and on the CPU")


def _wrap(value: Any) -> Any:
    plain = isinstance(value, Tensor) and not isinstance(value, PretendTensor)
    return PretendTensor(value) if plain else value
