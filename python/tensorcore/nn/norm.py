"""Normalisation layers: parameters and running statistics around the functions of `nn.functional`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from .. import _core
from ..autograd import no_grad
from ..ops.creation import ones, zeros
from ..tensor import Tensor
from . import functional as F
from .checks import as_shape, check_sizes
from .module import Module
from .parameter import Parameter
from .stateless import Stateless


def _check_axes(layer: Module, x: Any, shapes: tuple[int, ...]) -> None:
    if not isinstance(x, Tensor) or x.ndim not in shapes:
        wanted = " or ".join(map(str, shapes))
        got = f"shape {x.shape}" if isinstance(x, Tensor) else type(x).__name__
        raise ValueError(f"{type(layer).__name__}: x must have {wanted} axes, got {got}")


class _Running(Module):
    """Scale and shift per channel, and running statistics."""

    ndims: ClassVar[tuple[int, ...]]
    weight: Parameter | None
    bias: Parameter | None
    running_mean: Tensor | None
    running_var: Tensor | None
    num_batches_tracked: Tensor | None

    def _set(
        self,
        num_features: int,
        eps: float,
        momentum: float | None,
        affine: bool,
        track_running_stats: bool,
        device: Any,
        dtype: Any,
        bias: bool,
    ) -> None:
        super().__init__()
        check_sizes(type(self).__name__, num_features=num_features)
        self.num_features, self.eps, self.momentum = num_features, eps, momentum
        self.affine, self.track_running_stats = affine, track_running_stats

        def one(make: Any) -> Tensor:
            return make(num_features, dtype=dtype, device=device)

        self.register_parameter("weight", Parameter(one(ones)) if affine else None)
        self.register_parameter("bias", Parameter(one(zeros)) if affine and bias else None)
        self.register_buffer("running_mean", one(zeros) if track_running_stats else None)
        self.register_buffer("running_var", one(ones) if track_running_stats else None)
        count = zeros((), dtype=_core.int64, device=device) if track_running_stats else None
        self.register_buffer("num_batches_tracked", count)

    def reset_running_stats(self) -> None:
        """Running means 0, variances 1, no batches seen."""
        for buffer, value in ((self.running_mean, 0), (self.running_var, 1), (self.num_batches_tracked, 0)):
            if buffer is not None:
                buffer[...] = value

    def reset_parameters(self) -> None:
        """Scale 1, shift 0, and the running statistics anew."""
        self.reset_running_stats()
        with no_grad():
            for p, value in ((self.weight, 1.0), (self.bias, 0.0)):
                if p is not None:
                    p[...] = value

    def extra_repr(self) -> str:
        """The settings."""
        return (
            f"{self.num_features}, eps={self.eps}, momentum={self.momentum}, affine={self.affine}, "
            f"bias={self.bias is not None}, track_running_stats={self.track_running_stats}"
        )


class _BatchNorm(_Running):
    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        device: Any = None,
        dtype: Any = None,
        *,
        bias: bool = True,
    ):
        self._set(num_features, eps, momentum, affine, track_running_stats, device, dtype, bias)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, …) to the same shape."""
        _check_axes(self, x, self.ndims)
        momentum = 0.0 if self.momentum is None else self.momentum
        if self.training and self.num_batches_tracked is not None:
            self.num_batches_tracked += 1
            if self.momentum is None:  # the plain average of all batches
                momentum = 1 / int(self.num_batches_tracked)
        own = self.training or self.running_mean is None
        tracked = not self.training or self.track_running_stats
        mean, var = (self.running_mean, self.running_var) if tracked else (None, None)
        return F.batch_norm(x, mean, var, self.weight, self.bias, own, momentum, self.eps)


class BatchNorm1d(_BatchNorm):
    """`F.batch_norm` of (N, C) or (N, C, L), with scale and shift learned (`affine`; bias=False: only the scale).

    In training mode the batch's own statistics are used, and the running ones (`track_running_stats`) move towards
    them by `momentum`; None averages all batches. In evaluation mode the running ones are used.
    Source: Ioffe and Szegedy 2015.

    >>> nn.BatchNorm1d(4)(tc.ones((2, 4))).shape
    (2, 4)
    """

    ndims = (2, 3)


class BatchNorm2d(_BatchNorm):
    """`BatchNorm1d` for (N, C, H, W)."""

    ndims = (4,)


class BatchNorm3d(_BatchNorm):
    """`BatchNorm1d` for (N, C, D, H, W)."""

    ndims = (5,)


