"""Special values: infinities, NaN, signed zeros, subnormals, and the limits of integers, against NumPy."""

import itertools
import math

import numpy as np
import pytest

import tensorcore as tc

SPECIAL = [
    0.0, -0.0, 1.0, -1.0, 0.5, -0.5, 1.5, -1.5, 2.0, -2.0, 2.5, -2.5, 3.0, -3.0, 7.0, -7.0, 0.1, 1e-30, -1e-30,
    1e30, -1e30, 100.0, -100.0, 5e-324, 1e300, -1e300, math.pi, math.inf, -math.inf, math.nan,
]  # fmt: skip
UNARY = {
    "abs": np.abs, "acos": np.arccos, "acosh": np.arccosh, "asin": np.arcsin, "asinh": np.arcsinh,
    "atan": np.arctan, "atanh": np.arctanh, "ceil": np.ceil, "cos": np.cos, "cosh": np.cosh, "exp": np.exp,
    "exp2": np.exp2, "expm1": np.expm1, "floor": np.floor, "isfinite": np.isfinite, "isinf": np.isinf,
    "isnan": np.isnan, "log": np.log, "log10": np.log10, "log1p": np.log1p, "log2": np.log2,
    "logical_not": np.logical_not, "negative": np.negative, "positive": np.positive,
    "reciprocal": np.reciprocal, "round": np.round, "sign": np.sign, "signbit": np.signbit, "sin": np.sin,
    "sinh": np.sinh, "sqrt": np.sqrt, "square": np.square, "tan": np.tan, "tanh": np.tanh, "trunc": np.trunc,
}  # fmt: skip


