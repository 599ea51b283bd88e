"""How one batch is made: the work of a loader's worker threads.

A fetcher holds no reference to the iterator that feeds it, so that an iterator left alone is freed, which
ends its threads.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from ..tensor import Tensor
from .collate import map_tensors
from .randomness import batch_generator, drawing_from

END = object()  # what a fetcher gives when a stream has no more batches


class LoaderError(RuntimeError):
    """A sample or batch could not be made; `__cause__` is what was raised.

    `batch` is the batch's number in the epoch, `index` the sample's number in the data set (None if the
    samples were read but the batch could not be collated or transformed).
    """

    def __init__(self, message: str, batch: int, index: Any = None):
        super().__init__(message)
        self.batch, self.index = batch, index


def _described(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"


@dataclass
class Fetcher:
    """Everything that turns sample numbers into a batch, but the sample numbers."""

    epoch_seed: int
    dataset: Any
    collate: Callable[[Any], Any]
    get_batch: Callable[[Tensor], Any] | None  # gathers a whole batch, in place of samples and `collate`
    batch_transform: Callable[[Any], Any] | None
    pin_memory: bool

    def __call__(self, number: int, indices: Any) -> Any:
        """Batch `number` of the epoch: a 1-d tensor or list of sample numbers, or one number."""
        with drawing_from(batch_generator(self.epoch_seed, number)):
            if self.get_batch is not None:
                batch = self._guarded(number, "gathered", self.get_batch, indices)
                return self._finished(number, batch)
            if isinstance(indices, Tensor):
                indices = indices.tolist()
            single = not isinstance(indices, (list, tuple))
            samples = [self._sample(number, index) for index in ([indices] if single else indices)]
            return self.collated(number, samples[0] if single else samples)

    def _sample(self, number: int, index: Any) -> Any:
        try:
            return self.dataset[index]
        except Exception as error:
            raise LoaderError(
                f"DataLoader: sample {index!r} of batch {number} could not be read: {_described(error)}", number, index
            ) from error

    def _guarded(self, number: int, what: str, function: Callable[[Any], Any], argument: Any) -> Any:
        try:
            return function(argument)
        except Exception as error:
            raise LoaderError(f"DataLoader: batch {number} could not be {what}: {_described(error)}", number) from error

    def collated(self, number: int, samples: Any) -> Any:
        """The finished batch of samples that were read."""
        return self._finished(number, self._guarded(number, "collated", self.collate, samples))

    def _finished(self, number: int, batch: Any) -> Any:
        if self.batch_transform is not None:
            batch = self._guarded(number, "transformed", self.batch_transform, batch)
        return map_tensors(lambda t: t.pin_memory(), batch) if self.pin_memory else batch


@dataclass
class StreamFetcher:
    """Batches of an iterable data set. Calls must come in order, from one thread at a time."""

    fetcher: Fetcher
    samples: Iterator[Any]
    batch_size: int | None
    drop_last: bool
    skip: int  # batches that were delivered before: read again, and dropped

    def __call__(self, number: int, _: Any) -> Any:
        """The next batch of the stream, or END."""
        for done in range(self.skip):
            with drawing_from(batch_generator(self.fetcher.epoch_seed, done)):
                self._read(done)
        self.skip = 0
        with drawing_from(batch_generator(self.fetcher.epoch_seed, number)):
            samples = self._read(number)
            if not samples or (self.drop_last and len(samples) != self.batch_size):
                return END
            return self.fetcher.collated(number, samples[0] if self.batch_size is None else samples)

    def _read(self, number: int) -> list[Any]:
        count = self.batch_size or 1
        read: list[Any] = []
        while len(read) < count:
            try:
                read.append(next(self.samples))
            except StopIteration:
                break
            except Exception as error:
                index = number * count + len(read)
                raise LoaderError(
                    f"DataLoader: sample {index} of the stream (batch {number}) could not be read: {_described(error)}",
                    number,
                    index,
                ) from error
        return read
