"""Convolutions and transposed convolutions over one to three axes of space."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

from ..declare import check_tensors
from ..tensor import Tensor
from . import functional as F
from . import init
from .checks import check_sizes
from .functional.conv import _expand
from .linear import new_parameter
from .module import Module
from .parameter import Parameter

Size = int | Sequence[int]
_PADDING_MODES = ("zeros", "reflect", "replicate", "circular")


class _Conv(Module):
    """What convolutions and transposed ones share: settings, parameters, their first values."""

    axes: ClassVar[int]
    function: ClassVar[Callable[..., Tensor]]
    transposed: ClassVar[bool] = False

    def _set(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Size,
        stride: Size,
        padding: Size | str,
        dilation: Size,
        groups: int,
        bias: bool,
        padding_mode: str,
        device: Any,
        dtype: Any,
    ) -> None:
        name = type(self).__name__
        check_sizes(name, in_channels=in_channels, out_channels=out_channels)
        check_sizes(name, 1, groups=groups)
        if in_channels % groups or out_channels % groups:
            raise ValueError(
                f"{name}: groups must divide in_channels and out_channels, "
                f"got groups={groups}, in_channels={in_channels}, out_channels={out_channels}"
            )
        if padding_mode not in (_PADDING_MODES[:1] if self.transposed else _PADDING_MODES):
            raise ValueError(f"{name}: padding_mode must be one of {_PADDING_MODES}, got {padding_mode!r}")
        self.in_channels, self.out_channels, self.groups, self.padding_mode = (
            in_channels, out_channels, groups, padding_mode,
        )  # fmt: skip
        self.kernel_size = _expand(name, "kernel_size", kernel_size, self.axes)
        self.stride = _expand(name, "stride", stride, self.axes)
        self.dilation = _expand(name, "dilation", dilation, self.axes)
        if isinstance(padding, str):
            if padding not in ("same", "valid"):
                raise ValueError(f"{name}: padding must be ints, 'same' or 'valid', got {padding!r}")
            if padding == "same" and any(s != 1 for s in self.stride):
                raise ValueError(f"{name}: padding='same' needs stride 1, got {self.stride}")
            self.padding: Any = padding
        else:
            self.padding = _expand(name, "padding", padding, self.axes)
        first, second = (in_channels, out_channels) if self.transposed else (out_channels, in_channels)
        self.weight = new_parameter((first, second // groups, *self.kernel_size), device, dtype)
        self.bias: Parameter | None
        self.register_parameter("bias", new_parameter(out_channels, device, dtype) if bias else None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw weight and bias uniform in ±1/√fan_in anew."""
        init.kaiming_uniform_(self.weight, a=math.sqrt(5))
        fan = math.prod(self.weight.shape[1:])
        if self.bias is not None and fan:
            init.uniform_(self.bias, -(fan**-0.5), fan**-0.5)

    def _output_padding(self) -> tuple[int, ...]:
        return (0,) * self.axes

    def extra_repr(self) -> str:
        """The settings, of those with a usual value only the unusual ones."""
        text = f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}, stride={self.stride}"
        usual = (0,) * self.axes
        if self.padding != usual:
            text += f", padding={self.padding}"
        if self.dilation != (1,) * self.axes:
            text += f", dilation={self.dilation}"
        if self._output_padding() != usual:
            text += f", output_padding={self._output_padding()}"
        if self.groups != 1:
            text += f", groups={self.groups}"
        if self.bias is None:
            text += ", bias=False"
        return text if self.padding_mode == "zeros" else f"{text}, padding_mode={self.padding_mode}"


