"""Where elements are: positions of extremes, of nonzero elements, in sorted rows; and counts by value."""

from __future__ import annotations

from typing import Any

from .. import _core
from ..declare import differentiable
from ..tensor import methods


def argmax(x: Any, /, *, axis: int | None = None, keepdims: bool = False) -> Any:
    """Position, int64, of the first largest element along `axis` (in the flattened tensor by default); NaN is largest.

    Raises ValueError where there are no elements, IndexError for an axis out of range.

    Example:
        >>> tc.argmax(tc.asarray([1.0, 7.0, 3.0]))
        tensor(1)
    """
    return _core.argmax(x, axis, keepdims)


def argmin(x: Any, /, *, axis: int | None = None, keepdims: bool = False) -> Any:
    """Position, int64, of the first smallest element along `axis` (in the flattened tensor by default), or first NaN.

    Raises ValueError where there are no elements, IndexError for an axis out of range.

    Example:
        >>> tc.argmin(tc.asarray([4.0, 7.0, 3.0]))
        tensor(2)
    """
    return _core.argmin(x, axis, keepdims)


def nonzero(x: Any, /) -> Any:
    """Where elements are nonzero: a tuple with one int64 tensor of indices per axis, in row-major order.

    Raises ValueError for a 0-d tensor.

    Example:
        >>> tc.nonzero(tc.asarray([0, 5, 0, 7]))
        (tensor([1, 3]),)
    """
    return _core.nonzero(x)


def searchsorted(x1: Any, x2: Any, /, *, side: str = "left", sorter: Any = None) -> Any:
    """Where each element of `x2` belongs in the sorted one-dimensional `x1`: int64 positions of x2's shape.

    Before equal elements with `side="left"`, after them with `"right"`. `sorter` holds the positions that sort
    an unsorted `x1`. Raises ValueError for another `side` or an `x1` that is not 1-d, IndexError for a bad `sorter`.

    Example:
        >>> tc.searchsorted(tc.asarray([1.0, 2.0, 3.0]), tc.asarray([2.0, 2.5]))
        tensor([1, 2])
    """
    if side not in ("left", "right"):
        raise ValueError(f"searchsorted: side must be 'left' or 'right', got {side!r}")
    return _core.searchsorted(x1, x2, side == "right", sorter)


def _bincount_rule(g: Any, x: Any, weights: Any) -> Any:
    from .sort import _pick

    return _pick(g.astype(weights.dtype), x.astype(_core.int64), 0, g.shape[0])


@differentiable(weights=_bincount_rule)
def bincount(x: Any, /, weights: Any = None, *, minlength: int = 0) -> Any:
    """How often each value 0, 1, … occurs in the one-dimensional integer tensor `x`, or the sum of its `weights`.

    The result has max(x) + 1 elements, at least `minlength`: int64 counts, or sums in the dtype of `weights` (int64 for
    integers). Raises ValueError for negative elements or shapes that differ, TypeError unless `x` is of integers.

    Example:
        >>> tc.bincount(tc.asarray([0, 2, 2]))
        tensor([1, 0, 2])
    """
    return _core.bincount(x, weights, minlength)


__all__ = ["argmax", "argmin", "bincount", "nonzero", "searchsorted"]

methods(argmax, argmin, nonzero)
