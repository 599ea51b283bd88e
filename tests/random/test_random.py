"""Random numbers: repeatability, independence of threads, distributions."""

import copy
import pickle
import subprocess
import sys
import threading

import numpy as np
import pytest

import tensorcore as tc
from tensorcore import random

DRAWS = [
    lambda g: random.rand(1000, generator=g),
    lambda g: random.rand(1000, generator=g, dtype=tc.float64),
    lambda g: random.randn((10, 100), generator=g, dtype=tc.float16),
    lambda g: random.normal(1000, 3, 2, generator=g, dtype=tc.float64),
    lambda g: random.uniform(1000, -1, 1, generator=g, dtype=tc.bfloat16),
    lambda g: random.randint(1000, 0, 77, generator=g),
    lambda g: random.randint(1000, -(2**63), 2**63, generator=g),
    lambda g: random.randperm(1000, generator=g),
    lambda g: random.bernoulli(1000, 0.3, generator=g),
]


@pytest.mark.parametrize("draw", DRAWS)
def test_same_state_same_numbers(draw) -> None:
    g = tc.Generator(123)
    state = g.get_state()
    first, second = draw(g).tolist(), draw(g).tolist()
    assert first != second
    g.set_state(state)
    assert draw(g).tolist() == first
    assert draw(pickle.loads(pickle.dumps(g))).tolist() == second
    assert draw(copy.deepcopy(g)).tolist() == second
    assert draw(tc.Generator(123)).tolist() == first
    assert draw(tc.Generator(124)).tolist() != first


@pytest.mark.parametrize("draw", DRAWS)
def test_a_draw_moves_past_its_numbers(draw) -> None:
    """Consecutive draws must not overlap in the stream: equal neighbours would be a sign of it."""
    g = tc.Generator(5)
    before = g.get_state()[1]
    draw(g)
    assert g.get_state()[1] >= before + 1000 // 4


def test_default_generator() -> None:
    assert tc.manual_seed(7) is random.default_generator
    a = random.rand(4).tolist()
    assert random.rand(4).tolist() != a
    tc.manual_seed(7)
    assert random.rand(4).tolist() == a
    assert random.rand(4, generator=tc.Generator(7)).tolist() == a


DIGEST = """
import hashlib, sys
import tensorcore as tc
from tensorcore import random
n = 300_001
g = tc.Generator(2**63 + 11)
draws = [
    random.rand(n, generator=g), random.randn(n, generator=g, dtype=tc.float64),
    random.randn(n, generator=g, dtype=tc.bfloat16), random.randint(n, -5, 10**6, generator=g),
    random.randint(n, 0, 2**40 + 1, generator=g), random.randperm(n, generator=g),
    random.bernoulli(n, 0.1, generator=g, dtype=tc.bool),
    tc.nn.functional.dropout(tc.ones(n), generator=g),
]
print(hashlib.sha256(b"".join(bytes(tc._core.as_bytes(x)) for x in draws)).hexdigest())
"""


def test_same_bits_on_any_number_of_threads_and_instruction_set() -> None:
    import os

    digests = set()
    for threads, isa in (("1", "avx512"), ("2", "avx512"), ("5", "avx2"), ("3", "baseline")):
        env = {**os.environ, "OMP_NUM_THREADS": threads, "TENSORCORE_ISA": isa}
        done = subprocess.run([sys.executable, "-c", DIGEST], capture_output=True, text=True, env=env, check=False)
        if "Error" in done.stderr and isa != "avx512" and "no kernel" in done.stderr:
            continue  # built for one instruction set only
        assert done.returncode == 0, done.stderr
        digests.add(done.stdout)
    assert len(digests) == 1


def test_threads_share_a_generator() -> None:
    g, parts = tc.Generator(3), []

    def work() -> None:
        for _ in range(50):
            parts.append(random.randint(64, 0, 2**62, generator=g).tolist())

    workers = [threading.Thread(target=work) for _ in range(4)]
    for w in workers:
        w.start()
    for w in workers:
        w.join()
    values = [v for part in parts for v in part]
    assert len(set(values)) == len(values)  # no draw was handed out twice


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
def test_uniform_distribution(dtype: str) -> None:
    kind = getattr(tc, dtype)
    x = random.rand(200_000, generator=tc.Generator(1), dtype=kind).astype(tc.float64)
    x = np.asarray(x)
    assert x.min() >= 0
    assert x.max() < 1
    assert abs(x.mean() - 0.5) < 5 * np.sqrt(1 / 12 / x.size) + 0.002 * (dtype == "bfloat16")
    assert abs(x.var() - 1 / 12) < 0.001
    counts = np.bincount((x * 16).astype(int), minlength=16)
    if dtype in ("float32", "float64"):
        assert ((counts - x.size / 16) ** 2 / (x.size / 16)).sum() < 45  # chi², 15 degrees, p ≈ 1e-4
        stats = pytest.importorskip("scipy.stats")
        assert stats.kstest(x, "uniform").pvalue > 1e-4
        # Neighbours, and elements a tile apart, are independent.
        for lag in (1, 16, 32, 64):
            assert abs(np.corrcoef(x[:-lag], x[lag:])[0, 1]) < 5 / np.sqrt(x.size)


