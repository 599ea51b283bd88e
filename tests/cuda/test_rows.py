"""Reductions, softmax, norms and losses on `cuda` where the op table does not reach: long rows, odd sizes, alignment."""

import itertools
import zlib

import numpy as np
import pytest

import tensorcore as tc
from tensorcore import _core, testing

F = tc.nn.functional
pytestmark = pytest.mark.skipif(_core.cuda_device_count() == 0, reason="needs CUDA or its executor")

# Lengths that end in each way of holding a row: few lanes, a warp, blocks of 64 to 512 threads, two passes.
LENGTHS = (1, 2, 7, 8, 31, 33, 64, 255, 257, 511, 1000, 1024, 1500, 2049, 5000, 8192, 16384, 16500, 20001)


def seeded(*key):
    return np.random.default_rng(zlib.crc32(repr(key).encode()))


def on_cuda(array, dtype="float32"):
    return tc.asarray(array).astype(getattr(tc, dtype)).to("cuda")


def host(x):
    return np.asarray(x.detach().to("cpu").astype(tc.float64) if x.dtype.kind == "float" else x.to("cpu"))


def bits(x):
    return np.asarray(x.to("cpu")).tobytes()


# ---- reductions ----------------------------------------------------------------------------------

SHAPES = [
    (5,),
    (70001,),
    (7, 3),
    (33, 1000),
    (3, 5000),
    (1000, 3),
    (3000, 65),
    (4, 5, 6),
    (3, 1100, 2, 5),
    (9, 8, 31, 33),
]


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "int32", "uint8"])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_reductions_over_any_axes(shape, dtype):
    x = on_cuda(
        seeded(shape).uniform(-3, 3, shape) if dtype != "uint8" else seeded(shape).uniform(0, 200, shape), dtype
    )
    exact = host(x).astype(np.float64)
    for count in range(len(shape) + 1):
        for axes in itertools.combinations(range(len(shape)), count):
            terms = int(np.prod([shape[i] for i in axes]))
            size = np.maximum(1, np.abs(exact).sum(axis=axes))
            testing.assert_close(tc.sum(x, axis=axes), exact.sum(axis=axes), terms=terms, scale=size)
            testing.assert_close(tc.mean(x, axis=axes), exact.mean(axis=axes), terms=terms, scale=size / terms)
            np.testing.assert_array_equal(host(tc.max(x, axis=axes)), exact.max(axis=axes))
            np.testing.assert_array_equal(host(tc.min(x, axis=axes)), exact.min(axis=axes))
            np.testing.assert_array_equal(host(tc.count_nonzero(x, axis=axes)), np.count_nonzero(exact, axis=axes))
            if dtype.startswith("float"):
                testing.assert_close(tc.var(x, axis=axes), exact.var(axis=axes), terms=64, scale=10)
                testing.assert_close(
                    tc.logsumexp(x, axis=axes), np.log(np.exp(exact).sum(axis=axes)), terms=64, scale=10
                )
            if count == 1:
                np.testing.assert_array_equal(host(tc.argmax(x, axis=axes[0])), exact.argmax(axis=axes[0]))
                np.testing.assert_array_equal(host(tc.argmin(x, axis=axes[0])), exact.argmin(axis=axes[0]))


@pytest.mark.parametrize("view", ["offset", "stride", "flip", "transpose", "broadcast"])
def test_reductions_of_views(view):
    x = seeded(view).standard_normal((37, 1203))
    see = {
        "offset": lambda a: a[1:, 3:],
        "stride": lambda a: a[:, ::2],
        "flip": lambda a: a[::-1, ::-1],
        "transpose": lambda a: a.T,
        "broadcast": lambda a: (np if isinstance(a, np.ndarray) else tc).broadcast_to(a[:, None, :], (37, 4, 1203)),
    }[view]
    for dtype in ("float32", "bfloat16"):
        seen, exact = see(on_cuda(x, dtype)), see(host(on_cuda(x, dtype)))
        for axis in (None, 0, 1, -1):
            terms = exact.size if axis is None else exact.shape[axis]
            size = np.maximum(1, np.abs(exact).sum(axis=axis))
            testing.assert_close(tc.sum(seen, axis=axis), exact.sum(axis=axis), terms=terms, scale=size)
            np.testing.assert_array_equal(host(tc.argmin(seen, axis=axis)), exact.argmin(axis=axis))


