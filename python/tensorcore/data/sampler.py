"""Samplers: in which order a loader asks for samples.

A sampler that draws takes its numbers from its own `generator` or, without one, from the current generator: in a
loader that is the generator of the epoch. Whatever an epoch needs is drawn when its iteration starts.
"""

from __future__ import annotations

import operator
from collections.abc import Iterator, Sequence
from typing import Any

from .. import _core
from ..ops.creation import arange, asarray
from ..ops.elementwise import log, minimum, where
from ..ops.index import take
from ..ops.random import Generator, rand, randint, randperm
from ..ops.scan import cumulative_sum
from ..ops.search import searchsorted
from ..ops.shape import concat
from ..ops.sort import argsort
from ..tensor import Tensor
from .dataset import index_tensor
from .randomness import current_generator


class Sampler:
    """Base of samplers: a subclass defines `order()`, the sample numbers of one epoch, and `__len__()`.

    A sampler class of your own needs no base: anything iterable over sample numbers will do. For an epoch to be
    resumable it either gives the same order each time, draws from `tc.data.current_generator()` when iteration starts,
    or has `state_dict()` and `load_state_dict(state)`, which the loader calls before an epoch.
    """

    generator: Generator | None = None

    def order(self) -> Tensor:
        """The sample numbers of one epoch, a 1-d int64 tensor; each call draws anew."""
        raise TypeError(f"{type(self).__name__}: a Sampler must define order() or __iter__()")

    def __iter__(self) -> Iterator[Any]:
        return iter(self.order().tolist())

    def state_dict(self) -> dict[str, Any]:
        """The state of the sampler's own generator, None without one."""
        return {"generator": None if self.generator is None else list(self.generator.get_state())}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from `state_dict()`; ValueError if only one of the two has a generator."""
        if (state["generator"] is None) != (self.generator is None):
            raise ValueError(f"{type(self).__name__}: the state and the sampler must both have a generator, or neither")
        if self.generator is not None:
            self.generator.set_state(tuple(state["generator"]))


class SequentialSampler(Sampler):
    """The samples 0, 1, … in their order."""

    def __init__(self, data_source: Any):
        self.data_source = data_source

    def order(self) -> Tensor:
        """The numbers 0 … n - 1."""
        return arange(len(self))

    def __len__(self) -> int:
        return len(self.data_source)


class RandomSampler(Sampler):
    """A random order of all samples, or `num_samples` of them, with `replacement` each drawn from all.

    Without replacement and with `num_samples` above the number of samples, whole random orders follow one another.
    Raises ValueError for `num_samples` below 1 and, with replacement, for an empty data source.
    """

    def __init__(
        self,
        data_source: Any,
        replacement: bool = False,
        num_samples: int | None = None,
        generator: Generator | None = None,
    ):
        self.data_source, self.replacement, self.generator = data_source, replacement, generator
        self._num_samples = None if num_samples is None else _positive("RandomSampler", "num_samples", num_samples)

    def order(self) -> Tensor:
        """Drawn numbers in [0, n)."""
        n, count, generator = len(self.data_source), len(self), current_generator(self.generator)
        if n == 0:
            if count:
                raise ValueError("RandomSampler: cannot draw samples from an empty data source")
            return arange(0)
        if self.replacement:
            return randint(count, 0, n, generator=generator)
        rounds = [randperm(n, generator=generator) for _ in range(-(-count // n))]
        return concat(rounds)[:count]

    def __len__(self) -> int:
        return len(self.data_source) if self._num_samples is None else self._num_samples


class SubsetRandomSampler(Sampler):
    """The given sample numbers in random order."""

    def __init__(self, indices: Sequence[int] | Tensor, generator: Generator | None = None):
        self.indices, self.generator = index_tensor(indices, "SubsetRandomSampler"), generator

    def order(self) -> Tensor:
        """A random order of the given numbers."""
        return take(self.indices, randperm(len(self), generator=current_generator(self.generator)), axis=0)

    def __len__(self) -> int:
        return self.indices.shape[0]


class WeightedRandomSampler(Sampler):
    """`num_samples` sample numbers, each i with a probability in proportion to `weights[i]`.

    Weights need not sum to 1. With replacement a number is found by bisecting the running sums of the weights; without,
    the samples with the largest log(u)/weight are taken (P. Efraimidis, P. Spirakis, "Weighted random sampling with a
    reservoir", 2006). Raises ValueError for weights that are negative, not finite or all zero, and
    without replacement for fewer positive weights than `num_samples`.
    """

    def __init__(
        self,
        weights: Sequence[float] | Tensor,
        num_samples: int,
        replacement: bool = True,
        generator: Generator | None = None,
    ):
        self.weights = asarray(weights).astype(_core.float64).to("cpu")
        self.num_samples = _positive("WeightedRandomSampler", "num_samples", num_samples)
        self.replacement, self.generator = replacement, generator
        if self.weights.ndim != 1 or not self.weights.size:
            raise ValueError(
                f"WeightedRandomSampler: weights must be 1-d and not empty, got shape {self.weights.shape}"
            )
        lowest, total = float(self.weights.min()), float(self.weights.sum())
        if not (lowest >= 0 and 0 < total < float("inf")):
            raise ValueError("WeightedRandomSampler: weights must be finite, ≥ 0 and not all zero")
        positive = int((self.weights > 0).sum())
        if not replacement and positive < num_samples:
            raise ValueError(
                f"WeightedRandomSampler: cannot draw {num_samples} samples without replacement from {positive} "
                "positive weights"
            )
        self._last = int((self.weights > 0).nonzero()[0].max())

    def order(self) -> Tensor:
        """Drawn numbers; those of weight zero never occur."""
        generator = current_generator(self.generator)
        if self.replacement:
            sums = cumulative_sum(self.weights)
            points = rand(self.num_samples, generator=generator, dtype=_core.float64) * sums[-1]
            found = searchsorted(sums, points, side="right")
            return minimum(found, self._last).astype(_core.int64)  # a product rounded up to the whole sum finds none
        u = 1 - rand(self.weights.shape, generator=generator, dtype=_core.float64)  # in (0, 1]
        keys = where(self.weights > 0, log(u) / where(self.weights > 0, self.weights, 1.0), -float("inf"))
        return argsort(keys, descending=True)[: self.num_samples].astype(_core.int64)

    def __len__(self) -> int:
        return self.num_samples


class BatchSampler:
    """The sample numbers of another sampler in lists of `batch_size`; the last, shorter one goes with `drop_last`.

    >>> list(tc.data.BatchSampler(tc.data.SequentialSampler(range(5)), 2, drop_last=False))
    [[0, 1], [2, 3], [4]]
    """

    def __init__(self, sampler: Any, batch_size: int, drop_last: bool = False):
        self.sampler, self.drop_last = sampler, drop_last
        self.batch_size = _positive("BatchSampler", "batch_size", batch_size)

    def __iter__(self) -> Iterator[list[int]]:
        batch: list[int] = []
        for index in self.sampler:
            batch.append(index)
            if len(batch) == self.batch_size:
                yield batch
                batch = []
        if batch and not self.drop_last:
            yield batch

    def __len__(self) -> int:
        n = len(self.sampler)
        return n // self.batch_size if self.drop_last else -(-n // self.batch_size)

    def state_dict(self) -> dict[str, Any]:
        """The state of the sampler within, where it has one."""
        return self.sampler.state_dict() if hasattr(self.sampler, "state_dict") else {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Give a state back to the sampler within."""
        if hasattr(self.sampler, "load_state_dict"):
            self.sampler.load_state_dict(state)


class LengthBatchSampler(Sampler):
    """Batches of texts of like lengths, so that little padding is needed.

    The samples are put in random order and cut into pools of `pool_batches` batches; each pool is sorted by length and
    cut into batches, and the batches of all pools come in random order. With `shuffle=False`
    all samples are sorted by length. `lengths[i]` is the length of sample i. Raises ValueError for sizes below 1.

    >>> batches = list(tc.data.LengthBatchSampler([5, 1, 4, 2], 2, shuffle=False))
    >>> batches
    [[1, 3], [2, 0]]
    """

    def __init__(
        self,
        lengths: Sequence[int] | Tensor,
        batch_size: int,
        *,
        shuffle: bool = True,
        drop_last: bool = False,
        pool_batches: int = 100,
        generator: Generator | None = None,
    ):
        self.lengths = index_tensor(lengths, "LengthBatchSampler")
        self.batch_size = _positive("LengthBatchSampler", "batch_size", batch_size)
        self.pool_batches = _positive("LengthBatchSampler", "pool_batches", pool_batches)
        self.shuffle, self.drop_last, self.generator = shuffle, drop_last, generator

    def __iter__(self) -> Iterator[list[int]]:
        n, generator = self.lengths.shape[0], current_generator(self.generator)
        order = randperm(n, generator=generator) if self.shuffle else arange(n)
        pool = self.batch_size * self.pool_batches if self.shuffle else max(n, 1)
        batches = []
        for start in range(0, n, pool):
            part = order[start : start + pool]
            ranked = take(part, argsort(take(self.lengths, part, axis=0)), axis=0).tolist()
            cut = [ranked[i : i + self.batch_size] for i in range(0, len(ranked), self.batch_size)]
            batches += [b for b in cut if len(b) == self.batch_size or not self.drop_last]
        if self.shuffle:
            batches = [batches[i] for i in randperm(len(batches), generator=generator).tolist()]
        return iter(batches)

    def __len__(self) -> int:
        n, size = self.lengths.shape[0], self.batch_size
        return n // size if self.drop_last else -(-n // size)


def _positive(name: str, what: str, value: int) -> int:
    value = operator.index(value)
    if value < 1:
        raise ValueError(f"{name}: {what} must be at least 1, got {value}")
    return value


__all__ = [
    "BatchSampler",
    "LengthBatchSampler",
    "RandomSampler",
    "Sampler",
    "SequentialSampler",
    "SubsetRandomSampler",
    "WeightedRandomSampler",
]
