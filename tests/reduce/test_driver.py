"""The reduction driver on random shapes, axes, layouts and dtypes; the same bits on any number of threads."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tensorcore as tc
from tensorcore import testing

NAMES = ("sum", "mean", "prod", "var", "std", "max", "min", "all", "any", "count_nonzero")
DTYPES = ("bool", "uint8", "int8", "int16", "int32", "int64", "float16", "bfloat16", "float32", "float64")


@st.composite
def cases(draw):
    """Values, the same as a tensor in some layout, and axes."""
    ndim = draw(st.integers(0, 4))
    shape = tuple(draw(st.lists(st.sampled_from([1, 2, 3, 5, 17, 33, 70]), min_size=ndim, max_size=ndim)))
    while np.prod(shape) > 40_000:
        shape = shape[1:]
    ndim = len(shape)
    dtype = draw(st.sampled_from(DTYPES))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    values = rng.integers(0, 3, shape) if dtype in DTYPES[:6] else rng.uniform(0.5, 1.5, shape)
    x = tc.asarray(np.asarray(values)).astype(getattr(tc, dtype))
    order = tuple(draw(st.permutations(range(ndim))))
    if order:
        x = x.permute_dims(order)
    keys = tuple(slice(None, None, draw(st.sampled_from([1, 1, -1, 2, -3]))) for _ in range(ndim))
    if keys:
        x = x[keys]
    if ndim and draw(st.booleans()):
        x = tc.broadcast_to(x, (3, *x.shape))
        ndim += 1
    axes = draw(st.lists(st.sampled_from(range(ndim)), unique=True)) if ndim else []
    return x, tuple(a - ndim if draw(st.booleans()) else a for a in axes), draw(st.booleans())


@settings(max_examples=300, deadline=None)
@given(cases(), st.sampled_from(NAMES))
def test_agrees_with_numpy(case, name) -> None:
    x, axes, keepdims = case
    exact = testing.to_float64(x)
    with np.errstate(all="ignore"):
        expected = getattr(np, name)(exact, axis=axes, keepdims=keepdims)
        got = getattr(tc, name)(x, axis=axes, keepdims=keepdims)
        terms = int(exact.size / max(1, np.size(expected)))
        if name == "prod" and got.dtype.kind == "float":
            expected = testing.to_float64(tc.asarray(np.asarray(expected)).astype(got.dtype))  # overflow of the dtype
            usable = np.isfinite(expected) & np.isfinite(testing.to_float64(got))
            np.testing.assert_allclose(
                testing.to_float64(got)[usable], expected[usable], rtol=testing.tolerance(got.dtype, terms), atol=1e-7
            )
        elif name == "prod":
            wide = np.asarray(exact).astype(np.int64)
            np.testing.assert_array_equal(testing.to_float64(got), np.prod(wide, axis=axes, keepdims=keepdims))
        else:
            testing.assert_close(got, expected, terms=terms)


@settings(max_examples=150, deadline=None)
@given(cases(), st.sampled_from(["argmax", "argmin"]))
def test_positions_agree_with_numpy(case, name) -> None:
    x, axes, keepdims = case
    exact = testing.to_float64(x)
    axis = axes[0] if axes else None
    got = getattr(tc, name)(x, axis=axis, keepdims=keepdims)
    np.testing.assert_array_equal(np.array(got), getattr(np, name)(exact, axis=axis, keepdims=keepdims))


@pytest.mark.parametrize("shape", [(300_000,), (700, 900), (3, 100_000), (100_000, 3), (20_000, 33), (40, 30, 50, 4)])
@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_bits_do_not_depend_on_threads(rng, shape, dtype) -> None:
    x = tc.asarray(rng.standard_normal(shape)).astype(getattr(tc, dtype))
    before = tc.get_num_threads()
    results = []
    try:
        for threads in (1, 2, 3):
            tc.set_num_threads(threads)
            parts = []
            for name in ("sum", "mean", "var", "max", "logsumexp"):
                for axis in (None, *range(x.ndim)):
                    parts.append(np.array(getattr(tc, name)(x, axis=axis).astype(tc.float64)))
            results.append(parts)
    finally:
        tc.set_num_threads(before)
    for other in results[1:]:
        for a, b in zip(results[0], other, strict=True):
            np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("shape", [(5_000_000,), (200_000, 16)])
def test_sums_of_one_sign_stay_accurate(shape) -> None:
    """Adding 0.1 in float32 one by one loses three digits on five million terms; sums by parts do not."""
    x = tc.full(shape, 0.1, dtype=tc.float32)
    exact = float(np.float32(0.1)) * shape[0]
    got = np.array(tc.sum(x, axis=0), dtype=np.float64)
    assert np.all(np.abs(got - exact) <= 1e-6 * exact)


def test_variance_far_from_zero() -> None:
    """The textbook formula E[x²] - E[x]² gives noise here."""
    x = np.float64(1e6) + np.random.default_rng(0).standard_normal((4000, 40))
    exact = testing.to_float64(tc.asarray(x.astype(np.float32)))
    for axis in (0, 1, None):
        got = testing.to_float64(tc.var(tc.asarray(x.astype(np.float32)), axis=axis))
        np.testing.assert_allclose(got, np.var(exact, axis=axis), rtol=1e-4)


@pytest.mark.parametrize("length", [3, 40, 5000])
@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_nan_and_infinities_propagate(length, axis, dtype) -> None:
    x = np.random.default_rng(1).standard_normal((length, 6) if axis == 0 else (6, length))
    lines = x if axis == 1 else x.T
    lines[1, length // 2] = lines[1, -1] = np.nan
    lines[2, 0] = np.nan
    lines[3, -1] = np.inf
    lines[4, :] = -np.inf
    lines[5, 1], lines[5, 2] = np.inf, -np.inf
    x = x.astype(dtype)
    t = tc.asarray(x)
    for name in ("max", "min", "argmax", "argmin"):
        np.testing.assert_array_equal(np.array(getattr(tc, name)(t, axis=axis)), getattr(np, name)(x, axis=axis))
    with np.errstate(all="ignore"):
        np.testing.assert_array_equal(
            np.isnan(np.array(tc.sum(t, axis=axis))), np.isnan(np.sum(x.astype(np.float64), axis=axis))
        )
        np.testing.assert_array_equal(
            np.isnan(np.array(tc.var(t, axis=axis))), np.isnan(np.var(x.astype(np.float64), axis=axis))
        )
    got = np.array(tc.logsumexp(t, axis=axis))
    assert np.isnan(got[[1, 2]]).all()
    assert got[3] == np.inf
    assert got[4] == -np.inf
    assert got[5] == np.inf


def test_empty() -> None:
    x = tc.zeros((0, 3))
    assert np.array(tc.sum(x, axis=0)).tolist() == [0, 0, 0]
    assert np.array(tc.prod(x, axis=0)).tolist() == [1, 1, 1]
    assert np.isnan(np.array(tc.mean(x, axis=0))).all()
    assert np.isnan(np.array(tc.var(x))).all()
    assert np.array(tc.logsumexp(x)) == -np.inf
    assert tc.sum(x, axis=1).shape == (0,)
    assert tc.max(x, axis=1).shape == (0,)
    assert tc.argmax(x, axis=1).shape == (0,)


def test_gradients_agree_with_torch(rng) -> None:
    torch = pytest.importorskip("torch")
    x = rng.integers(0, 4, (5, 6, 7)).astype(np.float64)  # zeros and ties
    for name, peer in {
        "sum": lambda a, d: a.sum(d),
        "mean": lambda a, d: a.mean(d),
        "prod": lambda a, d: a.prod(d),
        "max": lambda a, d: a.amax(d),
        "min": lambda a, d: a.amin(d),
        "var": lambda a, d: a.var(d, correction=1),
        "std": lambda a, d: a.std(d, correction=1),
        "logsumexp": lambda a, d: a.logsumexp(d),
        "cumulative_sum": lambda a, d: a.cumsum(d),
        "cumulative_prod": lambda a, d: a.cumprod(d),
        "sort": lambda a, d: a.sort(dim=d, stable=True)[0],
    }.items():
        for axis in range(3):
            a = torch.tensor(x, requires_grad=True)
            b = tc.tensor(x, requires_grad=True)
            options = {"correction": 1} if name in ("var", "std") else {}
            expected = peer(a, axis)
            got = getattr(tc, name)(b, axis=axis, **options)
            weights = rng.standard_normal(tuple(expected.shape))
            (expected * torch.tensor(weights)).sum().backward()
            (got * tc.asarray(weights)).sum().backward()
            np.testing.assert_allclose(np.array(got.detach()), expected.detach().numpy(), atol=1e-12)
            np.testing.assert_allclose(np.array(b.grad), a.grad.numpy(), atol=1e-9, err_msg=f"{name} {axis}")