@pytest.mark.parametrize("shape", [(300001,), (2, 100003), (100003, 2), (5000, 40)], ids=str)
def test_sums_in_two_stages_repeat_bit_for_bit(shape):
    x = on_cuda(seeded(shape).standard_normal(shape))
    for axis in (None, 0, len(shape) - 1):
        for op in (tc.sum, tc.var, tc.logsumexp):
            assert len({bits(op(x, axis=axis)) for _ in range(3)}) == 1


def test_first_position_and_nan_win():
    x = np.zeros((3, 9001), np.float32)
    x[0, [77, 5000]] = 4
    x[1, [4100, 8999]] = np.nan
    x[1, 3] = 9
    for seen, axis in ((on_cuda(x), 1), (on_cuda(x.T.copy()), 0)):
        np.testing.assert_array_equal(host(tc.argmax(seen, axis=axis)), [77, 4100, 0])
        np.testing.assert_array_equal(host(tc.argmin(seen, axis=axis)), [0, 4100, 0])
        for op in (tc.max, tc.min):
            np.testing.assert_array_equal(np.isnan(host(op(seen, axis=axis))), [False, True, False])


def test_integers():
    low, high = -(2**63), 2**63 - 1
    x = tc.asarray(np.array([[high, 1, low], [low, 5, high]])).to("cuda")
    assert host(tc.sum(x, axis=1)).tolist() == [0, 4]  # wraps around
    assert host(tc.max(x, axis=0)).tolist() == [high, 5, high]
    assert host(tc.min(x, axis=0)).tolist() == [low, 1, low]
    assert host(tc.argmin(x, axis=1)).tolist() == [2, 0]
    truth = on_cuda(np.array([0.0, -0.0, np.nan, 1e-40]))
    assert [op(truth).item() for op in (tc.count_nonzero, tc.any, tc.all)] == [2, True, False]
    assert host(tc.logsumexp(on_cuda(np.full(5000, -np.inf)))) == -np.inf


# ---- softmax -------------------------------------------------------------------------------------


def softmax_of(x):
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


@pytest.mark.parametrize("rows", [1, 3, 130])
@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_softmax_of_long_and_short_rows(dtype, length, rows):
    if rows * length > 200_000 and (dtype != "float32" or rows > 3):
        pytest.skip("large")
    x = on_cuda(seeded(length, rows).uniform(-4, 4, (rows, length)), dtype)
    g = on_cuda(seeded(rows, length).uniform(-1, 1, (rows, length)), dtype)
    y, log = F.softmax(x, -1), F.log_softmax(x, -1)
    exact = softmax_of(host(x))
    testing.assert_close(y, exact, terms=64)
    testing.assert_close(log, np.log(exact), terms=64, scale=16)
    gv, yv, lv = host(g), host(y), host(log)
    total = np.abs(gv).sum(axis=-1, keepdims=True)
    testing.assert_close(
        _core.softmax_backward(g, y, -1, False), yv * (gv - (gv * yv).sum(axis=-1, keepdims=True)), terms=64
    )
    expected = gv - np.exp(lv) * gv.sum(axis=-1, keepdims=True)
    testing.assert_close(_core.softmax_backward(g, log, -1, True), expected, terms=64, scale=1 + np.exp(lv) * total)


@pytest.mark.parametrize("kept", [True, False])
def test_many_long_rows(kept):
    """Kept in shared memory as far as that reaches, else read twice."""
    dtype, length = "float32", 16500
    if not kept:
        dtype, length = "float64", tc.cuda.get_device_properties().shared_memory_per_block // 8 + 1
    x = on_cuda(seeded(length).uniform(-4, 4, (128, length)), dtype)
    y = F.softmax(x, -1)
    gx = _core.softmax_backward(x, y, -1, False)
    g, gy = host(x), host(y)
    testing.assert_close(y, softmax_of(g), terms=64)
    testing.assert_close(gx, gy * (g - (g * gy).sum(axis=-1, keepdims=True)), terms=64)


