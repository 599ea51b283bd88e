"""The binary format of CIFAR-10 and CIFAR-100.

Format: A. Krizhevsky, "Learning multiple layers of features from tiny images", 2009: records of one label (CIFAR-100: a
coarse and a fine one), then 3·32·32 bytes: red, green and blue, each row by row.
"""

from __future__ import annotations

from .. import _core
from ..tensor import Tensor
from .files import DataError, Source, name_of, read_bytes
from .pictures import Pictures

_PIXELS = 3 * 32 * 32


def read_cifar(source: Source, classes: int = 10, *, limit: int = 2**29) -> Pictures:
    """Images (N, 3, 32, 32) uint8 and labels (N,) int64 of a CIFAR-10 or, with `classes=100`, CIFAR-100 file.

    Of CIFAR-100's two labels it is the fine one. Raises DataError for a size that is no whole number of
    records, a label out of range, or more than `limit` bytes; ValueError for other numbers of classes.
    """
    if classes not in (10, 100):
        raise ValueError(f"read_cifar: classes must be 10 or 100, got {classes}")
    name, data = name_of(source), read_bytes(source, limit)
    labels_per_record = 1 if classes == 10 else 2
    record = labels_per_record + _PIXELS
    if not data or len(data) % record:
        raise DataError(f"{name}: {len(data)} bytes are no whole number of CIFAR-{classes} records of {record} bytes")
    table: Tensor = _core.from_bytes(data, _core.uint8, (len(data) // record, record))
    labels = table[:, labels_per_record - 1]
    if int(labels.max()) >= classes:
        raise DataError(f"{name}: has the label {int(labels.max())}, CIFAR-{classes} has {classes} classes")
    images = table[:, labels_per_record:].reshape((-1, 3, 32, 32), copy=True)
    return Pictures(images, labels.astype(_core.int64))
