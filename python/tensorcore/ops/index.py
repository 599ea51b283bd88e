"""Indexing: x[key], x[key] = value and the functions that take, gather and scatter by integer arrays."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .. import _core, autograd
from ..autograd.walk import _fit
from ..declare import check_tensors, differentiable
from ..tensor import Tensor, check_unshared, methods
from .creation import arange, asarray, zeros


class _Slot:
    """Stands in a saved key where an index tensor goes: tensors are saved on their own."""


def _index_array(obj: Any) -> Any:
    """An index that is neither int nor slice (list, NumPy array, bool) as a tensor."""
    import numpy as np

    if isinstance(obj, (str, bytes, float, complex, dict, set)):
        raise IndexError(
            f"getitem: indices are ints, slices, None, Ellipsis and integer or bool arrays, got {type(obj).__name__}"
        )
    if isinstance(obj, (list, tuple)):
        obj = [np.asarray(v) if isinstance(v, Tensor) else v for v in obj]
    try:
        array = np.asarray(obj)
    except ValueError as error:
        raise IndexError(f"getitem: the index is no array of integers or bools: {error}") from None
    if array.size == 0 and isinstance(obj, list):
        array = array.astype(np.int64)
    if array.dtype.kind == "u" and array.dtype.itemsize > 1:
        if array.size and int(array.max()) > 2**63 - 1:
            raise IndexError(f"getitem: index {int(array.max())} does not fit in 64 bits")
        array = array.astype(np.int64)
    if array.dtype.kind not in "biu":
        raise IndexError(
            f"getitem: index arrays must be of integer or bool dtype, got {array.dtype} from {type(obj).__name__}"
        )
    return asarray(array, copy=True)


def _index_value(value: Any, x: Any) -> Any:
    """What is assigned, as a tensor."""
    if isinstance(value, (str, bytes, complex, dict, set)) or value is None:
        raise TypeError(f"setitem: the value must be a Tensor, a scalar or an array, got {type(value).__name__}")
    return asarray(value, device=x.device)


def _freeze(key: Any) -> tuple[Any, list[Any]]:
    """A key with its arrays taken out, and the arrays as tensors that nobody else changes unseen."""
    items = key if isinstance(key, tuple) else (key,)
    frame, arrays = [], []
    for item in items:
        if isinstance(item, Tensor):
            frame.append(_Slot)
            arrays.append(item)
        elif item is None or item is Ellipsis or (isinstance(item, (int, slice)) and not isinstance(item, bool)):
            frame.append(item)  # type: ignore[arg-type]
        else:
            frame.append(_Slot)
            arrays.append(_index_array(item))
    return tuple(frame), arrays


def _thaw(frame: Any, arrays: Sequence[Any]) -> tuple[Any, ...]:
    given = iter(arrays)
    return tuple(next(given) if item is _Slot else item for item in frame)


def _is_basic(arrays: Sequence[Any]) -> bool:
    return all(a.ndim == 0 and a.dtype.kind != "bool" for a in arrays)


def _spread(g: Any, frame: Any, shape: Any, arrays: Sequence[Any]) -> Any:
    """Zeros of `shape` with `g` added at a key: the gradient of x[key]."""
    key = _thaw(frame, arrays)
    half = g.dtype.itemsize == 2 and not _is_basic(arrays)
    total = zeros(shape, dtype=_core.float32 if half else g.dtype, device=g.device)
    if _is_basic(arrays):
        _core.setitem(total, key, _core.alias(g))
    else:
        _core.index_add(total, key, _core.alias(g))
    if half:
        total = _core.astype(total, g.dtype, False)
    return autograd.record(total, "index_gradient", _spread_rule, (g,), (frame, *arrays))


def _spread_rule(g: Any, needs: Any, frame: Any, *arrays: Any) -> Any:
    return (g[_thaw(frame, arrays)],)


def _index_rule(g: Any, needs: Any, frame: Any, shape: Any, *arrays: Any) -> Any:
    return (_spread(g, frame, shape, arrays),)


def _record(y: Any, x: Any, key: Any) -> Any:
    frame, arrays = _freeze(key)
    return autograd.record(y, "getitem", _index_rule, (x,), (frame, x.shape, *arrays))


def _without(g: Any, frame: Any, arrays: Sequence[Any]) -> Any:
    """`g` with zeros at a key."""
    out = _core.copy(g)
    _core.setitem(out, _thaw(frame, arrays), 0)
    return autograd.record(out, "setitem_gradient", _without_rule, (g,), (frame, *arrays))


def _without_rule(g: Any, needs: Any, frame: Any, *arrays: Any) -> Any:
    return (_without(g, frame, arrays),)


def _setitem_rule(g: Any, needs: Any, frame: Any, shape: Any, dtype: Any, *arrays: Any) -> Any:
    to_x = _without(g, frame, arrays) if needs[0] else None
    to_value = None
    if needs[1]:
        key = _thaw(frame, arrays)
        to_value = g[key]
        if any(a.ndim and a.dtype.kind != "bool" for a in arrays):
            # Where indices repeat only the last value was kept: it alone gets the gradient.
            number = arange(to_value.size).reshape(to_value.shape)
            owner = zeros(g.shape, dtype=_core.int64, device=g.device)
            owner[key] = number
            to_value = to_value * (owner[key] == number).astype(g.dtype)
        while to_value.ndim < len(shape):  # leading axes of one in the value
            to_value = to_value.reshape((1, *to_value.shape))
        to_value = _fit(to_value, (shape, dtype))
    return to_x, to_value


def _setitem(x: Any, key: Any, value: Any) -> None:
    """x[key] = value where autograd is watching."""
    if x.is_leaf and x.requires_grad:
        raise RuntimeError(
            "setitem: a leaf that requires grad cannot be changed in place while operations are recorded; "
            "do it inside tc.no_grad()"
        )
    if x.dtype.kind != "float":
        _core.setitem(x, key, value)
        return
    check_unshared(x, "setitem")
    frame, arrays = _freeze(key)
    arrays = [_core.copy(a) for a in arrays]  # an index tensor may be computed from x in place later
    edges = _core.edges(x, value)
    _core.setitem(x, _thaw(frame, arrays), value)
    tensor = isinstance(value, Tensor)
    saved = (frame, value.shape if tensor else (), value.dtype if tensor else None, *arrays)
    node = autograd.Node("setitem", _setitem_rule, edges, saved, _core.versions(*saved), None)
    _core.set_node(x, node)


_core.set_hook("index_array", _index_array)
_core.set_hook("index_value", _index_value)
_core.set_hook("record_index", _record)
_core.set_hook("record_view", _record)
_core.set_hook("setitem", _setitem)

# ---- functions -------------------------------------------------------------------------------------


@differentiable(g=lambda g, indices, axis: take(g, indices, axis=axis), indices=None)
def _take_gradient(g: Any, indices: Any, axis: int, shape: Any) -> Any:
    return _core.take_gradient(g, indices, axis, shape)


@differentiable(x=lambda g, indices, axis, x_shape: _take_gradient(g, indices, axis, x_shape), indices=None)
def _take(x: Any, indices: Any, axis: int) -> Any:
    return _core.take(x, indices, axis)


def take(x: Any, indices: Any, /, *, axis: int | None = None) -> Any:
    """The elements of `x` at integer `indices` along `axis`, which may be left out if `x` is 1-d.

    The axes of `indices` stand in the place of `axis`. IndexError for an index or axis out of range,
    TypeError for indices that are not integers.

    >>> tc.take(tc.asarray([10, 20, 30]), tc.asarray([2, 0]))
    tensor([30, 10])
    """
    check_tensors("take", x=x, indices=indices)
    if axis is None:
        if x.ndim != 1:
            raise ValueError(f"take: axis may be left out for 1-d tensors only, got shape {x.shape}")
        axis = 0
    return _take(x, indices, axis)


@differentiable(
    x=lambda g, x_shape, axis, index: scatter_add(zeros(x_shape, dtype=g.dtype, device=g.device), axis, index, g),
    index=None,
)
def gather(x: Any, axis: int, index: Any, /) -> Any:
    """Elements of `x` picked along `axis` by an integer tensor with as many axes.

    out[i, j, k] = x[i, index[i, j, k], k] for axis 1. The result has the shape of `index`, whose other
    extents must not exceed those of `x` (ValueError). IndexError for an index out of range.

    >>> tc.gather(tc.asarray([[1, 2], [3, 4]]), 1, tc.asarray([[0], [1]]))
    tensor([[1],
            [4]])
    """
    return _core.gather(x, axis, index)


def _source_gradient(g: Any, axis: int, index: Any, src_shape: Any) -> Any:
    part = gather(g, axis, index)
    if part.shape == src_shape:
        return part
    from .shape import pad

    return pad(part, [(0, n - m) for n, m in zip(src_shape, part.shape, strict=True)])


@differentiable(x=lambda g: g, index=None, src=_source_gradient)
def scatter_add(x: Any, axis: int, index: Any, src: Any, /) -> Any:
    """A copy of `x` with each element of `src` added at the place along `axis` that `index` gives.

    out[i, index[i, j, k], k] += src[i, j, k] for axis 1. `index` has as many axes as `x` and `src` and
    no larger extents than `src`, nor than `x` except along `axis` (ValueError); IndexError for an index
    out of range. Sums are taken in the order of `src`; half types are summed in float32.

    >>> tc.scatter_add(tc.zeros(2), 0, tc.asarray([1, 1]), tc.asarray([3.0, 4.0]))
    tensor([0., 7.])
    """
    return _core.scatter_add(x, axis, index, src)


def take_along_axis(x: Any, indices: Any, /, *, axis: int = -1) -> Any:
    """Elements of `x` picked along `axis` by `indices`, which broadcasts with `x` on the other axes.

    IndexError for an index or axis out of range, ValueError for shapes that do not broadcast.

    >>> tc.take_along_axis(tc.asarray([[1, 2], [3, 4]]), tc.asarray([[1], [0]]), axis=1)
    tensor([[2],
            [3]])
    """
    check_tensors("take_along_axis", x=x, indices=indices)
    if x.ndim != indices.ndim:
        raise ValueError(f"take_along_axis: needs as many axes in both, got {x.shape} and {indices.shape}")
    if not -x.ndim <= axis < x.ndim:
        raise IndexError(f"take_along_axis: axis must lie in [{-x.ndim}, {x.ndim}), got {axis}")
    axis %= x.ndim
    if any(m != n for i, (m, n) in enumerate(zip(x.shape, indices.shape, strict=True)) if i != axis):
        shape = []
        for i, (m, n) in enumerate(zip(x.shape, indices.shape, strict=True)):
            if i != axis and m != n and m != 1 and n != 1:
                raise ValueError(
                    f"take_along_axis: shapes must broadcast except along axis {axis}, "
                    f"got {x.shape} and {indices.shape}"
                )
            shape.append(n if m == 1 else m)
        x = x.broadcast_to((*shape[:axis], x.shape[axis], *shape[axis + 1 :]))
        indices = indices.broadcast_to((*shape[:axis], indices.shape[axis], *shape[axis + 1 :]))
    return gather(x, axis, indices)


def one_hot(indices: Any, num_classes: int, /) -> Any:
    """For each index a row of `num_classes` int64 numbers: 1 at the index, else 0.

    Adds a last axis. IndexError for an index outside [0, num_classes), TypeError unless integers.

    >>> tc.one_hot(tc.asarray([1, 0]), 3)
    tensor([[0, 1, 0],
            [1, 0, 0]])
    """
    return _core.one_hot(indices, num_classes)


__all__ = ["gather", "one_hot", "scatter_add", "take", "take_along_axis"]

methods(gather, scatter_add, take)
