"""Windows of an image as columns, and columns added back into an image. Each is the other's transpose."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...declare import check_tensors
from ...ops.creation import asarray, zeros
from ...ops.index import scatter_add, take
from ...ops.shape import broadcast_to, reshape
from ...tensor import Tensor
from .conv import _expand
from .padding import pad

Size = int | Sequence[int]


def _windows(op: str, space: Sequence[int], kernel: Any, dilation: Any, padding: Any, stride: Any) -> Any:
    """Flat positions (windows · elements) in the padded image, element by element; its extents; the padding."""
    k, d, p, s = (
        _expand(op, name, value, 2)
        for name, value in (("kernel_size", kernel), ("dilation", dilation), ("padding", padding), ("stride", stride))
    )
    if min(*k, *d, *s) < 1 or min(p) < 0:
        raise ValueError(
            f"{op}: kernel_size, dilation and stride must be at least 1, padding 0, got {k}, {d}, {s}, {p}"
        )
    h, w = (n + 2 * b for n, b in zip(space, p, strict=True))
    counts = [(n - di * (ki - 1) - 1) // si + 1 for n, di, ki, si in zip((h, w), d, k, s, strict=True)]
    if min(counts) < 1:
        raise ValueError(f"{op}: a window of {k} with dilation {d} does not fit the padded extents {(h, w)}")
    places = [
        (i * s[0] + a * d[0]) * w + j * s[1] + b * d[1]
        for a in range(k[0])
        for b in range(k[1])
        for i in range(counts[0])
        for j in range(counts[1])
    ]
    return places, (h, w), p, k[0] * k[1], counts[0] * counts[1]


def unfold(x: Tensor, kernel_size: Size, dilation: Size = 1, padding: Size = 0, stride: Size = 1) -> Tensor:
    """Every window of (N, C, H, W) as a column: (N, C · kernel elements, windows); the batch axis may be missing.

    Windows as those of `conv2d`. ValueError on settings out of range or windows that do not fit.

    Example:
        >>> tc.nn.functional.unfold(tc.ones((1, 3, 4, 4)), 2).shape
        (1, 12, 9)
    """
    check_tensors("unfold", x=x)
    if x.ndim not in (3, 4):
        raise ValueError(f"unfold: x must be (N, C, H, W) or (C, H, W), got shape {x.shape}")
    places, (h, w), (ph, pw), size, count = _windows("unfold", x.shape[-2:], kernel_size, dilation, padding, stride)
    *lead, c = x.shape[:-2]
    flat = reshape(pad(x, (pw, pw, ph, ph)), (*lead, c, h * w))
    columns = take(flat, asarray(places, device=x.device), axis=flat.ndim - 1)
    return reshape(columns, (*lead, c * size, count))


def fold(
    x: Tensor, output_size: Size, kernel_size: Size, dilation: Size = 1, padding: Size = 0, stride: Size = 1
) -> Tensor:
    """Columns (N, C · kernel elements, windows) added into an image (N, C, *output_size); the transpose of `unfold`.

    The batch axis may be missing. ValueError on settings out of range or columns that do not fit them.

    Example:
        >>> tc.nn.functional.fold(tc.ones((1, 12, 9)), 4, 2).shape
        (1, 3, 4, 4)
    """
    check_tensors("fold", x=x)
    space = _expand("fold", "output_size", output_size, 2)
    if x.ndim not in (2, 3) or min(space) < 1:
        raise ValueError(f"fold: x must be (N, rows, windows) or (rows, windows), got shape {x.shape} for {space}")
    places, (h, w), (ph, pw), size, count = _windows("fold", space, kernel_size, dilation, padding, stride)
    *lead, rows, windows = x.shape
    if rows % size or windows != count:
        raise ValueError(f"fold: x must have a multiple of {size} rows and {count} windows, got shape {x.shape}")
    flat = reshape(x, (*lead, rows // size, size * count))
    image = zeros((*flat.shape[:-1], h * w), dtype=x.dtype, device=x.device)
    index = broadcast_to(asarray(places, device=x.device), flat.shape)
    image = reshape(scatter_add(image, image.ndim - 1, index, flat), (*lead, rows // size, h, w))
    return pad(image, (-pw, -pw, -ph, -ph))


__all__ = ["fold", "unfold"]