class _InstanceNorm(_Running):
    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float = 0.1,
        affine: bool = False,
        track_running_stats: bool = False,
        device: Any = None,
        dtype: Any = None,
        *,
        bias: bool = True,
    ):
        self._set(num_features, eps, momentum, affine, track_running_stats, device, dtype, bias)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, …) or (C, …) to the same shape."""
        _check_axes(self, x, self.ndims)
        batch = x if x.ndim == self.ndims[1] else x.reshape((1, *x.shape))
        if self.affine and batch.shape[1] != self.num_features:
            raise ValueError(f"{type(self).__name__}: x must have {self.num_features} channels, got shape {x.shape}")
        own = self.training or not self.track_running_stats
        momentum = 0.0 if self.momentum is None else self.momentum
        y = F.instance_norm(batch, self.running_mean, self.running_var, self.weight, self.bias, own, momentum, self.eps)
        return y.reshape(x.shape)


class InstanceNorm1d(_InstanceNorm):
    """`F.instance_norm` of (N, C, L) or (C, L); scale and shift with `affine`, running statistics on request.

    Source: Ulyanov et al. 2016.
    """

    ndims = (2, 3)


class InstanceNorm2d(_InstanceNorm):
    """`InstanceNorm1d` for (N, C, H, W) or (C, H, W)."""

    ndims = (3, 4)


class InstanceNorm3d(_InstanceNorm):
    """`InstanceNorm1d` for (N, C, D, H, W) or (C, D, H, W)."""

    ndims = (4, 5)


class _LastAxes(Module):
    """Scale, and shift, of the shape of the last axes."""

    weight: Parameter | None
    bias: Parameter | None

    def _set(
        self, normalized_shape: int | Sequence[int], eps: float | None, affine: bool, place: dict[str, Any]
    ) -> None:
        super().__init__()
        self.normalized_shape = as_shape(type(self).__name__, "normalized_shape", normalized_shape)
        self.eps, self.elementwise_affine = eps, affine
        self.register_parameter("weight", Parameter(ones(self.normalized_shape, **place)) if affine else None)

    def reset_parameters(self) -> None:
        """Scale 1, shift 0."""
        with no_grad():
            for name, p in self.named_parameters(recurse=False):
                p[...] = float(name == "weight")


class LayerNorm(_LastAxes):
    """`F.layer_norm` over the last axes, whose extents are `normalized_shape`; scale and shift learned.

    Without `elementwise_affine` nothing is learned, with bias=False only the scale. Source: Ba et al. 2016.

    >>> nn.LayerNorm(8)(tc.ones((2, 8))).shape
    (2, 8)
    """

    def __init__(
        self,
        normalized_shape: int | Sequence[int],
        eps: float = 1e-5,
        elementwise_affine: bool = True,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
    ):
        place = {"device": device, "dtype": dtype}
        self._set(normalized_shape, eps, elementwise_affine, place)
        shift = Parameter(zeros(self.normalized_shape, **place)) if elementwise_affine and bias else None
        self.register_parameter("bias", shift)

    def forward(self, x: Tensor) -> Tensor:
        """(…, *normalized_shape) to the same shape."""
        return F.layer_norm(x, self.normalized_shape, self.weight, self.bias, self.eps or 0.0)

    def extra_repr(self) -> str:
        """The settings."""
        return (
            f"{self.normalized_shape}, eps={self.eps}, elementwise_affine={self.elementwise_affine}, "
            f"bias={self.bias is not None}"
        )


class RMSNorm(_LastAxes):
    """`F.rms_norm` over the last axes, whose extents are `normalized_shape`; the scale is learned.

    Source: Zhang and Sennrich 2019.
    """

    def __init__(
        self,
        normalized_shape: int | Sequence[int],
        eps: float | None = None,
        elementwise_affine: bool = True,
        device: Any = None,
        dtype: Any = None,
    ):
        self._set(normalized_shape, eps, elementwise_affine, {"device": device, "dtype": dtype})

    def forward(self, x: Tensor) -> Tensor:
        """(…, *normalized_shape) to the same shape."""
        return F.rms_norm(x, self.normalized_shape, self.weight, self.eps)

    def extra_repr(self) -> str:
        """The settings."""
        return f"{self.normalized_shape}, eps={self.eps}, elementwise_affine={self.elementwise_affine}"


class GroupNorm(Module):
    """`F.group_norm` of (N, C, …) in `num_groups` groups of channels; scale and shift per channel (`affine`).

    ValueError unless num_groups divides num_channels. Source: Wu and He 2018.
    """

    weight: Parameter | None
    bias: Parameter | None

    def __init__(
        self,
        num_groups: int,
        num_channels: int,
        eps: float = 1e-5,
        affine: bool = True,
        device: Any = None,
        dtype: Any = None,
        *,
        bias: bool = True,
    ):
        super().__init__()
        check_sizes("GroupNorm", 1, num_groups=num_groups)
        check_sizes("GroupNorm", num_channels=num_channels)
        if num_channels % num_groups:
            raise ValueError(f"GroupNorm: num_groups must divide num_channels, got {num_groups} and {num_channels}")
        self.num_groups, self.num_channels, self.eps, self.affine = num_groups, num_channels, eps, affine
        place = {"device": device, "dtype": dtype}
        self.register_parameter("weight", Parameter(ones(num_channels, **place)) if affine else None)
        self.register_parameter("bias", Parameter(zeros(num_channels, **place)) if affine and bias else None)

    def reset_parameters(self) -> None:
        """Scale 1, shift 0."""
        with no_grad():
            for name, p in self.named_parameters(recurse=False):
                p[...] = float(name == "weight")

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, …) to the same shape."""
        return F.group_norm(x, self.num_groups, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        """The settings."""
        return (
            f"{self.num_groups}, {self.num_channels}, eps={self.eps}, affine={self.affine}, "
            f"bias={self.bias is not None}"
        )


class LocalResponseNorm(Stateless):
    """`F.local_response_norm`."""

    function = staticmethod(F.local_response_norm)
    size: int
    alpha: float = 1e-4
    beta: float = 0.75
    k: float = 1.0

    def extra_repr(self) -> str:
        """The settings."""
        return f"{self.size}, alpha={self.alpha}, beta={self.beta}, k={self.k}"


__all__ = [
    "BatchNorm1d", "BatchNorm2d", "BatchNorm3d", "GroupNorm", "InstanceNorm1d", "InstanceNorm2d", "InstanceNorm3d",
    "LayerNorm", "LocalResponseNorm", "RMSNorm",
]  # fmt: skip
