"""Order with NaN, signed zeros and ties; distinct values; sizes that take every path."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tensorcore as tc
from tensorcore import testing

SPECIAL = np.array([0.0, -0.0, np.nan, 1.0, -1.0, np.inf, -np.inf, np.nan, 0.0, -0.0])


@settings(max_examples=200, deadline=None)
@given(
    st.sampled_from(["uint8", "int8", "int16", "int32", "int64", "float16", "bfloat16", "float32", "float64"]),
    st.sampled_from([0, 1, 2, 47, 48, 49, 300, 1000]),
    st.integers(1, 200),
    st.booleans(),
    st.integers(0, 2**32 - 1),
)
def test_argsort_is_stable(dtype, n, distinct, descending, seed) -> None:
    values = np.random.default_rng(seed).integers(0, min(distinct, 127), (2, n))
    values = values - (0 if dtype == "uint8" else distinct // 2 % 100)
    x = tc.asarray(values).astype(getattr(tc, dtype))
    exact = testing.to_float64(x).astype(np.float64)
    expected = np.argsort(-exact if descending else exact, axis=-1, kind="stable")
    np.testing.assert_array_equal(np.array(tc.argsort(x, descending=descending)), expected)
    np.testing.assert_array_equal(
        testing.to_float64(tc.sort(x, descending=descending)), np.take_along_axis(exact, expected, -1)
    )
    if n:
        k = n // 9 if seed % 2 else n // 2
        got, positions = tc.topk(x, k, largest=descending)
        np.testing.assert_array_equal(np.array(positions), expected[:, :k])
        np.testing.assert_array_equal(testing.to_float64(got), np.take_along_axis(exact, expected[:, :k], -1))


@pytest.mark.parametrize("repeats", [1, 30])
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_special_values(dtype, repeats) -> None:
    values = np.tile(SPECIAL, repeats).astype(dtype)
    x = tc.asarray(values)
    order = np.array(tc.argsort(x))
    np.testing.assert_array_equal(order, np.argsort(values, kind="stable"))
    y = np.array(tc.sort(x))
    np.testing.assert_array_equal(np.signbit(y), np.signbit(values[order]))
    down = np.array(tc.argsort(x, descending=True))
    assert np.isnan(values[down[: 2 * repeats]]).all()
    rest = values[down[2 * repeats :]]
    assert (rest[:-1] >= rest[1:]).all()


def test_extreme_integers() -> None:
    for dtype in ("int8", "int16", "int32", "int64"):
        info = np.iinfo(dtype)
        x = np.array([0, info.max, info.min, -1, 1] * 20, dtype)
        np.testing.assert_array_equal(np.array(tc.sort(tc.asarray(x))), np.sort(x))


@pytest.mark.parametrize("repeats", [1, 30])
def test_unique_of_special_values(repeats) -> None:
    values = np.tile(SPECIAL, repeats)
    u = tc.unique_all(tc.asarray(values))
    v, c, i, inverse = (np.array(part) for part in (u.values, u.counts, u.indices, u.inverse_indices))
    np.testing.assert_array_equal(v[:5], [-np.inf, -1, 0, 1, np.inf])
    assert np.isnan(v[5:]).all()
    assert len(v) == 5 + 2 * repeats  # every NaN is a value of its own
    np.testing.assert_array_equal(c, [repeats, repeats, 4 * repeats, repeats, repeats] + [1] * (2 * repeats))
    np.testing.assert_array_equal(values[i], v)
    np.testing.assert_array_equal(v[inverse], values)
    assert i[2] == 0


def test_searchsorted_between_dtypes() -> None:
    row = tc.asarray([1, 2, 2, 3])
    wanted = tc.asarray([1.5, 2.0, 9.0, float("nan")])
    assert np.array(tc.searchsorted(row, wanted)).tolist() == [1, 1, 4, 4]
    assert np.array(tc.searchsorted(row, wanted, side="right")).tolist() == [1, 3, 4, 4]
    assert tc.searchsorted(tc.zeros((0,)), wanted).shape == (4,)


def test_bincount_of_nothing() -> None:
    assert tc.bincount(tc.zeros((0,), dtype=tc.int64)).shape == (0,)
    assert np.array(tc.bincount(tc.zeros((0,), dtype=tc.int64), minlength=2)).tolist() == [0, 0]


@given(st.lists(st.booleans(), min_size=0, max_size=60), st.integers(1, 4))
@settings(max_examples=50, deadline=None)
def test_nonzero_across_chunks(pattern, width) -> None:
    mask = np.tile(np.array(pattern, dtype=bool), 4000)[: len(pattern) * 4000 // width * width].reshape(-1, width)
    for got, expected in zip(tc.nonzero(tc.asarray(mask)), np.nonzero(mask), strict=True):
        np.testing.assert_array_equal(np.array(got), expected)


def test_diff_with_ends() -> None:
    x = np.array([[1.0, 4.0, 9.0], [2.0, 3.0, 5.0]])
    ends = np.zeros((2, 1))
    got = tc.diff(tc.asarray(x), prepend=tc.asarray(ends), append=tc.asarray(ends))
    np.testing.assert_array_equal(np.array(got), np.diff(x, prepend=ends, append=ends))


def test_runtime_settings() -> None:
    before = tc.get_num_threads()
    try:
        tc.set_num_threads(1)
        assert tc.get_num_threads() == 1
    finally:
        tc.set_num_threads(before)
    with pytest.raises(ValueError, match=r"^set_num_threads: count must be between 1 and 1024, got 0$"):
        tc.set_num_threads(0)
    base = tc.memory_stats()["allocated"]
    x = tc.zeros((1000, 1000))
    assert tc.memory_stats()["allocated"] >= base + 4_000_000
    del x
    assert tc.memory_stats()["allocated"] <= base + 1000
    before = tc.memory_stats()["cached"]
    tc.empty_cache()
    assert tc.memory_stats()["cached"] <= before - 4_000_000 // 2 or before < 1 << 20  # holes between live blocks stay
    with pytest.raises(ValueError, match=r"^set_cache_limit: bytes must be at least 0, got -1$"):
        tc.set_cache_limit(-1)