class _ConvNd(_Conv):
    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Size,
        stride: Size = 1,
        padding: Size | str = 0,
        dilation: Size = 1,
        groups: int = 1,
        bias: bool = True,
        padding_mode: str = "zeros",
        device: Any = None,
        dtype: Any = None,
    ):
        super().__init__()
        self._set(
            in_channels, out_channels, kernel_size, stride, padding, dilation, groups, bias, padding_mode, device, dtype
        )

    def _widths(self) -> list[int]:
        """Padding for `F.pad`, last axis first."""
        if self.padding == "valid":
            return [0] * (2 * self.axes)
        if self.padding == "same":
            total = [d * (k - 1) for d, k in zip(self.dilation, self.kernel_size, strict=True)]
            pairs = [(t // 2, t - t // 2) for t in total]
        else:
            pairs = [(p, p) for p in self.padding]
        return [w for pair in reversed(pairs) for w in pair]

    def forward(self, x: Tensor) -> Tensor:
        """(N, in_channels, …) or (in_channels, …) to the same with out_channels."""
        padding = self.padding
        if self.padding_mode != "zeros":
            x, padding = F.pad(x, self._widths(), mode=self.padding_mode), 0
        return type(self).function(x, self.weight, self.bias, self.stride, padding, self.dilation, self.groups)


class Conv1d(_ConvNd):
    """Convolution of (N, C, L): settings as for `F.conv1d`, `padding_mode` as for `F.pad` ('zeros' for 'constant').

    `weight` is (out_channels, in_channels / groups, *kernel_size), `bias` (out_channels,) or absent with bias=False;
    both start uniform in ±1/√fan_in, fan_in the number of inputs of an output. ValueError on settings out of range.

    >>> nn.Conv1d(16, 33, 3, stride=2)(tc.ones((20, 16, 50))).shape
    (20, 33, 24)
    """

    axes = 1
    function = staticmethod(F.conv1d)


class Conv2d(_ConvNd):
    """Convolution of (N, C, H, W). Settings and parameters as for `Conv1d`.

    >>> nn.Conv2d(3, 8, 3, padding="same")(tc.ones((1, 3, 28, 28))).shape
    (1, 8, 28, 28)
    """

    axes = 2
    function = staticmethod(F.conv2d)


class Conv3d(_ConvNd):
    """Convolution of (N, C, D, H, W). Settings and parameters as for `Conv1d`."""

    axes = 3
    function = staticmethod(F.conv3d)


class _ConvTransposeNd(_Conv):
    transposed = True

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Size,
        stride: Size = 1,
        padding: Size = 0,
        output_padding: Size = 0,
        groups: int = 1,
        bias: bool = True,
        dilation: Size = 1,
        padding_mode: str = "zeros",
        device: Any = None,
        dtype: Any = None,
    ):
        super().__init__()
        self.output_padding = _expand(type(self).__name__, "output_padding", output_padding, self.axes)
        if isinstance(padding, str):
            raise TypeError(f"{type(self).__name__}: padding must be ints, got {padding!r}")
        self._set(
            in_channels, out_channels, kernel_size, stride, padding, dilation, groups, bias, padding_mode, device, dtype
        )

    def _output_padding(self) -> tuple[int, ...]:
        return self.output_padding

    def forward(self, x: Tensor, output_size: Sequence[int] | None = None) -> Tensor:
        """(N, in_channels, …) to (N, out_channels, …); `output_size` chooses among the extents the stride leaves open.

        ValueError for an `output_size` that no `output_padding` below the stride gives.
        """
        extra = self.output_padding
        if output_size is not None:
            check_tensors(type(self).__name__, x=x)
            wanted = tuple(output_size)[-self.axes :]
            least = [
                (n - 1) * s - 2 * p + d * (k - 1) + 1
                for n, s, p, d, k in zip(
                    x.shape[x.ndim - self.axes :],
                    self.stride,
                    self.padding,
                    self.dilation,
                    self.kernel_size,
                    strict=True,
                )
            ]
            extra = tuple(n - m for n, m in zip(wanted, least, strict=True))
            if any(not 0 <= e < max(s, d) for e, s, d in zip(extra, self.stride, self.dilation, strict=True)):
                raise ValueError(
                    f"{type(self).__name__}: output_size must lie less than a stride {self.stride} above "
                    f"{tuple(least)}, got {wanted}"
                )
        return type(self).function(
            x, self.weight, self.bias, self.stride, self.padding, extra, self.groups, self.dilation
        )


class ConvTranspose1d(_ConvTransposeNd):
    """The transpose of `Conv1d` as a linear map: settings as for `F.conv_transpose1d`.

    `weight` is (in_channels, out_channels / groups, *kernel_size); parameters start as PyTorch's do, uniform in
    ±1/√(out_channels / groups · kernel elements).

    >>> nn.ConvTranspose1d(2, 3, 4, stride=2)(tc.ones((1, 2, 5))).shape
    (1, 3, 12)
    """

    axes = 1
    function = staticmethod(F.conv_transpose1d)


class ConvTranspose2d(_ConvTransposeNd):
    """The transpose of `Conv2d`. Settings and parameters as for `ConvTranspose1d`."""

    axes = 2
    function = staticmethod(F.conv_transpose2d)


class ConvTranspose3d(_ConvTransposeNd):
    """The transpose of `Conv3d`. Settings and parameters as for `ConvTranspose1d`."""

    axes = 3
    function = staticmethod(F.conv_transpose3d)


__all__ = ["Conv1d", "Conv2d", "Conv3d", "ConvTranspose1d", "ConvTranspose2d", "ConvTranspose3d"]
