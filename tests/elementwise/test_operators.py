"""Operators, reflected and in place, Python scalars, overlap, and the signatures of the standard."""

import inspect
import math
import operator

import numpy as np
import pytest

import tensorcore as tc

BOTH = ["add", "sub", "mul", "truediv", "floordiv", "mod", "pow"]
BITS = ["and", "or", "xor", "lshift", "rshift"]


def op(name: str):
    return getattr(operator, f"{name}_" if name in ("and", "or") else name)


def inplace(name: str):
    return getattr(operator, f"i{name}")


@pytest.mark.parametrize("name", BOTH)
def test_float_operators(name: str) -> None:
    a, b = np.array([1.5, -2.5, 7.0], np.float32), np.array([2.0, 2.0, -3.0], np.float32)
    x, y = tc.asarray(a), tc.asarray(b)
    np.testing.assert_allclose(np.asarray(op(name)(x, y)), op(name)(a, b), rtol=1e-6)
    np.testing.assert_allclose(np.asarray(op(name)(x, 2)), op(name)(a, np.float32(2)), rtol=1e-6)
    with np.errstate(invalid="ignore"):
        np.testing.assert_allclose(np.asarray(op(name)(2.5, y)), op(name)(np.float32(2.5), b), rtol=1e-6)
    for other, value in ((y, b), (3, np.float32(3))):
        target = tc.asarray(a.copy())
        same = target
        with np.errstate(invalid="ignore"):
            target = inplace(name)(target, other)
            expected = op(name)(a, value)
        assert target is same
        np.testing.assert_allclose(np.asarray(target), expected, rtol=1e-6)


@pytest.mark.parametrize("name", BITS)
def test_bit_operators(name: str) -> None:
    a, b = np.array([12, -5, 7], np.int32), np.array([3, 1, 2], np.int32)
    x, y = tc.asarray(a), tc.asarray(b)
    np.testing.assert_array_equal(np.asarray(op(name)(x, y)), op(name)(a, b))
    np.testing.assert_array_equal(np.asarray(op(name)(x, 2)), op(name)(a, np.int32(2)))
    np.testing.assert_array_equal(np.asarray(op(name)(9, y)), op(name)(np.int32(9), b))
    x = inplace(name)(tc.asarray(a.copy()), y)
    np.testing.assert_array_equal(np.asarray(x), op(name)(a, b))


def test_unary_operators_and_comparisons() -> None:
    x = tc.asarray([-1.0, 2.0])
    assert np.asarray(-x).tolist() == [1.0, -2.0]
    assert np.asarray(+x).tolist() == [-1.0, 2.0]
    assert np.asarray(abs(x)).tolist() == [1.0, 2.0]
    assert np.asarray(~tc.asarray([True, False])).tolist() == [False, True]
    for name in ("lt", "le", "eq", "ne", "gt", "ge"):
        compare = getattr(operator, name)
        assert np.asarray(compare(x, 2.0)).tolist() == [compare(-1.0, 2.0), compare(2.0, 2.0)]
        assert np.asarray(compare(2.0, x)).tolist() == [compare(2.0, -1.0), compare(2.0, 2.0)]


def test_python_scalars_are_weak() -> None:
    for name in ("float16", "bfloat16", "float32", "float64"):
        dtype = getattr(tc, name)
        x = tc.ones(3, dtype=dtype)
        for y in (x + 1, x * 2.5, 1 - x, 2.0**x, tc.maximum(x, 0), tc.where(x > 0, x, 0), tc.clip(x, 0, 2.5)):
            assert y.dtype is dtype
    x = tc.ones(3, dtype=tc.int8)
    assert (x + 1).dtype is tc.int8
    assert (x + 1.5).dtype is tc.float32
    assert (x / 2).dtype is tc.float32
    with pytest.raises(OverflowError, match=r"add: the Python int does not fit in int8"):
        x + 1000


def test_operands_of_other_types() -> None:
    x = tc.ones(2)
    for wrong in ("text", None, [1, 2], 1j):
        with pytest.raises(TypeError):
            x + wrong
        with pytest.raises(TypeError):
            wrong - x
        with pytest.raises(TypeError):
            x += wrong
    assert (x == "text") is False


# ---- in place -------------------------------------------------------------------------------------------------------


def test_in_place_keeps_shape_and_dtype() -> None:
    x = tc.ones(3, dtype=tc.int32)
    with pytest.raises(TypeError, match=r"^divide: result of dtype float32 cannot be stored in place in dtype int32$"):
        x /= 2
    with pytest.raises(TypeError, match=r"^add: result of dtype float32 cannot be stored in place in dtype int32$"):
        x += 1.5
    with pytest.raises(ValueError, match=r"^add: result of shape \(2, 3\) cannot be stored in place in shape \(3,\)$"):
        x += tc.ones((2, 3), dtype=tc.int32)
    row = tc.broadcast_to(tc.ones(3), (2, 3))
    with pytest.raises(ValueError, match=r"^add: a broadcast array holds one element in several places"):
        row += 1
    assert np.asarray(x).tolist() == [1, 1, 1]
    half = tc.ones(3, dtype=tc.float16)
    half += tc.ones(3, dtype=tc.float16) * 0.5
    assert half.dtype is tc.float16
    assert np.asarray(half).tolist() == [1.5] * 3


