"""Views and rearrangements: the same elements under other shapes, in other orders, joined and repeated."""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence
from typing import Any

from .. import _core, autograd
from ..declare import differentiable
from ..tensor import Tensor, methods
from .creation import asarray, full
from .index import take
from .reduce import sum as tc_sum

Shape = int | Sequence[int]


def _axes(op: str, axis: Any, ndim: int) -> tuple[int, ...]:
    """Axes given as an int or ints, counted from the front; IndexError out of range, ValueError if repeated."""
    given = axis if isinstance(axis, (tuple, list)) else (axis,)
    out = tuple(_axis(op, a, ndim) for a in given)
    if len(set(out)) != len(out):
        raise ValueError(f"{op}: axes must differ, got {axis}")
    return out


def _axis(op: str, axis: Any, ndim: int) -> int:
    try:
        a = operator.index(axis)
    except TypeError:
        raise TypeError(f"{op}: axis must be an int, got {type(axis).__name__}") from None
    if not -ndim <= a < ndim:
        raise IndexError(f"{op}: axis must lie in [{-ndim}, {ndim}), got {a}")
    return a % ndim


def _check_tensor(op: str, x: Any) -> None:
    if not isinstance(x, Tensor):
        raise TypeError(f"{op}: the argument must be a Tensor, got {type(x).__name__}")


@differentiable(x=lambda g, x_shape: g.reshape(x_shape))
def reshape(x: Any, /, shape: Shape, *, copy: bool | None = None) -> Any:
    """The same elements in row-major order under another `shape`, of which one extent may be -1.

    A view where the strides of `x` allow it, else a copy; `copy=True` forces a copy, `copy=False`
    raises ValueError where one is needed. ValueError if the numbers of elements differ.

    >>> tc.reshape(tc.arange(6), (2, -1)).shape
    (2, 3)
    """
    return _core.reshape(x, shape, copy)


def _inverse(axes: Sequence[int]) -> tuple[int, ...]:
    out = [0] * len(axes)
    for i, axis in enumerate(axes):
        out[axis % len(axes)] = i
    return tuple(out)


@differentiable(x=lambda g, axes: permute_dims(g, _inverse(axes)))
def permute_dims(x: Any, /, axes: Sequence[int]) -> Any:
    """A view with axis i of the result being axis `axes[i]` of `x`.

    IndexError for an axis out of range, ValueError unless `axes` names every axis once.

    >>> tc.permute_dims(tc.zeros((2, 3, 4)), (2, 0, 1)).shape
    (4, 2, 3)
    """
    return _core.permute_dims(x, axes)


@differentiable(x=lambda g, axis: squeeze(g, axis))
def expand_dims(x: Any, /, axis: Shape = 0) -> Any:
    """A view with new axes of extent one at the positions `axis` of the result.

    IndexError for a position out of range, ValueError for repeated ones.

    >>> tc.expand_dims(tc.zeros((2, 3)), axis=1).shape
    (2, 1, 3)
    """
    return _core.expand_dims(x, axis)


@differentiable(x=lambda g, x_shape: g.reshape(x_shape))
def squeeze(x: Any, /, axis: Shape) -> Any:
    """A view without the axes `axis`; ValueError if one of them is longer than 1.

    >>> tc.squeeze(tc.zeros((2, 1, 3)), 1).shape
    (2, 3)
    """
    return _core.squeeze(x, axis)


def _broadcast_rule(g: Any, x_shape: tuple[int, ...]) -> Any:
    added = g.ndim - len(x_shape)
    axes = tuple(range(added)) + tuple(i + added for i, n in enumerate(x_shape) if n == 1)
    return tc_sum(g, axis=axes, keepdims=True).reshape(x_shape) if axes else g


@differentiable(x=_broadcast_rule)
def broadcast_to(x: Any, /, shape: Shape) -> Any:
    """A view of `x` repeated, without a copy, to fill `shape`; ValueError if it does not broadcast.

    >>> tc.broadcast_to(tc.asarray([1, 2]), (3, 2)).shape
    (3, 2)
    """
    return _core.broadcast_to(x, shape)


def broadcast_arrays(*arrays: Any) -> list[Any]:
    """Views of all arrays with the one shape they broadcast to; ValueError where there is none.

    >>> [a.shape for a in tc.broadcast_arrays(tc.zeros((2, 1)), tc.zeros(3))]
    [(2, 3), (2, 3)]
    """
    shape = _core.broadcast_shape(arrays)
    return [broadcast_to(a, shape) for a in arrays]


