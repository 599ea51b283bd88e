"""The loader: order, threads, randomness, resumption, failures, and that no thread outlives its loop."""

import gc
import json
import threading
import time

import pytest

import tensorcore as tc
from tensorcore.data import (
    BatchSampler,
    DataLoader,
    Dataset,
    IterableDataset,
    LengthBatchSampler,
    LoaderError,
    RandomSampler,
    SubsetRandomSampler,
    TensorDataset,
    WeightedRandomSampler,
    current_generator,
    default_collate,
    random_split,
)

WORKERS = [0, 1, 3]


def loader_threads() -> int:
    return sum(t.name.startswith("tensorcore-loader") for t in threading.enumerate())


@pytest.fixture(autouse=True)
def _no_thread_is_left():
    yield
    deadline = time.monotonic() + 5
    while loader_threads() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert loader_threads() == 0


class Noisy(Dataset):
    """Sample i is (i, a random number); later samples are quicker, so that workers overtake one another."""

    def __init__(self, n: int = 43, delay: float = 0.0):
        self.n, self.delay = n, delay

    def __len__(self) -> int:
        return self.n

    def __getitem__(self, index: int):
        time.sleep(self.delay * (self.n - index) / self.n)
        return index, tc.random.rand(2, generator=current_generator())


class Stream(IterableDataset):
    def __init__(self, n: int = 43):
        self.n = n

    def __iter__(self):
        for i in range(self.n):
            yield i, tc.random.rand(2, generator=current_generator())


def values(batches) -> list:
    return [tuple(part.tolist() for part in batch) for batch in batches]


@pytest.mark.parametrize("workers", WORKERS)
def test_in_order_whoever_is_first(workers) -> None:
    loader = DataLoader(Noisy(delay=0.003), 5, num_workers=workers)
    assert [i for batch in loader for i in batch[0].tolist()] == list(range(43))
    assert len(loader) == 9
    assert len(DataLoader(Noisy(), 5, drop_last=True)) == len(values(DataLoader(Noisy(), 5, drop_last=True))) == 8


@pytest.mark.parametrize("workers", WORKERS)
def test_an_epoch_per_pass_from_one_seed(workers) -> None:
    first = DataLoader(Noisy(), 5, shuffle=True, seed=3, num_workers=0)
    again = DataLoader(Noisy(), 5, shuffle=True, generator=tc.Generator(3), num_workers=workers)
    epochs = [values(first) for _ in range(3)]
    assert epochs == [values(again) for _ in range(3)]
    assert all(sorted(i for batch in e for i in batch[0]) == list(range(43)) for e in epochs)
    assert epochs[0] != epochs[1]
    assert values(DataLoader(Noisy(), 5, shuffle=True, seed=4)) != epochs[0]


def test_default_generator_seeds_the_loader() -> None:
    runs = []
    for _ in range(2):
        tc.manual_seed(5)
        runs.append(values(DataLoader(Noisy(), 5, shuffle=True)))
    assert runs[0] == runs[1] != values(DataLoader(Noisy(), 5, shuffle=True))


def sampled(name: str, workers: int, seed: int = 1) -> DataLoader:
    """A loader for each way of choosing samples."""
    g = tc.Generator(seed)
    data, settings = Noisy(), {"num_workers": workers, "seed": seed + 1}
    if name == "shuffle":
        return DataLoader(data, 5, shuffle=True, **settings)
    if name == "single":
        return DataLoader(data, None, shuffle=True, **settings)
    if name == "random":
        return DataLoader(data, 5, sampler=RandomSampler(data, generator=g), **settings)
    if name == "weighted":
        return DataLoader(data, 5, sampler=WeightedRandomSampler([1.0] * 43, 43), drop_last=True, **settings)
    if name == "batches":
        return DataLoader(data, batch_sampler=BatchSampler(SubsetRandomSampler(range(9), g), 2), **settings)
    if name == "lengths":
        return DataLoader(
            data, batch_sampler=LengthBatchSampler([i % 7 for i in range(43)], 5, generator=g), **settings
        )
    if name == "list":
        return DataLoader(data, batch_sampler=[[1, 2], [3], [4, 5, 6]], **settings)
    if name == "gathered":
        x = tc.arange(43)
        data = TensorDataset(x, tc.zeros((43, 2)))
        noise = lambda batch: (batch[0], batch[1] + tc.random.rand(batch[1].shape, generator=current_generator()))  # noqa: E731
        return DataLoader(
            random_split(data, (33, 10), tc.Generator(9))[0], 5, shuffle=True, batch_transform=noise, **settings
        )
    assert name == "stream"
    return DataLoader(Stream(), 5, **settings)


