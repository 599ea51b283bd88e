"""What loaders of picture sets return."""

from __future__ import annotations

from typing import NamedTuple

from ..tensor import Tensor


class Pictures(NamedTuple):
    """Pictures and labels: `images` (N, C, H, W) uint8, `labels` (N,) int64."""

    images: Tensor
    labels: Tensor
