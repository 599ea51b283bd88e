"""Normalisation against PyTorch: values, all gradients, running statistics; large means, threads, bad input."""
# ruff: noqa: B023 - functions made in a loop are called within their turn

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


SHAPES = [(6, 8, 5, 7), (33, 70), (2, 3, 4), (3, 4, 300, 260), (2, 4, 9), (1000, 3)]
BOUNDS = [("float32", 3e-5), ("float64", 1e-12)]


def close(a, b, bound):
    a, b = np.array(a.detach()), b.detach().numpy()
    assert a.shape == b.shape
    assert a.dtype == b.dtype
    assert np.abs(a - b).max(initial=0) <= bound * max(1.0, np.abs(b).max(initial=0))


def compare(call, their_call, arrays, bound):
    """Both calls on the same arrays; the result and the gradient of each array must agree."""
    torch = pytest.importorskip("torch")
    ours = [tc.tensor(a, requires_grad=True) for a in arrays]
    theirs = [torch.tensor(a, requires_grad=True) for a in arrays]
    got, expected = call(*ours), their_call(*theirs)
    close(got, expected, bound)
    g = np.random.default_rng(1).standard_normal(tuple(expected.shape)).astype(arrays[0].dtype)
    got.backward(tc.asarray(g))
    expected.backward(torch.tensor(g))
    for a, b in zip(ours, theirs, strict=True):
        close(a.grad, b.grad, bound)


def inputs(shape, parameters, dtype):
    rng = np.random.default_rng(0)
    return [(rng.standard_normal(s) * 2 + 1).astype(dtype) for s in (shape, *parameters)]


@pytest.mark.parametrize(("dtype", "bound"), BOUNDS)
@pytest.mark.parametrize("shape", SHAPES)
def test_batch_norm(shape, dtype, bound):
    torch = pytest.importorskip("torch")
    c = shape[1]
    arrays = inputs(shape, [(c,), (c,)], dtype)
    mean, var = np.linspace(-1, 1, c).astype(dtype), np.linspace(0.5, 2, c).astype(dtype)
    for training in (True, False):
        ours = tc.tensor(mean), tc.tensor(var)
        theirs = torch.tensor(mean), torch.tensor(var)
        settings = {"training": training, "momentum": 0.3, "eps": 1e-3}
        compare(
            lambda x, w, b: F.batch_norm(x, *ours, w, b, **settings),
            lambda x, w, b: torch.nn.functional.batch_norm(x, *theirs, w, b, **settings),
            arrays,
            bound,
        )
        for a, b in zip(ours, theirs, strict=True):
            close(a, b, bound)
    compare(
        lambda x: F.batch_norm(x, None, None, training=True),
        lambda x: torch.nn.functional.batch_norm(x, None, None, training=True),
        arrays[:1],
        bound,
    )


@pytest.mark.parametrize(("dtype", "bound"), BOUNDS)
@pytest.mark.parametrize(
    ("shape", "axes"), [((33, 70), 1), ((4, 6, 5, 7), 2), ((1, 8), 1), ((3, 2, 9001), 1), ((70, 3), 2)]
)
def test_layer_and_rms_norm(shape, axes, dtype, bound):
    torch = pytest.importorskip("torch")
    last = shape[-axes:]
    arrays = inputs(shape, [last, last], dtype)
    theirs = torch.nn.functional
    compare(
        lambda x, w, b: F.layer_norm(x, last, w, b), lambda x, w, b: theirs.layer_norm(x, last, w, b), arrays, bound
    )
    compare(lambda x, w: F.layer_norm(x, last, w), lambda x, w: theirs.layer_norm(x, last, w), arrays[:2], bound)
    compare(
        lambda x, b: F.layer_norm(x, last, None, b), lambda x, b: theirs.layer_norm(x, last, None, b), arrays[:2], bound
    )
    compare(lambda x: F.layer_norm(x, last), lambda x: theirs.layer_norm(x, last), arrays[:1], bound)
    compare(lambda x, w: F.rms_norm(x, last, w), lambda x, w: theirs.rms_norm(x, last, w), arrays[:2], bound)
    compare(lambda x: F.rms_norm(x, last, eps=0.1), lambda x: theirs.rms_norm(x, last, eps=0.1), arrays[:1], bound)


