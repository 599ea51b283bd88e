"""Padding with PyTorch's names and order of widths: a layer over `tc.pad`."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

from ...declare import check_tensors
from ...ops.shape import pad as tc_pad
from ...tensor import Tensor

_MODES = {"constant": "constant", "reflect": "reflect", "replicate": "edge", "circular": "wrap"}


def pad(x: Tensor, pad: Sequence[int], mode: str = "constant", value: float | None = None) -> Tensor:
    """`x` with more elements before and after its last axes.

    `pad` is (before, after) of the last axis, then of the one before it, and so on. `mode` is 'constant' (of
    `value`, default 0), 'reflect' (mirrored at the edge element), 'replicate' (the edge element) or 'circular' (from
    the other end). Negative widths cut elements off. ValueError for an odd number of widths, more than x has axes,
    an unknown mode, or widths that the mode cannot fill; TypeError for other types.

    Example:
        >>> tc.nn.functional.pad(tc.asarray([1.0, 2.0, 3.0]), (1, 0), mode="reflect")
        tensor([2., 1., 2., 3.])
    """
    check_tensors("pad", x=x)
    if mode not in _MODES:
        raise ValueError(f"pad: mode must be one of {tuple(_MODES)}, got {mode!r}")
    if not isinstance(pad, (tuple, list)):
        raise TypeError(f"pad: pad must be a sequence of ints, got {type(pad).__name__}")
    widths = [operator.index(n) for n in pad]
    if len(widths) % 2 or len(widths) > 2 * x.ndim:
        raise ValueError(f"pad: needs a pair of widths for each of up to {x.ndim} axes, got {tuple(pad)}")
    if value is not None and mode != "constant":
        raise ValueError(f"pad: value is for mode 'constant', got value={value} with mode {mode!r}")
    pairs = [(0, 0)] * (x.ndim - len(widths) // 2) + list(zip(widths[::2], widths[1::2], strict=True))[::-1]
    for n, (before, after) in zip(x.shape, pairs, strict=True):
        if before + after + n < 0 or min(before, after) < -n:
            raise ValueError(f"pad: widths {(before, after)} cut more than the {n} elements there are")
        if mode in ("reflect", "circular") and max(before, after) > n - (mode == "reflect"):
            raise ValueError(f"pad: mode {mode!r} cannot make {(before, after)} elements from {n}")
    if any(w < 0 for w in widths):
        cut = tuple(slice(max(0, -b), n - max(0, -a)) for n, (b, a) in zip(x.shape, pairs, strict=True))
        x, pairs = x[cut], [(max(0, b), max(0, a)) for b, a in pairs]
    fill: Any = 0 if value is None else value
    return tc_pad(x, pairs, mode=_MODES[mode], value=fill) if x.ndim else tc_pad(x, 0)


__all__ = ["pad"]
