"""Evenly spaced tensors, diagonals and triangles against NumPy."""

import itertools
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tensorcore as tc

ARANGES = [(5,), (1, 5), (5, 1, -2), (0, 10, 3), (5, 1), (-7, 7, 5), (10, -11, -7)]


@pytest.mark.parametrize("args", ARANGES)
def test_arange_of_integers(args: tuple) -> None:
    for dtype in ("int8", "int16", "int32", "int64", "float32", "float64"):
        np.testing.assert_array_equal(tc.arange(*args, dtype=getattr(tc, dtype)), np.arange(*args, dtype=dtype))
    assert tc.arange(*args).dtype is tc.int64


@settings(deadline=None)
@given(
    st.floats(-100, 100),
    st.floats(-100, 100),
    st.floats(0.01, 50) | st.floats(-50, -0.01),
)
def test_arange_of_floats(start: float, stop: float, step: float) -> None:
    x = np.asarray(tc.arange(start, stop, step, dtype=tc.float64))
    assert x.shape == np.arange(start, stop, step).shape
    exact = [float(Fraction(start) + i * Fraction(step)) for i in range(len(x))]
    assert x.tolist() == exact


def test_arange_at_the_ends_of_int64() -> None:
    low, high = -(2**63), 2**63 - 1
    assert tc.arange(low, high, 2**62).tolist() == list(range(low, high, 2**62))
    assert tc.arange(high, low, low).tolist() == [high, -1]
    with pytest.raises(OverflowError, match="arange: the integer 299 does not fit in uint8"):
        tc.arange(300, dtype=tc.uint8)
    with pytest.raises(OverflowError):
        tc.arange(-1, 3, dtype=tc.uint8)
    for huge in (2**61, 2**70, 1e300, float("inf")):
        with pytest.raises(ValueError, match="arange: "):
            tc.arange(huge)
    with pytest.raises(ValueError, match="arange: the number of elements must be finite"):
        tc.arange(float("nan"))
    with pytest.raises(ValueError, match="step must not be 0"):
        tc.arange(0, 1, 0)
    with pytest.raises(TypeError, match="arange: start must be a real number, got str"):
        tc.arange("3")


@pytest.mark.parametrize("endpoint", [True, False])
@pytest.mark.parametrize("args", [(0, 1, 5), (0, 1, 1), (0, 1, 0), (-3, 7, 11), (2, -5, 8), (0, 10, 4), (0.5, 2.25, 7)])
def test_linspace(args: tuple, endpoint: bool) -> None:
    expected = np.linspace(*args, endpoint=endpoint)
    np.testing.assert_allclose(
        tc.linspace(*args, endpoint=endpoint, dtype=tc.float64), expected, rtol=1e-15, atol=1e-15
    )
    np.testing.assert_array_equal(
        tc.linspace(*args, endpoint=endpoint, dtype=tc.int64),
        np.linspace(*args, endpoint=endpoint, dtype=np.int64),
    )


@settings(deadline=None)
@given(
    st.floats(allow_nan=False, allow_infinity=False),
    st.floats(allow_nan=False, allow_infinity=False),
    st.integers(2, 50),
)
def test_linspace_has_exact_ends_and_stays_between(start: float, stop: float, num: int) -> None:
    x = np.asarray(tc.linspace(start, stop, num, dtype=tc.float64))
    assert x[0] == start
    assert x[-1] == stop
    assert np.isfinite(x).all()


def test_linspace_of_large_integers_is_exact() -> None:
    low, high = -(2**63), 2**63 - 1
    got = tc.linspace(low, high, 4, dtype=tc.int64).tolist()
    assert got == [low + i * (high - low) // 3 for i in range(4)]
    with pytest.raises(ValueError, match="num must not be negative, got -1"):
        tc.linspace(0, 1, -1)
    with pytest.raises(OverflowError, match="does not fit in uint8"):
        tc.linspace(0, 256, 3, dtype=tc.uint8)
    with pytest.raises(OverflowError, match="does not fit in int32"):
        tc.linspace(0.5, 1e12, 3, dtype=tc.int32)


def test_eye_and_triangles_on_every_diagonal() -> None:
    for rows, columns, k in itertools.product(range(4), range(4), range(-5, 6)):
        np.testing.assert_array_equal(tc.eye(rows, columns, k=k), np.eye(rows, columns, k))
        m = np.arange(2.0 * rows * columns).reshape(2, rows, columns) + 1
        np.testing.assert_array_equal(tc.tril(tc.asarray(m), k=k), np.tril(m, k))
        np.testing.assert_array_equal(tc.triu(tc.asarray(m), k=k), np.triu(m, k))
    for k in (2**63 - 1, -(2**63), 2**70, -(2**70)):
        assert tc.eye(2, k=k).tolist() == [[0, 0], [0, 0]]
        assert tc.tril(tc.ones((2, 2)), k=k).tolist() == [[k > 0] * 2] * 2
    assert tc.eye(3, dtype=tc.bool).dtype is tc.bool


@pytest.mark.parametrize("indexing", ["xy", "ij"])
def test_meshgrid(indexing: str) -> None:
    for n in range(4):
        arrays = [np.arange(i + 2) for i in range(n)]
        got = tc.meshgrid(*map(tc.asarray, arrays), indexing=indexing)
        assert isinstance(got, list)
        for g, e in zip(got, np.meshgrid(*arrays, indexing=indexing), strict=True):
            np.testing.assert_array_equal(g, e)
