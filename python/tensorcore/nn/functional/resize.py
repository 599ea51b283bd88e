"""Resampling of space, and channels exchanged for space. Composed of recorded ops: every derivative exists."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Sequence
from typing import Any

from ... import _core
from ...declare import check_tensors
from ...ops.creation import asarray
from ...ops.index import take
from ...ops.shape import permute_dims, reshape
from ...tensor import Tensor
from .pool import adaptive_avg_pool1d, adaptive_avg_pool2d, adaptive_avg_pool3d

_AXES = {"linear": 1, "bilinear": 2, "bicubic": 2, "trilinear": 3}
_MODES = ("nearest", "nearest-exact", "area", *_AXES)
_AREA: dict[int, Callable[..., Tensor]] = {1: adaptive_avg_pool1d, 2: adaptive_avg_pool2d, 3: adaptive_avg_pool3d}


def _sizes(x: Tensor, axes: int, size: Any, scale_factor: Any) -> list[tuple[int, float]]:
    """Of each axis, the new extent and how many old elements a new one stands for."""
    if (size is None) == (scale_factor is None):
        raise ValueError(f"interpolate: needs either size or scale_factor, got {size} and {scale_factor}")
    given = scale_factor if size is None else size
    values = list(given) if isinstance(given, (tuple, list)) else [given] * axes
    if len(values) != axes:
        raise ValueError(f"interpolate: needs one value or {axes}, got {given}")
    extents = x.shape[2:]
    if size is not None:
        found = [operator.index(n) for n in values]
        ratios = [n / m if m else 0.0 for n, m in zip(extents, found, strict=True)]
    else:
        factors = [float(v) for v in values]
        if not all(0 < f < math.inf for f in factors):
            raise ValueError(f"interpolate: scale_factor must be positive and finite, got {scale_factor}")
        found = [math.floor(n * f) for n, f in zip(extents, factors, strict=True)]
        ratios = [1 / f for f in factors]
    if any(m < 1 for m in found) or any(n < 1 for n in extents):
        raise ValueError(f"interpolate: extents must be at least 1, got {extents} to become {tuple(found)}")
    return list(zip(found, ratios, strict=True))


def _cubic(t: float) -> list[float]:
    """Weights of the four neighbours of a point `t` past the second. Source: Keys 1981, with a = -3/4."""
    a = -0.75

    def near(d: float) -> float:
        return ((a + 2) * d - (a + 3)) * d * d + 1

    def far(d: float) -> float:
        return ((d - 5) * d + 8) * d * a - 4 * a

    return [far(t + 1), near(t), near(1 - t), far(2 - t)]


def _taps(mode: str, n: int, m: int, ratio: float, align_corners: bool) -> tuple[list[list[int]], list[list[float]]]:
    """For each tap, the index of the old element and its weight at each of the `m` new ones."""
    if mode == "nearest":
        return [[min(math.floor(i * ratio + 1e-9), n - 1) for i in range(m)]], []
    if mode == "nearest-exact":
        return [[min(math.floor((i + 0.5) * ratio + 1e-9), n - 1) for i in range(m)]], []
    if align_corners:
        step = (n - 1) / (m - 1) if m > 1 else 0.0
        places = [i * step for i in range(m)]
    else:
        places = [(i + 0.5) * ratio - 0.5 for i in range(m)]
    cubic = mode == "bicubic"
    if not cubic:
        places = [min(max(p, 0.0), float(n - 1)) for p in places]
    floors = [math.floor(p) for p in places]
    shares = [_cubic(p - f) if cubic else [1 - (p - f), p - f] for p, f in zip(places, floors, strict=True)]
    first = -1 if cubic else 0
    indices = [[min(max(f + first + k, 0), n - 1) for f in floors] for k in range(4 if cubic else 2)]
    return indices, [list(w) for w in zip(*shares, strict=True)]


def _resample(x: Tensor, axis: int, m: int, ratio: float, mode: str, align_corners: bool) -> Tensor:
    n = x.shape[axis]
    if m == n and ratio == 1:
        return x
    indices, weights = _taps(mode, n, m, ratio, align_corners)
    parts = [take(x, asarray(index, device=x.device), axis=axis) for index in indices]
    if not weights:
        return parts[0]
    shape = (m,) + (1,) * (x.ndim - axis - 1)
    terms = [
        part * reshape(asarray(w, dtype=x.dtype, device=x.device), shape)
        for part, w in zip(parts, weights, strict=True)
    ]
    total = terms[0]
    for term in terms[1:]:
        total = total + term
    return total


def interpolate(
    x: Tensor,
    size: int | Sequence[int] | None = None,
    scale_factor: float | Sequence[float] | None = None,
    mode: str = "nearest",
    align_corners: bool | None = None,
    recompute_scale_factor: bool | None = None,
) -> Tensor:
    """`x` (N, C, …) with one to three axes of space, resampled to `size` or by `scale_factor`.

    `mode`: 'nearest', 'nearest-exact' (of the pixels' centres), 'area' (means), 'linear' (1 axis of space),
    'bilinear', 'bicubic' (2), 'trilinear' (3). With `align_corners` the outermost elements keep their places, else
    the outer edges of the pixels do. `size` and `scale_factor` are one number or one per axis; extents are rounded
    down, and `recompute_scale_factor` takes the ratio of the rounded extents. Floating dtypes; half types compute in
    float32. ValueError on settings that do not fit, TypeError on other dtypes. Sources: Keys 1981 for 'bicubic'.

    Example:
        >>> tc.nn.functional.interpolate(tc.asarray([[[1.0, 2.0]]]), scale_factor=2)
        tensor([[[1., 1., 2., 2.]]])
    """
    check_tensors("interpolate", x=x)
    if x.dtype.kind != "float":
        raise TypeError(f"interpolate: x must be floating-point, got {x.dtype.name}")
    axes = x.ndim - 2
    if not 1 <= axes <= 3:
        raise ValueError(f"interpolate: x must have the axes (N, C, …) with one to three of space, got shape {x.shape}")
    if mode not in _MODES:
        raise ValueError(f"interpolate: mode must be one of {_MODES}, got {mode!r}")
    if _AXES.get(mode, axes) != axes:
        raise ValueError(f"interpolate: mode {mode!r} needs {_AXES[mode]} axes of space, got shape {x.shape}")
    if align_corners is not None and mode not in _AXES:
        raise ValueError(f"interpolate: align_corners is for the modes {tuple(_AXES)}, got mode {mode!r}")
    sizes = _sizes(x, axes, size, scale_factor)
    if mode == "area":
        return _AREA[axes](x, tuple(m for m, _ in sizes))
    if recompute_scale_factor:
        sizes = [(m, n / m) for n, (m, _) in zip(x.shape[2:], sizes, strict=True)]
    dtype = x.dtype
    y = x.astype(_core.float32) if dtype.itemsize == 2 and mode in _AXES else x
    for i, (m, ratio) in enumerate(sizes):
        y = _resample(y, i + 2, m, ratio, mode, bool(align_corners))
    y = y if y.dtype is dtype else y.astype(dtype)
    return y * 1.0 if y is x else y


def _factor(op: str, x: Any, name: str, value: Any, ndim: int) -> int:
    check_tensors(op, x=x)
    n = operator.index(value)
    if n < 1:
        raise ValueError(f"{op}: {name} must be at least 1, got {n}")
    if x.ndim < ndim:
        raise ValueError(f"{op}: x must have at least {ndim} axes, got shape {x.shape}")
    return n


def pixel_shuffle(x: Tensor, upscale_factor: int) -> Tensor:
    """(…, C·r², H, W) as (…, C, H·r, W·r): each r² channels become the r × r pixels of a finer image.

    r is `upscale_factor`. ValueError where it does not divide. Source: Shi et al. 2016.

    Example:
        >>> tc.nn.functional.pixel_shuffle(tc.ones((1, 8, 2, 3)), 2).shape
        (1, 2, 4, 6)
    """
    r = _factor("pixel_shuffle", x, "upscale_factor", upscale_factor, 3)
    *lead, c, h, w = x.shape
    if c % (r * r):
        raise ValueError(f"pixel_shuffle: the {c} channels must be a multiple of upscale_factor² = {r * r}")
    k = len(lead)
    y = reshape(x, (*lead, c // (r * r), r, r, h, w))
    y = permute_dims(y, (*range(k), k, k + 3, k + 1, k + 4, k + 2))
    return reshape(y, (*lead, c // (r * r), h * r, w * r))


def pixel_unshuffle(x: Tensor, downscale_factor: int) -> Tensor:
    """(…, C, H·r, W·r) as (…, C·r², H, W): the inverse of `pixel_shuffle`. ValueError where r does not divide."""
    r = _factor("pixel_unshuffle", x, "downscale_factor", downscale_factor, 3)
    *lead, c, h, w = x.shape
    if h % r or w % r:
        raise ValueError(f"pixel_unshuffle: downscale_factor {r} must divide the extents {(h, w)}")
    k = len(lead)
    y = reshape(x, (*lead, c, h // r, r, w // r, r))
    y = permute_dims(y, (*range(k), k, k + 2, k + 4, k + 1, k + 3))
    return reshape(y, (*lead, c * r * r, h // r, w // r))


def channel_shuffle(x: Tensor, groups: int) -> Tensor:
    """(N, C, …) with its channels, seen as (groups, C / groups), transposed. Source: Zhang et al. 2017 (ShuffleNet)."""
    g = _factor("channel_shuffle", x, "groups", groups, 2)
    n, c, *space = x.shape
    if c % g:
        raise ValueError(f"channel_shuffle: groups must divide the {c} channels, got {g}")
    y = reshape(x, (n, g, c // g, *space))
    return reshape(permute_dims(y, (0, 2, 1, *range(3, y.ndim))), x.shape)


__all__ = ["channel_shuffle", "interpolate", "pixel_shuffle", "pixel_unshuffle"]