NAMES = ["shuffle", "single", "random", "weighted", "batches", "lengths", "list", "gathered", "stream"]


def plain(loader) -> list:
    return [[part.tolist() if isinstance(part, tc.Tensor) else part for part in batch] for batch in loader]


@pytest.mark.parametrize("workers", WORKERS)
@pytest.mark.parametrize("name", NAMES)
def test_resumes_with_exactly_the_next_batch(name, workers) -> None:
    whole = sampled(name, 0)
    epochs = [plain(whole) for _ in range(3)]
    assert epochs[0] != epochs[1]  # new noise at least
    for stop in range(len(epochs[1]) + 1):
        loader = sampled(name, workers)
        plain(loader)
        iterator = iter(loader)
        for _ in range(stop):
            next(iterator)
        state = json.loads(json.dumps(loader.state_dict()))
        del iterator
        resumed = sampled(name, (workers + 1) % 3, seed=50)  # another seed: all must come from the state
        resumed.load_state_dict(state)
        assert resumed.state_dict() == state
        assert plain(resumed) == epochs[1][stop:], f"stopped after {stop}"
        assert plain(resumed) == epochs[2]


def test_state_between_epochs_and_on_the_default_generator() -> None:
    tc.manual_seed(1)
    loader = DataLoader(Noisy(), 5, shuffle=True)
    values(loader)
    assert loader.state_dict()["epoch"] == 1
    assert loader.state_dict()["epoch_seed"] is None
    iterator = iter(loader)
    first = values([next(iterator)])
    state, before = loader.state_dict(), tc.random.default_generator.get_state()
    rest = values(iterator)
    tc.manual_seed(99)
    other = DataLoader(Noisy(), 5, shuffle=True)
    other.load_state_dict(state)
    assert values(other) == rest
    assert first[0] not in rest
    assert tc.random.default_generator.get_state() == (99, 0)  # resuming draws nothing from it
    tc.random.default_generator.set_state(before)
    third = values(loader)
    tc.random.default_generator.set_state(before)
    assert values(other) == third


def test_bad_states() -> None:
    loader = DataLoader(Noisy(), 5, seed=1)
    state = loader.state_dict()
    with pytest.raises(ValueError, match="samples is 7, in the state it is 43"):
        DataLoader(Noisy(7), 5, seed=1).load_state_dict(state)
    with pytest.raises(ValueError, match="batch_size is 6"):
        DataLoader(Noisy(), 6, seed=1).load_state_dict(state)
    with pytest.raises(ValueError, match="both have a generator"):
        DataLoader(Noisy(), 5).load_state_dict(state)
    with pytest.raises(KeyError, match="epoch_seed"):
        loader.load_state_dict({k: v for k, v in state.items() if k != "epoch_seed"})


