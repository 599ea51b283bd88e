"""The partial inverse of maximum pooling, and pooling by p-norms."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from ... import _core
from ...declare import check_tensors
from ...ops.creation import ones_like
from ...ops.elementwise import abs as tc_abs
from ...ops.elementwise import maximum, sign
from ...ops.elementwise import pow as tc_pow
from ...tensor import Tensor
from .conv import _expand
from .pool import _scatter, avg_pool1d, avg_pool2d, avg_pool3d

Size = int | Sequence[int]
_MEANS: dict[int, Callable[..., Tensor]] = {1: avg_pool1d, 2: avg_pool2d, 3: avg_pool3d}


def _unpool(
    name: str, axes: int, x: Any, indices: Any, kernel_size: Any, stride: Any, padding: Any, output_size: Any
) -> Tensor:
    check_tensors(name, x=x, indices=indices)
    if x.dtype.kind != "float" or indices.dtype is not _core.int64:
        raise TypeError(f"{name}: x must be floating-point and indices int64, got {x.dtype.name}, {indices.dtype.name}")
    if x.ndim not in (axes + 1, axes + 2) or x.shape != indices.shape:
        raise ValueError(
            f"{name}: x and indices must share a shape of {axes + 1} or {axes + 2} axes, got {x.shape}, {indices.shape}"
        )
    kernel = _expand(name, "kernel_size", kernel_size, axes)
    step = kernel if stride is None else _expand(name, "stride", stride, axes)
    edge = _expand(name, "padding", padding, axes)
    usual = tuple(
        (n - 1) * s - 2 * p + k for n, s, p, k in zip(x.shape[x.ndim - axes :], step, edge, kernel, strict=True)
    )
    space = usual
    if output_size is not None:
        space = _expand(name, "output_size", tuple(output_size)[-axes:], axes)
        if any(abs(n - m) >= max(s, 1) for n, m, s in zip(space, usual, step, strict=True)):
            raise ValueError(
                f"{name}: output_size must lie within a stride {step} of {usual}, got {tuple(output_size)}"
            )
    if any(n < 1 for n in space):
        raise ValueError(f"{name}: the result's extents must be at least 1, got {space}")
    # A position that several windows found has the same value in each: their mean.
    y = _scatter(x, indices, space)
    return y / maximum(_scatter(ones_like(x), indices, space), 1.0)


def max_unpool1d(
    x: Tensor,
    indices: Tensor,
    kernel_size: Size,
    stride: Size | None = None,
    padding: Size = 0,
    output_size: Any = None,
) -> Tensor:
    """Zeros with `x` at the positions `indices` that max_pool1d(…, return_indices=True) found.

    `x` and `indices` (int64) are (N, C, L) or (C, L); the settings are those of the pooling. An axis of n elements
    gives (n - 1)·stride - 2·padding + kernel_size, or `output_size`, which must lie within a stride of it; several
    values for one position are averaged. ValueError on shapes, IndexError on indices outside, TypeError on dtypes.
    Source: Zeiler and Fergus 2014.

    Example:
        >>> y, at = tc.nn.functional.max_pool1d(tc.asarray([[1.0, 3.0]]), 2, return_indices=True)
        >>> tc.nn.functional.max_unpool1d(y, at, 2)
        tensor([[0., 3.]])
    """
    return _unpool("max_unpool1d", 1, x, indices, kernel_size, stride, padding, output_size)


def max_unpool2d(
    x: Tensor,
    indices: Tensor,
    kernel_size: Size,
    stride: Size | None = None,
    padding: Size = 0,
    output_size: Any = None,
) -> Tensor:
    """`max_unpool1d` over two axes of space."""
    return _unpool("max_unpool2d", 2, x, indices, kernel_size, stride, padding, output_size)


def max_unpool3d(
    x: Tensor,
    indices: Tensor,
    kernel_size: Size,
    stride: Size | None = None,
    padding: Size = 0,
    output_size: Any = None,
) -> Tensor:
    """`max_unpool1d` over three axes of space."""
    return _unpool("max_unpool3d", 3, x, indices, kernel_size, stride, padding, output_size)


def _lp(name: str, axes: int, x: Any, norm_type: float, kernel_size: Any, stride: Any, ceil_mode: bool) -> Tensor:
    check_tensors(name, x=x)
    if not isinstance(norm_type, (int, float)) or norm_type == 0 or not math.isfinite(norm_type):
        raise ValueError(f"{name}: norm_type must be finite and not 0, got {norm_type!r}")
    kernel = _expand(name, "kernel_size", kernel_size, axes)
    mean = _MEANS[axes](tc_pow(x, norm_type), kernel, stride, 0, ceil_mode)
    return tc_pow(sign(mean) * tc_abs(mean) * math.prod(kernel), 1 / norm_type)


def lp_pool1d(
    x: Tensor, norm_type: float, kernel_size: Size, stride: Size | None = None, ceil_mode: bool = False
) -> Tensor:
    """(Σ x^p)^(1/p) of each window, p = `norm_type`.

    Shapes and settings as for `avg_pool1d`, without padding. ValueError on settings, TypeError on dtypes.

    Example:
        >>> tc.nn.functional.lp_pool1d(tc.asarray([[3.0, 4.0]]), 2, 2)
        tensor([[5.]])
    """
    return _lp("lp_pool1d", 1, x, norm_type, kernel_size, stride, ceil_mode)


def lp_pool2d(
    x: Tensor, norm_type: float, kernel_size: Size, stride: Size | None = None, ceil_mode: bool = False
) -> Tensor:
    """`lp_pool1d` over two axes of space."""
    return _lp("lp_pool2d", 2, x, norm_type, kernel_size, stride, ceil_mode)


def lp_pool3d(
    x: Tensor, norm_type: float, kernel_size: Size, stride: Size | None = None, ceil_mode: bool = False
) -> Tensor:
    """`lp_pool1d` over three axes of space."""
    return _lp("lp_pool3d", 3, x, norm_type, kernel_size, stride, ceil_mode)


__all__ = ["lp_pool1d", "lp_pool2d", "lp_pool3d", "max_unpool1d", "max_unpool2d", "max_unpool3d"]
