"""Inputs of a row as tensors, in any dtype and memory layout."""

from __future__ import annotations

from typing import Any

import numpy as np

import tensorcore as tc
from tensorcore.tensor import Tensor

from .row import Op

LAYOUTS = ("contiguous", "transposed", "sliced", "flipped", "broadcast")


def to_tensor(array: Any, dtype: str, layout: str = "contiguous") -> Tensor:
    """The values of `array` as a tensor of `dtype` in the given layout (the values stay the same)."""
    if layout == "transposed" and array.ndim >= 2:
        axes = tuple(range(array.ndim))[::-1]
        return _plain(array.transpose(axes), dtype).permute_dims(axes)
    if layout == "sliced" and array.ndim >= 1:
        padded = np.full(tuple(2 * n + 3 for n in array.shape), 77).astype(array.dtype)
        inner = tuple(slice(1, 2 * n + 1, 2) for n in array.shape)
        padded[inner] = array
        return _plain(padded, dtype)[inner]
    if layout == "flipped" and array.ndim >= 1:
        back = tuple(slice(None, None, -1) for _ in array.shape)
        return _plain(array[back], dtype)[back]
    return _plain(array, dtype)


def _plain(array: Any, dtype: str) -> Tensor:
    x = tc.asarray(np.ascontiguousarray(array)).reshape(array.shape)
    return x.astype(getattr(tc, dtype))


def make_inputs(op: Op, dtype: str, layout: str) -> list[Tensor]:
    """The row's sample; fixed inputs keep their own dtype, and their layout is plain when broadcast."""
    tensors = []
    for i, array in enumerate(op.sample(np.random.default_rng(0))):
        array = np.asarray(array)
        own = str(array.dtype) if i in op.fixed else dtype
        if layout == "broadcast" and i not in op.fixed and array.ndim:
            tensors.append(tc.broadcast_to(to_tensor(array[:1], own), array.shape))
        else:
            tensors.append(to_tensor(array, own, layout))
    return tensors