def test_in_place_writes_through_views() -> None:
    a = np.arange(24.0).reshape(4, 6)
    x = tc.asarray(a.copy())
    view = x.mT
    view *= 2
    np.testing.assert_array_equal(np.asarray(x), a * 2)


@pytest.mark.parametrize("n", [2, 17, 1000, 100_000])
def test_in_place_with_overlap(n: int) -> None:
    a = np.arange(float(n))
    cases = [
        (lambda v: v[1:], lambda v: v[:-1]),
        (lambda v: v[:-1], lambda v: v[1:]),
        (lambda v: v, lambda v: v[::-1]),
        (lambda v: v[::-1], lambda v: v),
        (lambda v: v, lambda v: v),
    ]
    for target, source in cases:
        expected, x = a.copy(), tc.asarray(a.copy())
        e = target(expected)
        e += source(expected)
        t = target(x)
        t += source(x)
        np.testing.assert_array_equal(np.asarray(x), expected)
    expected, x = np.outer(a[:17], a[:17]), None
    x = tc.asarray(expected.copy())
    expected -= expected.T * 2
    x -= x.mT * 2
    np.testing.assert_array_equal(np.asarray(x), expected)
    x -= x.mT
    expected -= expected.T.copy()
    np.testing.assert_array_equal(np.asarray(x), expected)


# ---- gradients at kinks ---------------------------------------------------------------------------------------------


def gradient(f, *values: float) -> list[float]:
    xs = [tc.asarray([v], dtype=tc.float64).requires_grad_() for v in values]
    f(*xs).sum().backward()
    return [float(x.grad.item()) for x in xs]


def test_gradients_at_kinks() -> None:
    assert gradient(tc.maximum, 1.0, 1.0) == [0.5, 0.5]
    assert gradient(tc.minimum, 1.0, 1.0) == [0.5, 0.5]
    assert gradient(tc.abs, 0.0) == [0.0]
    assert gradient(lambda x: tc.clip(x, 0, 1), 1.0) == [1.0]
    assert gradient(lambda x: tc.clip(x, 0, 1), 1.5) == [0.0]
    assert gradient(tc.hypot, 0.0, 0.0) == [0.0, 0.0]
    assert gradient(tc.floor, 0.5) == [0.0]
    assert gradient(tc.pow, 0.0, 2.0) == [0.0, 0.0]
    assert gradient(tc.pow, 0.0, 0.0)[0] == 0.0
    assert gradient(lambda x: x**0, 3.0) == [0.0]
    assert gradient(lambda x: x**2, 3.0) == [6.0]
    assert gradient(lambda x: 0.0**x, 2.0) == [0.0]
    assert gradient(lambda x: 2.0**x, 3.0) == [8 * math.log(2)]


def test_gradients_are_summed_over_broadcast_axes_and_keep_dtypes() -> None:
    x = tc.ones((3, 4), dtype=tc.float32).requires_grad_()
    w = tc.ones((4,), dtype=tc.float64).requires_grad_()
    tc.hypot(x, w).sum().backward()
    assert x.grad.dtype is tc.float32
    assert w.grad.dtype is tc.float64
    assert w.grad.shape == (4,)


# ---- the standard's signatures --------------------------------------------------------------------------------------

ONE = [
    "abs", "acos", "acosh", "asin", "asinh", "atan", "atanh", "bitwise_invert", "ceil", "cos",
    "cosh", "exp", "expm1", "floor", "isfinite", "isinf", "isnan", "log", "log10", "log1p",
    "log2", "logical_not", "negative", "positive", "reciprocal", "round", "sign", "signbit",
    "sin", "sinh", "sqrt", "square", "tan", "tanh", "trunc",
]  # fmt: skip
TWO = [
    "add", "atan2", "bitwise_and", "bitwise_left_shift", "bitwise_or", "bitwise_right_shift",
    "bitwise_xor", "copysign", "divide", "equal", "floor_divide", "greater", "greater_equal",
    "hypot", "less", "less_equal", "logaddexp", "logical_and", "logical_or", "logical_xor",
    "maximum", "minimum", "multiply", "nextafter", "not_equal", "pow", "remainder", "subtract",
]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "signature"),
    [*((n, "(x, /)") for n in ONE), *((n, "(x1, x2, /)") for n in TWO), ("where", "(condition, x1, x2, /)")],
)
def test_signatures(name: str, signature: str) -> None:
    function = getattr(tc, name)
    assert str(inspect.signature(function)) == signature
    assert function.__name__ == name
    assert function.__doc__
    with pytest.raises(TypeError):
        function()


def test_signature_of_clip() -> None:
    parameters = inspect.signature(tc.clip).parameters
    assert list(parameters) == ["x", "min", "max"]
    assert parameters["x"].kind is inspect.Parameter.POSITIONAL_ONLY
    assert parameters["min"].default is None
