"""Sorting along an axis. NaN counts as larger than every number; -0.0 equals 0.0."""

from __future__ import annotations

from typing import Any

from .. import _core
from ..autograd import record
from ..declare import differentiable
from ..tensor import methods


@differentiable(x=lambda g, positions, axis, n: _put(g, positions, axis, n), positions=None)
def _pick(x: Any, positions: Any, axis: int, n: int) -> Any:
    """The elements of `x` (extent n) at int64 `positions` along `axis`."""
    order, back = _to_end(x.ndim, axis)
    return _core.gather_rows(x.permute_dims(order), positions.permute_dims(order)).permute_dims(back)


@differentiable(x=lambda g, positions, axis, n: _pick(g, positions, axis, n), positions=None)
def _put(x: Any, positions: Any, axis: int, n: int) -> Any:
    """Zeros of extent n along `axis`, with the elements of `x` added at `positions`: the transpose of _pick."""
    order, back = _to_end(x.ndim, axis)
    return _core.scatter_rows(x.permute_dims(order), positions.permute_dims(order), n).permute_dims(back)


def _to_end(ndim: int, axis: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    axis %= ndim
    order = (*range(axis), *range(axis + 1, ndim), axis)
    back = (*range(axis), ndim - 1, *range(axis, ndim - 1))
    return order, back


def _pick_rule(g: Any, needs: Any, positions: Any, axis: int, n: int) -> tuple[Any]:
    g = g[0] if isinstance(g, tuple) else g
    return (None if g is None else _put(g, positions, axis, n),)


def sort(x: Any, /, *, axis: int = -1, descending: bool = False, stable: bool = True) -> Any:
    """The elements in order along `axis`; NaN count as largest. The sort is always stable.

    Raises ValueError for a 0-d tensor, IndexError for an axis out of range.

    Example:
        >>> tc.sort(tc.asarray([3.0, 1.0, 2.0]))
        tensor([1., 2., 3.])
    """
    values, positions = _core.sort(x, axis, descending)
    return record(values, "sort", _pick_rule, (x,), (positions, axis, x.shape[axis]))


def argsort(x: Any, /, *, axis: int = -1, descending: bool = False, stable: bool = True) -> Any:
    """The positions, int64, that put `x` in order along `axis`; equal elements keep their order.

    Raises ValueError for a 0-d tensor, IndexError for an axis out of range.

    Example:
        >>> tc.argsort(tc.asarray([3.0, 1.0, 2.0]))
        tensor([1, 2, 0])
    """
    return _core.argsort(x, axis, descending)


def topk(x: Any, k: int, /, *, axis: int = -1, largest: bool = True, sorted: bool = True) -> Any:
    """The `k` largest (or smallest) elements along `axis` in order, and their int64 positions.

    Of equal elements the first ones are taken. `sorted` is there for code that does not need the order;
    it is always kept. Raises ValueError unless 0 ≤ k ≤ extent, IndexError for an axis out of range.

    Example:
        >>> tc.topk(tc.asarray([3.0, 1.0, 2.0]), 2)
        (tensor([3., 2.]), tensor([0, 2]))
    """
    values, positions = _core.topk(x, k, axis, largest)
    return record((values, positions), "topk", _pick_rule, (x,), (positions, axis, x.shape[axis]))


__all__ = ["argsort", "sort", "topk"]

methods(sort, argsort, topk)
