"""Inputs of a row as tensors, in any dtype and memory layout, on any device."""

from __future__ import annotations

from typing import Any

import numpy as np

import tensorcore as tc
from tensorcore.tensor import Tensor

from .row import Op

LAYOUTS = ("contiguous", "transposed", "sliced", "flipped", "broadcast")


def to_tensor(array: Any, dtype: str, layout: str = "contiguous", device: str = "cpu") -> Tensor:
    """The values of `array` as a tensor of `dtype` in the given layout (the values stay the same)."""
    if layout == "transposed" and array.ndim >= 2:
        axes = tuple(range(array.ndim))[::-1]
        return _plain(array.transpose(axes), dtype, device).permute_dims(axes)
    if layout == "sliced" and array.ndim >= 1:
        padded = np.full(tuple(2 * n + 3 for n in array.shape), 77).astype(array.dtype)
        inner = tuple(slice(1, 2 * n + 1, 2) for n in array.shape)
        padded[inner] = array
        return _plain(padded, dtype, device)[inner]
    if layout == "flipped" and array.ndim >= 1:
        back = tuple(slice(None, None, -1) for _ in array.shape)
        return _plain(array[back], dtype, device)[back]
    return _plain(array, dtype, device)


def _plain(array: Any, dtype: str, device: str) -> Tensor:
    x = tc.asarray(np.ascontiguousarray(array)).reshape(array.shape)
    return x.astype(getattr(tc, dtype)).to(device)


def make_inputs(op: Op, dtype: str, layout: str, device: str = "cpu") -> list[Tensor]:
    """The row's sample; fixed inputs keep their own dtype, and their layout is plain when broadcast."""
    tensors = []
    for i, array in enumerate(op.sample(np.random.default_rng(0))):
        array = np.asarray(array)
        own = str(array.dtype) if i in op.fixed else dtype
        if layout == "broadcast" and i not in op.fixed and array.ndim:
            tensors.append(tc.broadcast_to(to_tensor(array[:1], own, device=device), array.shape))
        else:
            tensors.append(to_tensor(array, own, layout, device))
    return tensors
