"""Element types and devices: conversion, promotion, limits, and what the array API standard lets one inspect."""

from __future__ import annotations

from typing import Any

from .. import _core
from ..declare import check_tensors, differentiable
from ..tensor import Tensor, methods

e = 2.718281828459045
inf = float("inf")
nan = float("nan")
newaxis = None
pi = 3.141592653589793

_FLOATS = (_core.float16, _core.bfloat16, _core.float32, _core.float64)
_DTYPES = (
    _core.bool,
    _core.uint8,
    _core.int8,
    _core.int16,
    _core.int32,
    _core.int64,
    *_FLOATS,
)
_KINDS = {
    "bool": ("bool",),
    "signed integer": ("int",),
    "unsigned integer": ("uint",),
    "integral": ("int", "uint"),
    "real floating": ("float",),
    "complex floating": (),
    "numeric": ("int", "uint", "float"),
}


def _dtype_of(x: Any, op: str) -> Any:
    if isinstance(x, _core.DType):
        return x
    if isinstance(x, Tensor):
        return x.dtype
    raise TypeError(f"{op}: needs a tensor or a tensorcore dtype, got {type(x).__name__}")


@differentiable(x=lambda g, x_dtype: astype(g, x_dtype))
def _astype(x: Any, dtype: Any) -> Any:
    return _core.astype(x, dtype, True)


@differentiable(x=lambda g: g)
def _copy(x: Any) -> Any:
    """A row-major copy that autograd follows."""
    return _core.copy(x)


def astype(x: Tensor, dtype: Any, /, *, copy: bool = True, device: Any = None) -> Tensor:
    """The elements of `x` converted to `dtype`: `x` itself if nothing changes and `copy=False`.

    Floats become integers by truncation. The gradient is converted back.
    """
    check_tensors("astype", x=x)
    if dtype is not x.dtype:
        x = _astype(x, dtype)
    elif copy:
        x = _copy(x)
    return x if device is None else to_device(x, device)


@differentiable(x=lambda g, source: to_device(g, source))
def _moved(x: Any, device: Any, source: Any, non_blocking: Any) -> Any:
    return _core.to_device(x, device, non_blocking)


def _move(x: Tensor, device: Any, op: str, non_blocking: bool = False) -> Tensor:
    check_tensors(op, x=x)
    target = _core.Device(device) if isinstance(device, str) else device
    if not isinstance(target, _core.Device):
        raise TypeError(f"{op}: device must be a Device or its name, got {type(device).__name__}")
    return x if target == x.device else _moved(x, target, x.device, non_blocking)


def to_device(x: Tensor, device: Any, /, *, stream: Any = None) -> Tensor:
    """The tensor on `device`: itself if it is there, else a row-major copy. Gradients move back.

    `stream` must be None or, for a CUDA device, a `tc.cuda.Stream` to copy in. Raises RuntimeError for a
    device that this build or machine lacks.
    """
    if stream is None:
        return _move(x, device, "to_device")
    from ..cuda import Stream

    if not isinstance(stream, Stream):
        raise ValueError(f"to_device: stream must be None or a tc.cuda.Stream, got {stream!r}")
    with stream:
        return _move(x, device, "to_device")


def to(
    x: Tensor,
    target: Any = None,
    /,
    dtype: Any = None,
    *,
    device: Any = None,
    non_blocking: bool = False,
    copy: bool = False,
) -> Tensor:
    """The tensor with another dtype, on another device, or both: `x.to("cuda")`, `x.to(tc.float16)`.

    The tensor itself where nothing changes and `copy` is False. With `non_blocking`, a copy between pinned
    host memory and a CUDA device may still be under way on return: synchronise the stream before the host
    reads or changes that memory.
    """
    check_tensors("to", x=x)
    if isinstance(target, _core.DType):
        if dtype is not None:
            raise TypeError("to: two dtypes given")
        dtype = target
    elif isinstance(target, Tensor):
        device, dtype = target.device, target.dtype if dtype is None else dtype
    elif target is not None:
        if device is not None:
            raise TypeError("to: two devices given")
        device = target
    y = x
    if dtype is not None:
        y = astype(y, dtype, copy=False)
    if device is not None:
        y = _move(y, device, "to", non_blocking)
    return _copy(y) if copy and y is x else y


