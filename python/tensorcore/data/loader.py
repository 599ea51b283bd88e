"""`DataLoader`: batches of a data set, read ahead by worker threads, in an order that a seed fixes and a state resumes.

Workers are threads, not processes: tensorcore's kernels run outside the interpreter's lock, nothing is copied between
processes, and a loader works in notebooks and under every start method.
"""

from __future__ import annotations

import operator
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from .. import _core
from ..ops.random import Generator, default_generator
from .collate import default_collate, map_tensors
from .dataset import IterableDataset, batch_getter, index_tensor
from .fetch import END, Fetcher, StreamFetcher
from .randomness import draw_seed, drawing_from
from .sampler import BatchSampler, RandomSampler, Sampler, SequentialSampler


@dataclass
class Progress:
    """How far the newest iteration has come; shared by the loader and that iteration."""

    epoch: int
    seed: int | None = None  # of this epoch; None before it starts
    sampler: Any = None  # the sampler's state when the epoch started
    batch: int = 0  # batches delivered


class DataLoader:
    """Batches of a data set.

    Args:
        dataset: with `__getitem__` and `__len__`, or an `IterableDataset`.
        batch_size: samples per batch; None gives single samples, not collated.
        shuffle: a new random order every epoch.
        sampler: anything iterable over sample numbers, in place of `shuffle`.
        batch_sampler: anything iterable over lists of sample numbers, in place of `batch_size`, `shuffle`,
            `sampler` and `drop_last`.
        num_workers: threads that read batches ahead; 0 reads each batch when it is asked for. A stream
            (`IterableDataset`) is read by one thread whatever the number.
        collate_fn: makes a batch from a list of samples (`default_collate`).
        pin_memory: put batches in host memory that a GPU copies from without waiting.
        drop_last: leave out the last batch if it is not full.
        prefetch_factor: batches read ahead per worker.
        generator: where the epochs' seeds are drawn from; without it and `seed`, `tc.random.default_generator`.
        seed: the seed of a generator of the loader's own.
        device: where tensors of a batch are moved when it is delivered.
        batch_transform: called by the worker with each collated batch; what it returns is delivered. Random transforms
            of `tc.data.transforms` treat each picture of a batch on its own.

    Order and random transforms depend on the generator only, not on `num_workers`: each epoch draws one seed, and
    from it follow the order and a generator per batch (`tc.data.current_generator`). `state_dict()` at any point, also
    within an epoch, holds what `load_state_dict()` needs to go on with exactly the next batch.

    What goes wrong in a worker is raised in the loop as `LoaderError`, which names the sample; the iteration is
    then over. Threads end with the loop, also when it is left by `break` or an exception, after the sample they are at.

    Raises ValueError for settings that exclude each other or are out of range.

    >>> data = tc.data.TensorDataset(tc.arange(10))
    >>> [batch.tolist() for (batch,) in tc.data.DataLoader(data, batch_size=4)]
    [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]
    """

    def __init__(
        self,
        dataset: Any,
        batch_size: int | None = 1,
        shuffle: bool = False,
        sampler: Any = None,
        batch_sampler: Any = None,
        num_workers: int = 0,
        collate_fn: Callable[[Any], Any] | None = None,
        pin_memory: bool = False,
        drop_last: bool = False,
        *,
        prefetch_factor: int = 2,
        generator: Generator | None = None,
        seed: int | None = None,
        device: Any = None,
        batch_transform: Callable[[Any], Any] | None = None,
    ):
        self.dataset, self.batch_size, self.drop_last = dataset, batch_size, drop_last
        self.num_workers = _at_least("num_workers", num_workers, 0)
        self.prefetch_factor = _at_least("prefetch_factor", prefetch_factor, 1)
        if generator is not None and seed is not None:
            raise ValueError("DataLoader: give generator or seed, not both")
        if generator is not None and not isinstance(generator, Generator):
            raise TypeError(f"DataLoader: generator must be a Generator, got {type(generator).__name__}")
        self.generator = Generator(seed) if seed is not None else generator
        self.device = _core.Device(device) if isinstance(device, str) else device
        self.collate_fn, self.pin_memory, self.batch_transform = collate_fn, pin_memory, batch_transform
        self._is_stream = isinstance(dataset, IterableDataset)
        self._check_choices(shuffle, sampler, batch_sampler)
        self.sampler, self.batch_sampler = sampler, batch_sampler
        if sampler is None and batch_sampler is None and not self._is_stream:
            self.sampler = RandomSampler(dataset) if shuffle else SequentialSampler(dataset)
        self._progress = Progress(0)
        self._resume = False

    def _check_choices(self, shuffle: bool, sampler: Any, batch_sampler: Any) -> None:
        if self._is_stream and (shuffle or sampler is not None or batch_sampler is not None):
            raise ValueError("DataLoader: an IterableDataset has its own order; shuffle and samplers need a Dataset")
        if shuffle and sampler is not None:
            raise ValueError("DataLoader: give shuffle or a sampler, not both")
        if batch_sampler is not None and (self.batch_size != 1 or shuffle or sampler is not None or self.drop_last):
            raise ValueError("DataLoader: batch_sampler takes the place of batch_size, shuffle, sampler and drop_last")
        if batch_sampler is not None:
            self.batch_size = None
        elif self.batch_size is not None:
            self.batch_size = _at_least("batch_size", self.batch_size, 1)
        elif self.drop_last:
            raise ValueError("DataLoader: drop_last needs a batch_size")

    def __len__(self) -> int:
        """Batches per epoch; TypeError for a stream without a length."""
        if self.batch_sampler is not None:
            return len(self.batch_sampler)
        n = len(self.dataset if self._is_stream else self.sampler)
        if self.batch_size is None:
            return n
        return n // self.batch_size if self.drop_last else -(-n // self.batch_size)

    def __iter__(self) -> Iterator[Any]:
        """Start the next epoch, or go on with the one that `load_state_dict` gave."""
        chooser = self.sampler if self.batch_sampler is None else self.batch_sampler
        if self._resume:
            self._resume = False
            progress = self._progress
            if progress.sampler is not None and hasattr(chooser, "load_state_dict"):
                chooser.load_state_dict(progress.sampler)
        else:
            epoch = self._progress.epoch + (self._progress.seed is not None)
            state = chooser.state_dict() if hasattr(chooser, "state_dict") else None
            generator = default_generator if self.generator is None else self.generator
            progress = self._progress = Progress(epoch, draw_seed(generator), state)
        assert progress.seed is not None
        return _Iteration(self, progress, progress.seed)

    # ---- state ----

    def _shape(self) -> dict[str, Any]:
        """What must agree for a state to fit."""
        return {"samples": None if self._is_stream else len(self.dataset), "batch_size": self.batch_size}

    def state_dict(self) -> dict[str, Any]:
        """Where the newest iteration is: ints, lists and None only, so any format can hold it.

        Keys: `epoch` (how many came before), `batch` (delivered in it), `epoch_seed`, `sampler` (the state
        of a sampler with a generator of its own, when the epoch started), `generator` (of the loader's own
        generator; the default generator's state is the caller's to keep), `samples`, `batch_size`.
        """
        p = self._progress
        generator = None if self.generator is None else list(self.generator.get_state())
        state = {"epoch": p.epoch, "batch": p.batch, "epoch_seed": p.seed, "sampler": p.sampler, "generator": generator}
        return {**state, **self._shape()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from `state_dict()`: the next iteration starts with the batch after the last one delivered.

        A state taken after an epoch's last batch, but before its loop ended, gives an iteration of no batches.
        Raises KeyError for missing entries, ValueError if the data set's size or the batch size differ.
        """
        mine = self._shape()
        missing = [k for k in ("epoch", "batch", "epoch_seed", "sampler", "generator", *mine) if k not in state]
        if missing:
            raise KeyError(f"DataLoader.load_state_dict: the state has no {', '.join(missing)}")
        for key, value in mine.items():
            if state[key] != value:
                raise ValueError(f"DataLoader.load_state_dict: {key} is {value}, in the state it is {state[key]}")
        if (state["generator"] is None) != (self.generator is None):
            raise ValueError("DataLoader.load_state_dict: state and loader must both have a generator, or neither")
        if self.generator is not None:
            self.generator.set_state(tuple(state["generator"]))
        self._progress = Progress(state["epoch"], state["epoch_seed"], state["sampler"], state["batch"])
        self._resume = self._progress.seed is not None


class _Iteration(Iterator[Any]):
    """One pass over the data, or what is left of it."""

    def __init__(self, loader: DataLoader, progress: Progress, seed: int):
        self._progress, self._device, self._pinned = progress, loader.device, loader.pin_memory
        self._next = progress.batch  # the number of the batch to ask for next
        self._is_done = False
        self._copied: Any = None  # an event: the newest copy to the device has ended
        self._order = Generator(seed)
        collate = loader.collate_fn
        if collate is None:
            collate = _unchanged if loader.batch_size is None and loader.batch_sampler is None else default_collate
        gathers = loader.collate_fn in (None, default_collate) and collate is default_collate and not loader._is_stream
        get_batch = batch_getter(loader.dataset) if gathers else None
        fetch = Fetcher(seed, loader.dataset, collate, get_batch, loader.batch_transform, loader.pin_memory)
        self._fetch: Callable[[int, Any], Any] = fetch
        if loader._is_stream:
            with drawing_from(self._order):
                stream = iter(loader.dataset)
            self._fetch = StreamFetcher(fetch, stream, loader.batch_size, loader.drop_last, self._next)
            self._tasks: Iterator[Any] = iter(int, 1)  # as many as asked for: the stream's end ends them
        else:
            self._tasks = self._index_batches(loader, get_batch is not None)
        workers = min(loader.num_workers, 1) if loader._is_stream else loader.num_workers
        self._ahead = workers * loader.prefetch_factor
        self._pending: deque[Any] = deque()
        self._executor: Any = None
        if workers:
            from concurrent.futures import ThreadPoolExecutor

            self._executor = ThreadPoolExecutor(workers, thread_name_prefix="tensorcore-loader")

    def _index_batches(self, loader: DataLoader, as_tensors: bool) -> Iterator[Any]:
        """The sample numbers of each batch still to come; every draw of the sampler's is from the epoch's generator."""
        chooser: Any = loader.sampler if loader.batch_sampler is None else loader.batch_sampler
        grouper = chooser if type(chooser) is BatchSampler else None
        if grouper is None and loader.batch_size is not None:
            grouper = BatchSampler(chooser, loader.batch_size, loader.drop_last)
        if grouper is None:  # batches of the user's own making, or single samples
            return self._drawn(chooser, as_tensors)
        if type(grouper.sampler).__iter__ is not Sampler.__iter__:
            return self._drawn(grouper, as_tensors)
        return self._slices(grouper.sampler, grouper.batch_size, grouper.drop_last, as_tensors)

    def _slices(self, sampler: Sampler, size: int, drop_last: bool, as_tensors: bool) -> Iterator[Any]:
        """Slices of a sampler's whole order: no Python object per sample."""
        with drawing_from(self._order):
            order = sampler.order()
        n = order.shape[0]
        starts = range(self._next * size, n - size + 1 if drop_last else n, size)
        pieces = (order[start : start + size] for start in starts)
        return pieces if as_tensors else (piece.tolist() for piece in pieces)

    def _drawn(self, chooser: Any, as_tensors: bool) -> Iterator[Any]:
        order, skip = self._order, self._next

        def draw() -> Iterator[Any]:
            with drawing_from(order):
                source = iter(chooser)
            done = 0
            while True:
                with drawing_from(order):
                    item: Any = next(source, END)
                if item is END:
                    return
                done += 1
                if done > skip:
                    yield index_tensor(item, "DataLoader") if as_tensors else item

        return draw()

    def __next__(self) -> Any:
        if self._is_done:
            raise StopIteration
        try:
            batch = self._pull()
            if batch is not END and self._device is not None:
                batch = self._moved(batch)
        except BaseException:
            self.close()
            raise
        if batch is END:
            self.close()
            # The next state is that of an epoch not yet begun.
            p = self._progress
            p.epoch, p.seed, p.sampler, p.batch = p.epoch + 1, None, None, 0
            raise StopIteration
        self._progress.batch += 1
        return batch

    def _moved(self, batch: Any) -> Any:
        """The batch on the loader's device; a pinned one is kept until it has been copied."""
        if not self._pinned:
            return map_tensors(lambda t: t.to(self._device), batch)
        from ..cuda import Event

        if self._copied is not None:
            self._copied.synchronize()
        self._kept = batch
        moved = map_tensors(lambda t: t.to(self._device, non_blocking=True), batch)
        self._copied = Event()
        self._copied.record()
        return moved

    def _pull(self) -> Any:
        if self._executor is None:
            task = next(self._tasks, END)
            self._next += 1
            return END if task is END else self._fetch(self._next - 1, task)
        while len(self._pending) < self._ahead:
            task = next(self._tasks, END)
            if task is END:
                break
            self._pending.append(self._executor.submit(self._fetch, self._next, task))
            self._next += 1
        return self._pending.popleft().result() if self._pending else END

    def close(self) -> None:
        """End the iteration and its threads, which have finished when this returns."""
        self._stop(wait=True)

    def _stop(self, wait: bool) -> None:
        self._is_done = True
        executor, self._executor = self._executor, None
        self._pending.clear()
        if executor is not None:
            executor.shutdown(wait=wait, cancel_futures=True)

    def __del__(self) -> None:
        if hasattr(self, "_executor"):
            self._stop(wait=False)  # may run in one of the threads, which cannot wait for itself


def _unchanged(sample: Any) -> Any:
    return sample


def _at_least(what: str, value: int, least: int) -> int:
    value = operator.index(value)
    if value < least:
        raise ValueError(f"DataLoader: {what} must be at least {least}, got {value}")
    return value