@pytest.mark.parametrize(("low", "high"), [(-3, 5), (1, 1), (60000, 65504), (-1, 0), (0.1, 0.1001)])
@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
def test_uniform_stays_below_high(dtype: str, low: float, high: float) -> None:
    kind = getattr(tc, dtype)
    x = random.uniform(50_000, low, high, generator=tc.Generator(2), dtype=kind)
    x = np.asarray(x.astype(tc.float64))
    slack = abs(low) * tc.finfo(kind).eps
    assert np.isfinite(x).all()
    assert x.min() >= low - slack
    assert x.max() < high or (low == high and x.max() <= high + slack) or high - low < slack


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
def test_normal_distribution(dtype: str) -> None:
    kind = getattr(tc, dtype)
    x = random.normal(200_000, -2, 3, generator=tc.Generator(4), dtype=kind).astype(tc.float64)
    z = (np.asarray(x) + 2) / 3
    assert np.isfinite(z).all()
    bias = 3e-4 if dtype == "bfloat16" else 0
    assert abs(z.mean()) < 5 / np.sqrt(z.size) + bias
    assert abs(z.var() - 1) < 5 * np.sqrt(2 / z.size) + 3 * bias
    assert abs((z**3).mean()) < 5 * np.sqrt(15 / z.size) + 10 * bias
    assert abs((z**4).mean() - 3) < 5 * np.sqrt(96 / z.size) + 10 * bias
    assert np.abs(z).max() > 4  # tails are there
    if dtype in ("float32", "float64"):
        stats = pytest.importorskip("scipy.stats")
        assert stats.kstest(z, "norm").pvalue > 1e-4
        for lag in (1, 16, 32, 64):
            assert abs(np.corrcoef(z[:-lag], z[lag:])[0, 1]) < 5 / np.sqrt(z.size)


@pytest.mark.parametrize(
    ("low", "high"), [(0, 1), (0, 7), (-128, 128), (5, 2**31 + 5), (0, 2**32), (-(2**40), 3 * 2**40)]
)
def test_integers(low: int, high: int) -> None:
    x = np.asarray(random.randint(100_000, low, high, generator=tc.Generator(6)))
    assert x.dtype == np.int64
    assert low <= x.min() <= x.max() < high
    bins = min(16, high - low)
    counts = np.bincount(((x - low) * bins // (high - low)).astype(int), minlength=bins)
    share = np.diff([-(-i * (high - low) // bins) for i in range(bins + 1)]) / (high - low)
    expected = share * x.size
    assert ((counts - expected) ** 2 / expected).sum() < 45


def test_integers_fill_their_dtype() -> None:
    for kind in (tc.uint8, tc.int8):
        info = tc.iinfo(kind)
        x = random.randint(20_000, info.min, info.max + 1, generator=tc.Generator(1), dtype=kind)
        assert sorted(set(x.tolist())) == list(range(info.min, info.max + 1))


def test_permutations() -> None:
    for n in (0, 1, 2, 63, 64, 65, 5000):
        x = random.randperm(n, generator=tc.Generator(n)).tolist()
        assert sorted(x) == list(range(n))
    g, counts = tc.Generator(9), {}
    for _ in range(6000):
        order = tuple(random.randperm(3, generator=g).tolist())
        counts[order] = counts.get(order, 0) + 1
    assert len(counts) == 6
    assert sum((c - 1000) ** 2 / 1000 for c in counts.values()) < 26  # 5 degrees, p ≈ 1e-4


def test_bernoulli() -> None:
    for p in (0, 0.25, 1):
        x = np.asarray(random.bernoulli(100_000, p, generator=tc.Generator(1), dtype=tc.float64))
        assert set(x.tolist()) <= {0.0, 1.0}
        assert abs(x.mean() - p) <= 5 * np.sqrt(p * (1 - p) / x.size)


ERRORS = [
    (lambda: random.rand(-1), ValueError, "extents must not be negative"),
    (lambda: random.rand((2**40, 2**40)), ValueError, "too large"),
    (lambda: random.rand(3, dtype=tc.int32), TypeError, "uniform: dtype must be floating-point"),
    (lambda: random.randn(3, generator=5), TypeError, "generator must be a Generator, got int"),
    (lambda: random.uniform(3, 2, 1), ValueError, "uniform: needs finite low <= high, got 2 and 1"),
    (lambda: random.normal(3, 0, -1), ValueError, "normal: needs a finite mean and std >= 0"),
    (lambda: random.normal(3, tc.nan), ValueError, "normal: needs a finite mean"),
    (lambda: random.randint(3, 5, 5), ValueError, "randint: needs low < high, got 5 and 5"),
    (lambda: random.randint(3, 0, 257, dtype=tc.uint8), OverflowError, "does not fit in uint8"),
    (lambda: random.randint(3, 0, 2, dtype=tc.float32), TypeError, "must be an integer dtype"),
    (lambda: random.randperm(-1), ValueError, "randperm: n must not be negative"),
    (lambda: random.bernoulli(3, 1.5), ValueError, r"bernoulli: p must be in \[0, 1\]"),
    (lambda: tc.Generator(-1), ValueError, "the seed must be in"),
    (lambda: tc.Generator(1.5), TypeError, "float"),
    (lambda: tc.Generator(1).set_state((1,)), ValueError, "set_state: needs"),
    (lambda: random.rand(3, device="cuda:99"), RuntimeError, "device: 'cuda:99' does not exist"),
]


@pytest.mark.parametrize(("call", "kind", "text"), ERRORS)
def test_errors(call, kind: type[Exception], text: str) -> None:
    with pytest.raises(kind, match=text):
        call()
