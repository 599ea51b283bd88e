"""Reductions over axes."""

from __future__ import annotations

from typing import Any

from .. import _core
from ..declare import differentiable
from ..tensor import methods

Axis = int | tuple[int, ...] | None


def _sum_rule(g: Any, x: Any, axis: Axis, keepdims: bool) -> Any:
    from .shape import broadcast_to, expand_dims

    if not keepdims:
        axes = tuple(range(x.ndim)) if axis is None else (axis,) if isinstance(axis, int) else axis
        axes = tuple(a % x.ndim for a in axes)
        g = expand_dims(g, axis=axes) if axes else g
    return broadcast_to(g.astype(x.dtype), x.shape)


@differentiable(x=_sum_rule)
def sum(x: Any, /, *, axis: Axis = None, dtype: Any = None, keepdims: bool = False) -> Any:  # noqa: A001
    """Sum of the elements over `axis` (all by default)."""
    return _core.sum(x, axis, dtype, keepdims)


__all__ = ["sum"]

methods(sum)