def matrix_transpose(x: Any, /) -> Any:
    """A view with the last two axes swapped; ValueError with fewer than two.

    >>> tc.matrix_transpose(tc.zeros((4, 2, 3))).shape
    (4, 3, 2)
    """
    _check_tensor("matrix_transpose", x)
    if x.ndim < 2:
        raise ValueError(f"matrix_transpose: needs at least two axes, got shape {x.shape}")
    return permute_dims(x, (*range(x.ndim - 2), x.ndim - 1, x.ndim - 2))


def moveaxis(x: Any, source: Shape, destination: Shape, /) -> Any:
    """A view with the axes `source` at the positions `destination`, the others in their order.

    IndexError for an axis out of range, ValueError for repeated axes or unequal numbers of them.

    >>> tc.moveaxis(tc.zeros((2, 3, 4)), 0, -1).shape
    (3, 4, 2)
    """
    _check_tensor("moveaxis", x)
    start = _axes("moveaxis", source, x.ndim)
    end = _axes("moveaxis", destination, x.ndim)
    if len(start) != len(end):
        raise ValueError(f"moveaxis: needs as many sources as destinations, got {source} and {destination}")
    order = [axis for axis in range(x.ndim) if axis not in start]
    for to, axis in sorted(zip(end, start, strict=True)):
        order.insert(to, axis)
    return permute_dims(x, tuple(order))


@differentiable(x=lambda g, axis: flip(g, axis=axis))
def flip(x: Any, /, *, axis: Shape | None = None) -> Any:
    """A view with the order of elements reversed along `axis` (all axes by default).

    IndexError for an axis out of range, ValueError for repeated axes.

    >>> tc.flip(tc.asarray([1, 2, 3]))
    tensor([3, 2, 1])
    """
    return _core.flip(x, axis)


# ---- joining and splitting ------------------------------------------------------------------------


def _as(g: Any, dtype: Any) -> Any:
    return g if g.dtype is dtype else g.astype(dtype)


def _concat_rule(g: Any, needs: Any, axis: Any, shapes: Any, dtypes: Any) -> Any:
    grads = []
    start = 0
    axis = axis if axis is None else axis % g.ndim
    for need, shape, dtype in zip(needs, shapes, dtypes, strict=True):
        length = shape[axis] if axis is not None else math.prod(shape)
        part = None
        if need:
            key = (slice(None),) * (axis or 0) + (slice(start, start + length),)
            part = _as(g[key], dtype).reshape(shape)
        grads.append(part)
        start += length
    return grads


def _list(op: str, arrays: Any) -> tuple[Any, ...]:
    if not isinstance(arrays, (tuple, list)):
        raise TypeError(f"{op}: needs a list or tuple of Tensors, got {type(arrays).__name__}")
    return tuple(arrays)


def concat(arrays: Sequence[Any], /, *, axis: int | None = 0) -> Any:
    """The arrays joined along an existing `axis`, or all their elements in one row with None.

    The other extents must agree (ValueError); the dtype is what all promote to. IndexError for an
    axis out of range.

    >>> tc.concat([tc.zeros((2, 3)), tc.ones((1, 3))]).shape
    (3, 3)
    """
    arrays = _list("concat", arrays)
    y = _core.concat(arrays, axis)
    if not _core.any_requires_grad(*arrays):
        return y
    saved = (axis, tuple(a.shape for a in arrays), tuple(a.dtype for a in arrays))
    return autograd.record(y, "concat", _concat_rule, arrays, saved)


def _stack_rule(g: Any, needs: Any, axis: int, dtypes: Any) -> Any:
    key = (slice(None),) * (axis % g.ndim)
    return [_as(g[(*key, i)], dtypes[i]) if need else None for i, need in enumerate(needs)]


def stack(arrays: Sequence[Any], /, *, axis: int = 0) -> Any:
    """Arrays of one shape joined along a new `axis` of the result.

    ValueError if shapes differ, IndexError for an axis out of range; the dtype is what all promote to.

    >>> tc.stack([tc.zeros(3), tc.ones(3)], axis=1).shape
    (3, 2)
    """
    arrays = _list("stack", arrays)
    y = _core.stack(arrays, axis)
    if not _core.any_requires_grad(*arrays):
        return y
    return autograd.record(y, "stack", _stack_rule, arrays, (axis, tuple(a.dtype for a in arrays)))


def _unstack_rule(g: Any, needs: Any, axis: int, shape: Any, dtype: Any, device: Any) -> Any:
    missing = None
    if any(part is None for part in g):
        missing = full(shape, 0, dtype=dtype, device=device)
    return (stack([missing if part is None else part for part in g], axis=axis),)


