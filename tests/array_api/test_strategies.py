"""Random arrays through functions of the array API standard, with array_api_strict as the oracle.

The arrays come from hypothesis' own strategies for the standard, which are made from the package's
functions and so exercise them as any array consumer would.
"""

import array_api_strict as strict
import numpy as np
import pytest
from hypothesis import HealthCheck, given, reject, settings
from hypothesis import strategies as st
from hypothesis.extra.array_api import make_strategies_namespace

import tensorcore as tc

xps = make_strategies_namespace(tc, api_version="2024.12")
INTS = ("uint8", "int8", "int16", "int32", "int64")
FLOATS = ("float32", "float64")
EXAMPLES = settings(
    max_examples=25,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


def elements(dtype: str) -> dict:
    """Values on which rounding cannot change a result's meaning."""
    if dtype in FLOATS:
        return {"min_value": -8, "max_value": 8, "allow_subnormal": False}
    if dtype == "bool":
        return {}
    return {"min_value": 0 if dtype == "uint8" else -9, "max_value": 9}


def arrays(dtype: str, shape=None, **kwargs) -> st.SearchStrategy:
    shape = xps.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4) if shape is None else shape
    return xps.arrays(dtype, shape, elements={**elements(dtype), **kwargs})


def to_strict(x: object) -> object:
    if isinstance(x, tc.Tensor):
        return strict.asarray(np.asarray(x), copy=True)
    if isinstance(x, (list, tuple)) and any(isinstance(v, tc.Tensor) for v in x):
        return type(x)(map(to_strict, x))
    return getattr(strict, x.name) if isinstance(x, tc.DType) else x


def assert_same(ours: object, theirs: object) -> None:
    if isinstance(theirs, (list, tuple)):
        assert isinstance(ours, (list, tuple))
        assert len(ours) == len(theirs)
        for a, b in zip(ours, theirs, strict=True):
            assert_same(a, b)
        return
    a, b = np.asarray(ours), np.asarray(theirs)
    assert a.dtype == b.dtype
    assert a.shape == b.shape
    if a.dtype.kind == "f":
        tolerance = 200 * np.finfo(a.dtype).eps
        size = max(1.0, float(np.abs(b[np.isfinite(b)]).max(initial=1.0)))
        np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance * size)
    else:
        np.testing.assert_array_equal(a, b)


def check(name: str, *args: object, **kwargs: object) -> None:
    """Both libraries give the same result, or both refuse."""
    if any(isinstance(a, tc.Tensor) and a.ndim == 0 for a in args) and isinstance(kwargs.get("axis"), int):
        reject()  # NumPy, behind the oracle, takes axes that a 0-d array does not have
    mirrored = [to_strict(a) for a in args]
    settings_ = {k: to_strict(v) for k, v in kwargs.items()}
    with np.errstate(all="ignore"):
        try:
            theirs = getattr(strict, name)(*mirrored, **settings_)
        except (ValueError, TypeError, IndexError) as error:
            with pytest.raises((ValueError, TypeError, IndexError)):
                getattr(tc, name)(*args, **kwargs)
            assert error is not None
            return
    assert_same(getattr(tc, name)(*args, **kwargs), theirs)


UNARY = {
    "abs": INTS + FLOATS, "atan": FLOATS, "asinh": FLOATS, "bitwise_invert": ("bool", *INTS), "ceil": INTS + FLOATS,
    "cos": FLOATS, "cosh": FLOATS, "exp": FLOATS, "expm1": FLOATS, "floor": INTS + FLOATS, "isfinite": INTS + FLOATS,
    "isinf": FLOATS, "isnan": FLOATS, "logical_not": ("bool",), "negative": INTS[1:] + FLOATS, "positive": INTS + FLOATS,
    "round": INTS + FLOATS, "sign": INTS + FLOATS, "signbit": FLOATS, "sin": FLOATS, "sinh": FLOATS,
    "square": INTS + FLOATS, "tanh": FLOATS, "trunc": INTS + FLOATS, "sqrt": FLOATS, "log1p": FLOATS, "log": FLOATS,
}  # fmt: skip
BINARY = {
    "add": INTS + FLOATS, "atan2": FLOATS, "bitwise_and": ("bool", *INTS), "bitwise_or": ("bool", *INTS),
    "bitwise_xor": ("bool", *INTS), "copysign": FLOATS, "divide": FLOATS, "equal": ("bool", *INTS, *FLOATS),
    "floor_divide": INTS[1:] + FLOATS, "greater": INTS + FLOATS, "hypot": FLOATS, "less_equal": INTS + FLOATS,
    "logaddexp": FLOATS, "logical_and": ("bool",), "logical_xor": ("bool",), "maximum": INTS + FLOATS,
    "minimum": INTS + FLOATS, "multiply": INTS + FLOATS, "not_equal": ("bool", *INTS, *FLOATS),
    "remainder": INTS[1:] + FLOATS, "subtract": INTS + FLOATS,
}  # fmt: skip


