"""Making tensors."""

from __future__ import annotations

from typing import Any

from .. import _core
from ..declare import differentiable
from ..tensor import Tensor, methods

Shape = int | tuple[int, ...]


def empty(shape: Shape, *, dtype: Any = None, device: Any = "cpu") -> Tensor:
    """A tensor whose elements are whatever the memory held."""
    return _core.empty(shape, dtype or _core.float32, device or "cpu")


def full(shape: Shape, fill_value: Any, *, dtype: Any = None, device: Any = "cpu") -> Tensor:
    """A tensor with every element `fill_value`."""
    if isinstance(fill_value, bool):
        dtype = dtype or _core.bool
    elif isinstance(fill_value, int):
        dtype = dtype or _core.int64
    else:
        dtype = dtype or _core.float32
    make = _core.float_scalar if isinstance(fill_value, float) else _core.int_scalar
    return _core.full(shape, make(fill_value, dtype), dtype, device or "cpu")


def zeros(shape: Shape, *, dtype: Any = None, device: Any = "cpu") -> Tensor:
    """A tensor of zeros."""
    return full(shape, 0, dtype=dtype or _core.float32, device=device)


def ones(shape: Shape, *, dtype: Any = None, device: Any = "cpu") -> Tensor:
    """A tensor of ones."""
    return full(shape, 1, dtype=dtype or _core.float32, device=device)


def zeros_like(x: Tensor, /, *, dtype: Any = None, device: Any = None) -> Tensor:
    """Zeros with the shape, and unless given the dtype and device, of `x`."""
    return zeros(x.shape, dtype=dtype or x.dtype, device=device or x.device)


def ones_like(x: Tensor, /, *, dtype: Any = None, device: Any = None) -> Tensor:
    """Ones with the shape, and unless given the dtype and device, of `x`."""
    return ones(x.shape, dtype=dtype or x.dtype, device=device or x.device)


def asarray(obj: Any, /, *, dtype: Any = None, device: Any = None, copy: bool | None = None) -> Tensor:
    """A tensor of the elements of `obj`: a scalar, nested lists, a tensor or a NumPy array."""
    if not isinstance(obj, Tensor):
        import numpy as np

        array = np.asarray(obj)
        if dtype is None and array.dtype == np.float64 and not isinstance(obj, (np.ndarray, np.generic)):
            dtype = _core.float32
        x = _core.from_buffer(array)
        copy = copy is not False
    else:
        x = obj
    if dtype is not None and x.dtype is not dtype:
        return _core.astype(x, dtype, False)
    return _core.copy(x) if copy else x


def tensor(data: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """A new tensor with a copy of `data`, which autograd follows if `requires_grad`."""
    x = asarray(data, dtype=dtype, device=device, copy=True)
    x.requires_grad = requires_grad
    return x


@differentiable(x=lambda g, x: astype(g, x.dtype))
def astype(x: Tensor, dtype: Any, /, *, copy: bool = True, device: Any = None) -> Tensor:
    """The elements converted to `dtype`."""
    return _core.astype(x, dtype, copy)


__all__ = ["asarray", "astype", "empty", "full", "ones", "ones_like", "tensor", "zeros", "zeros_like"]

methods(astype)
