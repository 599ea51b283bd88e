"""Data sets, samplers and collation: what they give, and how they refuse."""

from collections import namedtuple

import pytest

import tensorcore as tc
from tensorcore.data import (
    BatchSampler,
    ConcatDataset,
    DataLoader,
    Dataset,
    IterableDataset,
    LengthBatchSampler,
    RandomSampler,
    SequentialSampler,
    Subset,
    SubsetRandomSampler,
    TensorDataset,
    WeightedRandomSampler,
    default_collate,
    pad_collate,
    pad_sequence,
    random_split,
)


def test_tensor_dataset() -> None:
    data = TensorDataset(tc.arange(6).reshape((3, 2)), tc.asarray([7, 8, 9]))
    assert len(data) == 3
    assert [part.tolist() for part in data[-1]] == [[4, 5], 9]
    assert [part.tolist() for part in data.get_batch(tc.asarray([2, 0]))] == [[[4, 5], [0, 1]], [9, 7]]
    with pytest.raises(ValueError, match=r"first extents must be equal, got shapes \(2,\), \(3,\)"):
        TensorDataset(tc.zeros(2), tc.zeros(3))
    with pytest.raises(ValueError, match="at least one"):
        TensorDataset()
    with pytest.raises(ValueError, match=r"got shapes \(\)"):
        TensorDataset(tc.asarray(1.0))
    with pytest.raises(IndexError):
        data[3]


def test_concat_and_subset() -> None:
    both = ConcatDataset([range(3), range(10, 12)])
    assert [both[i] for i in range(-5, 5)] == [0, 1, 2, 10, 11] * 2
    assert len(TensorDataset(tc.zeros(2)) + TensorDataset(tc.zeros(3))) == 5
    part = Subset(both, [4, 0])
    assert [part[0], part[1], part[-1]] == [11, 0, 0]
    assert len(Subset(both, [])) == 0
    for bad in (5, -6):
        with pytest.raises(IndexError, match=r"\[-5, 5\)"):
            both[bad]
    with pytest.raises(IndexError, match="got 5"):
        Subset(both, [0, 5])
    with pytest.raises(TypeError, match="integers"):
        Subset(both, [0.5])
    with pytest.raises(TypeError, match="numbered"):
        ConcatDataset([IterableDataset()])
    with pytest.raises(ValueError, match="at least one"):
        ConcatDataset([])


def test_bases_say_what_to_define() -> None:
    with pytest.raises(TypeError, match="__getitem__"):
        Dataset()[0]
    with pytest.raises(TypeError, match="__iter__"):
        iter(IterableDataset())


@pytest.mark.filterwarnings("ignore:Length of split")
@pytest.mark.parametrize("n", [0, 1, 5, 10, 11, 13, 99, 1000])
@pytest.mark.parametrize("fractions", [(0.6, 0.2, 0.2), (0.5, 0.5), (1 / 3, 1 / 3, 1 / 3), (0.9, 0.05, 0.05), (1.0,)])
def test_random_split_by_fractions_as_pytorch(n, fractions) -> None:
    torch_data = pytest.importorskip("torch.utils.data")
    expected = [len(p) for p in torch_data.random_split(range(n), fractions)] if n else [0] * len(fractions)
    parts = random_split(range(n), fractions, generator=tc.Generator(1))
    assert [len(p) for p in parts] == expected
    assert sorted(p[i] for p in parts for i in range(len(p))) == list(range(n))


def test_random_split() -> None:
    def sizes(n, lengths):
        return [len(p) for p in random_split(range(n), lengths)]

    assert sizes(10, (6, 2, 2)) == sizes(10, (60, 20, 20)) == [6, 2, 2]
    assert sizes(13, (6, 2, 2)) == [8, 3, 2]
    assert sizes(7, (3, 4)) == [3, 4]
    first, second = (random_split(range(50), (25, 25), generator=tc.Generator(s))[0].indices.tolist() for s in (1, 1))
    assert first == second != random_split(range(50), (25, 25), generator=tc.Generator(2))[0].indices.tolist()
    for bad in ((50, 40), (0.5, 0.6), (-1, 101), (), ("a",), (True,), (float("nan"), 1.0)):
        with pytest.raises(ValueError, match="random_split"):
            random_split(range(100), bad)


def test_plain_samplers() -> None:
    assert list(SequentialSampler(range(4))) == [0, 1, 2, 3]
    g = tc.Generator(0)
    sampler = RandomSampler(range(100), generator=g)
    first, second = list(sampler), list(sampler)
    assert sorted(first) == sorted(second) == list(range(100))
    assert first != second
    drawn = list(RandomSampler(range(5), replacement=True, num_samples=200, generator=g))
    assert len(drawn) == 200
    assert set(drawn) == set(range(5))
    rounds = list(RandomSampler(range(4), num_samples=10, generator=g))
    assert sorted(rounds[:4]) == sorted(rounds[4:8]) == [0, 1, 2, 3]
    assert len(rounds) == 10
    assert sorted(SubsetRandomSampler([7, 3, 5], generator=g)) == [3, 5, 7]
    assert list(SubsetRandomSampler([])) == []
    assert list(BatchSampler([1, 2, 3, 4, 5], 2, drop_last=True)) == [[1, 2], [3, 4]]
    assert [len(BatchSampler(range(5), 2, drop)) for drop in (False, True)] == [3, 2]
    for make in (lambda: RandomSampler(range(3), num_samples=0), lambda: BatchSampler(range(3), 0)):
        with pytest.raises(ValueError, match="at least 1"):
            make()
    with pytest.raises(ValueError, match="empty"):
        list(RandomSampler([], replacement=True, num_samples=3))


