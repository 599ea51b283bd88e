"""Transforms that do not move pixels, and what combines transforms."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ... import _core
from ...ops.creation import asarray
from ...ops.dtype import iinfo
from ...ops.index import one_hot
from ...tensor import Tensor


class Transform:
    """Base of transforms: prints as its class and settings."""

    def __repr__(self) -> str:
        settings = ", ".join(f"{k}={v!r}" for k, v in vars(self).items() if not k.startswith("_") and v is not None)
        return f"{type(self).__name__}({settings})"


class Compose(Transform):
    """Transforms one after the other.

    >>> T = tc.data.transforms
    >>> T.Compose([T.ToFloat(), T.Scale(2.0)])(tc.full((1, 2, 2), 255, dtype=tc.uint8)).max().item()
    2.0
    """

    def __init__(self, transforms: Sequence[Callable[[Any], Any]]):
        self.transforms = list(transforms)

    def __call__(self, x: Any) -> Any:
        """`x` after all transforms."""
        for transform in self.transforms:
            x = transform(x)
        return x


class Lambda(Transform):
    """A function of your own as a transform. TypeError if it cannot be called."""

    def __init__(self, function: Callable[[Any], Any]):
        if not callable(function):
            raise TypeError(f"Lambda: needs a function, got {type(function).__name__}")
        self.function = function

    def __call__(self, x: Any) -> Any:
        """What the function makes of `x`."""
        return self.function(x)


class OnItem(Transform):
    """A transform of one member of a sample or batch: item 0 of a tuple or list by default, or a dict's key.

    >>> T = tc.data.transforms
    >>> T.OnItem(T.ToFloat())((tc.full((1, 2, 2), 255, dtype=tc.uint8), "label"))[1]
    'label'
    """

    def __init__(self, transform: Callable[[Any], Any], item: Any = 0):
        self.transform, self.item = transform, item

    def __call__(self, sample: Any) -> Any:
        """The sample with that member transformed."""
        if isinstance(sample, Mapping):
            return {**sample, self.item: self.transform(sample[self.item])}
        parts = list(sample)
        parts[self.item] = self.transform(parts[self.item])
        if hasattr(sample, "_fields"):
            return type(sample)(*parts)
        return parts if isinstance(sample, list) else tuple(parts)


class ToFloat(Transform):
    """Integers divided by the largest of their dtype, so that uint8 pixels lie in [0, 1]; floats are only converted.

    The result has `dtype`, float32 by default. ValueError for a dtype that is not floating-point.
    """

    def __init__(self, dtype: Any = None):
        self.dtype = _core.float32 if dtype is None else dtype
        if self.dtype.kind != "float":
            raise ValueError(f"ToFloat: needs a floating-point dtype, got {self.dtype.name}")

    def __call__(self, x: Tensor) -> Tensor:
        """The picture in floats."""
        y = x.astype(self.dtype, copy=False)
        return y / float(iinfo(x.dtype).max) if x.dtype.kind in ("int", "uint") else y


class Scale(Transform):
    """x · factor + shift."""

    def __init__(self, factor: float, shift: float = 0.0):
        self.factor, self.shift = factor, shift

    def __call__(self, x: Tensor) -> Tensor:
        """The scaled picture."""
        return x * self.factor + self.shift


class Normalize(Transform):
    """(x - mean) / std per channel, for floating-point pictures (C, H, W) or batches (N, C, H, W).

    `mean` and `std` hold one number per channel, or one for all. ValueError for a std of zero or another
    number of channels, TypeError for integer pictures.
    """

    def __init__(self, mean: Sequence[float], std: Sequence[float]):
        self.mean, self.std = list(mean), list(std)
        if len(self.mean) != len(self.std) or not self.mean or not all(s > 0 for s in self.std):
            raise ValueError(f"Normalize: needs as many means as stds, which must be > 0, got {self.mean}, {self.std}")

    def __call__(self, x: Tensor) -> Tensor:
        """The normalised picture or batch."""
        check_pictures("Normalize", x)
        if x.dtype.kind != "float":
            raise TypeError(f"Normalize: needs a floating-point picture, got {x.dtype.name}; use ToFloat before")
        if len(self.mean) not in (1, x.shape[-3]):
            raise ValueError(f"Normalize: has {len(self.mean)} means for {x.shape[-3]} channels")
        mean, std = (asarray(v, dtype=x.dtype, device=x.device).reshape((-1, 1, 1)) for v in (self.mean, self.std))
        return (x - mean) / std


class OneHot(Transform):
    """Integer labels as rows of `num_classes` numbers: 1 at the label, else 0 (float32 by default)."""

    def __init__(self, num_classes: int, dtype: Any = None):
        self.num_classes, self.dtype = num_classes, _core.float32 if dtype is None else dtype

    def __call__(self, labels: Any) -> Tensor:
        """A row per label."""
        return one_hot(asarray(labels), self.num_classes).astype(self.dtype)


def check_pictures(name: str, x: Any) -> None:
    """TypeError or ValueError unless `x` is a tensor (C, H, W) or (N, C, H, W)."""
    if not isinstance(x, Tensor):
        raise TypeError(f"{name}: needs a tensor, got {type(x).__name__}")
    if x.ndim not in (3, 4):
        raise ValueError(f"{name}: needs shape (C, H, W) or (N, C, H, W), got {x.shape}")


def pair(name: str, size: int | Sequence[int], least: int = 1) -> tuple[int, int]:
    """A height and width from one int or two."""
    values = (size, size) if isinstance(size, int) else tuple(size)
    if len(values) != 2 or not all(isinstance(v, int) and v >= least for v in values):
        raise ValueError(f"{name}: needs one int or two, at least {least}, got {size!r}")
    return values[0], values[1]
