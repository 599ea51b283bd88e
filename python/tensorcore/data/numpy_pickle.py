"""Arrays in pickles of NumPy, read without NumPy and without running anything the file asks for.

A pickle is a program. This reader first walks through its instructions and refuses any that is not needed to
write tuples of arrays, then lets Python's unpickler build them from stand-ins: of the names a pickle may ask for it
knows three, and what they stand for keeps data and does nothing.
"""

from __future__ import annotations

import io
import math
import pickle
import pickletools
from typing import Any

from .. import _core
from .files import LIMIT, Source, as_data_error, name_of, read_bytes

_DTYPES = {
    b"u1": _core.uint8,
    b"i1": _core.int8,
    b"i2": _core.int16,
    b"i4": _core.int32,
    b"i8": _core.int64,
    b"f2": _core.float16,
    b"f4": _core.float32,
    b"f8": _core.float64,
    b"b1": _core.bool,
}
# What writing tuples of arrays takes: constants, names, calls, states, tuples, and a memo of up to 256 entries.
_INSTRUCTIONS = frozenset(
    {
        *("PROTO", "STOP", "MARK", "GLOBAL", "REDUCE", "BUILD", "BINPUT", "BINGET", "NONE", "NEWTRUE", "NEWFALSE"),
        *("BININT", "BININT1", "BININT2", "BINSTRING", "SHORT_BINSTRING", "BINBYTES", "SHORT_BINBYTES", "BINUNICODE"),
        *("EMPTY_TUPLE", "TUPLE", "TUPLE1", "TUPLE2", "TUPLE3"),
    }
)


class _Array:
    """What `numpy.core.multiarray._reconstruct` makes: an array whose state comes afterwards."""

    def __init__(self, *_: Any):
        self.state: Any = None

    def __setstate__(self, state: Any) -> None:
        self.state = state


class _DType:
    """What `numpy.dtype` makes."""

    def __init__(self, code: Any, *_: Any):
        self.code = code.encode() if isinstance(code, str) else code
        self.order = b"="

    def __setstate__(self, state: Any) -> None:
        self.order = state[1].encode() if isinstance(state[1], str) else state[1]


class _NdArray:
    """Stands for the class `numpy.ndarray`, which is only ever named."""


_NAMES: dict[tuple[str, str], Any] = {
    ("numpy.core.multiarray", "_reconstruct"): _Array,
    ("numpy._core.multiarray", "_reconstruct"): _Array,
    ("numpy", "dtype"): _DType,
    ("numpy", "ndarray"): _NdArray,
}


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _NAMES:
            raise pickle.UnpicklingError(f"asks for {module}.{name}, which is no part of an array")
        return _NAMES[module, name]


def read_numpy_pickle(source: Source, *, limit: int = LIMIT) -> Any:
    """Nested tuples of tensors from a pickle (protocol 2 or 3) of nested tuples of NumPy arrays.

    Raises DataError for any other pickle, of which no part is run, for damaged ones, and beyond `limit` bytes.
    """
    name, data = name_of(source), read_bytes(source, limit)
    with as_data_error(name, "is no pickle of NumPy arrays"):
        for instruction, _, at in pickletools.genops(data):
            if instruction.name not in _INSTRUCTIONS:
                raise pickle.UnpicklingError(f"the instruction {instruction.name} at byte {at} has no place in it")
        return _tensors(_Unpickler(io.BytesIO(data), encoding="bytes").load())


def _tensors(value: Any) -> Any:
    if isinstance(value, tuple):
        return tuple(_tensors(v) for v in value)
    if not isinstance(value, _Array):
        raise pickle.UnpicklingError(f"a {type(value).__name__} stands where an array or tuple should")
    _, shape, dtype, by_columns, content = value.state
    if by_columns is not False or not isinstance(dtype, _DType) or dtype.order not in (b"<", b"|"):
        raise pickle.UnpicklingError("an array is not row-major and little-endian")
    kind = _DTYPES[dtype.code]
    if not all(isinstance(n, int) and n >= 0 for n in shape) or len(content) != math.prod(shape) * kind.itemsize:
        raise pickle.UnpicklingError(f"an array of shape {shape} and dtype {kind.name} has {len(content)} bytes")
    return _core.from_bytes(content, kind, shape)