def test_gathered_batches_equal_collated_ones() -> None:
    data = TensorDataset(tc.random.rand((50, 2, 3)), tc.arange(50))
    part = random_split(data, (0.8, 0.2), tc.Generator(0))[0]
    for chosen in (data, part):
        fast = DataLoader(chosen, 7, shuffle=True, seed=1)
        slow = DataLoader(chosen, 7, shuffle=True, seed=1, collate_fn=lambda samples: default_collate(samples))
        assert values(fast) == values(slow)
    batch = next(iter(DataLoader(data, 50)))
    batch[0][:] = 0
    assert float(data.tensors[0].max()) > 0  # a batch never shares memory with the data set


def test_a_subclass_with_samples_of_its_own_is_not_gathered() -> None:
    class Negated(TensorDataset):
        def __getitem__(self, index: int):
            return -super().__getitem__(index)[0]

    class Halves(Dataset):
        def get_batch(self, indices):
            return indices / 2

        def __len__(self) -> int:
            return 4

    assert [b.tolist() for b in DataLoader(Negated(tc.arange(4)), 2)] == [[0, -1], [-2, -3]]
    assert [b.tolist() for b in DataLoader(Halves(), 2)] == [[0, 0.5], [1, 1.5]]
    assert [b.tolist() for b in DataLoader(random_split(Halves(), (4,), tc.Generator(0))[0], 4)] != [[0, 0.5, 1, 1.5]]


@pytest.mark.parametrize("workers", WORKERS)
def test_a_data_set_on_the_device(workers) -> None:
    data = TensorDataset(tc.arange(7, device="cuda"), tc.ones((7, 2), device="cuda"))
    batches = list(DataLoader(data, 3, shuffle=True, seed=0, num_workers=workers))
    assert all(x.device.type == y.device.type == "cuda" for x, y in batches)
    assert sorted(i for x, _ in batches for i in x.cpu().tolist()) == list(range(7))


class Broken(Noisy):
    def __getitem__(self, index: int):
        if index == 17:
            raise ZeroDivisionError("seventeen")
        return super().__getitem__(index)


@pytest.mark.parametrize("workers", WORKERS)
def test_a_failure_names_the_sample(workers) -> None:
    loader = DataLoader(Broken(), 5, num_workers=workers)
    iterator = iter(loader)
    assert [next(iterator)[0].tolist()[0] for _ in range(3)] == [0, 5, 10]
    with pytest.raises(
        LoaderError, match="sample 17 of batch 3 could not be read: ZeroDivisionError: seventeen"
    ) as info:
        next(iterator)
    assert (info.value.index, info.value.batch) == (17, 3)
    assert isinstance(info.value.__cause__, ZeroDivisionError)
    assert loader_threads() == 0  # already, not some time later
    assert list(iterator) == []
    assert loader.state_dict()["batch"] == 3


@pytest.mark.parametrize("workers", WORKERS)
def test_failures_of_other_parts(workers) -> None:
    def fail(_):
        raise KeyError("x")

    for settings, what in (({"collate_fn": fail}, "collated"), ({"batch_transform": fail}, "transformed")):
        with pytest.raises(LoaderError, match=f"batch 0 could not be {what}: KeyError"):
            next(iter(DataLoader(Noisy(), 5, num_workers=workers, **settings)))
    with pytest.raises(LoaderError, match=r"gathered: IndexError"):
        next(iter(DataLoader(TensorDataset(tc.zeros(3)), sampler=[5], num_workers=workers)))

    class BrokenStream(IterableDataset):
        def __iter__(self):
            yield from range(7)
            raise OSError("line cut")

    with pytest.raises(LoaderError, match=r"sample 7 of the stream \(batch 2\) could not be read: OSError: line cut"):
        list(DataLoader(BrokenStream(), 3, num_workers=workers))

    def bad_sampler():
        yield 1
        raise ValueError("no more")

    with pytest.raises(ValueError, match="no more"):
        list(DataLoader(Noisy(), 1, sampler=bad_sampler(), num_workers=workers))


