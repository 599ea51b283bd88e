"""The IDX format of MNIST and its kin, plain or gzipped.

Format: Y. LeCun, C. Cortes, C. Burges, "The MNIST database of handwritten digits": two zero bytes, a byte for the
dtype, one for the number of axes, the extents as 32-bit integers, the elements; big-endian throughout.
"""

from __future__ import annotations

import math
import sys
from array import array
from typing import Any

from .. import _core
from ..tensor import Tensor
from .files import LIMIT, DataError, Source, gunzip, gunzip_start, is_gzip, name_of, read_bytes

_DTYPES = {
    0x08: (_core.uint8, "B"),
    0x09: (_core.int8, "b"),
    0x0B: (_core.int16, "h"),
    0x0C: (_core.int32, "i"),
    0x0D: (_core.float32, "f"),
    0x0E: (_core.float64, "d"),
}
_MAX_AXES = 8
_HEADER = 4 + 4 * _MAX_AXES  # bytes that hold it, whatever the number of axes


def read_idx(source: Source, *, limit: int = LIMIT) -> Tensor:
    """The tensor in an IDX file, given as its path or contents.

    Dtypes: uint8, int8, int16, int32, float32, float64. Raises DataError, before anything of the declared size is
    allocated, for a file that is no IDX file, has more or fewer elements than it declares, more than 8 axes, or
    more than `limit` bytes; OSError if it cannot be read.

    >>> tc.data.read_idx(bytes([0, 0, 8, 1, 0, 0, 0, 2, 5, 7]))
    tensor([5, 7], dtype=uint8)
    """
    name = name_of(source)
    data = read_bytes(source, limit)
    packed = is_gzip(data)
    dtype, code, shape = _header(gunzip_start(data, _HEADER, name) if packed else data, name)
    start, declared = 4 + 4 * len(shape), math.prod(shape) * dtype.itemsize
    told = f"{name}: declares shape {shape} of {dtype.name}, {declared} bytes"
    if start + declared > limit:
        raise DataError(f"{told}, the limit is {limit}")
    if packed:
        data = gunzip(data, start + declared, name)
    if len(data) - start != declared:
        raise DataError(f"{told}, but has {len(data) - start}")
    elements = array(code, data[start:])
    if sys.byteorder == "little":
        elements.byteswap()
    return _core.from_bytes(elements.tobytes(), dtype, shape)


def _header(data: bytes, name: str) -> tuple[Any, str, tuple[int, ...]]:
    """Dtype, its code in module `array`, and shape."""
    if len(data) < 4 or data[0] or data[1] or data[2] not in _DTYPES:
        raise DataError(f"{name}: is no IDX file, it starts with {data[:4].hex(' ') or 'nothing'}")
    ndim = data[3]
    if ndim > _MAX_AXES or len(data) < 4 + 4 * ndim:
        raise DataError(f"{name}: declares {ndim} axes, the limit is {_MAX_AXES}, in {len(data)} bytes")
    shape = tuple(int.from_bytes(data[4 + 4 * i : 8 + 4 * i], "big") for i in range(ndim))
    return *_DTYPES[data[2]], shape


def idx_bytes(x: Tensor) -> bytes:
    """A tensor as an IDX file. TypeError for a dtype that the format lacks, ValueError for more than 8 axes."""
    found = [(number, code) for number, (dtype, code) in _DTYPES.items() if dtype is x.dtype]
    if not found:
        raise TypeError(f"idx_bytes: the format has no {x.dtype.name}")
    number, code = found[0]
    if x.ndim > _MAX_AXES:
        raise ValueError(f"idx_bytes: needs at most {_MAX_AXES} axes, got {x.ndim}")
    elements = array(code, bytes(_core.as_bytes(x)))
    if sys.byteorder == "little":
        elements.byteswap()
    header = bytes([0, 0, number, x.ndim]) + b"".join(n.to_bytes(4, "big") for n in x.shape)
    return header + elements.tobytes()
