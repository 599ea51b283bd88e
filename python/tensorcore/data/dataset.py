"""Data sets: what a loader reads samples from.

A map-style `Dataset` has `__getitem__` and `__len__`; an `IterableDataset` has `__iter__` alone.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from ..ops.creation import asarray
from ..ops.index import take
from ..ops.random import Generator, randperm
from ..tensor import Tensor
from .randomness import current_generator


class Dataset:
    """Base of data sets whose samples have numbers: a subclass defines `__getitem__(index)` and `__len__()`.

    With worker threads `__getitem__` is called from several threads at once, so it must not change shared state.
    Random numbers for a sample come from `tc.data.current_generator()`.
    """

    def __getitem__(self, index: int) -> Any:
        raise TypeError(f"{type(self).__name__}: a Dataset must define __getitem__(index)")

    def __add__(self, other: Dataset) -> ConcatDataset:
        return ConcatDataset([self, other])


class IterableDataset:
    """Base of data sets that are read in one order only, such as a stream: a subclass defines `__iter__()`."""

    def __iter__(self) -> Iterator[Any]:
        raise TypeError(f"{type(self).__name__}: an IterableDataset must define __iter__()")


class TensorDataset(Dataset):
    """Samples are tuples of the i-th entries of one or more tensors of equal first extent.

    A `DataLoader` with the default collation gathers whole batches with one index operation per tensor.
    Raises ValueError for no tensors, 0-d tensors or first extents that differ.

    >>> data = tc.data.TensorDataset(tc.zeros((10, 3)), tc.arange(10))
    >>> len(data), data[2][0].shape
    (10, (3,))
    """

    def __init__(self, *tensors: Tensor):
        if not tensors:
            raise ValueError("TensorDataset: needs at least one tensor")
        self.tensors = tuple(asarray(t) for t in tensors)
        shapes = [t.shape for t in self.tensors]
        if any(not shape or shape[0] != shapes[0][0] for shape in shapes):
            raise ValueError(f"TensorDataset: first extents must be equal, got shapes {', '.join(map(str, shapes))}")

    def __getitem__(self, index: int) -> tuple[Tensor, ...]:
        return tuple(t[index] for t in self.tensors)

    def __len__(self) -> int:
        return self.tensors[0].shape[0]

    def get_batch(self, indices: Tensor) -> tuple[Tensor, ...]:
        """The collated batch of the samples at `indices`, a 1-d integer tensor."""
        return tuple(take(t, indices.to(t.device), axis=0) for t in self.tensors)


class ConcatDataset(Dataset):
    """Several data sets one after the other. Raises ValueError for none, TypeError for iterable ones."""

    def __init__(self, datasets: Iterable[Any]):
        self.datasets = list(datasets)
        if not self.datasets:
            raise ValueError("ConcatDataset: needs at least one data set")
        self.cumulative_sizes: list[int] = []
        for dataset in self.datasets:
            if isinstance(dataset, IterableDataset):
                raise TypeError("ConcatDataset: an IterableDataset has no numbered samples")
            self.cumulative_sizes.append(len(dataset) + (self.cumulative_sizes[-1] if self.cumulative_sizes else 0))

    def __len__(self) -> int:
        return self.cumulative_sizes[-1]

    def __getitem__(self, index: int) -> Any:
        from bisect import bisect_right

        index = _checked("ConcatDataset", index, len(self))
        which = bisect_right(self.cumulative_sizes, index)
        return self.datasets[which][index - (self.cumulative_sizes[which - 1] if which else 0)]


class Subset(Dataset):
    """The samples of `dataset` at `indices` (a sequence of ints or a 1-d integer tensor), in that order."""

    def __init__(self, dataset: Any, indices: Sequence[int] | Tensor):
        self.dataset = dataset
        self.indices = index_tensor(indices, "Subset")
        if self.indices.size:
            low, high = int(self.indices.min()), int(self.indices.max())
            if low < 0 or high >= len(dataset):
                wrong = low if low < 0 else high
                raise IndexError(f"Subset: indices must lie in [0, {len(dataset)}), got {wrong}")

    def __getitem__(self, index: int) -> Any:
        return self.dataset[int(self.indices[_checked("Subset", index, len(self))])]

    def __len__(self) -> int:
        return self.indices.shape[0]


def index_tensor(indices: Sequence[int] | Tensor, name: str) -> Tensor:
    """Sample numbers as a 1-d int64 tensor on the CPU; TypeError or ValueError for anything else."""
    from .. import _core

    x = indices if isinstance(indices, Tensor) else asarray(list(indices) or [0])
    if not isinstance(indices, Tensor) and not len(indices):
        x = x[:0]
    if x.dtype.kind not in ("int", "uint"):
        raise TypeError(f"{name}: indices must be integers, got {x.dtype.name}")
    if x.ndim != 1:
        raise ValueError(f"{name}: indices must be 1-d, got shape {x.shape}")
    return x.astype(_core.int64, copy=False).to("cpu")


def batch_getter(dataset: Any) -> Callable[[Tensor], Any] | None:
    """The function that gathers whole collated batches of `dataset`, or None where it has none.

    A data set offers one as `get_batch(indices)`, like `TensorDataset`; a `Subset` offers that of what it is cut from.
    A class that redefines `__getitem__` alone has other samples than the `get_batch` it inherits, which is left aside.
    """
    if type(dataset) is Subset:
        inner, chosen = batch_getter(dataset.dataset), dataset.indices
        return None if inner is None else lambda indices: inner(take(chosen, indices, axis=0))
    for kind in type(dataset).__mro__:
        if "get_batch" in vars(kind):
            return dataset.get_batch
        if "__getitem__" in vars(kind):
            return None
    return None


def _checked(name: str, index: int, n: int) -> int:
    if not -n <= index < n:
        raise IndexError(f"{name}: index must lie in [{-n}, {n}), got {index}")
    return index % n


def split_lengths(n: int, lengths: Sequence[int | float]) -> list[int]:
    """How many of `n` samples each part gets; the rules are those of `random_split`."""
    parts = list(lengths)
    if not parts or any(not isinstance(p, (int, float)) or isinstance(p, bool) or not p >= 0 for p in parts):
        raise ValueError(f"random_split: lengths must be numbers ≥ 0, got {lengths!r}")
    total = sum(parts)
    if all(isinstance(p, int) for p in parts) and total == n:
        return [int(p) for p in parts]
    if all(isinstance(p, int) for p in parts):
        if total not in (1, 10, 100):
            raise ValueError(
                f"random_split: whole numbers must sum to the number of samples, {n}, or to 10 or 100 as tenths or "
                f"percent; got {tuple(parts)}, which sum to {total}"
            )
        sizes = [n * int(p) // int(total) for p in parts]
    elif math.isclose(total, 1):
        sizes = [math.floor(n * p) for p in parts]
    else:
        raise ValueError(f"random_split: fractions must sum to 1, got {tuple(parts)}, which sum to {total}")
    for i in range(n - sum(sizes)):
        sizes[i % len(sizes)] += 1
    return sizes


def random_split(dataset: Any, lengths: Sequence[int | float], generator: Generator | None = None) -> list[Subset]:
    """Cut a data set at random into parts that do not overlap.

    `lengths` are whole numbers that sum to `len(dataset)`; or fractions that sum to 1; or whole tenths or percent, as
    in `(6, 2, 2)`. A fraction's part is rounded down, then samples that are left go one each to the first parts, as
    in PyTorch. Raises ValueError for anything else.

    >>> parts = tc.data.random_split(range(11), (6, 2, 2), generator=tc.Generator(0))
    >>> [len(part) for part in parts]
    [7, 2, 2]
    """
    sizes = split_lengths(len(dataset), lengths)
    order = randperm(len(dataset), generator=current_generator(generator))
    parts, start = [], 0
    for size in sizes:
        parts.append(Subset(dataset, order[start : start + size]))
        start += size
    return parts