def unstack(x: Any, /, *, axis: int = 0) -> tuple[Any, ...]:
    """Views of the slices of `x` along `axis`, one per index.

    ValueError for a 0-d tensor, IndexError for an axis out of range.

    >>> [int(v) for v in tc.unstack(tc.asarray([3, 4]))]
    [3, 4]
    """
    _check_tensor("unstack", x)
    if x.ndim == 0:
        raise ValueError("unstack: needs at least one axis, got a 0-d tensor")
    axis = _axis("unstack", axis, x.ndim)
    key = (slice(None),) * axis
    plain = _core.alias(x)
    parts = tuple(plain[(*key, i)] for i in range(x.shape[axis]))
    if not parts or not _core.any_requires_grad(x):
        return parts
    saved = (axis, parts[0].shape, x.dtype, x.device)
    return autograd.record(parts, "unstack", _unstack_rule, (x,), saved)


# ---- repeating and moving elements ----------------------------------------------------------------


def repeat(x: Any, repeats: Any, /, *, axis: int | None = None) -> Any:
    """Each element of `x` `repeats` times in a row along `axis` (of the flattened `x` by default).

    `repeats` is an int, or a 1-d integer tensor with one number per index. ValueError for negative
    numbers or a wrong count of them.

    >>> tc.repeat(tc.asarray([1, 2]), 2)
    tensor([1, 1, 2, 2])
    """
    _check_tensor("repeat", x)
    if axis is None:
        x, axis = reshape(x, (-1,)) if x.ndim != 1 else x, 0
    axis = _axis("repeat", axis, x.ndim)
    if not isinstance(repeats, Tensor):
        repeats = asarray(repeats) if isinstance(repeats, (list, tuple)) else repeats
    if isinstance(repeats, Tensor):
        if repeats.ndim > 1:
            raise ValueError(f"repeat: repeats must be an int or 1-d, got shape {repeats.shape}")
        if repeats.dtype.kind not in ("int", "uint"):
            raise TypeError(f"repeat: repeats must be integers, got {repeats.dtype.name}")
        if repeats.size != 1:
            if repeats.size != x.shape[axis]:
                raise ValueError(
                    f"repeat: needs one number per index of axis {axis} of extent {x.shape[axis]}, got {repeats.size}"
                )
            return take(x, _core.to_device(_core.repeat_indices(repeats), x.device, False), axis=axis)
        repeats = repeats.item()
    try:
        times = operator.index(repeats)
    except TypeError:
        raise TypeError(f"repeat: repeats must be an int or integers, got {type(repeats).__name__}") from None
    if times < 0:
        raise ValueError(f"repeat: repeats must not be negative, got {times}")
    return _repeated(x, {axis: times}, after=True)


def _repeated(x: Any, times: dict[int, int], after: bool) -> Any:
    """A copy of `x` with each element (`after`) or all of an axis repeated `times[axis]` times."""
    spread, wide, shape = [], [], []
    for i, n in enumerate(x.shape):
        k = times.get(i, 1)
        spread += [n] if k == 1 else [n, 1] if after else [1, n]
        wide += [n] if k == 1 else [n, k] if after else [k, n]
        shape.append(n * k)
    if shape == list(x.shape):
        return reshape(x, x.shape, copy=True)
    return reshape(broadcast_to(reshape(x, tuple(spread)), tuple(wide)), tuple(shape), copy=True)


def tile(x: Any, repetitions: Sequence[int], /) -> Any:
    """`x` laid side by side `repetitions[i]` times along each axis.

    Missing axes of `x`, and missing repetitions, count as leading ones. ValueError for negative numbers.

    >>> tc.tile(tc.asarray([1, 2]), (2,))
    tensor([1, 2, 1, 2])
    """
    _check_tensor("tile", x)
    given = repetitions if isinstance(repetitions, (tuple, list)) else (repetitions,)
    try:
        counts = [operator.index(n) for n in given]
    except TypeError:
        raise TypeError(f"tile: repetitions must be ints, got {repetitions}") from None
    if any(n < 0 for n in counts):
        raise ValueError(f"tile: repetitions must not be negative, got {repetitions}")
    ndim = max(x.ndim, len(counts))
    counts = [1] * (ndim - len(counts)) + counts
    if ndim > x.ndim:
        x = reshape(x, (1,) * (ndim - x.ndim) + x.shape)
    times = {i: n for i, n in enumerate(counts) if n != 1}
    if ndim + len(times) <= _core.MAX_NDIM:
        return _repeated(x, times, after=False)
    for i, n in times.items():
        x = _repeated(x, {i: n}, after=False)
    return x


