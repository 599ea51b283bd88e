"""Layers that take the number of their inputs from the first batch, and are ordinary layers from then on.

Until then some parameters have no shape: run one batch, or load a state, before counting or saving them. They stay the
same objects, so an optimizer may be made before.
"""

from __future__ import annotations

from typing import Any, ClassVar

from ..ops.creation import empty
from ..tensor import Tensor
from .conv import Conv1d, Conv2d, Conv3d, ConvTranspose1d, ConvTranspose2d, ConvTranspose3d, Size, _Conv
from .linear import Linear
from .module import Module
from .norm import (
    BatchNorm1d,
    BatchNorm2d,
    BatchNorm3d,
    InstanceNorm1d,
    InstanceNorm2d,
    InstanceNorm3d,
    _InstanceNorm,
    _Running,
)
from .parameter import UninitializedBuffer, UninitializedParameter, is_lazy

# ruff: noqa: D101  (layers that differ in the number of axes are described by the first)


class _Lazy(Module):
    """What lazy layers share. `becomes` is the ordinary layer, `waiting` its tensors that depend on the input."""

    becomes: ClassVar[Any]
    waiting: ClassVar[tuple[str, ...]] = ("weight",)

    def _forget(self) -> None:
        """Take the shapes from the tensors that depend on the input."""
        for name in self.waiting:
            old = getattr(self, name)
            if old is not None:
                cls = UninitializedParameter if name in self._parameters else UninitializedBuffer
                setattr(self, name, cls(empty(0, dtype=old.dtype, device=old.device)))

    def _width(self, x: Tensor) -> int:
        """The number that the layer waits for, of an input."""
        raise TypeError(f"{type(self).__name__}: does not say what it waits for")

    def _take(self, width: int) -> None:
        """Store the number, and give the tensors their shapes: those that a loaded state has given them stay."""
        raise TypeError(f"{type(self).__name__}: does not say what it waits for")

    def reset_parameters(self) -> None:
        """Draw the parameters anew, once they have a shape."""
        if not any(is_lazy(getattr(self, name, None)) for name in self.waiting):
            super().reset_parameters()  # type: ignore[misc]

    def forward(self, x: Tensor, *args: Any, **kwargs: Any) -> Any:
        """As the ordinary layer, which this becomes. ValueError for an input that has no such axis."""
        if not isinstance(x, Tensor) or not x.ndim:
            raise ValueError(f"{type(self).__name__}: x must be a Tensor with axes, got {type(x).__name__}")
        self._take(self._width(x))
        self.__class__ = self.becomes
        return self.forward(x, *args, **kwargs)


class LazyLinear(_Lazy, Linear):
    """A `Linear` that takes `in_features` from its first input.

    >>> layer = nn.LazyLinear(3)
    >>> layer(tc.ones((2, 5))).shape, layer
    ((2, 3), Linear(in_features=5, out_features=3, bias=True))
    """

    becomes = Linear

    def __init__(self, out_features: int, bias: bool = True, device: Any = None, dtype: Any = None):
        Linear.__init__(self, 0, out_features, bias, device, dtype)
        self._forget()

    def _width(self, x: Tensor) -> int:
        return x.shape[-1]

    def _take(self, width: int) -> None:
        if isinstance(self.weight, UninitializedParameter):
            self.in_features = width
            self.weight.materialize((self.out_features, width))
            self.reset_parameters()
        self.in_features = self.weight.shape[1]


class _LazyConv(_Lazy, _Conv):
    def __init__(self, out_channels: int, kernel_size: Size, *args: Any, **kwargs: Any):
        self.becomes.__init__(self, 0, out_channels, kernel_size, *args, **kwargs)
        self._forget()

    def _width(self, x: Tensor) -> int:
        if x.ndim not in (self.axes + 1, self.axes + 2):
            raise ValueError(
                f"{type(self).__name__}: x must have {self.axes + 1} or {self.axes + 2} axes, got {x.shape}"
            )
        return x.shape[x.ndim - self.axes - 1]

    def _take(self, width: int) -> None:
        if isinstance(self.weight, UninitializedParameter):
            if width % self.groups:
                raise ValueError(f"{type(self).__name__}: groups={self.groups} must divide the {width} channels of x")
            first, second = (width, self.out_channels) if self.transposed else (self.out_channels, width)
            self.in_channels = width
            self.weight.materialize((first, second // self.groups, *self.kernel_size))
            self.reset_parameters()
        self.in_channels = self.weight.shape[0] if self.transposed else self.weight.shape[1] * self.groups


class LazyConv1d(_LazyConv, Conv1d):
    """A `Conv1d` that takes `in_channels` from its first input; the other settings follow as there.

    >>> nn.LazyConv1d(4, 3)(tc.ones((1, 2, 8))).shape
    (1, 4, 6)
    """

    becomes = Conv1d


class LazyConv2d(_LazyConv, Conv2d):
    becomes = Conv2d


class LazyConv3d(_LazyConv, Conv3d):
    becomes = Conv3d


class LazyConvTranspose1d(_LazyConv, ConvTranspose1d):
    becomes = ConvTranspose1d


class LazyConvTranspose2d(_LazyConv, ConvTranspose2d):
    becomes = ConvTranspose2d


class LazyConvTranspose3d(_LazyConv, ConvTranspose3d):
    becomes = ConvTranspose3d


class _LazyNorm(_Lazy, _Running):
    waiting = ("weight", "bias", "running_mean", "running_var")

    def __init__(self, *args: Any, **kwargs: Any):
        self.becomes.__init__(self, 0, *args, **kwargs)
        self._forget()

    def _width(self, x: Tensor) -> int:
        if x.ndim not in self.ndims:
            raise ValueError(f"{type(self).__name__}: x must have {self.ndims} axes, got shape {x.shape}")
        alone = isinstance(self, _InstanceNorm) and x.ndim == self.ndims[0]  # without an axis of samples
        return x.shape[0 if alone else 1]

    def _take(self, width: int) -> None:
        tensors = [t for t in (getattr(self, name) for name in self.waiting) if t is not None]
        waiting = [t for t in tensors if is_lazy(t)]
        for t in waiting:
            t.materialize((width,))
        if waiting:
            self.reset_parameters()
        self.num_features = tensors[0].shape[0] if tensors else width


class LazyBatchNorm1d(_LazyNorm, BatchNorm1d):
    """A `BatchNorm1d` that takes `num_features` from its first input; the other settings follow as there."""

    becomes = BatchNorm1d


class LazyBatchNorm2d(_LazyNorm, BatchNorm2d):
    becomes = BatchNorm2d


class LazyBatchNorm3d(_LazyNorm, BatchNorm3d):
    becomes = BatchNorm3d


class LazyInstanceNorm1d(_LazyNorm, InstanceNorm1d):
    becomes = InstanceNorm1d


class LazyInstanceNorm2d(_LazyNorm, InstanceNorm2d):
    becomes = InstanceNorm2d


class LazyInstanceNorm3d(_LazyNorm, InstanceNorm3d):
    becomes = InstanceNorm3d


__all__ = [
    "LazyBatchNorm1d", "LazyBatchNorm2d", "LazyBatchNorm3d", "LazyConv1d", "LazyConv2d", "LazyConv3d",
    "LazyConvTranspose1d", "LazyConvTranspose2d", "LazyConvTranspose3d", "LazyInstanceNorm1d", "LazyInstanceNorm2d",
    "LazyInstanceNorm3d", "LazyLinear",
]  # fmt: skip