@pytest.mark.parametrize("name", UNARY)
@EXAMPLES
@given(st.data())
def test_unary(name: str, data) -> None:
    check(name, data.draw(arrays(data.draw(st.sampled_from(UNARY[name])))))


@pytest.mark.parametrize("name", BINARY)
@EXAMPLES
@given(st.data())
def test_binary_broadcasts_and_promotes(name: str, data) -> None:
    shapes = data.draw(xps.mutually_broadcastable_shapes(2, max_dims=3, max_side=4)).input_shapes
    kinds = [data.draw(st.sampled_from(BINARY[name]))]
    same = [k for k in BINARY[name] if getattr(tc, k).kind.lstrip("u") == getattr(tc, kinds[0]).kind.lstrip("u")]
    kinds.append(data.draw(st.sampled_from(same)))
    x, y = (data.draw(arrays(k, s)) for k, s in zip(kinds, shapes, strict=True))
    if name in ("floor_divide", "remainder"):  # a quotient next to an integer may round to either side
        x, y = (tc.asarray(np.round(np.asarray(v)).astype(k)) for v, k in zip((x, y), kinds, strict=True))
        y = tc.where(y == 0, tc.ones_like(y), y)
    check(name, x, y)


AXES = st.none() | st.integers(-4, 3) | st.lists(st.integers(-3, 2), max_size=3).map(tuple)


@pytest.mark.parametrize("name", ["sum", "prod", "max", "min", "mean", "var", "std", "all", "any"])
@EXAMPLES
@given(st.data())
def test_reductions(name: str, data) -> None:
    kinds = (
        ("bool", *INTS, *FLOATS)
        if name in ("all", "any")
        else FLOATS
        if name in ("mean", "var", "std")
        else INTS + FLOATS
    )
    kinds = [k for k in kinds if k != "uint8" or name not in ("sum", "prod")]  # strict sums these in uint64
    sides = {"min_side": 1} if name in ("max", "min", "mean", "var", "std") else {"min_side": 0}
    x = data.draw(
        arrays(data.draw(st.sampled_from(kinds)), xps.array_shapes(min_dims=0, max_dims=3, max_side=4, **sides))
    )
    check(name, x, axis=data.draw(AXES), keepdims=data.draw(st.booleans()))


@pytest.mark.parametrize("name", ["cumulative_sum", "cumulative_prod"])
@EXAMPLES
@given(st.data())
def test_scans(name: str, data) -> None:
    x = data.draw(arrays(data.draw(st.sampled_from(INTS[1:] + FLOATS))))
    check(name, x, axis=data.draw(st.integers(-4, 3)), include_initial=data.draw(st.booleans()))


@pytest.mark.parametrize("name", ["argmax", "argmin", "count_nonzero", "argsort", "sort", "nonzero"])
@EXAMPLES
@given(st.data())
def test_searching_and_sorting(name: str, data) -> None:
    x = data.draw(arrays(data.draw(st.sampled_from(INTS + FLOATS)), xps.array_shapes(max_dims=3, max_side=4)))
    axis = data.draw(st.integers(-4, 3))
    if name in ("argsort", "sort"):
        check(name, x, axis=axis, descending=data.draw(st.booleans()), stable=True)
    elif name == "nonzero":
        check(name, x)
    else:
        check(name, x, axis=data.draw(st.none() | st.just(axis)), keepdims=data.draw(st.booleans()))


@EXAMPLES
@given(st.data())
def test_sets(data) -> None:
    x = data.draw(arrays(data.draw(st.sampled_from(INTS))))
    check("unique_values", x)
    check("unique_counts", x)
    check("unique_inverse", x)
    check("unique_all", x)


@EXAMPLES
@given(st.data())
def test_searchsorted(data) -> None:
    dtype = data.draw(st.sampled_from(INTS + FLOATS))
    x = tc.sort(data.draw(arrays(dtype, xps.array_shapes(min_dims=1, max_dims=1, max_side=9))))
    check("searchsorted", x, data.draw(arrays(dtype)), side=data.draw(st.sampled_from(["left", "right"])))


