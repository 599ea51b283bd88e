"""Making tensors: from Python values, from other libraries' arrays, and from a few numbers."""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence
from typing import Any

from .. import _core
from ..declare import check_tensors, differentiable
from ..tensor import Tensor
from .dtype import _copy, astype, to_device

Shape = int | Sequence[int]
Scalar = bool | int | float


def tensor(data: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """A new tensor with a copy of `data`, a leaf that autograd follows if `requires_grad`.

    `data` is anything `asarray` takes; from a tensor only the values are copied, not its history.

    >>> tc.tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)
    tensor([[1., 2.],
            [3., 4.]], requires_grad=True)
    """
    if isinstance(data, Tensor):
        data = data.detach()
    x = asarray(data, dtype=dtype, device=device, copy=True)
    if requires_grad:
        x.requires_grad = True
    return x


def asarray(obj: Any, /, *, dtype: Any = None, device: Any = None, copy: bool | None = None) -> Tensor:
    """The elements of `obj` as a tensor.

    `obj` is a bool, int or float (giving bool, int64, float32), nested lists or tuples of them and of
    arrays, a tensor, or an object with the buffer protocol, DLPack or `__array__` (a NumPy array, a
    PyTorch tensor), whose dtype is kept. Memory is shared where it can be unless `copy=True`;
    `copy=False` raises ValueError where it cannot. A tensor keeps its history of gradients.

    Raises ValueError for ragged lists, TypeError for elements that are no numbers, OverflowError for
    integers out of range.

    >>> tc.asarray([[1, 2], [3, 4]])
    tensor([[1, 2],
            [3, 4]])
    """
    if isinstance(obj, Tensor):
        if dtype is not None and obj.dtype is not dtype:
            if copy is False:
                raise ValueError(f"asarray: copy=False cannot be honoured, dtype {obj.dtype.name} must become {dtype}")
            x = astype(obj, dtype)
        else:
            x = _copy(obj) if copy else obj
        return x if device is None else to_device(x, device)
    if hasattr(obj, "__cuda_array_interface__") and not hasattr(obj, "__dlpack__"):
        return asarray(_from_cuda_interface(obj), dtype=dtype, device=device, copy=copy)
    x = _core.asarray(obj, dtype, copy)
    return x if device is None else to_device(x, device)


def _from_cuda_interface(obj: Any) -> Tensor:
    """A tensor over the memory of an object that has the CUDA array interface."""
    seen = obj.__cuda_array_interface__
    names = {"|b1": "bool", "|u1": "uint8", "|i1": "int8", "<i2": "int16", "<i4": "int32", "<i8": "int64"}
    names |= {"<f2": "float16", "<f4": "float32", "<f8": "float64"}
    if seen["typestr"] not in names:
        raise TypeError(f"asarray: no dtype for the CUDA array interface's {seen['typestr']!r}")
    if seen.get("mask") is not None:
        raise TypeError("asarray: masked arrays are not supported")
    dtype = getattr(_core, names[seen["typestr"]])
    shape, strides = tuple(seen["shape"]), seen.get("strides")
    if strides is None:
        step, back = dtype.itemsize, []
        for n in reversed(shape):
            back.append(step)
            step *= n
        strides = back[::-1]
    pointer, read_only = seen["data"]
    return _core.from_cuda_interface(obj, pointer, shape, tuple(strides), dtype, read_only)


def from_dlpack(x: Any, /, *, device: Any = None, copy: bool | None = None) -> Tensor:
    """The elements of any object with `__dlpack__` as a tensor that shares its memory.

    Memory that the other library forbids to write stays read-only. `copy=True` always copies,
    `copy=False` raises BufferError where sharing is not possible. Raises TypeError for an object
    without DLPack, RuntimeError for memory on a device that this build does not have.
    """
    return _core.from_dlpack(x, device, copy)


def empty(shape: Shape, *, dtype: Any = None, device: Any = None) -> Tensor:
    """A tensor of `shape` whose elements are whatever the memory held."""
    return _core.empty(shape, _core.float32 if dtype is None else dtype, "cpu" if device is None else device)


def full(shape: Shape, fill_value: Scalar, *, dtype: Any = None, device: Any = None) -> Tensor:
    """A tensor of `shape` with every element `fill_value` (a Python scalar or a 0-d array).

    The dtype follows the value (bool, int64, float32, or that of the array) unless given.
    Raises OverflowError for a value that the dtype cannot hold.
    """
    return _core.full(shape, fill_value, dtype, device, "full")


def zeros(shape: Shape, *, dtype: Any = None, device: Any = None) -> Tensor:
    """A tensor of `shape` with every element 0 (float32 by default)."""
    return _core.full(shape, False, _core.float32 if dtype is None else dtype, device, "zeros")


def ones(shape: Shape, *, dtype: Any = None, device: Any = None) -> Tensor:
    """A tensor of `shape` with every element 1 (float32 by default)."""
    return _core.full(shape, True, _core.float32 if dtype is None else dtype, device, "ones")


def empty_like(x: Tensor, /, *, dtype: Any = None, device: Any = None) -> Tensor:
    """An uninitialised tensor with the shape, and unless given the dtype and device, of `x`."""
    check_tensors("empty_like", x=x)
    return _core.empty(x.shape, x.dtype if dtype is None else dtype, x.device if device is None else device)


def full_like(x: Tensor, /, fill_value: Scalar, *, dtype: Any = None, device: Any = None) -> Tensor:
    """`full` with the shape, and unless given the dtype and device, of `x`."""
    check_tensors("full_like", x=x)
    return _core.full(x.shape, fill_value, x.dtype if dtype is None else dtype, device or x.device, "full_like")


def zeros_like(x: Tensor, /, *, dtype: Any = None, device: Any = None) -> Tensor:
    """Zeros with the shape, and unless given the dtype and device, of `x`."""
    check_tensors("zeros_like", x=x)
    return full_like(x, False, dtype=dtype, device=device)


def ones_like(x: Tensor, /, *, dtype: Any = None, device: Any = None) -> Tensor:
    """Ones with the shape, and unless given the dtype and device, of `x`."""
    check_tensors("ones_like", x=x)
    return full_like(x, True, dtype=dtype, device=device)


def _number(value: Any, op: str, name: str) -> int | float:
    """A Python int or float from a real scalar of any kind."""
    if isinstance(value, (int, float)):
        return int(value) if isinstance(value, bool) else value
    try:
        return operator.index(value)
    except TypeError:
        pass
    if isinstance(value, (str, bytes, complex)) or not hasattr(value, "__float__"):
        raise TypeError(f"{op}: {name} must be a real number, got {type(value).__name__}")
    return float(value)


def arange(
    start: int | float,
    /,
    stop: int | float | None = None,
    step: int | float = 1,
    *,
    dtype: Any = None,
    device: Any = None,
) -> Tensor:
    """The numbers start, start + step, … before `stop`, as a 1-d tensor.

    With one argument the numbers start at 0. int64 if all arguments are integers, else float32, unless
    `dtype` is given; element i is start + i·step, rounded once. Raises ValueError for a step of 0, a NaN or
    a length that cannot be addressed, OverflowError for integers that the dtype cannot hold.

    >>> tc.arange(0, 1, 0.25)
    tensor([0.  , 0.25, 0.5 , 0.75])
    """
    first = _number(start, "arange", "start")
    if stop is None:
        first, last = 0, first
    else:
        last = _number(stop, "arange", "stop")  # type: ignore[assignment]
    by = _number(step, "arange", "step")
    if by == 0:
        raise ValueError("arange: step must not be 0")
    device = "cpu" if device is None else device
    if isinstance(first, int) and isinstance(last, int) and isinstance(by, int):
        count = max(0, -((first - last) // by))
        if count >= 2**62:
            raise ValueError(f"arange: the array is too large to address, got {count} elements")
        if count == 0:
            first = by = 0
        elif count == 1:
            by = 1
        return _core.arange_int(first, by, count, _core.int64 if dtype is None else dtype, device)
    length = (float(last) - float(first)) / float(by)
    if math.isnan(length) or math.isinf(length) or length >= 2.0**62:
        raise ValueError(
            f"arange: the number of elements must be finite and addressable, got start {first}, stop {last}, step {by}"
        )
    count = max(0, math.ceil(length))
    return _core.arange_float(float(first), float(by), count, _core.float32 if dtype is None else dtype, device)


def linspace(
    start: int | float,
    stop: int | float,
    /,
    num: int,
    *,
    dtype: Any = None,
    device: Any = None,
    endpoint: bool = True,
) -> Tensor:
    """`num` evenly spaced numbers from `start` to `stop` (which is left out if not `endpoint`).

    The first and last are exactly `start` and `stop`. float32 unless `dtype` is given; integer dtypes round
    down. Raises ValueError for a negative `num`, OverflowError for ends that the dtype cannot hold.

    >>> tc.linspace(0, 1, 5)
    tensor([0.  , 0.25, 0.5 , 0.75, 1.  ])
    """
    first = _number(start, "linspace", "start")
    last = _number(stop, "linspace", "stop")
    num = operator.index(num)
    if num < 0:
        raise ValueError(f"linspace: num must not be negative, got {num}")
    dtype = _core.float32 if dtype is None else dtype
    if num >= 2**62:
        raise ValueError(f"linspace: the array is too large to address, got {num} elements")
    make = _core.linspace_float
    if isinstance(first, int) and isinstance(last, int) and dtype.kind in ("int", "uint"):
        make = _core.linspace_int  # type: ignore[assignment]
    else:
        first, last = float(first), float(last)
    device = "cpu" if device is None else device
    return make(first, last, num, bool(endpoint), dtype, device)


def _diagonal(k: int) -> int:
    """`k`, held in 63 bits: a diagonal so far outside is the same as any other outside."""
    return max(-(2**62), min(2**62, operator.index(k)))


def eye(
    n_rows: int,
    n_cols: int | None = None,
    /,
    *,
    k: int = 0,
    dtype: Any = None,
    device: Any = None,
) -> Tensor:
    """A matrix with ones on its k-th diagonal (above the main one where k > 0) and zeros elsewhere."""
    return _core.eye(
        n_rows,
        n_rows if n_cols is None else n_cols,
        _diagonal(k),
        _core.float32 if dtype is None else dtype,
        "cpu" if device is None else device,
    )


def meshgrid(*arrays: Tensor, indexing: str = "xy") -> list[Tensor]:
    """Grids of coordinates from N 1-d tensors: views, each varying along one of N axes.

    With `indexing="ij"` grid i varies along axis i; with "xy" the first two axes are swapped.
    Raises ValueError for tensors that are not 1-d and for another `indexing`.
    """
    from .shape import broadcast_to, reshape

    if indexing not in ("xy", "ij"):
        raise ValueError(f"meshgrid: indexing must be 'xy' or 'ij', got {indexing!r}")
    for i, x in enumerate(arrays):
        check_tensors("meshgrid", **{f"array {i}": x})
        if x.ndim != 1:
            raise ValueError(f"meshgrid: arrays must be 1-d, got shape {x.shape}")
    n = len(arrays)
    places = list(range(n))
    if indexing == "xy" and n > 1:
        places[:2] = 1, 0
    shape = [0] * n
    for x, place in zip(arrays, places, strict=True):
        shape[place] = x.shape[0]
    grids = []
    for x, place in zip(arrays, places, strict=True):
        own = [1] * n
        own[place] = x.shape[0]
        grids.append(broadcast_to(reshape(x, tuple(own)), tuple(shape)))
    return grids


@differentiable(x=lambda g, k: tril(g, k=k))
def tril(x: Tensor, /, *, k: int = 0) -> Tensor:
    """The elements on and below the k-th diagonal of each matrix, zeros above; at least two axes."""
    return _core.triangle(x, _diagonal(k), False)


@differentiable(x=lambda g, k: triu(g, k=k))
def triu(x: Tensor, /, *, k: int = 0) -> Tensor:
    """The elements on and above the k-th diagonal of each matrix, zeros below; at least two axes."""
    return _core.triangle(x, _diagonal(k), True)


__all__ = [
    "arange",
    "asarray",
    "empty",
    "empty_like",
    "eye",
    "from_dlpack",
    "full",
    "full_like",
    "linspace",
    "meshgrid",
    "ones",
    "ones_like",
    "tensor",
    "tril",
    "triu",
    "zeros",
    "zeros_like",
]
