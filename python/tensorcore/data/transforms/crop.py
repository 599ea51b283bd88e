"""Cropping, flipping and erasing: pixels are moved or replaced, none is interpolated."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from ...ops.creation import arange, asarray
from ...ops.elementwise import where
from ...ops.random import Generator, normal, rand, randint
from ...ops.shape import flip, pad, stack
from ...tensor import Tensor
from ..randomness import current_generator
from .basic import Transform, check_pictures, pair


class RandomTransform(Transform):
    """Base of random transforms: hands a batch (N, C, H, W) and a generator to `apply`."""

    def __init__(self, generator: Generator | None = None):
        self.generator = generator

    def __call__(self, x: Tensor) -> Tensor:
        """The transformed picture or batch."""
        check_pictures(type(self).__name__, x)
        y = self.apply(x if x.ndim == 4 else x[None], current_generator(self.generator))
        return y if x.ndim == 4 else y[0]

    def apply(self, x: Tensor, generator: Generator) -> Tensor:
        """The transformed batch."""
        raise TypeError(f"{type(self).__name__}: a RandomTransform must define apply(x, generator)")


def check_probability(name: str, p: float) -> float:
    """`p` as a float; ValueError unless 0 ≤ p ≤ 1."""
    if not 0 <= p <= 1:
        raise ValueError(f"{name}: p must lie in [0, 1], got {p}")
    return float(p)


class RandomCrop(RandomTransform):
    """A piece of height and width `size` from a random place, after padding.

    `padding` is one int for all sides, two (left and right, top and bottom) or four (left, top, right, bottom);
    `padding_mode` is "constant" (with `fill`), "edge", "reflect" or "symmetric". ValueError for a picture that is
    smaller than the crop, padding included.
    """

    def __init__(
        self,
        size: int | Sequence[int],
        padding: int | Sequence[int] | None = None,
        fill: float = 0,
        padding_mode: str = "constant",
        generator: Generator | None = None,
    ):
        super().__init__(generator)
        self.size = pair("RandomCrop", size)
        sides = [padding or 0] if padding is None or isinstance(padding, int) else list(padding)
        if len(sides) not in (1, 2, 4) or not all(isinstance(n, int) and n >= 0 for n in sides):
            raise ValueError(f"RandomCrop: padding must be 1, 2 or 4 ints ≥ 0, got {padding!r}")
        self.padding = tuple(sides * (4 // len(sides)))
        if padding_mode not in _PAD_MODES:
            raise ValueError(f"RandomCrop: padding_mode must be one of {', '.join(_PAD_MODES)}, got {padding_mode!r}")
        self.fill, self.padding_mode = fill, padding_mode

    def apply(self, x: Tensor, generator: Generator) -> Tensor:
        """One crop per picture."""
        left, top, right, bottom = self.padding
        if any(self.padding):
            x = pad(x, [(0, 0), (0, 0), (top, bottom), (left, right)], mode=self.padding_mode, value=self.fill)
        (n, _, height, width), (h, w) = x.shape, self.size
        if h > height or w > width:
            raise ValueError(f"RandomCrop: size {self.size} is larger than the padded picture, {(height, width)}")
        if not n:
            return x[..., :h, :w]
        rows, columns = (randint(n, 0, free + 1, generator=generator).tolist() for free in (height - h, width - w))
        return stack([x[i, :, r : r + h, c : c + w] for i, (r, c) in enumerate(zip(rows, columns, strict=True))])


class CenterCrop(Transform):
    """The piece of height and width `size` in the middle; a picture that is smaller is padded with zeros.

    With an odd remainder the pixel more is cut off, as in torchvision, where round((H - h) / 2) falls.
    """

    def __init__(self, size: int | Sequence[int]):
        self.size = pair("CenterCrop", size)

    def __call__(self, x: Tensor) -> Tensor:
        """The middle of the picture, a view where nothing was padded."""
        check_pictures("CenterCrop", x)
        lacking = [max(n - m, 0) for n, m in zip(self.size, x.shape[-2:], strict=True)]
        if any(lacking):
            x = pad(x, [(0, 0)] * (x.ndim - 2) + [(n // 2, (n + 1) // 2) for n in lacking])
        top, left = (round((m - n) / 2) for n, m in zip(self.size, x.shape[-2:], strict=True))
        return x[..., top : top + self.size[0], left : left + self.size[1]]


class _RandomFlip(RandomTransform):
    _axis: int

    def __init__(self, p: float = 0.5, generator: Generator | None = None):
        super().__init__(generator)
        self.p = check_probability(type(self).__name__, p)

    def apply(self, x: Tensor, generator: Generator) -> Tensor:
        """Each picture flipped or not."""
        chosen = (rand(x.shape[0], generator=generator) < self.p).to(x.device)
        return where(chosen.reshape((-1, 1, 1, 1)), flip(x, axis=self._axis), x)


class RandomHorizontalFlip(_RandomFlip):
    """With probability `p` left and right are exchanged."""

    _axis = -1


class RandomVerticalFlip(_RandomFlip):
    """With probability `p` top and bottom are exchanged."""

    _axis = -2


class RandomErasing(RandomTransform):
    """With probability `p` a random rectangle is filled with `value`, or with normal noise for "random".

    Its area is a share of the picture's drawn from `scale`, its height over width is drawn from `ratio` in the
    logarithm; up to ten draws are made for one that fits, else nothing is erased. Method: Z. Zhong et al., "Random
    erasing data augmentation", AAAI 2020.
    """

    def __init__(
        self,
        p: float = 0.5,
        scale: Sequence[float] = (0.02, 0.33),
        ratio: Sequence[float] = (0.3, 3.3),
        value: float | str = 0,
        generator: Generator | None = None,
    ):
        super().__init__(generator)
        self.p, self.value = check_probability("RandomErasing", p), value
        self.scale, self.ratio = tuple(scale), tuple(ratio)
        if len(self.scale) != 2 or not 0 <= self.scale[0] <= self.scale[1] <= 1:
            raise ValueError(f"RandomErasing: scale must be (low, high) in [0, 1], got {scale!r}")
        if len(self.ratio) != 2 or not 0 < self.ratio[0] <= self.ratio[1]:
            raise ValueError(f"RandomErasing: ratio must be (low, high) above 0, got {ratio!r}")
        if isinstance(value, str) and value != "random":
            raise ValueError(f'RandomErasing: value must be a number or "random", got {value!r}')

    def apply(self, x: Tensor, generator: Generator) -> Tensor:
        """One rectangle, or none, per picture."""
        n, _, height, width = x.shape
        draws = rand((n, 1 + 4 * _TRIES), generator=generator).tolist()
        boxes = [self._box(row[1:], height, width) if row[0] < self.p else (0, 0, 0, 0) for row in draws]
        top, left, h, w = (part.reshape((n, 1)) for part in asarray(boxes).mT) if n else [arange(0).reshape((0, 1))] * 4
        rows, columns = arange(height), arange(width)
        inside_rows = (rows >= top) & (rows < top + h)
        inside_columns = (columns >= left) & (columns < left + w)
        inside = (inside_rows.reshape((n, 1, height, 1)) & inside_columns.reshape((n, 1, 1, width))).to(x.device)
        fill: Any = self.value
        if fill == "random":
            fill = normal(x.shape, generator=generator).astype(x.dtype).to(x.device)
        return where(inside, fill, x)

    def _box(self, draws: list[float], height: int, width: int) -> tuple[int, int, int, int]:
        low, high = (math.log(r) for r in self.ratio)
        for i in range(0, len(draws), 4):
            area = height * width * (self.scale[0] + draws[i] * (self.scale[1] - self.scale[0]))
            aspect = math.exp(low + draws[i + 1] * (high - low))
            h, w = round(math.sqrt(area * aspect)), round(math.sqrt(area / aspect))
            if h < height and w < width:
                return int(draws[i + 2] * (height - h + 1)), int(draws[i + 3] * (width - w + 1)), h, w
        return 0, 0, 0, 0


_TRIES = 10
_PAD_MODES = ("constant", "edge", "reflect", "symmetric")