MANIPULATIONS = {
    "expand_dims": lambda x, draw: ((x,), {"axis": draw(st.integers(-5, 4))}),
    "flip": lambda x, draw: ((x,), {"axis": draw(AXES)}),
    "moveaxis": lambda x, draw: ((x, draw(st.integers(-3, 2)), draw(st.integers(-3, 2))), {}),
    "permute_dims": lambda x, draw: ((x, tuple(draw(st.permutations(range(x.ndim))))), {}),
    "repeat": lambda x, draw: ((x, draw(st.integers(0, 3))), {"axis": draw(st.none() | st.integers(-3, 2))}),
    "reshape": lambda x, draw: ((x, draw(st.sampled_from([(-1,), (x.size,), (*x.shape, 1), (1, *x.shape), (2, -1)]))), {}),
    "roll": lambda x, draw: ((x, draw(st.integers(-5, 5))), {"axis": draw(st.none() | st.integers(-3, 2))}),
    "squeeze": lambda x, draw: ((x,), {"axis": draw(st.integers(-3, 2))}),
    "tile": lambda x, draw: ((x, tuple(draw(st.lists(st.integers(0, 2), max_size=4)))), {}),
    "unstack": lambda x, draw: ((x,), {"axis": draw(st.integers(-3, 2))}),
    "concat": lambda x, draw: (([x, x, x],), {"axis": draw(st.none() | st.integers(-3, 2))}),
    "stack": lambda x, draw: (([x, x],), {"axis": draw(st.integers(-4, 3))}),
    "tril": lambda x, draw: ((x,), {"k": draw(st.integers(-4, 4))}),
    "triu": lambda x, draw: ((x,), {"k": draw(st.integers(-4, 4))}),
    "zeros_like": lambda x, draw: ((x,), {}),
    "full_like": lambda x, draw: ((x, True), {}),
    "matrix_transpose": lambda x, draw: ((x,), {}),
}  # fmt: skip


@pytest.mark.parametrize("name", MANIPULATIONS)
@EXAMPLES
@given(st.data())
def test_manipulation(name: str, data) -> None:
    x = data.draw(arrays(data.draw(st.sampled_from(("bool", *INTS, *FLOATS)))))
    args, kwargs = MANIPULATIONS[name](x, data.draw)
    check(name, *args, **kwargs)


@EXAMPLES
@given(st.data())
def test_indexing(data) -> None:
    x = data.draw(arrays("float64", xps.array_shapes(min_dims=1, max_dims=3, max_side=4)))
    key = data.draw(xps.indices(x.shape, allow_newaxis=True))
    mirrored = np.array(x)  # array_api_strict takes fewer keys than the standard lists
    assert_same(x[key], mirrored[key])
    x = tc.asarray(x, copy=True)
    x[key] = 7.0
    mirrored[key] = 7.0
    assert_same(x, mirrored)
    mask = data.draw(xps.arrays("bool", x.shape))
    assert_same(x[mask], mirrored[np.asarray(mask)])
    axis = data.draw(st.integers(0, x.ndim - 1))
    indices = data.draw(xps.arrays("int64", 3, elements={"min_value": 0, "max_value": x.shape[axis] - 1}))
    check("take", x, indices, axis=axis)


@pytest.mark.parametrize("dtype", ["int32", "int64", "float32", "float64"])
@EXAMPLES
@given(st.data())
def test_products(dtype: str, data) -> None:
    sides = st.integers(0, 4)
    batch = data.draw(st.lists(sides, max_size=1).map(tuple))
    n, k, m = data.draw(sides), data.draw(sides), data.draw(sides)
    a, b = data.draw(arrays(dtype, (*batch, n, k))), data.draw(arrays(dtype, (k, m)))
    check("matmul", a, b)
    check("tensordot", a, b, axes=1)
    check("vecdot", a, data.draw(arrays(dtype, (k,))))


@EXAMPLES
@given(st.integers(-20, 20), st.integers(-20, 20), st.integers(-5, 5), st.sampled_from(INTS[1:] + FLOATS))
def test_ranges(start: int, stop: int, step: int, dtype: str) -> None:
    kind = getattr(tc, dtype)
    if step:
        check("arange", start, stop, step, dtype=kind)
    if dtype in FLOATS:
        check("linspace", start, stop, abs(step), dtype=kind)
    check("eye", abs(start), abs(step), k=stop, dtype=kind)
