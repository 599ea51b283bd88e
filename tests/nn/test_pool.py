"""Pooling against PyTorch over a lattice of settings: values, indices, gradients; NaN, threads, bad input."""

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


SPACE = {1: (11,), 2: (7, 10), 3: (4, 5, 6)}


def against_torch(name, x, **settings):
    torch = pytest.importorskip("torch")
    theirs, ours = torch.tensor(x, requires_grad=True), tc.tensor(x, requires_grad=True)
    expected = getattr(torch.nn.functional, name)(theirs, **settings)
    got = getattr(F, name)(ours, **settings)
    if settings.get("return_indices"):
        np.testing.assert_array_equal(np.array(got[1]), expected[1].numpy())
        expected, got = expected[0], got[0]
    bound = 4 * np.finfo(x.dtype).eps * np.abs(x).max()
    np.testing.assert_allclose(np.array(got.detach()), expected.detach().numpy(), rtol=0, atol=bound)
    g = np.random.default_rng(1).standard_normal(tuple(expected.shape)).astype(x.dtype)
    expected.backward(torch.tensor(g))
    got.backward(tc.asarray(g))
    np.testing.assert_allclose(np.array(ours.grad), theirs.grad.numpy(), rtol=0, atol=64 * np.finfo(x.dtype).eps)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("axes", [1, 2, 3])
def test_max_pool(axes, dtype):
    x = np.random.default_rng(0).standard_normal((2, 3, *SPACE[axes])).astype(dtype)
    for kernel, stride, padding, dilation, ceil_mode in itertools.product(
        (1, 2, 3), (None, 1, 2), (0, 1), (1, 2), (False, True)
    ):
        reach = (kernel - 1) * dilation + 1
        if padding <= kernel // 2 and reach <= min(SPACE[axes]):
            against_torch(
                f"max_pool{axes}d",
                x,
                kernel_size=kernel,
                stride=stride,
                padding=padding,
                dilation=dilation,
                ceil_mode=ceil_mode,
                return_indices=True,
            )


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("axes", [1, 2, 3])
def test_avg_pool(axes, dtype):
    x = np.random.default_rng(0).standard_normal((2, 3, *SPACE[axes])).astype(dtype)
    for kernel, stride, padding, ceil_mode, include in itertools.product(
        (1, 2, 3), (None, 1, 2), (0, 1), (False, True), (False, True)
    ):
        if padding <= kernel // 2:
            against_torch(
                f"avg_pool{axes}d",
                x,
                kernel_size=kernel,
                stride=stride,
                padding=padding,
                ceil_mode=ceil_mode,
                count_include_pad=include,
            )


@pytest.mark.parametrize("axes", [1, 2, 3])
def test_adaptive_pool(axes):
    x = np.random.default_rng(0).standard_normal((2, 3, *SPACE[axes]))
    for size in (1, 2, 3, 5, 12):
        against_torch(f"adaptive_avg_pool{axes}d", x, output_size=size)
        against_torch(f"adaptive_max_pool{axes}d", x, output_size=size, return_indices=True)
    against_torch(f"adaptive_avg_pool{axes}d", x[0], output_size=2)


def test_unbatched_and_empty():
    against_torch("max_pool2d", np.random.default_rng(0).standard_normal((3, 6, 8)), kernel_size=2)
    assert F.max_pool2d(tc.ones((0, 3, 6, 8)), 2).shape == (0, 3, 3, 4)
    assert F.avg_pool2d(tc.ones((0, 3, 6, 8)), 2).shape == (0, 3, 3, 4)
    x = tc.ones((0, 3, 6, 8)).requires_grad_()
    F.max_pool2d(x, 2).sum().backward()
    assert x.grad.shape == x.shape


@pytest.mark.parametrize("kernel", [2, 3])
def test_nan_and_infinity(kernel):
    x = np.zeros((1, 1, 6, 6))
    x[0, 0, 1, 1], x[0, 0, 4, 4] = np.nan, -np.inf
    torch = pytest.importorskip("torch")
    expected = torch.nn.functional.max_pool2d(torch.tensor(x), kernel, return_indices=True)
    for a, b in zip(F.max_pool2d(tc.asarray(x), kernel, return_indices=True), expected, strict=True):
        np.testing.assert_array_equal(np.array(a), b.numpy())
    y = F.max_pool2d(tc.asarray(np.full((1, 1, 6, 6), -np.inf)), kernel)
    assert np.isneginf(np.array(y)).all()


def test_a_window_wholly_outside_is_minus_infinity():
    values, indices = F.max_pool1d(tc.ones((1, 1, 1)), 2, 1, 1, 2, return_indices=True)
    assert np.array(values).tolist() == [[[-np.inf]]]
    assert 0 <= int(indices.reshape(())) < 1


def test_results_do_not_depend_on_threads():
    x = np.random.default_rng(0).standard_normal((8, 16, 24, 24)).astype("float32")
    before, results = tc._core.num_threads(), []
    try:
        for threads in (1, 2, 3):
            tc._core.set_num_threads(threads)
            a = tc.tensor(x, requires_grad=True)
            (F.max_pool2d(a, 3, 2, 1).sum() + F.avg_pool2d(a, 3, 2, 1).sum()).backward()
            results.append(np.array(a.grad))
    finally:
        tc._core.set_num_threads(before)
    for other in results[1:]:
        np.testing.assert_array_equal(results[0], other)


@pytest.mark.parametrize(
    "call",
    [
        lambda: F.max_pool1d(tc.ones((1, 1, 4)), 2**62),
        lambda: F.max_pool1d(tc.ones((1, 1, 4)), 3, dilation=2**62),
        lambda: F.avg_pool1d(tc.ones((1, 1, 4)), 2, padding=-1),
        lambda: F.adaptive_avg_pool1d(tc.ones((1, 1, 4)), 2**60),
        lambda: F.adaptive_avg_pool1d(tc.ones((1, 1, 0)), 2),
        lambda: F.avg_pool2d(tc.ones((1, 1, 4)), (2, 2, 2)),
    ],
)
def test_settings_out_of_range_raise(call):
    with pytest.raises(ValueError, match="pool"):
        call()
