"""Running sums and products along an axis, and differences of neighbours."""

from __future__ import annotations

from typing import Any

from .. import _core
from ..declare import check_tensors, differentiable
from ..tensor import methods

_OWN, _CARRIED, _PREVIOUS = 0, 1, 2  # what linear_recurrence puts out, as in csrc/ops/scan.h


@differentiable(x=lambda g, x, axis, start: _placed(g, axis, start, x.shape[axis]))
def _sliced(x: Any, axis: int, start: int, stop: int) -> Any:
    """A view of the elements from `start` to `stop` along `axis`."""
    shape = list(x.shape)
    shape[axis] = stop - start
    return _core.strided_view(x, tuple(shape), x.strides, start * x.strides[axis])


@differentiable(x=lambda g, x, axis, start: _sliced(g, axis, start, start + x.shape[axis]))
def _placed(x: Any, axis: int, start: int, n: int) -> Any:
    """Zeros of extent `n` along `axis` with `x` in them from `start` on."""
    from .creation import zeros

    shape = list(x.shape)
    shape[axis] = n
    y = zeros(tuple(shape), dtype=x.dtype, device=x.device)
    _core.assign(_sliced(y, axis, start, start + x.shape[axis]), x)
    return y


def _dropped(x: Any, axis: int, last: bool) -> Any:
    """A view of `x` without its first, or `last`, element along `axis`."""
    n = x.shape[axis]
    return _sliced(x, axis, 0, n - 1) if last else _sliced(x, axis, 1, n)


def _recurrence_rule(g: Any, needs: Any, a: Any, b: Any, axis: int, kind: int, reverse: bool) -> tuple[Any, Any]:
    if kind == _OWN:
        to_b = _recurrence(a, g, axis, _CARRIED, not reverse)
        return to_b * _recurrence(a, b, axis, _PREVIOUS, reverse) if needs[0] else None, to_b
    if kind == _PREVIOUS:
        to_b = _recurrence(a, g, axis, _PREVIOUS, not reverse)
        return to_b * _recurrence(a, b, axis, _PREVIOUS, reverse) if needs[0] else None, to_b
    to_b = _recurrence(a, g, axis, _OWN, not reverse)
    if not needs[0]:
        return None, to_b
    after = _recurrence(a, g, axis, _PREVIOUS, not reverse)
    return _recurrence(a, b, axis, _CARRIED, reverse) * after, to_b


@differentiable(a=None, b=None, joint=_recurrence_rule)
def _recurrence(a: Any, b: Any, axis: int, kind: int, reverse: bool) -> Any:
    """h[t] = b[t] + a[t]·h[t-1] along `axis` (_OWN), h[t-1] of it (_PREVIOUS), or with a[t-1] for a[t] (_CARRIED)."""
    return _core.linear_recurrence(a, b, axis, kind, reverse)


def _cast(g: Any, x: Any) -> Any:
    return g if g.dtype is x.dtype else g.astype(x.dtype)


@differentiable(
    x=lambda g, x, axis, initial, reverse: _scan_sum(
        _cast(_dropped(g, axis, reverse) if initial else g, x), axis, None, False, not reverse
    )
)
def _scan_sum(x: Any, axis: int, dtype: Any, initial: bool, reverse: bool) -> Any:
    return _core.cumulative_sum(x, axis, dtype, initial, reverse)


def _scan_prod_rule(g: Any, x: Any, axis: int, initial: bool, reverse: bool) -> Any:
    # dy[j]/dx[i] is the product up to i, times that between i and j: no division, so zeros are no special case.
    g = _cast(_dropped(g, axis, reverse) if initial else g, x)
    return _exclusive_prod(x, axis, reverse) * _recurrence(x, g, axis, _CARRIED, not reverse)


# In _CARRIED the element at t multiplies what comes after it in the order of the walk; walking back from the end,
# r[i] = g[i] + x[i+1]·r[i+1], which is that.
@differentiable(x=_scan_prod_rule)
def _scan_prod(x: Any, axis: int, dtype: Any, initial: bool, reverse: bool) -> Any:
    return _core.cumulative_prod(x, axis, dtype, initial, reverse)


def _exclusive_prod(x: Any, axis: int, reverse: bool) -> Any:
    """Products of the elements before each one along `axis`, of those after it if `reverse`."""
    axis %= x.ndim
    return _dropped(_scan_prod(x, axis, None, True, reverse), axis, not reverse)


def _axis_of(op: str, x: Any, axis: int | None) -> int:
    check_tensors(op, x=x)
    if x.ndim == 0:
        raise ValueError(f"{op}: needs at least one axis, got a 0-d array")
    if axis is None:
        if x.ndim != 1:
            raise ValueError(f"{op}: axis must be given for an array of several axes, got shape {x.shape}")
        return 0
    if not -x.ndim <= axis < x.ndim:
        raise IndexError(f"{op}: axis must lie in [{-x.ndim}, {x.ndim}), got {axis}")
    return axis % x.ndim


def cumulative_sum(x: Any, /, *, axis: int | None = None, dtype: Any = None, include_initial: bool = False) -> Any:
    """Running sums along `axis`: y[i] = x[0] + … + x[i]; with `include_initial`, a 0 before them.

    `axis` may be left out for one-dimensional tensors. Integers and bool give int64 unless `dtype` says otherwise.

    Raises ValueError without an axis where one is needed, IndexError for an axis out of range, TypeError for
    a bool `dtype`.

    Example:
        >>> tc.cumulative_sum(tc.asarray([1.0, 2.0, 3.0]))
        tensor([1., 3., 6.])
    """
    return _scan_sum(x, _axis_of("cumulative_sum", x, axis), dtype, include_initial, False)


def cumulative_prod(x: Any, /, *, axis: int | None = None, dtype: Any = None, include_initial: bool = False) -> Any:
    """Running products along `axis`: y[i] = x[0] · … · x[i]; with `include_initial`, a 1 before them.

    Dtypes and errors as in `cumulative_sum`; the gradient is right where elements are zero, too.

    Example:
        >>> tc.cumulative_prod(tc.asarray([1.0, 2.0, 3.0]))
        tensor([1., 2., 6.])
    """
    return _scan_prod(x, _axis_of("cumulative_prod", x, axis), dtype, include_initial, False)


def diff(x: Any, /, *, axis: int = -1, n: int = 1, prepend: Any = None, append: Any = None) -> Any:
    """Differences of neighbours along `axis`, x[i+1] - x[i], taken `n` times; bool tensors are compared.

    `prepend` and `append` are joined to `x` first. Raises ValueError for negative `n` or a 0-d tensor, IndexError
    for an axis out of range.

    Example:
        >>> tc.diff(tc.asarray([1.0, 4.0, 9.0]))
        tensor([3., 5.])
    """
    at = _axis_of("diff", x, axis)
    if n < 0:
        raise ValueError(f"diff: n must be at least 0, got {n}")
    if prepend is not None or append is not None:
        from .shape import concat

        x = concat([part for part in (prepend, x, append) if part is not None], axis=at)
    elif n == 0:
        return _sliced(x, at, 0, x.shape[at])
    for _ in range(min(n, x.shape[at])):
        after, before = _dropped(x, at, False), _dropped(x, at, True)
        x = after != before if x.dtype is _core.bool else after - before
    return x


__all__ = ["cumulative_prod", "cumulative_sum", "diff"]

methods(cumulative_sum, cumulative_prod)
