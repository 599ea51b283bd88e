"""Layers that change the shape of their input, fill its borders or resample it; similarities and distances."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, ClassVar

from .._core import MAX_NDIM
from ..declare import check_tensors
from ..tensor import Tensor
from . import functional as F
from .checks import check_sizes
from .functional.conv import _expand
from .module import Module
from .stateless import Stateless

# ruff: noqa: D101  (each class names its function, which is documented)


class Flatten(Module):
    """The axes from `start_axis` to `end_axis` as one. IndexError for an axis out of range.

    >>> nn.Flatten()(tc.ones((2, 3, 4))).shape
    (2, 12)
    """

    def __init__(self, start_axis: int = 1, end_axis: int = -1):
        super().__init__()
        check_sizes("Flatten", -MAX_NDIM, start_axis=start_axis, end_axis=end_axis)
        self.start_axis, self.end_axis = start_axis, end_axis

    def forward(self, x: Tensor) -> Tensor:
        """(N, a, b, …) to (N, a·b·…)."""
        check_tensors("Flatten", x=x)
        if not x.ndim:
            return x.reshape((1,))
        for axis in (self.start_axis, self.end_axis):
            if not -x.ndim <= axis < x.ndim:
                raise IndexError(f"Flatten: axis {axis} is out of range for shape {x.shape}")
        first, last = self.start_axis % x.ndim, self.end_axis % x.ndim
        if first > last:
            raise ValueError(f"Flatten: start_axis {first} comes after end_axis {last}")
        return x.reshape((*x.shape[:first], math.prod(x.shape[first : last + 1]), *x.shape[last + 1 :]))

    def extra_repr(self) -> str:
        """The settings."""
        return f"start_axis={self.start_axis}, end_axis={self.end_axis}"


class Unflatten(Module):
    """The axis `axis` as several, of the extents `unflattened_size`, one of which may be -1.

    >>> nn.Unflatten(1, (3, -1))(tc.ones((2, 12))).shape
    (2, 3, 4)
    """

    def __init__(self, axis: int, unflattened_size: Sequence[int]):
        super().__init__()
        if not isinstance(unflattened_size, (tuple, list)) or not all(type(n) is int for n in unflattened_size):
            raise TypeError(f"Unflatten: unflattened_size must be a sequence of ints, got {unflattened_size!r}")
        check_sizes("Unflatten", -MAX_NDIM, axis=axis)
        self.axis, self.unflattened_size = axis, tuple(unflattened_size)

    def forward(self, x: Tensor) -> Tensor:
        """(…, n, …) to (…, a, b, …). IndexError for an axis out of range, ValueError where the extents do not fit."""
        check_tensors("Unflatten", x=x)
        if not -x.ndim <= self.axis < x.ndim:
            raise IndexError(f"Unflatten: axis {self.axis} is out of range for shape {x.shape}")
        at = self.axis % x.ndim
        known = math.prod(n for n in self.unflattened_size if n != -1)
        sizes = tuple(x.shape[at] // max(known, 1) if n == -1 else n for n in self.unflattened_size)
        if self.unflattened_size.count(-1) > 1 or math.prod(sizes) != x.shape[at]:
            raise ValueError(
                f"Unflatten: {self.unflattened_size} does not divide the extent {x.shape[at]} of axis {at}"
            )
        return x.reshape((*x.shape[:at], *sizes, *x.shape[at + 1 :]))

    def extra_repr(self) -> str:
        """The settings."""
        return f"axis={self.axis}, unflattened_size={self.unflattened_size}"


class PixelShuffle(Stateless):
    function = staticmethod(F.pixel_shuffle)
    upscale_factor: int


class PixelUnshuffle(Stateless):
    function = staticmethod(F.pixel_unshuffle)
    downscale_factor: int


class ChannelShuffle(Stateless):
    function = staticmethod(F.channel_shuffle)
    groups: int


class Unfold(Stateless):
    function = staticmethod(F.unfold)
    kernel_size: Any
    dilation: Any = 1
    padding: Any = 0
    stride: Any = 1


class Fold(Stateless):
    function = staticmethod(F.fold)
    output_size: Any
    kernel_size: Any
    dilation: Any = 1
    padding: Any = 0
    stride: Any = 1


class Upsample(Stateless):
    """Resampling by `F.interpolate`: to `size` or by `scale_factor`."""

    function = staticmethod(F.interpolate)
    size: Any = None
    scale_factor: Any = None
    mode: str = "nearest"
    align_corners: bool | None = None
    recompute_scale_factor: bool | None = None

    def extra_repr(self) -> str:
        """The size or factor, and the mode."""
        if self.scale_factor is not None:
            factor = self.scale_factor
            factor = tuple(map(float, factor)) if isinstance(factor, (tuple, list)) else float(factor)
            return f"scale_factor={factor}, mode={self.mode!r}"
        return f"size={self.size}, mode={self.mode!r}"


class UpsamplingNearest2d(Upsample):
    def __init__(self, size: Any = None, scale_factor: Any = None):
        super().__init__(size, scale_factor, "nearest")


class UpsamplingBilinear2d(Upsample):
    def __init__(self, size: Any = None, scale_factor: Any = None):
        super().__init__(size, scale_factor, "bilinear", True)


class CosineSimilarity(Stateless):
    function = staticmethod(F.cosine_similarity)
    shown = ()
    axis: int = 1
    eps: float = 1e-8


class PairwiseDistance(Stateless):
    function = staticmethod(F.pairwise_distance)
    shown = ()
    p: float = 2.0
    eps: float = 1e-6
    keepdims: bool = False


class _Pad(Module):
    """Padding of the last axes; `padding` is one width, or (before, after) of the last axis, then the one before."""

    axes: ClassVar[int]
    mode: ClassVar[str]

    def __init__(self, padding: int | Sequence[int]):
        super().__init__()
        self.padding = _expand(type(self).__name__, "padding", padding, 2 * self.axes)

    def forward(self, x: Tensor) -> Tensor:
        """(…, space) to the same with wider space."""
        return F.pad(x, self.padding, self.mode)

    def extra_repr(self) -> str:
        """The widths."""
        return f"{self.padding}"


class _ConstantPad(_Pad):
    mode = "constant"

    def __init__(self, padding: int | Sequence[int], value: float):
        super().__init__(padding)
        self.value = value

    def forward(self, x: Tensor) -> Tensor:
        """(…, space) to the same with wider space."""
        return F.pad(x, self.padding, "constant", self.value)

    def extra_repr(self) -> str:
        """The widths and the value."""
        return f"padding={self.padding}, value={self.value}"


class _ZeroPad(_Pad):
    mode = "constant"


class _ReflectionPad(_Pad):
    mode = "reflect"


class _ReplicationPad(_Pad):
    mode = "replicate"


class _CircularPad(_Pad):
    mode = "circular"


class ConstantPad1d(_ConstantPad):
    axes = 1


class ConstantPad2d(_ConstantPad):
    axes = 2


class ConstantPad3d(_ConstantPad):
    axes = 3


class ZeroPad1d(_ZeroPad):
    axes = 1


class ZeroPad2d(_ZeroPad):
    axes = 2


class ZeroPad3d(_ZeroPad):
    axes = 3


class ReflectionPad1d(_ReflectionPad):
    axes = 1


class ReflectionPad2d(_ReflectionPad):
    axes = 2


class ReflectionPad3d(_ReflectionPad):
    axes = 3


class ReplicationPad1d(_ReplicationPad):
    axes = 1


class ReplicationPad2d(_ReplicationPad):
    axes = 2


class ReplicationPad3d(_ReplicationPad):
    axes = 3


class CircularPad1d(_CircularPad):
    axes = 1


class CircularPad2d(_CircularPad):
    axes = 2


class CircularPad3d(_CircularPad):
    axes = 3


__all__ = [
    "ChannelShuffle", "CircularPad1d", "CircularPad2d", "CircularPad3d", "ConstantPad1d", "ConstantPad2d",
    "ConstantPad3d", "CosineSimilarity", "Flatten", "Fold", "PairwiseDistance", "PixelShuffle", "PixelUnshuffle",
    "ReflectionPad1d", "ReflectionPad2d", "ReflectionPad3d", "ReplicationPad1d", "ReplicationPad2d",
    "ReplicationPad3d", "Unflatten", "Unfold", "Upsample", "UpsamplingBilinear2d", "UpsamplingNearest2d", "ZeroPad1d",
    "ZeroPad2d", "ZeroPad3d",
]  # fmt: skip