def floor_divide(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """NumPy's, but floor(a / b) for infinities, as the array API standard says."""
    return np.where(np.isinf(a) | np.isinf(b), np.floor(a / b), np.floor_divide(a, b))


BINARY = {
    "add": np.add, "atan2": np.arctan2, "copysign": np.copysign, "divide": np.divide, "equal": np.equal,
    "floor_divide": floor_divide, "greater": np.greater, "greater_equal": np.greater_equal,
    "hypot": np.hypot, "less": np.less, "less_equal": np.less_equal, "logaddexp": np.logaddexp,
    "logical_and": np.logical_and, "logical_or": np.logical_or, "logical_xor": np.logical_xor,
    "maximum": np.maximum, "minimum": np.minimum, "multiply": np.multiply, "nextafter": np.nextafter,
    "not_equal": np.not_equal, "pow": np.power, "remainder": np.remainder, "subtract": np.subtract,
}  # fmt: skip
FREE_ZERO_SIGN = {"maximum", "minimum", "sign"}  # the standard leaves the sign of a zero open


def assert_same(got: tc.Tensor, expected: np.ndarray, zero_sign: bool = True) -> None:
    values = np.asarray(got)
    assert values.dtype == expected.dtype
    if expected.dtype == bool:
        np.testing.assert_array_equal(values, expected)
        return
    eps = np.finfo(expected.dtype).eps
    np.testing.assert_allclose(values, expected, rtol=4 * eps, atol=2 * np.finfo(expected.dtype).tiny)
    if zero_sign:
        zeros = expected == 0
        np.testing.assert_array_equal(np.signbit(values[zeros]), np.signbit(expected[zeros]))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", UNARY)
def test_unary(name: str, dtype: type) -> None:
    with np.errstate(all="ignore"):
        x = np.array(SPECIAL).astype(dtype)
        expected = UNARY[name](x)
    if name in ("sin", "cos", "tan") and dtype == np.float32:
        with np.errstate(all="ignore"):  # NumPy's float32 forms lose digits on huge arguments
            expected = UNARY[name](x.astype(np.float64)).astype(np.float32)
    assert_same(getattr(tc, name)(tc.asarray(x)), expected, name not in FREE_ZERO_SIGN)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", BINARY)
def test_binary(name: str, dtype: type) -> None:
    with np.errstate(all="ignore"):
        x = np.array(SPECIAL).astype(dtype)
        a, b = (np.ascontiguousarray(v) for v in np.meshgrid(x, x))
        expected = BINARY[name](a, b)
    assert_same(getattr(tc, name)(tc.asarray(a), tc.asarray(b)), expected, name not in FREE_ZERO_SIGN)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_clip_keeps_nan_and_prefers_the_upper_bound(dtype: type) -> None:
    x = tc.asarray(np.array([math.nan, math.inf, -math.inf, 0.5], dtype=dtype))
    np.testing.assert_array_equal(np.asarray(tc.clip(x, -1, 1)), [math.nan, 1, -1, 0.5])
    np.testing.assert_array_equal(np.asarray(tc.clip(x, 2, 1)), [math.nan, 1, 1, 1])
    assert np.isnan(np.asarray(tc.clip(x, math.nan, 1))).all()
    assert np.isnan(np.asarray(tc.clip(x, tc.asarray(np.array(math.nan, dtype)), 1))).all()


# ---- integers -------------------------------------------------------------------------------------------------------

INTS = [np.uint8, np.int8, np.int16, np.int32, np.int64]


def edges(dtype: type) -> np.ndarray:
    info = np.iinfo(dtype)
    low = [] if info.min == 0 else [info.min, info.min + 1, -7, -2, -1]
    return np.array([*low, 0, 1, 2, 7, info.max - 1, info.max], dtype=dtype)


def pairs(dtype: type) -> tuple[np.ndarray, np.ndarray]:
    a, b = zip(*itertools.product(edges(dtype), edges(dtype)), strict=True)
    return np.array(a, dtype), np.array(b, dtype)


@pytest.mark.parametrize("dtype", INTS)
@pytest.mark.parametrize("name", ["add", "subtract", "multiply", "floor_divide", "remainder", "maximum", "minimum",
                                  "bitwise_and", "bitwise_or", "bitwise_xor"])  # fmt: skip
def test_integers_wrap_and_never_trap(name: str, dtype: type) -> None:
    a, b = pairs(dtype)
    with np.errstate(all="ignore"):
        expected = getattr(np, name)(a, b)  # NumPy too gives 0 for a division by zero
    got = getattr(tc, name)(tc.asarray(a), tc.asarray(b))
    np.testing.assert_array_equal(np.asarray(got), expected)
    assert np.asarray(got).dtype == dtype


@pytest.mark.parametrize("dtype", INTS)
@pytest.mark.parametrize("name", ["abs", "negative", "square", "sign", "bitwise_invert", "positive", "floor", "ceil",
                                  "trunc", "round"])  # fmt: skip
def test_integers_one_input(name: str, dtype: type) -> None:
    x = edges(dtype)
    reference = {"bitwise_invert": np.invert, "floor": np.positive, "ceil": np.positive, "trunc": np.positive,
                 "round": np.positive}.get(name) or getattr(np, name)  # fmt: skip
    with np.errstate(all="ignore"):
        np.testing.assert_array_equal(np.asarray(getattr(tc, name)(tc.asarray(x))), reference(x))


@pytest.mark.parametrize("dtype", INTS)
def test_integer_powers(dtype: type) -> None:
    a, b = pairs(dtype)
    modulus = 1 << (8 * np.dtype(dtype).itemsize)

    def exact(base: int, exponent: int) -> int:
        if exponent < 0:
            return {1: 1, -1: 1 if exponent % 2 == 0 else -1}.get(base, 0)
        value = pow(base, exponent, modulus)
        return value - modulus if value > np.iinfo(dtype).max else value

    expected = [exact(int(p), int(q)) for p, q in zip(a, b, strict=True)]
    np.testing.assert_array_equal(np.asarray(tc.pow(tc.asarray(a), tc.asarray(b))), expected)


@pytest.mark.parametrize("dtype", INTS)
def test_shifts_of_any_count(dtype: type) -> None:
    a, b = pairs(dtype)
    width = 8 * np.dtype(dtype).itemsize
    modulus, high = 1 << width, int(np.iinfo(dtype).max)
    left, right = [], []
    for p, q in zip(a.tolist(), b.tolist(), strict=True):
        moved = (p << q) % modulus if 0 <= q < width else 0
        left.append(moved - modulus if moved > high else moved)
        right.append(p >> q if 0 <= q < width else -(p < 0))
    np.testing.assert_array_equal(np.asarray(tc.bitwise_left_shift(tc.asarray(a), tc.asarray(b))), left)
    np.testing.assert_array_equal(np.asarray(tc.bitwise_right_shift(tc.asarray(a), tc.asarray(b))), right)


# ---- where an element stands does not matter ------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["exp", "log", "tanh", "sin", "erf", "sigmoid", "expm1", "sqrt", "rsqrt"])
def test_bits_do_not_depend_on_the_position(name: str) -> None:
    for dtype in (np.float32, np.float64):
        x = np.abs(np.random.default_rng(0).standard_normal(131)).astype(dtype)
        whole = np.asarray(getattr(tc, name)(tc.asarray(x)))
        for start, stop in ((1, 131), (5, 37), (100, 101), (64, 131), (0, 3)):
            part = np.asarray(getattr(tc, name)(tc.asarray(x[start:stop].copy())))
            np.testing.assert_array_equal(part, whole[start:stop])


def test_pow_of_one_exponent_has_the_bits_of_mixed_exponents() -> None:
    x = np.random.default_rng(0).standard_normal(2000).astype(np.float32)
    for exponent in (1, 2, 3, -1, 0.5, 2.5):
        mixed = np.where(np.arange(2000) % 7 == 0, 1.7, exponent).astype(np.float32)
        with np.errstate(all="ignore"):
            a = np.asarray(tc.pow(tc.asarray(x), exponent))
            b = np.asarray(tc.pow(tc.asarray(x), tc.asarray(mixed)))
        same = np.arange(2000) % 7 != 0
        np.testing.assert_array_equal(a[same], b[same])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_division_rounded_down_has_the_bits_of_numpy(dtype: type) -> None:
    rng = np.random.default_rng(0)
    n = 20_000
    b = (rng.standard_normal(n) * 10.0 ** rng.integers(-8, 8, n)).astype(dtype)
    near_whole = (b.astype(np.float64) * rng.integers(-3000, 3000, n)).astype(dtype)  # quotients beside whole numbers
    for a in (
        near_whole,
        np.nextafter(near_whole, np.array(np.inf, dtype)),
        np.nextafter(near_whole, np.array(-np.inf, dtype)),
        (rng.standard_normal(n) * 10.0 ** rng.integers(-20, 20, n)).astype(dtype),
    ):
        for name in ("floor_divide", "remainder"):
            got = np.asarray(getattr(tc, name)(tc.asarray(a), tc.asarray(b)))
            expected = getattr(np, name)(a, b)
            np.testing.assert_array_equal(got, expected)
            np.testing.assert_array_equal(np.signbit(got), np.signbit(expected))