def cpu(x: Tensor) -> Tensor:
    """The tensor on the CPU: itself if it is there."""
    return _move(x, "cpu", "cpu")


def cuda(x: Tensor, device: Any = "cuda", *, non_blocking: bool = False) -> Tensor:
    """The tensor on a CUDA device: itself if it is there."""
    return _move(x, f"cuda:{device}" if isinstance(device, int) else device, "cuda", non_blocking)


def pin_memory(x: Tensor) -> Tensor:
    """A copy of a CPU tensor in host memory that devices copy from and to without waiting.

    The tensor itself if it is there already. Raises RuntimeError where CUDA is not available.
    """
    check_tensors("pin_memory", x=x)
    return x if is_pinned(x) else _pinned(x)


@differentiable(x=lambda g: g)
def _pinned(x: Any) -> Any:
    return _core.pin_memory(x)


def is_pinned(x: Tensor) -> bool:
    """Whether the tensor lies in pinned host memory."""
    check_tensors("is_pinned", x=x)
    return _core.is_pinned(x)


def result_type(*arrays_and_dtypes: Any) -> Any:
    """The dtype of an operation on tensors, dtypes and Python scalars (at least one not a scalar).

    Tensors and dtypes promote as the array API standard says, across kinds to the wider kind (bool <
    integer < float). A Python scalar changes the result only where its kind is wider.
    """
    out: Any = None
    integers = floats = False
    for x in arrays_and_dtypes:
        if isinstance(x, (bool, int, float)):
            floats |= isinstance(x, float)
            integers |= not isinstance(x, (bool, float))
            continue
        dtype = _dtype_of(x, "result_type")
        out = dtype if out is None else _core.promote(out, dtype)
    if out is None:
        if not arrays_and_dtypes:
            raise ValueError("result_type: needs at least one argument")
        raise ValueError("result_type: at least one argument must be a tensor or a dtype, not a scalar")
    if floats and out.kind != "float":
        return _core.float32
    if integers and out.kind == "bool":
        return _core.int64
    return out


def can_cast(from_: Any, to: Any, /) -> bool:
    """Whether type promotion leads from the dtype (or tensor) `from_` to the dtype `to`."""
    return _core.promote(_dtype_of(from_, "can_cast"), _dtype_of(to, "can_cast")) is to


def isdtype(dtype: Any, kind: Any) -> bool:
    """Whether `dtype` is of a kind: a dtype, a name of the array API standard, or a tuple of these.

    The names are 'bool', 'signed integer', 'unsigned integer', 'integral', 'real floating',
    'complex floating' and 'numeric'.
    """
    if not isinstance(dtype, _core.DType):
        raise TypeError(f"isdtype: needs a tensorcore dtype, got {type(dtype).__name__}")
    if isinstance(kind, tuple):
        return any(isdtype(dtype, k) for k in kind)
    if isinstance(kind, _core.DType):
        return dtype is kind
    if not isinstance(kind, str):
        raise TypeError(f"isdtype: kind must be a dtype, a name or a tuple of them, got {kind!r}")
    if kind not in _KINDS:
        raise ValueError(f"isdtype: kind must be one of {tuple(_KINDS)}, got {kind!r}")
    return dtype.kind in _KINDS[kind]


class _Limits:
    """Fields set once by the constructor, compared and shown by value."""

    def __init__(self, *values: Any):
        self.__dict__.update(zip(self.__annotations__, values, strict=True))

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError(f"{type(self).__name__}: fields cannot be changed")

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and self.__dict__ == other.__dict__

    def __hash__(self) -> int:
        return hash(tuple(self.__dict__.values()))

    def __repr__(self) -> str:
        fields = ", ".join(f"{k}={v!r}" for k, v in self.__dict__.items())
        return f"{type(self).__name__}({fields})"


