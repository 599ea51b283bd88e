"""Matrix products on cuda: exact on small integers in every layout, dtype and size; fused ends; split sums."""

import contextlib
import itertools
from collections.abc import Callable, Iterator

import numpy as np
import pytest

import tensorcore as tc
from tensorcore import _core
from tensorcore.testing import assert_close, to_float64

FLOATS = ("float16", "bfloat16", "float32", "float64")
INTS = ("uint8", "int8", "int16", "int32", "int64")
PRECISIONS = ("ieee", "3xtf32", "tf32")


@pytest.fixture(autouse=True)
def _device() -> Iterator[None]:
    assert tc.cuda.is_available()
    yield
    tc.set_matmul_precision("ieee")


@contextlib.contextmanager
def precision(name: str) -> Iterator[None]:
    tc.set_matmul_precision(name)
    try:
        yield
    finally:
        tc.set_matmul_precision("ieee")


# name: shape of the memory, view of it (of an array or a tensor)
LAYOUTS: dict[str, tuple[Callable, Callable]] = {
    "rows": (lambda r, c: (r, c), lambda x, r, c: x),
    "columns": (lambda r, c: (c, r), lambda x, r, c: x.mT if isinstance(x, tc.Tensor) else np.swapaxes(x, -1, -2)),
    "padded": (lambda r, c: (r, -(-c // 8) * 8 + 8), lambda x, r, c: x[..., :c]),
    "offset": (lambda r, c: (r, c + 1), lambda x, r, c: x[..., 1:]),
    "even": (lambda r, c: (r, c + 2 + c % 2), lambda x, r, c: x[..., 2 : c + 2]),
    "steps": (lambda r, c: (2 * r, 2 * c), lambda x, r, c: x[..., ::2, ::2]),
    "flipped": (lambda r, c: (r, c), lambda x, r, c: x[..., ::-1, ::-1]),
    "one row": (lambda r, c: (1, c), lambda x, r, c: _broadcast(x, r, c)),
    "one column": (lambda r, c: (r, 1), lambda x, r, c: _broadcast(x, r, c)),
}


def _broadcast(x, rows: int, cols: int):
    to = tc.broadcast_to if isinstance(x, tc.Tensor) else np.broadcast_to
    return to(x, (*x.shape[:-2], rows, cols))


def integers(rng, shape: tuple[int, ...], dtype: str, layout: str = "rows") -> tuple[np.ndarray, tc.Tensor]:
    """A stack of matrices of small integers: as int64 in NumPy, and on the device in that layout and dtype."""
    memory, view = LAYOUTS[layout]
    rows, cols = shape[-2:]
    values = rng.integers(0 if dtype == "uint8" else -3, 4, (*shape[:-2], *memory(rows, cols)))
    x = tc.asarray(values).astype(getattr(tc, dtype)).to("cuda")
    return view(values, rows, cols), view(x, rows, cols)


def rounded(values: np.ndarray, dtype: str) -> np.ndarray:
    return to_float64(tc.asarray(values).astype(tc.float64 if dtype in FLOATS else tc.int64).astype(getattr(tc, dtype)))


def check_exact(rng, dtype: str, a_shape, b_shape, a_layout: str = "rows", b_layout: str = "rows") -> None:
    a, x = integers(rng, a_shape, dtype, a_layout)
    b, y = integers(rng, b_shape, dtype, b_layout)
    got = tc.matmul(x, y)
    assert got.device.type == "cuda"
    assert np.array_equal(to_float64(got), rounded(a @ b, dtype)), (a_shape, b_shape, a_layout, b_layout)


SIZES = [(1, 1, 1), (3, 5, 7), (33, 65, 17), (64, 64, 64), (1, 130, 40), (70, 1, 33), (129, 131, 35), (16, 24, 8)]


KERNELS = [("ieee", t) for t in (*FLOATS, *INTS)] + [("3xtf32", "float32"), ("tf32", "float32")]


@contextlib.contextmanager
def tile(index: int) -> Iterator[None]:
    """Take one tile for all products, however unfit."""
    _core.force_gemm_tile(index)
    try:
        yield
    finally:
        _core.force_gemm_tile(-1)


@pytest.mark.parametrize("index", range(4))
@pytest.mark.parametrize(("name", "dtype"), KERNELS)
def test_layouts(rng, name: str, dtype: str, index: int) -> None:
    """Every tile, every pair of layouts, ragged sizes, bit for bit."""
    if index > 0 and dtype in ("float64", *INTS):
        return  # these have one tile
    with precision(name), tile(index):
        for i, (a_layout, b_layout) in enumerate(itertools.product(LAYOUTS, LAYOUTS)):
            m, n, k = SIZES[i % len(SIZES)]
            check_exact(rng, dtype, (m, k), (k, n), a_layout, b_layout)


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "int8"])
def test_sizes(rng, dtype: str) -> None:
    for m, n, k in [*SIZES, (300, 280, 20)]:
        check_exact(rng, dtype, (m, k), (k, n))


BATCHES = [
    ((5, 33, 20), (5, 20, 9)),
    ((2, 3, 17, 8), (1, 3, 8, 21)),
    ((4, 1, 5, 6), (7, 6, 5)),
    ((3, 70, 16), (16, 33)),
    ((16, 33), (2, 3, 33, 8)),
    ((2, 3, 1000), (2, 1000, 4)),
    ((2, 1, 2, 1, 3, 4), (1, 3, 2, 2, 4, 5)),
]


@pytest.mark.parametrize("dtype", ["bfloat16", "float32", "int32"])
def test_batches(rng, dtype: str) -> None:
    for a_shape, b_shape in BATCHES:
        check_exact(rng, dtype, a_shape, b_shape)
        check_exact(rng, dtype, a_shape, b_shape, "columns", "steps")


def test_more_matrices_than_a_launch_takes(rng) -> None:
    check_exact(rng, "int8", (16500, 1, 2), (16500, 2, 1))


@pytest.mark.parametrize("dtype", [*FLOATS, "int16"])
def test_split_sums(rng, dtype: str) -> None:
    """Few results of long sums: several blocks share one, and each is in the result once."""
    for m, n, k in [(1, 1, 5000), (8, 5, 3001), (33, 40, 1100), (1, 70, 2048)]:
        check_exact(rng, dtype, (m, k), (k, n))
        check_exact(rng, dtype, (m, k), (k, n), "columns", "columns")


@pytest.mark.parametrize("dtype", FLOATS + INTS)
def test_empty_sum_is_zero(dtype: str) -> None:
    t = getattr(tc, dtype)
    got = tc.matmul(tc.empty((3, 0), dtype=t, device="cuda"), tc.empty((0, 5), dtype=t, device="cuda"))
    assert np.array_equal(to_float64(got), np.zeros((3, 5)))
    assert tc.matmul(tc.empty((0, 4), dtype=t, device="cuda"), tc.empty((4, 5), dtype=t, device="cuda")).shape == (0, 5)


def test_int8_wraps() -> None:
    x = tc.full((4, 100), 127, dtype=tc.int8)
    assert np.array_equal(np.array(tc.matmul(x.to("cuda"), x.to("cuda").mT).to("cpu")), np.array(tc.matmul(x, x.mT)))


@pytest.mark.parametrize("dtype", ["bfloat16", "float32"])
@pytest.mark.parametrize("name", PRECISIONS)
@pytest.mark.parametrize("index", range(4))
def test_same_bits_in_every_order(rng, dtype: str, name: str, index: int) -> None:
    """However the executor orders threads and times copies."""
    if dtype != "float32" and name != "ieee":
        return
    shapes = [(70, 90, 75), (5, 9, 1500)]
    pairs = [(tc.asarray(rng.standard_normal((m, k))), tc.asarray(rng.standard_normal((k, n)))) for m, n, k in shapes]
    pairs = [(a.astype(getattr(tc, dtype)).to("cuda"), b.astype(getattr(tc, dtype)).to("cuda")) for a, b in pairs]
    with precision(name), tile(index):
        expected = [to_float64(a @ b) for a, b in pairs]
        for order, copies, seed in [("reverse", "late", 1), ("random", "late", 2), ("random", "random", 3)]:
            with tc.cuda.simt_settings(order=order, async_copies=copies, seed=seed):
                for (a, b), e in zip(pairs, expected, strict=True):
                    assert np.array_equal(to_float64(a @ b), e)


def test_nan_and_infinity_stay() -> None:
    a = np.array([[1.0, np.inf], [np.nan, 2.0], [-np.inf, 1.0], [0.0, 0.0]], np.float32)
    b = np.array([[1.0, 0.0, 2.0], [1.0, 1.0, 3.0]], np.float32)
    with np.errstate(invalid="ignore"):
        expected = a @ b
    for dtype in (tc.float32, tc.bfloat16, tc.float16, tc.float64):
        x, y = tc.asarray(a).astype(dtype).to("cuda"), tc.asarray(b).astype(dtype).to("cuda")
        assert np.array_equal(to_float64(x @ y), expected, equal_nan=True)


# ---- precision ------------------------------------------------------------------------------------------------------


def relative_error(rng, name: str, m: int = 40, n: int = 50, k: int = 700) -> float:
    a = rng.uniform(-1, 1, (m, k)).astype(np.float32)
    b = rng.uniform(-1, 1, (k, n)).astype(np.float32)
    exact = a.astype(np.float64) @ b.astype(np.float64)
    with precision(name):
        got = to_float64(tc.asarray(a).to("cuda") @ tc.asarray(b).to("cuda"))
    return float(np.sqrt(np.mean((got - exact) ** 2) / np.mean(exact**2)))


def test_errors_of_the_precisions(rng) -> None:
    ieee, three, one = (relative_error(rng, name) for name in PRECISIONS)
    assert ieee < 1e-6
    assert three < 2 * ieee  # measured: 0.8
    assert 1e-5 < one < 2.0**-10  # it does something, and rounds to nearest


def test_tf32_is_the_product_of_rounded_operands(rng) -> None:
    a, b = (rng.uniform(-1, 1, s).astype(np.float32) for s in ((30, 64), (64, 20)))

    def round_to_tf32(x: np.ndarray) -> np.ndarray:
        return ((x.view(np.uint32) + 0x1000) & 0xFFFFE000).view(np.float32)

    exact = round_to_tf32(a).astype(np.float64) @ round_to_tf32(b).astype(np.float64)
    with precision("tf32"):
        assert_close(tc.asarray(a).to("cuda") @ tc.asarray(b).to("cuda"), exact, dtype="float32", terms=64, scale=8.0)


def test_precision_concerns_float32_only(rng) -> None:
    for dtype in ("float64", "bfloat16"):
        a = tc.asarray(rng.standard_normal((20, 30))).astype(getattr(tc, dtype)).to("cuda")
        expected = to_float64(a @ a.mT)
        with precision("tf32"):
            assert np.array_equal(to_float64(a @ a.mT), expected)
            x = tc.asarray(rng.standard_normal((20, 30)).astype(np.float32))
            assert_close(x @ x.mT, to_float64(x) @ to_float64(x).T, terms=30, scale=30.0)


def test_precision_by_name() -> None:
    assert tc.get_matmul_precision() == "ieee"
    for name in PRECISIONS:
        tc.set_matmul_precision(name)
        assert tc.get_matmul_precision() == name
    with pytest.raises(ValueError, match=r"^set_matmul_precision: precision must be ieee, 3xtf32 or tf32, got 'high'$"):
        tc.set_matmul_precision("high")
    assert tc.get_matmul_precision() == "tf32"


# ---- fused ends -----------------------------------------------------------------------------------------------------

ACTIVATIONS = ("none", "relu", "gelu", "tanh", "sigmoid", "silu")


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("dtype", FLOATS)
def test_linear(rng, dtype: str, activation: str) -> None:
    for rows, inner, out in [(37, 20, 50), (4, 2000, 9), (1, 1, 1), (130, 33, 129)]:
        x, w, b = (
            tc.asarray(rng.standard_normal(s) / inner**0.5).astype(getattr(tc, dtype))
            for s in ((rows, inner), (out, inner), (out,))
        )
        expected = tc.nn.functional.linear(*(v.astype(tc.float64) for v in (x, w, b)), activation=activation)
        got = tc.nn.functional.linear(x.to("cuda"), w.to("cuda"), b.to("cuda"), activation=activation)
        assert_close(got, expected, dtype=dtype, terms=inner)


def test_linear_of_an_empty_sum() -> None:
    x, w, b = tc.empty((3, 0), device="cuda"), tc.empty((2, 0), device="cuda"), tc.asarray([-1.0, 2.0]).to("cuda")
    got = tc.nn.functional.linear(x, w, b, activation="relu")
    assert np.array_equal(to_float64(got), np.tile([0.0, 2.0], (3, 1)))


def product(
    a, b, *, alpha=1.0, beta=0.0, residual=None, row_bias=None, column_bias=None, activation="none", sums="none"
):
    return _core.product(a, b, alpha, beta, residual, row_bias, column_bias, activation, sums)


@pytest.mark.parametrize("index", range(4))
@pytest.mark.parametrize(("name", "dtype"), [k for k in KERNELS if k[1] in FLOATS])
def test_ends_are_exact_on_integers(rng, name: str, dtype: str, index: int) -> None:
    if index > 0 and dtype == "float64":
        return
    with precision(name), tile(index):
        for (m, n, k), layout in itertools.product([(70, 66, 40), (3, 5, 1500), (1, 129, 9)], ("rows", "columns")):
            a, x = integers(rng, (m, k), dtype, layout)
            b, y = integers(rng, (k, n), dtype, layout)
            r, residual = integers(rng, (m, n), dtype, "steps")
            p, row_bias = integers(rng, (1, m), dtype)
            q, column_bias = integers(rng, (1, n), dtype, "steps")
            for sums, expected_sums in [("rows", a.sum(1)), ("columns", b.sum(0)), ("none", None)]:
                c, s = product(
                    x, y, alpha=2.0, beta=-3.0, residual=residual, row_bias=row_bias[0], column_bias=column_bias[0],
                    activation="relu", sums=sums,
                )  # fmt: skip
                expected = np.maximum(2 * (a @ b) - 3 * r + p.T + q, 0)
                assert np.array_equal(to_float64(c), rounded(expected, dtype)), (m, n, k, layout, sums)
                assert (s is None) == (sums == "none")
                if s is not None:
                    assert np.array_equal(to_float64(s), rounded(expected_sums, dtype)), (m, n, k, layout, sums)


def test_gradient_of_linear_takes_the_bias_along(rng) -> None:
    """Weight and bias gradient come from one kernel, and agree with the composed rule."""
    for dtype, rows in [("float32", 300), ("bfloat16", 70), ("float64", 1000)]:
        x, w, b = (
            tc.asarray(rng.standard_normal(s)).astype(getattr(tc, dtype)).to("cuda")
            for s in ((rows, 20), (30, 20), (30,))
        )
        for t in (x, w, b):
            t.requires_grad = True
        y = tc.nn.functional.linear(x, w, b)
        g = tc.asarray(rng.integers(-3, 4, y.shape)).astype(getattr(tc, dtype)).to("cuda")
        tc.sum(y * g).backward()
        x64, g64 = to_float64(x), to_float64(g)
        assert_close(w.grad, g64.T @ x64, dtype=dtype, terms=rows, scale=rows**0.5 * 10)
        assert np.array_equal(to_float64(b.grad), rounded(g64.sum(0), dtype))


def test_second_order_of_linear(rng) -> None:
    inputs = [tc.asarray(rng.standard_normal(s)).to("cuda") for s in ((6, 3), (4, 3), (4,))]
    tc.testing.check_grads(lambda x, w, b: tc.nn.functional.linear(x, w, b, activation="tanh"), inputs)


def test_product_errors() -> None:
    a, b = tc.ones((2, 3)).to("cuda"), tc.ones((3, 4)).to("cuda")
    with pytest.raises(
        ValueError, match=r"^product: operands must have shapes \(m, k\) and \(k, n\), got \(2, 3\) and \(2, 3\)$"
    ):
        product(a, a)
    with pytest.raises(
        TypeError, match=r"^product: operands must have one floating-point dtype, got float32 and float64$"
    ):
        product(a, b.astype(tc.float64))
    with pytest.raises(
        ValueError, match=r"^product: activation must be none, relu, gelu, tanh, sigmoid or silu, got 'exp'$"
    ):
        product(a, b, activation="exp")
    with pytest.raises(ValueError, match=r"^product: sums must be none, rows or columns, got 'all'$"):
        product(a, b, sums="all")
    with pytest.raises(
        ValueError, match=r"^product: row_bias must have shape \(2,\) and dtype float32, got \(4,\) and float32$"
    ):
        product(a, b, row_bias=tc.ones((4,)).to("cuda"))
    with pytest.raises(RuntimeError, match=r"^product: no kernel on device 'cpu'$"):
        product(tc.ones((2, 3)), tc.ones((3, 4)))