@differentiable(x=lambda g, shifts, axes: _roll(g, tuple(-s for s in shifts), axes))
def _roll(x: Any, shifts: tuple[int, ...], axes: tuple[int, ...]) -> Any:
    return _core.roll(x, shifts, axes)


def roll(x: Any, /, shift: Shape, *, axis: Shape | None = None) -> Any:
    """Elements moved by `shift` places along `axis`; those pushed over the end come in at the start.

    Without `axis` the tensor is rolled as if flattened. Several axes take one shift for all or one each
    (ValueError otherwise). IndexError for an axis out of range.

    >>> tc.roll(tc.asarray([1, 2, 3]), 1)
    tensor([3, 1, 2])
    """
    _check_tensor("roll", x)
    shifts = tuple(shift) if isinstance(shift, (tuple, list)) else (shift,)
    if axis is None:
        if len(shifts) != 1:
            raise ValueError(f"roll: several shifts need as many axes, got {shift} and axis None")
        flat = reshape(x, (-1,))
        return reshape(_roll(flat, shifts, (0,)), x.shape)
    axes = tuple(axis) if isinstance(axis, (tuple, list)) else (axis,)
    return _roll(x, shifts * len(axes) if len(shifts) == 1 else shifts, axes)


@differentiable(x=lambda g, before, x_shape: g[tuple(slice(b, b + n) for b, n in zip(before, x_shape, strict=True))])
def _pad_constant(x: Any, before: Any, after: Any, value: Any) -> Any:
    return _core.pad(x, before, after, value)


def _widths(widths: Any, ndim: int) -> list[tuple[int, int]]:
    """One (before, after) per axis from an int, a pair, or a pair per axis."""
    try:
        if not isinstance(widths, (tuple, list)):
            return [(operator.index(widths),) * 2] * ndim
        if len(widths) == 2 and not isinstance(widths[0], (tuple, list)):
            return [(operator.index(widths[0]), operator.index(widths[1]))] * ndim
        pairs = [(operator.index(b), operator.index(a)) for b, a in widths]
    except (TypeError, ValueError):
        raise TypeError(f"pad: widths must be an int, a pair, or a pair of ints per axis, got {widths}") from None
    if len(pairs) == 1:
        return pairs * ndim
    if len(pairs) != ndim:
        raise ValueError(f"pad: needs one pair of widths per axis, got {len(pairs)} for {ndim} axes")
    return pairs


def pad(x: Any, widths: Any, /, *, mode: str = "constant", value: Any = 0) -> Any:
    """`x` with `widths` more elements before and after it along each axis.

    `widths` is an int, a pair (before, after) for all axes, or one pair per axis. `mode` says what
    the new elements are: "constant" (`value`), "edge" (the nearest element), "reflect" (mirrored at the
    edge element), "symmetric" (mirrored beside it) or "wrap" (from the other end). ValueError for
    negative widths, an unknown mode, or extending an empty axis by its own elements.

    >>> tc.pad(tc.asarray([1, 2, 3]), (1, 2), mode="reflect")
    tensor([2, 1, 2, 3, 2, 1])
    """
    _check_tensor("pad", x)
    pairs = _widths(widths, x.ndim)
    if mode == "constant":
        fill = full((), value, dtype=x.dtype, device=x.device)
        return _pad_constant(x, tuple(b for b, _ in pairs), tuple(a for _, a in pairs), fill)
    indices = [
        _core.to_device(_core.pad_indices(n, b, a, mode), x.device, False)
        for n, (b, a) in zip(x.shape, pairs, strict=True)
    ]
    y = x
    for axis, (b, a) in enumerate(pairs):
        if b or a:
            y = take(y, indices[axis], axis=axis)
    return reshape(x, x.shape, copy=True) if y is x else y


__all__ = [
    "broadcast_arrays",
    "broadcast_to",
    "concat",
    "expand_dims",
    "flip",
    "matrix_transpose",
    "moveaxis",
    "pad",
    "permute_dims",
    "repeat",
    "reshape",
    "roll",
    "squeeze",
    "stack",
    "tile",
    "unstack",
]

methods(
    broadcast_to, expand_dims, flip, matrix_transpose, moveaxis, pad, permute_dims, repeat, reshape, roll,
    squeeze, tile, unstack,
)  # fmt: skip