@pytest.mark.parametrize(("dtype", "bound"), BOUNDS)
@pytest.mark.parametrize("shape", [(6, 8, 5, 7), (33, 72), (1, 4, 3000), (40, 4, 9)])
def test_group_and_instance_norm(shape, dtype, bound):
    torch = pytest.importorskip("torch")
    c = shape[1]
    arrays = inputs(shape, [(c,), (c,)], dtype)
    theirs = torch.nn.functional
    for groups in (1, 2, 4):
        compare(
            lambda x, w, b: F.group_norm(x, groups, w, b),
            lambda x, w, b: theirs.group_norm(x, groups, w, b),
            arrays,
            bound,
        )
    if len(shape) > 2:
        mean, var = np.linspace(-1, 1, c).astype(dtype), np.linspace(0.5, 2, c).astype(dtype)
        for use in (True, False):
            ours_running, their_running = (tc.tensor(mean), tc.tensor(var)), (torch.tensor(mean), torch.tensor(var))
            compare(
                lambda x, w, b: F.instance_norm(x, *ours_running, w, b, use),
                lambda x, w, b: theirs.instance_norm(x, *their_running, w, b, use),
                arrays,
                bound,
            )
            for a, b in zip(ours_running, their_running, strict=True):
                close(a, b, bound)


def test_normalize_and_local_response():
    torch = pytest.importorskip("torch")
    x = np.random.default_rng(0).standard_normal((4, 6, 5))
    x[1] = 0
    theirs = torch.nn.functional
    for p in (1.0, 2.0, 3.0):
        compare(lambda x: F.normalize(x, p, -1), lambda x: theirs.normalize(x, p, -1), [x[2:]], 1e-12)
        close(F.normalize(tc.asarray(x), p), theirs.normalize(torch.tensor(x), p), 1e-12)
    for size in (1, 2, 3, 4):
        compare(
            lambda x: F.local_response_norm(x, size, 0.5),
            lambda x: theirs.local_response_norm(x, size, 0.5),
            [x],
            1e-12,
        )


def test_a_large_mean_keeps_its_digits():
    x = np.random.default_rng(0).standard_normal((64, 2, 4096)).astype("float32") + 1000
    exact = x.astype("float64")
    exact = (exact - exact.mean(axis=(0, 2), keepdims=True)) / exact.std(axis=(0, 2), keepdims=True)
    got = np.array(F.batch_norm(tc.asarray(x), None, None, training=True, eps=0.0))
    assert np.abs(got - exact).max() < 1e-3  # the spacing of floats near 1000 is 6e-5


def test_constant_rows_give_zero():
    matrix = F.batch_norm(tc.full((30, 3), 7.5), None, None, training=True)
    for y in (F.layer_norm(tc.full((3, 1000), 7.5), 1000), matrix):
        assert (np.array(y) == 0).all()


def test_half_types_and_wide_parameters():
    x = tc.asarray(np.random.default_rng(0).standard_normal((8, 64))).astype(tc.bfloat16).requires_grad_()
    w = tc.ones((64,)).requires_grad_()
    y = F.layer_norm(x, 64, w)
    y.sum().backward()
    assert (y.dtype, x.grad.dtype, w.grad.dtype) == (tc.bfloat16, tc.bfloat16, tc.float32)


def test_empty_batches():
    x = tc.ones((0, 3, 4)).requires_grad_()
    w = tc.ones((3,)).requires_grad_()
    running = tc.zeros((3,))
    for y in (F.batch_norm(x, running, None, w, training=True), F.group_norm(x, 3, w), F.instance_norm(x, weight=w)):
        assert y.shape == x.shape
        y.sum().backward()
    assert np.array(w.grad).tolist() == [0.0] * 3
    assert np.array(running).tolist() == [0.0] * 3


@pytest.mark.parametrize("shape", [(16, 8, 40, 40), (1, 3, 500, 500), (300, 257)])
def test_results_do_not_depend_on_threads(shape):
    x = np.random.default_rng(0).standard_normal(shape).astype("float32")
    g = np.random.default_rng(1).standard_normal(shape).astype("float32")
    w = np.linspace(1, 2, shape[1]).astype("float32")
    before, results = tc._core.num_threads(), []
    try:
        for threads in (1, 2, 3):
            tc._core.set_num_threads(threads)
            found = []
            for call in (
                lambda x, w: F.batch_norm(x, None, None, w, training=True),
                lambda x, w: F.group_norm(x, 1, w),
                lambda x, w: F.layer_norm(x, shape[-1]) * w.reshape((-1,) + (1,) * (len(shape) - 2)),
            ):
                a, b = tc.tensor(x, requires_grad=True), tc.tensor(w, requires_grad=True)
                y = call(a, b)
                y.backward(tc.asarray(g))
                found += [np.array(t.detach()) for t in (y, a.grad, b.grad)]
            results.append(found)
    finally:
        tc._core.set_num_threads(before)
    for other in results[1:]:
        for first, second in zip(results[0], other, strict=True):
            np.testing.assert_array_equal(first, second)


def test_running_statistics_that_cannot_be_written_raise():
    frozen = tc.broadcast_to(tc.zeros((1,)), (3,))
    with pytest.raises(ValueError, match="batch_norm: a broadcast array"):
        F.batch_norm(tc.ones((4, 3)), frozen, None, training=True)