@pytest.mark.parametrize("length", [96, 1000, 9000, 17000])
def test_softmax_of_rows_that_start_off_a_pack(length):
    x = seeded(length).standard_normal(2 * length + 1).astype(np.float32)
    shifted = on_cuda(x)[1:].reshape((2, length))
    testing.assert_close(F.softmax(shifted, -1), softmax_of(x[1:].reshape(2, length).astype(np.float64)), terms=64)


@pytest.mark.parametrize("length", [5, 300, 20000])
def test_softmax_of_extremes(length):
    x = np.full((4, length), -np.inf, np.float32)
    x[1, 2] = 3
    x[2] = 0
    x[2, 1] = np.nan
    x[3] = 0
    x[3, -1] = np.inf
    y = host(F.softmax(on_cuda(x), -1))
    assert np.isnan(y[[0, 2, 3]]).all()
    np.testing.assert_array_equal(y[1], np.arange(length) == 2)


# ---- cross-entropy -------------------------------------------------------------------------------


def losses_of(x, t, weight, ignore, smoothing):
    """Losses and their gradients by row."""
    classes = x.shape[1]
    high = x.max(axis=1, keepdims=True)
    lse = high + np.log(np.exp(x - high).sum(axis=1, keepdims=True))
    kept = (t != ignore)[:, None]
    goal = ((1 - smoothing) * np.eye(classes)[np.where(kept[:, 0], t, 0)] + smoothing / classes) * weight * kept
    return -(goal * (x - lse)).sum(axis=1), np.exp(x - lse) * goal.sum(axis=1, keepdims=True) - goal


@pytest.mark.parametrize("dtype", ["bfloat16", "float32", "float64"])
@pytest.mark.parametrize(("rows", "classes"), [(1, 3), (70, 10), (9, 257), (5, 2000), (2, 8200), (130, 8200)])
@pytest.mark.parametrize("settings", ["plain", "all"])
def test_cross_entropy(settings, rows, classes, dtype):
    if rows * classes > 100_000 and dtype == "bfloat16":
        pytest.skip("large")
    source = seeded(rows, classes)
    x = on_cuda(source.uniform(-4, 4, (rows, classes)), dtype)
    t = source.integers(0, classes, rows)
    weight, smoothing = (source.uniform(0.5, 2, classes), 0.2) if settings == "all" else (np.ones(classes), 0.0)
    ignore = int(t[0]) if settings == "all" and rows > 1 else -100
    given = on_cuda(weight, dtype) if settings == "all" else None
    exact_weight = weight if given is None else host(given)
    losses, gradient = losses_of(host(x), t, exact_weight, ignore, smoothing)
    factor = source.uniform(0.5, 1.5, rows)
    target = tc.asarray(t).to("cuda")
    g = on_cuda(factor, "float64" if dtype == "float64" else "float32")

    loss, lse, row_weight = _core.cross_entropy(x, target, given, ignore, smoothing, False)
    testing.assert_close(loss, losses, terms=64, scale=16)
    np.testing.assert_allclose(host(row_weight), exact_weight[t] * (t != ignore), rtol=1e-6)
    expected = gradient * factor[:, None]
    got = _core.cross_entropy_backward(x, target, given, ignore, smoothing, False, g, lse)
    testing.assert_close(got, expected, terms=64, scale=4)

    for device in ("cuda", "cpu"):  # in place: the same, over the logits
        logits = tc.asarray(x, copy=True).to(device)
        again, weights = _core.cross_entropy_in_place(
            logits, target.to(device), None if given is None else given.to(device), ignore, smoothing, g.to(device)
        )
        testing.assert_close(again, losses, terms=64, scale=16)
        testing.assert_close(logits, expected, terms=64, scale=4)
        np.testing.assert_array_equal(host(weights), host(row_weight))


