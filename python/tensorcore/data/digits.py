"""The 1,797 handwritten digits of the UCI repository, which ship with the package.

Source: E. Alpaydin and C. Kaynak, "Optical Recognition of Handwritten Digits", UCI Machine
Learning Repository, 1998, https://doi.org/10.24432/C50P49 (the test part), licence CC BY 4.0.
Each 32×32 bitmap was reduced to 8×8 counts of set pixels (0 to 16) by its authors.
The file holds one row of 65 bytes per digit: 64 counts, row by row, then the label.
"""

from __future__ import annotations

from typing import NamedTuple

from .. import _core
from ..tensor import Tensor

_SHA256 = "68aea062d35a127749050fa0e52dca09d6569ac08092c925610e0954e172dde2"
_COUNT, _PIXELS = 1797, 64


class Digits(NamedTuple):
    """Pictures and labels: `images` (1797, 8, 8) float32 in [0, 1], `labels` (1797,) int64."""

    images: Tensor
    labels: Tensor


def load_digits() -> Digits:
    """The UCI handwritten digits, in the order of the original file.

    Example:
        >>> digits = tc.data.load_digits()
        >>> digits.images.shape, digits.labels.shape
        ((1797, 8, 8), (1797,))
    """
    import gzip
    import hashlib
    from importlib import resources

    packed = resources.files(__package__).joinpath("digits.bin.gz").read_bytes()
    rows = gzip.decompress(packed)
    if hashlib.sha256(rows).hexdigest() != _SHA256:
        raise RuntimeError("load_digits: the data file of this installation is damaged")
    table = _core.from_buffer(rows).reshape((_COUNT, _PIXELS + 1))
    images = table[:, :_PIXELS].astype(_core.float32) / 16.0
    return Digits(images.reshape((_COUNT, 8, 8)), table[:, _PIXELS].astype(_core.int64))
