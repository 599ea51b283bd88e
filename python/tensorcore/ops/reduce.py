"""Reductions over axes.

`axis` is an int, a tuple of ints or None for all axes; negative values count from the end. With
`keepdims` the reduced axes stay, with extent one. Float16 and bfloat16 accumulate in float32.
"""

from __future__ import annotations

from typing import Any

from .. import _core
from ..declare import differentiable
from ..tensor import methods

Axis = int | tuple[int, ...] | None


def _expand(g: Any, x: Any, axis: Axis, keepdims: bool) -> Any:
    """A reduced tensor with the reduced axes of `x` back, of extent one."""
    if keepdims:
        return g
    if axis is None:
        return g.reshape((1,) * x.ndim)
    ndim = x.ndim
    axes = {axis % ndim} if isinstance(axis, int) else {a % ndim for a in axis}
    return g.reshape(tuple(1 if i in axes else n for i, n in enumerate(x.shape)))


def _terms(x: Any, axis: Axis) -> int:
    """How many elements of `x` one result of a reduction over `axis` is made of."""
    if axis is None:
        return int(x.size)
    n = 1
    for a in (axis,) if isinstance(axis, int) else axis:
        n *= x.shape[a]
    return n


def _sum_rule(g: Any, x: Any, axis: Axis, keepdims: bool) -> Any:
    from .shape import broadcast_to

    g = _expand(g, x, axis, keepdims)
    return broadcast_to(g if g.dtype is x.dtype else g.astype(x.dtype), x.shape)


@differentiable(x=_sum_rule)
def sum(x: Any, /, *, axis: Axis = None, dtype: Any = None, keepdims: bool = False) -> Any:
    """Sum of the elements over `axis`.

    Integers and bool give int64 unless `dtype` says otherwise; the sum of no elements is 0.

    Raises IndexError for an axis out of range, ValueError for a repeated one, TypeError for a bool `dtype`.

    Example:
        >>> tc.sum(tc.asarray([[1.0, 2.0], [3.0, 4.0]]), axis=0)
        tensor([4., 6.])
    """
    return _core.sum(x, axis, dtype, keepdims)


def _prod_rule(g: Any, x: Any, axis: Axis, keepdims: bool) -> Any:
    # The product of the other elements: of those before, times those after, so that zeros need no division.
    from .scan import _exclusive_prod

    ndim = x.ndim
    g = _expand(g, x, axis, keepdims)
    if g.dtype is not x.dtype:
        g = g.astype(x.dtype)
    if x.size == 0:
        return x * g
    axes = tuple(range(ndim)) if axis is None else (axis,) if isinstance(axis, int) else axis
    axes = tuple(sorted(a % ndim for a in axes))
    kept = tuple(i for i in range(ndim) if i not in axes)
    order = (*kept, *axes)
    moved = x.permute_dims(order)
    flat = moved.reshape((*(x.shape[i] for i in kept), _terms(x, axis)))
    others = _exclusive_prod(flat, -1, False) * _exclusive_prod(flat, -1, True)
    back = [0] * ndim
    for i, a in enumerate(order):
        back[a] = i
    return g * others.reshape(moved.shape).permute_dims(tuple(back))


@differentiable(x=_prod_rule)
def prod(x: Any, /, *, axis: Axis = None, dtype: Any = None, keepdims: bool = False) -> Any:
    """Product of the elements over `axis`; of no elements, 1. Dtypes and errors as in `sum`.

    Example:
        >>> tc.prod(tc.asarray([2.0, 3.0, 4.0]))
        tensor(24.)
    """
    return _core.prod(x, axis, dtype, keepdims)


def _mean_rule(g: Any, x: Any, axis: Axis, keepdims: bool) -> Any:
    from .shape import broadcast_to

    g = _expand(g, x, axis, keepdims) * (1.0 / max_of(_terms(x, axis), 1))
    return broadcast_to(g, x.shape)


max_of = max  # the builtin: `max` is a reduction below


@differentiable(x=_mean_rule)
def mean(x: Any, /, *, axis: Axis = None, keepdims: bool = False) -> Any:
    """Arithmetic mean over `axis`, Σx / n; of no elements, NaN.

    Integers and bool give the default floating-point dtype. Errors as in `sum`.

    Example:
        >>> tc.mean(tc.asarray([1.0, 2.0, 6.0]))
        tensor(3.)
    """
    return _core.mean(x, axis, keepdims)


def _var_rule(g: Any, x: Any, axis: Axis, correction: float, keepdims: bool) -> Any:
    g = _expand(g, x, axis, keepdims)
    scale = 2.0 / max_of(_terms(x, axis) - correction, 0.0) if _terms(x, axis) > correction else float("nan")
    return (x - mean(x, axis=axis, keepdims=True)) * (g * scale)


