"""Convolutions: exact on small integers against PyTorch, over a lattice of settings; threads; float32; bad input."""

import itertools

import numpy as np
import pytest

import tensorcore as tc
import tensorcore.nn.functional as F


@pytest.fixture(autouse=True)
def _one_thread_in_torch():
    """Its threads spin between calls and would take the processor from ours."""
    try:
        import torch
    except ImportError:
        return
    torch.set_num_threads(1)


SPACE = {1: (17,), 2: (7, 12), 3: (4, 5, 6)}
CHANNELS = [(4, 6, 2), (3, 8, 1), (4, 4, 4), (8, 3, 1), (2, 12, 2)]


def against_torch(axes, transposed, x_shape, w_shape, dtype, **settings):
    """Integers this small make every sum exact, so results and gradients must be equal bit for bit."""
    torch = pytest.importorskip("torch")
    name = f"conv_transpose{axes}d" if transposed else f"conv{axes}d"
    rng = np.random.default_rng(0)
    outputs = w_shape[1] * settings.get("groups", 1) if transposed else w_shape[0]
    arrays = [rng.integers(-3, 4, s).astype(dtype) for s in (x_shape, w_shape, (outputs,))]
    theirs = [torch.tensor(a, requires_grad=True) for a in arrays]
    ours = [tc.tensor(a, requires_grad=True) for a in arrays]
    expected = getattr(torch.nn.functional, name)(*theirs, **settings)
    got = getattr(F, name)(*ours, **settings)
    np.testing.assert_array_equal(np.array(got.detach()), expected.detach().numpy())
    g = rng.integers(-3, 4, tuple(expected.shape)).astype(dtype)
    expected.backward(torch.tensor(g))
    got.backward(tc.asarray(g))
    for a, b in zip(ours, theirs, strict=True):
        np.testing.assert_array_equal(np.array(a.grad), b.grad.numpy())


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("axes", [1, 2, 3])
def test_conv_is_exact_on_integers(axes, dtype):
    pytest.importorskip("torch")
    for kernel, stride, padding, dilation, (c, k, groups) in itertools.product(
        (1, 2, 3), (1, 2, 3), (0, 2), (1, 2), CHANNELS
    ):
        if axes == 3 and kernel == 3 and dilation == 2 and padding == 0:
            continue  # does not fit
        against_torch(
            axes,
            False,
            (2, c, *SPACE[axes]),
            (k, c // groups, *[kernel] * axes),
            dtype,
            stride=stride,
            padding=padding,
            dilation=dilation,
            groups=groups,
        )


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("axes", [1, 2])
def test_conv_transpose_is_exact_on_integers(axes, dtype):
    pytest.importorskip("torch")
    for kernel, stride, padding, dilation, (c, k, groups) in itertools.product(
        (1, 2, 3), (1, 2, 3), (0, 1), (1, 2), CHANNELS
    ):
        against_torch(
            axes,
            True,
            (2, c, *SPACE[axes]),
            (c, k // groups, *[kernel] * axes),
            dtype,
            stride=stride,
            padding=padding,
            dilation=dilation,
            groups=groups,
            output_padding=min(stride, 2) - 1,
        )


@pytest.mark.parametrize(
    ("x_shape", "w_shape", "settings"),
    [
        ((5, 3, 40, 40), (20, 3, 7, 7), {"stride": 2, "padding": 3}),
        ((1, 40, 33, 21), (200, 40, 3, 3), {"padding": 1}),
        ((6, 40, 13, 11), (200, 40, 4, 2), {"padding": "same"}),
        ((3, 5, 9, 40), (5, 1, 3, 5), {"groups": 5, "stride": (1, 2), "padding": (1, 0)}),
        ((4, 33, 10, 10), (70, 33, 1, 1), {"stride": 2}),
        ((4, 33, 10, 10), (70, 33, 1, 1), {}),
        ((1, 1, 70, 70), (1, 1, 3, 3), {"padding": 2}),
        ((3, 9, 8), (4, 3, 3, 3), {"padding": 1}),
    ],
)
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_conv2d_shapes_are_exact_on_integers(x_shape, w_shape, settings):
    if len(x_shape) == 3:
        x_shape = (3, 9, 8)  # without a batch axis
    against_torch(2, False, x_shape, w_shape, "float32", **settings)


@pytest.mark.parametrize(("dtype", "bound"), [("float32", 2e-5), ("float64", 1e-13)])
def test_conv2d_of_real_numbers_against_torch(dtype, bound):
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(1)
    x, w = rng.standard_normal((3, 16, 14, 15)).astype(dtype), rng.standard_normal((24, 16, 3, 3)).astype(dtype)
    expected = torch.nn.functional.conv2d(torch.tensor(x).double(), torch.tensor(w).double(), padding=1).numpy()
    got = np.array(F.conv2d(tc.asarray(x), tc.asarray(w), padding=1))
    assert np.abs(got - expected).max() <= bound * np.abs(expected).max()


@pytest.mark.parametrize(
    "case",
    [
        ((8, 6, 20, 20), (16, 6, 3, 3), {"padding": 1}),
        ((1, 6, 40, 40), (16, 6, 3, 3), {"stride": 2}),
        ((8, 12, 20, 20), (12, 1, 3, 3), {"groups": 12}),
        ((2, 64, 8, 8), (128, 64, 3, 3), {"padding": 1}),
    ],
)
def test_results_do_not_depend_on_threads(case):
    x_shape, w_shape, settings = case
    rng = np.random.default_rng(2)
    x, w = rng.standard_normal(x_shape).astype("float32"), rng.standard_normal(w_shape).astype("float32")
    before, results = tc._core.num_threads(), []
    try:
        for threads in (1, 2, 3):
            tc._core.set_num_threads(threads)
            a, b = tc.tensor(x, requires_grad=True), tc.tensor(w, requires_grad=True)
            y = F.conv2d(a, b, **settings)
            y.backward(tc.asarray(np.cos(np.arange(y.size, dtype="float32")).reshape(y.shape)))
            results.append([np.array(t.detach()) for t in (y, a.grad, b.grad)])
    finally:
        tc._core.set_num_threads(before)
    for other in results[1:]:
        for first, second in zip(results[0], other, strict=True):
            np.testing.assert_array_equal(first, second)


def test_half_types_round_once():
    rng = np.random.default_rng(3)
    x, w = tc.asarray(rng.standard_normal((2, 8, 6, 6))), tc.asarray(rng.standard_normal((8, 8, 3, 3)))
    for dtype in (tc.float16, tc.bfloat16):
        low = [v.astype(dtype) for v in (x, w)]
        y = F.conv2d(*low)
        assert y.dtype is dtype
        exact = F.conv2d(*[v.astype(tc.float64) for v in low])
        error = np.abs(np.array(y.astype(tc.float64)) - np.array(exact)).max()
        assert error <= (2.0**-10 if dtype is tc.float16 else 2.0**-7) * np.abs(np.array(exact)).max()


def test_conv_keeps_infinities_and_nan_where_windows_touch_them():
    x = np.zeros((1, 1, 6, 40), "float32")
    x[0, 0, 2, 17] = np.inf
    for channels in (1, 8):
        y = np.array(F.conv2d(tc.asarray(x), tc.ones((channels, 1, 3, 3)), padding=1))
        touched = np.zeros((6, 40), bool)
        touched[1:4, 16:19] = True
        assert (np.isinf(y) == touched).all()
        assert not np.isnan(y).any()


def test_gradient_of_weights_ignores_what_lies_beside_a_row():
    x = np.ones((1, 1, 5, 7), "float32")
    x[0, 0, 2, 6] = np.inf
    w = tc.tensor(np.ones((1, 1, 1, 1), "float32"), requires_grad=True)
    F.conv2d(tc.asarray(x), w)[:, :, :2].sum().backward()
    # g is zero in the later rows: 0 · inf is NaN there, by IEEE arithmetic, as in any direct sum.
    assert np.isnan(np.array(w.grad)).all()
    w.grad = None
    F.conv2d(tc.asarray(x)[:, :, :2], w).sum().backward()
    assert float(w.grad.sum()) == 14.0


@pytest.mark.parametrize(
    "call",
    [
        lambda: F.conv2d(tc.ones((1, 1, 4, 4)), tc.ones((1, 1, 1, 1)), padding=2**40),
        lambda: F.conv2d(tc.ones((1, 1, 4, 4)), tc.ones((1, 1, 1, 1)), padding=-1),
        lambda: F.conv2d(tc.ones((1, 1, 4, 4)), tc.ones((1, 1, 0, 1))),
        lambda: F.conv2d(tc.ones((1, 1, 4, 4)), tc.ones((1, 1, 2, 2)), dilation=2**60),
        lambda: F.conv2d(tc.ones((1, 1, 4, 4)), tc.ones((1, 1, 1, 1)), groups=0),
        lambda: F.conv_transpose2d(tc.ones((1, 1, 4, 4)), tc.ones((1, 1, 1, 1)), stride=2**62),
        lambda: F.conv_transpose2d(tc.ones((1, 1, 4, 4)), tc.ones((1, 1, 1, 1)), stride=2**31 - 1),
    ],
)
def test_settings_out_of_range_raise(call):
    with pytest.raises((ValueError, MemoryError, OverflowError)):
        call()


def test_arguments_of_the_wrong_type_raise():
    for x, w in ((1, tc.ones((1, 1, 1))), (tc.ones((1, 1, 1)), None)):
        with pytest.raises(TypeError, match="must be a Tensor"):
            F.conv1d(x, w)
    with pytest.raises(TypeError, match="stride must be an int or 1 ints"):
        F.conv1d(tc.ones((1, 1, 1)), tc.ones((1, 1, 1)), stride=1.5)


def test_gradients_of_third_order_exist():
    rng = np.random.default_rng(4)
    x, w = tc.asarray(rng.standard_normal((1, 2, 5))), tc.asarray(rng.standard_normal((2, 2, 3)))

    def f(a, b):
        return (F.conv1d(a, b, stride=2, padding=1) * F.conv1d(a, b, stride=2, padding=1)).sum()

    tc.testing.check_grads(tc.grad(f, (0, 1)), [x, w], order=2, rtol=1e-5)