def test_threads_end_with_break_exception_and_collection() -> None:
    for _ in DataLoader(Noisy(delay=0.001), 2, num_workers=3):
        assert loader_threads() > 0
        break

    def fail() -> None:
        for _ in DataLoader(Noisy(delay=0.001), 2, num_workers=3):
            raise RuntimeError("mine")

    with pytest.raises(RuntimeError, match="mine"):
        fail()
    cycle = [iter(DataLoader(Noisy(delay=0.001), 2, num_workers=2))]
    cycle.append(cycle)
    next(cycle[0])
    del cycle
    gc.collect()


def test_close_waits_for_the_threads() -> None:
    iterator = iter(DataLoader(Noisy(delay=0.02), 2, num_workers=2))
    next(iterator)
    assert loader_threads() == 2
    iterator.close()
    assert loader_threads() == 0
    assert list(iterator) == []


def test_an_interpreter_with_a_loop_left_open_ends() -> None:
    import subprocess
    import sys

    code = """
import tensorcore as tc
loader = tc.data.DataLoader(tc.data.TensorDataset(tc.zeros((1000, 10))), 2, num_workers=3)
iterator = iter(loader)
next(iterator)
print("end")
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "end\n", "")


def test_reads_ahead_but_not_further() -> None:
    read = []

    class Watched(Noisy):
        def __getitem__(self, index: int):
            read.append(index)
            return super().__getitem__(index)

    iterator = iter(DataLoader(Watched(100), 1, num_workers=2, prefetch_factor=3))
    next(iterator)
    deadline = time.monotonic() + 5
    while len(read) < 6 and time.monotonic() < deadline:
        time.sleep(0.005)
    time.sleep(0.05)
    assert sorted(read) == list(range(6))


def test_streams() -> None:
    for workers in WORKERS:
        assert [b[0].tolist() for b in DataLoader(Stream(5), 2, num_workers=workers)] == [[0, 1], [2, 3], [4]]
        assert [b[0].tolist() for b in DataLoader(Stream(5), 2, drop_last=True, num_workers=workers)] == [
            [0, 1],
            [2, 3],
        ]
        assert [i for i, _ in DataLoader(Stream(3), None, num_workers=workers)] == [0, 1, 2]
    with pytest.raises(TypeError):
        len(DataLoader(Stream(5)))


def test_two_loops_over_one_loader() -> None:
    loader = DataLoader(TensorDataset(tc.arange(6)), 2, num_workers=2)
    assert [(a.tolist(), b.tolist()) for (a,), (b,) in zip(loader, loader, strict=True)] == [
        ([0, 1], [0, 1]),
        ([2, 3], [2, 3]),
        ([4, 5], [4, 5]),
    ]


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_delivery_to_a_device(device, workers) -> None:
    pinned = device == "cuda"
    loader = DataLoader(
        [{"x": tc.full(3, i), "s": "a"} for i in range(4)], 2, device=device, pin_memory=pinned, num_workers=workers
    )
    batches = list(loader)
    assert all(b["x"].device.type == device and b["s"] == ["a", "a"] for b in batches)
    assert [b["x"].cpu().tolist() for b in batches] == [[[0] * 3, [1] * 3], [[2] * 3, [3] * 3]]


@pytest.mark.parametrize(
    "settings",
    [
        {"batch_size": 0},
        {"num_workers": -1},
        {"prefetch_factor": 0},
        {"shuffle": True, "sampler": [1]},
        {"batch_sampler": [[1]], "batch_size": 2},
        {"batch_sampler": [[1]], "shuffle": True},
        {"batch_size": None, "drop_last": True},
        {"seed": 1, "generator": tc.Generator()},
    ],
)
def test_settings_that_cannot_be(settings) -> None:
    with pytest.raises(ValueError, match="DataLoader"):
        DataLoader(Noisy(), **settings)
    with pytest.raises(ValueError, match="own order"):
        DataLoader(Stream(), shuffle=True)
    with pytest.raises(TypeError, match="Generator"):
        DataLoader(Noisy(), generator=3)
