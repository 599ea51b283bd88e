"""Views and rearrangements."""

from __future__ import annotations

from typing import Any

from .. import _core
from ..declare import differentiable
from ..tensor import methods
from .reduce import sum as tc_sum

Shape = int | tuple[int, ...]


@differentiable(x=lambda g, x: g.reshape(x.shape))
def reshape(x: Any, /, shape: Shape, *, copy: bool | None = None) -> Any:
    """The same elements in row-major order under another `shape` (one extent may be -1)."""
    return _core.reshape(x, shape, copy)


def _inverse(axes: tuple[int, ...]) -> tuple[int, ...]:
    out = [0] * len(axes)
    for i, axis in enumerate(axes):
        out[axis % len(axes)] = i
    return tuple(out)


@differentiable(x=lambda g, axes: permute_dims(g, _inverse(axes)))
def permute_dims(x: Any, /, axes: tuple[int, ...]) -> Any:
    """A view with axis i of the result being axis `axes[i]` of `x`."""
    return _core.permute_dims(x, axes)


@differentiable(x=lambda g, axis: squeeze(g, axis))
def expand_dims(x: Any, /, *, axis: Shape = 0) -> Any:
    """A view with new axes of extent one at the positions `axis` of the result."""
    return _core.expand_dims(x, axis)


@differentiable(x=lambda g, x: g.reshape(x.shape))
def squeeze(x: Any, /, axis: Shape) -> Any:
    """A view without the axes `axis`, which must have extent one."""
    return _core.squeeze(x, axis)


def _broadcast_rule(g: Any, x: Any) -> Any:
    added = g.ndim - x.ndim
    axes = tuple(range(added)) + tuple(i + added for i, n in enumerate(x.shape) if n == 1)
    return tc_sum(g, axis=axes, keepdims=True).reshape(x.shape) if axes else g


@differentiable(x=_broadcast_rule)
def broadcast_to(x: Any, /, shape: tuple[int, ...]) -> Any:
    """A view of `x` repeated, without a copy, to fill `shape`."""
    return _core.broadcast_to(x, shape)


def matrix_transpose(x: Any, /) -> Any:
    """A view with the last two axes swapped."""
    if x.ndim < 2:
        raise ValueError(f"matrix_transpose: needs at least two axes, got shape {x.shape}")
    return permute_dims(x, (*range(x.ndim - 2), x.ndim - 1, x.ndim - 2))


__all__ = ["broadcast_to", "expand_dims", "matrix_transpose", "permute_dims", "reshape", "squeeze"]

methods(reshape, permute_dims, squeeze, expand_dims, broadcast_to)