class FloatInfo(_Limits):
    """Limits of a floating-point dtype, as Python floats."""

    bits: int
    eps: float  # distance from 1 to the next larger number
    max: float
    min: float
    smallest_normal: float
    dtype: Any


class IntInfo(_Limits):
    """Limits of an integer dtype."""

    bits: int
    max: int
    min: int
    dtype: Any


# Bits of the fraction, and the exponent of the smallest normal number.
_FORMATS = {"float16": (10, -14), "bfloat16": (7, -126), "float32": (23, -126), "float64": (52, -1022)}


def finfo(type: Any, /) -> FloatInfo:
    """Limits of a floating-point dtype, or of a tensor's: bits, eps, max, min, smallest_normal, dtype."""
    dtype = _dtype_of(type, "finfo")
    if dtype.kind != "float":
        raise TypeError(f"finfo: needs a floating-point dtype, got {dtype.name}")
    fraction, lowest = _FORMATS[dtype.name]
    eps = 2.0**-fraction
    largest = (2.0 - eps) * 2.0 ** (1 - lowest)
    return FloatInfo(8 * dtype.itemsize, eps, largest, -largest, 2.0**lowest, dtype)


def iinfo(type: Any, /) -> IntInfo:
    """Limits of an integer dtype, or of a tensor's: bits, max, min, dtype."""
    dtype = _dtype_of(type, "iinfo")
    if dtype.kind not in ("int", "uint"):
        raise TypeError(f"iinfo: needs an integer dtype, got {dtype.name}")
    bits = 8 * dtype.itemsize
    low = 0 if dtype.kind == "uint" else -(2 ** (bits - 1))
    return IntInfo(bits, low + 2**bits - 1, low, dtype)


class NamespaceInfo:
    """What `__array_namespace_info__()` tells about the package."""

    def capabilities(self) -> dict[str, Any]:
        """Optional features: boolean indexing, results whose shape depends on data, most dimensions."""
        return {"boolean indexing": True, "data-dependent shapes": True, "max dimensions": 16}

    def default_device(self) -> Any:
        """The device tensors are made on."""
        return _core.Device("cpu")

    def devices(self) -> list[Any]:
        """The devices of this machine that tensors can be made on."""
        return [_core.Device("cpu"), *(_core.Device(f"cuda:{i}") for i in range(_core.cuda_device_count()))]

    def default_dtypes(self, *, device: Any = None) -> dict[str, Any]:
        """The dtypes used where none is given."""
        _check_device(device)
        return {"real floating": _core.float32, "integral": _core.int64, "indexing": _core.int64}

    def dtypes(self, *, device: Any = None, kind: Any = None) -> dict[str, Any]:
        """The standard's dtypes (float16 and bfloat16 are none) by name, of one kind if given.

        `kind` is as for `isdtype`.
        """
        _check_device(device)
        return {d.name: d for d in _DTYPES if d.kind != "float" or d.itemsize > 2 if kind is None or isdtype(d, kind)}


def _check_device(device: Any) -> None:
    if isinstance(device, str):
        _core.Device(device)
    elif device is not None and not isinstance(device, _core.Device):
        raise TypeError(f"device: must be a Device or its name, got {type(device).__name__}")


def __array_namespace_info__() -> NamespaceInfo:  # noqa: N807
    """Inspection of the package: capabilities, devices, dtypes."""
    return NamespaceInfo()


__all__ = [
    "__array_namespace_info__",
    "astype",
    "can_cast",
    "e",
    "finfo",
    "iinfo",
    "inf",
    "isdtype",
    "nan",
    "newaxis",
    "pi",
    "result_type",
]

methods(astype, to_device, to, cpu, cuda, pin_memory, is_pinned)