@pytest.mark.parametrize("replacement", [True, False])
def test_weighted_sampler_draws_by_weight(replacement) -> None:
    weights = [0.0, 1.0, 3.0, 0.0, 4.0, 0.0]
    g = tc.Generator(3)
    count = [0] * 6
    runs = 4000
    for _ in range(1 if replacement else runs):
        picked = list(WeightedRandomSampler(weights, runs if replacement else 1, replacement, generator=g))
        for i in picked:
            count[i] += 1
    for n, weight in zip(count, weights, strict=True):
        p = weight / 8
        assert abs(n - runs * p) <= 5 * (runs * p * (1 - p)) ** 0.5  # five standard deviations of a binomial count
    assert sorted(WeightedRandomSampler(weights, 3, False, generator=g)) == [1, 2, 4]


@pytest.mark.parametrize(
    ("weights", "n", "replacement"),
    [
        ([1, -1], 1, True),
        ([0, 0], 1, True),
        ([], 1, True),
        ([1, float("nan")], 1, True),
        ([1, 0], 2, False),
        ([1], 0, True),
    ],
)
def test_weighted_sampler_refuses(weights, n, replacement) -> None:
    with pytest.raises(ValueError, match="WeightedRandomSampler"):
        WeightedRandomSampler(weights, n, replacement)


def test_length_batches() -> None:
    lengths = tc.random.randint(1000, 1, 200, generator=tc.Generator(0)).tolist()
    sampler = LengthBatchSampler(lengths, 16, pool_batches=20, generator=tc.Generator(1))
    first, second = list(sampler), list(sampler)
    assert sorted(i for b in first for i in b) == list(range(1000))
    assert first != second
    assert len(sampler) == len(first) == 63
    plain = [list(range(i, min(i + 16, 1000))) for i in range(0, 1000, 16)]

    def padding(batches):
        return sum(max(lengths[i] for i in b) * len(b) - sum(lengths[i] for i in b) for b in batches)

    assert padding(first) < padding(plain) / 5
    assert all(len(b) == 16 for b in LengthBatchSampler(lengths, 16, drop_last=True))
    loader = DataLoader(range(1000), batch_sampler=sampler)
    assert [b.tolist() for b in loader] != [b.tolist() for b in loader]
    assert len(loader) == 63


Pair = namedtuple("Pair", "left right")


def test_default_collate() -> None:
    sample = {"x": tc.zeros((2, 3)), "n": 3, "f": 0.5, "b": True, "s": "text", "t": (1, [2.0, None]), "p": Pair(1, 2)}
    batch = default_collate([sample, sample])
    assert batch["x"].shape == (2, 2, 3)
    assert [batch[k].dtype for k in "nfb"] == [tc.int64, tc.float32, tc.bool]
    assert batch["s"] == ["text", "text"]
    assert isinstance(batch["t"], tuple)
    assert batch["t"][1][0].tolist() == [2, 2]
    assert batch["t"][1][1] == [None, None]
    assert isinstance(batch["p"], Pair)
    assert batch["p"].right.tolist() == [2, 2]
    np = pytest.importorskip("numpy")
    assert default_collate([np.zeros(3, np.uint8), np.ones(3, np.uint8)]).dtype == tc.uint8
    assert default_collate([np.float64(1), np.float64(2)]).tolist() == [1, 2]
    for bad in ([], [tc.zeros(2), tc.zeros(3)], [{"a": 1}, {"b": 1}], [(1,), (1, 2)]):
        with pytest.raises(ValueError, match="default_collate"):
            default_collate(bad)
    with pytest.raises(TypeError, match="got object"):
        default_collate([object()])


def test_pad_sequence_as_pytorch() -> None:
    torch = pytest.importorskip("torch")
    rows = [[1, 2, 3], [4], [5, 6]]
    for batch_first in (False, True):
        theirs = torch.nn.utils.rnn.pad_sequence([torch.tensor(r) for r in rows], batch_first, 9).tolist()
        assert pad_sequence([tc.asarray(r) for r in rows], batch_first, 9).tolist() == theirs


def test_pad_collate() -> None:
    (texts, lengths), labels = pad_collate([(tc.asarray([1, 2]), 0), (tc.asarray([3]), 1)], padding_value=7)
    assert texts.tolist() == [[1, 2], [3, 7]]
    assert lengths.tolist() == [2, 1]
    assert labels.tolist() == [0, 1]
    assert pad_sequence([tc.zeros((2, 3)), tc.zeros((0, 3))]).shape == (2, 2, 3)
    for bad in ([], [tc.zeros((2, 3)), tc.zeros((2, 4))], [tc.asarray(1.0)]):
        with pytest.raises(ValueError, match="pad_sequence"):
            pad_sequence(bad)
