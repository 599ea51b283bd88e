"""Pooling as layers: each calls the function of `nn.functional` it names, whose documentation holds for it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..tensor import Tensor
from . import functional as F
from .stateless import Stateless

# ruff: noqa: D101  (each class names its function, which is documented)
Size = int | Sequence[int]


class _Windows(Stateless):
    """A stride that is not given is the size of the window."""

    def __init__(self, *args: Any, **kwargs: Any):
        super().__init__(*args, **kwargs)
        if self.stride is None:
            self.stride = self.kernel_size


class _MaxPool(_Windows):
    shown = ("kernel_size", "stride", "padding", "dilation", "ceil_mode")
    kernel_size: Size
    stride: Size | None = None
    padding: Size = 0
    dilation: Size = 1
    return_indices: bool = False
    ceil_mode: bool = False


class MaxPool1d(_MaxPool):
    function = staticmethod(F.max_pool1d)


class MaxPool2d(_MaxPool):
    function = staticmethod(F.max_pool2d)


class MaxPool3d(_MaxPool):
    function = staticmethod(F.max_pool3d)


class _AvgPool(_Windows):
    shown = ("kernel_size", "stride", "padding")
    kernel_size: Size
    stride: Size | None = None
    padding: Size = 0
    ceil_mode: bool = False
    count_include_pad: bool = True


class AvgPool1d(_AvgPool):
    function = staticmethod(F.avg_pool1d)


class AvgPool2d(_AvgPool):
    function = staticmethod(F.avg_pool2d)


class AvgPool3d(_AvgPool):
    function = staticmethod(F.avg_pool3d)


class _AdaptiveAvgPool(Stateless):
    output_size: Any


class AdaptiveAvgPool1d(_AdaptiveAvgPool):
    function = staticmethod(F.adaptive_avg_pool1d)


class AdaptiveAvgPool2d(_AdaptiveAvgPool):
    function = staticmethod(F.adaptive_avg_pool2d)


class AdaptiveAvgPool3d(_AdaptiveAvgPool):
    function = staticmethod(F.adaptive_avg_pool3d)


class _AdaptiveMaxPool(Stateless):
    shown = ("output_size",)
    output_size: Any
    return_indices: bool = False


class AdaptiveMaxPool1d(_AdaptiveMaxPool):
    function = staticmethod(F.adaptive_max_pool1d)


class AdaptiveMaxPool2d(_AdaptiveMaxPool):
    function = staticmethod(F.adaptive_max_pool2d)


class AdaptiveMaxPool3d(_AdaptiveMaxPool):
    function = staticmethod(F.adaptive_max_pool3d)


class _MaxUnpool(_Windows):
    kernel_size: Size
    stride: Size | None = None
    padding: Size = 0

    def forward(self, x: Tensor, indices: Tensor, output_size: Sequence[int] | None = None) -> Tensor:
        """`x` at the positions `indices` of zeros."""
        return type(self).function(x, indices, **self.settings(), output_size=output_size)


class MaxUnpool1d(_MaxUnpool):
    function = staticmethod(F.max_unpool1d)


class MaxUnpool2d(_MaxUnpool):
    function = staticmethod(F.max_unpool2d)


class MaxUnpool3d(_MaxUnpool):
    function = staticmethod(F.max_unpool3d)


class _LPPool(Stateless):
    norm_type: float
    kernel_size: Size
    stride: Size | None = None
    ceil_mode: bool = False


class LPPool1d(_LPPool):
    function = staticmethod(F.lp_pool1d)


class LPPool2d(_LPPool):
    function = staticmethod(F.lp_pool2d)


class LPPool3d(_LPPool):
    function = staticmethod(F.lp_pool3d)


__all__ = [
    "AdaptiveAvgPool1d", "AdaptiveAvgPool2d", "AdaptiveAvgPool3d", "AdaptiveMaxPool1d", "AdaptiveMaxPool2d",
    "AdaptiveMaxPool3d", "AvgPool1d", "AvgPool2d", "AvgPool3d", "LPPool1d", "LPPool2d", "LPPool3d", "MaxPool1d",
    "MaxPool2d", "MaxPool3d", "MaxUnpool1d", "MaxUnpool2d", "MaxUnpool3d",
]  # fmt: skip
