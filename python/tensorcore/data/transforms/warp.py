"""Resizing, rotating and affine maps: pixels are interpolated.

Pixel (i, j) is a square with its centre at (i, j); the middle of a picture is ((H - 1)/2, (W - 1)/2).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from ... import _core
from ...ops.creation import arange, asarray
from ...ops.elementwise import clip, floor
from ...ops.elementwise import round as round_half_even
from ...ops.index import take
from ...ops.random import Generator, rand
from ...ops.shape import pad
from ...tensor import Tensor
from .basic import Transform, check_pictures, pair
from .crop import RandomTransform

_MODES = ("nearest", "bilinear")


class Resize(Transform):
    """Pictures of another height and width; one int is the new length of the shorter side.

    `interpolation` is "bilinear" or "nearest". No low-pass filter goes before: what is made much smaller may alias.
    Integer pictures are rounded to the nearest, halves to even.
    """

    def __init__(self, size: int | Sequence[int], interpolation: str = "bilinear"):
        pair("Resize", size)
        self.size, self.interpolation = size, _check_mode("Resize", interpolation)

    def __call__(self, x: Tensor) -> Tensor:
        """The resized picture or batch."""
        check_pictures("Resize", x)
        height, width = x.shape[-2:]
        if not height or not width:
            raise ValueError(f"Resize: needs a picture that is not empty, got shape {x.shape}")
        if isinstance(self.size, int):
            short = min(height, width)
            new = tuple(self.size if n == short else int(self.size * n / short) for n in (height, width))
        else:
            new = tuple(self.size)
        if self.interpolation == "nearest":
            for axis, (n, m) in enumerate(zip(new, (height, width), strict=True), x.ndim - 2):
                x = take(x, (arange(n) * m // n).to(x.device), axis=axis)
            return x
        y = _to_float(x)
        for axis, (n, m) in enumerate(zip(new, (height, width), strict=True), x.ndim - 2):
            if n == m:
                continue
            at = clip((arange(n, dtype=y.dtype) + 0.5) * (m / n) - 0.5, 0, m - 1)
            low = floor(at)
            share = (at - low).reshape((n,) + (1,) * (x.ndim - 1 - axis)).to(x.device)
            low = low.astype(_core.int64)
            first, second = (take(y, i.to(x.device), axis=axis) for i in (low, clip(low + 1, 0, m - 1)))
            y = first + (second - first) * share
        return _from_float(y, x.dtype)


class RandomAffine(RandomTransform):
    """A random affine map about the picture's middle: sheared, scaled, rotated, then moved.

    Args:
        degrees: (low, high) of the angle, counter-clockwise as one sees the picture; a number d means (-d, d).
        translate: (a, b): at most a·W to the sides, b·H up or down.
        scale: (low, high) of the factor.
        shear: (low, high), or a number for (-s, s), of the angle in degrees by which columns lean to the left.
        interpolation: "nearest" or "bilinear".
        fill: what stands where no pixel came from.

    Integer pictures are rounded to the nearest. ValueError for settings out of range.
    """

    def __init__(
        self,
        degrees: float | Sequence[float],
        translate: Sequence[float] | None = None,
        scale: Sequence[float] | None = None,
        shear: float | Sequence[float] | None = None,
        interpolation: str = "nearest",
        fill: float = 0,
        generator: Generator | None = None,
    ):
        super().__init__(generator)
        name = type(self).__name__
        self.degrees = _range(name, "degrees", degrees)
        self.translate = None if translate is None else tuple(translate)
        if self.translate is not None and (len(self.translate) != 2 or not all(0 <= t <= 1 for t in self.translate)):
            raise ValueError(f"{name}: translate must be two shares in [0, 1], got {translate!r}")
        self.scale = None if scale is None else _range(name, "scale", tuple(scale))
        if self.scale is not None and self.scale[0] <= 0:
            raise ValueError(f"{name}: scale must be above 0, got {scale!r}")
        self.shear = None if shear is None else _range(name, "shear", shear)
        if self.shear is not None and not (self.shear[0] > -90 and self.shear[1] < 90):
            raise ValueError(f"{name}: shear must lie between -90 and 90 degrees, got {shear!r}")
        self.interpolation, self.fill = _check_mode(name, interpolation), fill

    def apply(self, x: Tensor, generator: Generator) -> Tensor:
        """One map per picture."""
        n, _, height, width = x.shape
        if not x.size:
            return x
        draws = rand((n, 5), generator=generator, dtype=_core.float64).tolist()
        maps = [_inverse(*self._settings(row, height, width)) for row in draws]
        return _warp(x, maps, self.interpolation, self.fill)

    def _settings(self, u: list[float], height: int, width: int) -> tuple[float, float, float, float, float]:
        def between(limits: tuple[float, float], share: float) -> float:
            return limits[0] + share * (limits[1] - limits[0])

        angle = math.radians(between(self.degrees, u[0]))
        scale = 1.0 if self.scale is None else between(self.scale, u[1])
        lean = 0.0 if self.shear is None else math.radians(between(self.shear, u[2]))
        right, down = (0.0, 0.0) if self.translate is None else self.translate
        return angle, scale, lean, right * width * (2 * u[3] - 1), down * height * (2 * u[4] - 1)


class RandomRotation(RandomAffine):
    """A rotation about the picture's middle by a random angle in degrees, counter-clockwise as one sees the picture.

    `degrees` is (low, high), or a number d for (-d, d); `interpolation` is "nearest" or "bilinear". The size is kept;
    corners that come from outside get `fill`.
    """

    def __init__(
        self,
        degrees: float | Sequence[float],
        interpolation: str = "nearest",
        fill: float = 0,
        generator: Generator | None = None,
    ):
        super().__init__(degrees, interpolation=interpolation, fill=fill, generator=generator)


def _inverse(angle: float, scale: float, lean: float, right: float, down: float) -> tuple[float, ...]:
    """Where a pixel of the result comes from: x = a·X + b·Y + c, y = d·X + e·Y + f, about the middle, y downwards."""
    cos, sin, tan = math.cos(angle), math.sin(angle), math.tan(lean)
    # The map is scale·R·K with R = [[cos, sin], [-sin, cos]], as y points down, and K = [[1, tan], [0, 1]].
    a, b = (cos - tan * sin) / scale, (-sin - tan * cos) / scale
    d, e = sin / scale, cos / scale
    return a, b, -(a * right + b * down), d, e, -(d * right + e * down)


def _warp(x: Tensor, maps: list[tuple[float, ...]], mode: str, fill: float) -> Tensor:
    """Each picture of (N, C, H, W) sampled where its map says; outside lies `fill`."""
    n, channels, height, width = x.shape
    a, b, c, d, e, f = (part.reshape((n, 1, 1)) for part in asarray(maps, dtype=_core.float32).mT)
    columns = arange(width, dtype=_core.float32) - (width - 1) / 2
    rows = (arange(height, dtype=_core.float32) - (height - 1) / 2).reshape((height, 1))
    from_x = a * columns + b * rows + c + (width - 1) / 2  # (N, H, W)
    from_y = d * columns + e * rows + f + (height - 1) / 2
    # Two pixels of zeros all round, so that whatever is outside, and its right and lower neighbour, is a zero.
    border = pad(_to_float(x) - fill, [(0, 0), (0, 0), (2, 2), (2, 2)])
    wide = width + 4
    pixels = border.permute_dims((0, 2, 3, 1)).reshape((n * (height + 4) * wide, channels))
    if mode == "nearest":
        from_x, from_y = round_half_even(from_x), round_half_even(from_y)
    left, top = floor(from_x), floor(from_y)
    column, row = (clip(at, -2, m).astype(_core.int64) + 2 for at, m in ((left, width), (top, height)))
    start = (arange(n) * ((height + 4) * wide)).reshape((n, 1, 1))
    flat = (start + row * wide + column).reshape((-1,)).to(x.device)
    y = take(pixels, flat, axis=0)
    if mode == "bilinear":
        to_right, down = (
            share.reshape((-1, 1)).astype(y.dtype).to(x.device) for share in (from_x - left, from_y - top)
        )
        upper = y + (take(pixels, flat + 1, axis=0) - y) * to_right
        lower = take(pixels, flat + wide, axis=0)
        lower = lower + (take(pixels, flat + (wide + 1), axis=0) - lower) * to_right
        y = upper + (lower - upper) * down
    y = (y + fill).reshape((n, height, width, channels)).permute_dims((0, 3, 1, 2))
    return _from_float(y.reshape(x.shape, copy=True), x.dtype)


def _to_float(x: Tensor) -> Tensor:
    return x if x.dtype.kind == "float" else x.astype(_core.float32)


def _from_float(y: Tensor, dtype: Any) -> Tensor:
    return y if dtype.kind == "float" else round_half_even(y).astype(dtype)


def _range(name: str, what: str, value: float | Sequence[float]) -> tuple[float, float]:
    if isinstance(value, (int, float)):
        if not value >= 0:
            raise ValueError(f"{name}: {what} as one number must be ≥ 0, got {value}")
        return (-float(value), float(value))
    limits = tuple(float(v) for v in value)
    if len(limits) != 2 or not limits[0] <= limits[1] or not all(math.isfinite(v) for v in limits):
        raise ValueError(f"{name}: {what} must be (low, high), got {value!r}")
    return limits[0], limits[1]


def _check_mode(name: str, mode: str) -> str:
    if mode not in _MODES:
        raise ValueError(f"{name}: interpolation must be one of {', '.join(_MODES)}, got {mode!r}")
    return mode