@differentiable(x=_var_rule)
def var(x: Any, /, *, axis: Axis = None, correction: float = 0.0, keepdims: bool = False) -> Any:
    """Variance over `axis`, Σ(x - mean)² / (n - correction); NaN or infinite where n ≤ correction.

    Integers and bool give the default floating-point dtype. Errors as in `sum`.

    Example:
        >>> tc.var(tc.asarray([1.0, 3.0]), correction=1)
        tensor(2.)
    """
    return _core.var(x, axis, correction, keepdims)


def _std_rule(g: Any, y: Any, x: Any, axis: Axis, correction: float, keepdims: bool) -> Any:
    from .elementwise import where

    g = _expand(g, x, axis, keepdims)
    y = _expand(y, x, axis, keepdims)
    n = _terms(x, axis) - correction
    flat = y == 0  # equal elements: the gradient there is taken as 0
    scale = where(flat, 0, g / where(flat, 1, y)) * (1.0 / n if n > 0 else float("nan"))
    return (x - mean(x, axis=axis, keepdims=True)) * scale


@differentiable(x=_std_rule)
def std(x: Any, /, *, axis: Axis = None, correction: float = 0.0, keepdims: bool = False) -> Any:
    """Standard deviation over `axis`, the square root of `var`.

    Example:
        >>> tc.std(tc.asarray([1.0, 3.0]))
        tensor(1.)
    """
    return _core.std(x, axis, correction, keepdims)


def _extremum_rule(g: Any, y: Any, x: Any, axis: Axis, keepdims: bool) -> Any:
    # Elements that tie share the gradient equally.
    y = _expand(y.detach(), x, axis, keepdims)
    winners = x.detach() == y
    if y.dtype.kind == "float":
        winners = winners | (x.detach() != x.detach())  # a NaN that won
    share = winners.astype(x.dtype)
    count = sum(share, axis=axis, keepdims=True)
    return share * (_expand(g, x, axis, keepdims) / count)


@differentiable(x=_extremum_rule)
def max(x: Any, /, *, axis: Axis = None, keepdims: bool = False) -> Any:
    """Largest element over `axis`, NaN if there is one; tied elements share the gradient equally.

    Raises ValueError where there are no elements; other errors as in `sum`.

    Example:
        >>> tc.max(tc.asarray([[1, 5], [7, 3]]), axis=1)
        tensor([5, 7])
    """
    return _core.max(x, axis, keepdims)


@differentiable(x=_extremum_rule)
def min(x: Any, /, *, axis: Axis = None, keepdims: bool = False) -> Any:
    """Smallest element over `axis`, NaN if there is one; tied elements share the gradient equally.

    Raises ValueError where there are no elements; other errors as in `sum`.

    Example:
        >>> tc.min(tc.asarray([[1, 5], [7, 3]]), axis=1)
        tensor([1, 3])
    """
    return _core.min(x, axis, keepdims)


def _logsumexp_rule(g: Any, y: Any, x: Any, axis: Axis, keepdims: bool) -> Any:
    from .elementwise import exp

    return _expand(g, x, axis, keepdims) * exp(x - _expand(y, x, axis, keepdims))


@differentiable(x=_logsumexp_rule)
def logsumexp(x: Any, /, *, axis: Axis = None, keepdims: bool = False) -> Any:
    """Logarithm of the sum of exponentials over `axis`, log Σ exp(x), without overflow; of no elements, -inf.

    Integers and bool give the default floating-point dtype. Errors as in `sum`.

    Example:
        >>> tc.logsumexp(tc.asarray([1000.0, 1000.0]))
        tensor(1000.6931)
    """
    return _core.logsumexp(x, axis, keepdims)


def all(x: Any, /, *, axis: Axis = None, keepdims: bool = False) -> Any:
    """Whether all elements over `axis` are nonzero (NaN is), a bool tensor; of no elements, True.

    Example:
        >>> tc.all(tc.asarray([1.0, 0.0]))
        tensor(False)
    """
    return _core.all(x, axis, keepdims)


def any(x: Any, /, *, axis: Axis = None, keepdims: bool = False) -> Any:
    """Whether any element over `axis` is nonzero (NaN is), a bool tensor; of no elements, False.

    Example:
        >>> tc.any(tc.asarray([1.0, 0.0]))
        tensor(True)
    """
    return _core.any(x, axis, keepdims)


def count_nonzero(x: Any, /, *, axis: Axis = None, keepdims: bool = False) -> Any:
    """How many elements over `axis` are nonzero, an int64 tensor.

    Example:
        >>> tc.count_nonzero(tc.asarray([3, 0, 4]))
        tensor(2)
    """
    return _core.count_nonzero(x, axis, keepdims)


__all__ = ["all", "any", "count_nonzero", "logsumexp", "max", "mean", "min", "prod", "std", "sum", "var"]

methods(sum, prod, mean, var, std, max, min, all, any, count_nonzero, logsumexp)
