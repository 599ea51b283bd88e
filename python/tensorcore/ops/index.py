"""Indexing."""

from __future__ import annotations

from typing import Any

from .. import _core


def getitem(x: Any, key: Any) -> Any:
    """A view of `x` for basic keys."""
    shape, strides, offset = [], [], 0
    key = key if isinstance(key, tuple) else (key,)
    for axis, k in enumerate(key):
        start, stop, step = k.indices(x.shape[axis])
        shape.append(len(range(start, stop, step)))
        strides.append(x.strides[axis] * step)
        offset += start * x.strides[axis]
    return _core.strided_view(x, tuple(shape), tuple(strides), offset)


_core.set_hook("getitem", getitem)

__all__: list[str] = []