@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_first_class_out_of_range_is_named(device):
    t = np.zeros(5000, np.int64)
    t[[3100, 4900]] = 7, -3
    x = tc.zeros((5000, 4)).to(device)
    with pytest.raises(IndexError, match=r"^cross_entropy: target must lie in \[0, 4\), got 7 at row 3100$"):
        F.cross_entropy(x, tc.asarray(t).to(device))
    with pytest.raises(ValueError, match="cross_entropy_in_place: x must be row-major"):
        _core.cross_entropy_in_place(x.T.T[:, ::2], tc.asarray(t).to(device), None, -100, 0.0, x[:, 0])


# ---- norms ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("rms", [False, True])
@pytest.mark.parametrize("length", [2, 5, 31, 64, 300, 1000, 2048, 4097, 8192, 9001, 17000])
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_row_norms(dtype, length, rms):
    rows = 67 if length <= 300 else 3
    source = seeded(length)
    x, g = (on_cuda(source.uniform(-2, 3, (rows, length)), dtype) for _ in range(2))
    w, b = (on_cuda(source.uniform(0.5, 1.5, length), dtype) for _ in range(2))
    for t in (x, w, b):
        t.requires_grad_()
    y = F.rms_norm(x, length, w, 1e-5) if rms else F.layer_norm(x, length, w, b)
    y.backward(g)

    xv, gv, wv, bv = (host(t) for t in (x, g, w, b))
    center = xv if rms else xv - xv.mean(axis=1, keepdims=True)
    rstd = 1 / np.sqrt((center**2).mean(axis=1, keepdims=True) + 1e-5)
    normal, gw = center * rstd, gv * wv
    testing.assert_close(y, normal * wv + (0 if rms else bv), terms=64, scale=30)
    dx = gw - normal * (gw * normal).mean(axis=1, keepdims=True)
    dx = (dx if rms else dx - gw.mean(axis=1, keepdims=True)) * rstd
    testing.assert_close(x.grad, dx, terms=64, scale=30 * np.maximum(1, rstd**2))  # two alike: nearly singular
    testing.assert_close(w.grad, (gv * normal).sum(axis=0), terms=64 * rows, scale=30)
    if not rms:
        testing.assert_close(b.grad, gv.sum(axis=0), terms=64 * rows, scale=30)


@pytest.mark.parametrize(
    "shape", [(3, 4, 5), (2, 6, 40, 41), (600, 33), (2000, 4), (4, 2, 3000), (40, 8, 7, 7)], ids=str
)
@pytest.mark.parametrize("kind", ["batch", "group", "instance"])
def test_channel_norms(kind, shape):
    if kind != "batch" and len(shape) == 2:
        pytest.skip("no space")
    source = seeded(shape)
    x, g = (source.uniform(-2, 3, shape) for _ in range(2))
    w, b = (source.uniform(0.5, 1.5, shape[1]) for _ in range(2))
    results = []
    for device, dtype in (("cuda", tc.float32), ("cpu", tc.float64)):
        xs, ws, bs = (tc.asarray(a).astype(dtype).to(device).requires_grad_() for a in (x, w, b))
        mean, var = tc.zeros(shape[1]).to(device), tc.ones(shape[1]).to(device)
        if kind == "batch":
            y = F.batch_norm(xs, mean, var, ws, bs, True)
        elif kind == "group":
            y = F.group_norm(xs, 2, ws, bs)
        else:
            y = F.instance_norm(xs, mean, var, ws, bs)
        y.backward(tc.asarray(g).astype(dtype).to(device))
        results.append((y, xs.grad, ws.grad, bs.grad, mean, var))
    terms = x.size // shape[1]
    for (got, expected), many in zip(zip(*results, strict=True), (1, 1, terms, terms, 1, 1), strict=True):
        testing.assert_close(got, host(expected), terms=64 * many, scale=30)


def test_weight_gradients_repeat_bit_for_bit():
    x = on_cuda(seeded(0).standard_normal((3000, 40)))
    _, mean, rstd = _core.row_norm("layer_norm", x, None, None, 1, 40, 1, 1e-5, False)
    runs = [_core.row_norm_backward(x, x, None, mean, rstd, 1, 40, 1, 1e-5, False) for _ in range(3)]
    assert len({tuple(bits(t) for t in run) for run in runs}) == 1
