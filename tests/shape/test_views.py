"""Which shape functions share memory with their argument, and reshape against all views NumPy can make."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tensorcore as tc
from tensorcore import testing


def divisions(draw, size):
    """A random shape of `size` elements, ones included."""
    shape = []
    while size > 1 and draw(st.booleans()):
        factors = [k for k in range(1, size + 1) if size % k == 0]
        k = draw(st.sampled_from(factors))
        shape.append(k)
        size //= k
    shape.append(size)
    for _ in range(draw(st.integers(0, 2))):
        shape.insert(draw(st.integers(0, len(shape))), 1)
    return tuple(shape)


@st.composite
def views(draw):
    """A strided NumPy view and the same view of a tensor."""
    shape = tuple(draw(st.lists(st.sampled_from([1, 2, 3, 4, 6]), min_size=1, max_size=4)))
    a = np.arange(math.prod(shape), dtype=np.float64).reshape(shape)
    x = tc.asarray(a)
    for _ in range(draw(st.integers(0, 3))):
        kind = draw(st.sampled_from(["permute", "slice", "broadcast", "split"]))
        if kind == "permute":
            axes = tuple(draw(st.permutations(range(a.ndim))))
            a, x = a.transpose(axes), x.permute_dims(axes)
        elif kind == "slice":
            key = tuple(
                draw(st.sampled_from([slice(None), slice(None, None, -1), slice(None, None, 2), slice(1), slice(1, 1)]))
                for _ in a.shape
            )
            a, x = a[key], x[key]
        elif kind == "broadcast":
            a, x = np.broadcast_to(a, (2, *a.shape)), tc.broadcast_to(x, (2, *x.shape))
        elif a.size:
            shape = divisions(draw, a.size)
            try:
                b = a.view()
                b.shape = shape
            except AttributeError:
                continue
            a, x = b, x.reshape(shape, copy=False)
    return a, x


@settings(max_examples=800, deadline=None)
@given(st.data(), views())
def test_reshape_makes_every_view_numpy_makes(data, pair) -> None:
    a, x = pair
    shape = divisions(data.draw, a.size) if a.size else data.draw(st.sampled_from([(0,), (0, 3), (2, 0)]))
    y = x.reshape(shape)
    np.testing.assert_array_equal(np.asarray(y), a.reshape(shape))
    possible = True
    try:
        b = a.view()
        b.shape = shape
    except AttributeError:
        possible = False
    if a.size and possible:
        assert y._address == x._address
        assert x.reshape(shape, copy=False).shape == shape
    z = x.reshape(shape, copy=True)
    np.testing.assert_array_equal(np.asarray(z), a.reshape(shape))
    if a.size:
        assert z._address != x._address


VIEWS = [
    lambda x: x.reshape((4, 3)),
    lambda x: tc.permute_dims(x, (1, 0)),
    lambda x: tc.expand_dims(x, axis=1),
    lambda x: tc.squeeze(tc.expand_dims(x, axis=0), 0),
    lambda x: tc.broadcast_to(x, (2, 3, 4)),
    lambda x: tc.broadcast_arrays(x, tc.zeros((2, 1, 1)))[0],
    lambda x: tc.matrix_transpose(x),
    lambda x: x.T,
    lambda x: x.mT,
    lambda x: tc.moveaxis(x, 0, 1),
    lambda x: tc.flip(x, axis=0),
    lambda x: tc.unstack(x, axis=1)[2],
    lambda x: x[1:, ::-2],
]
COPIES = [
    lambda x: x.reshape((3, 4), copy=True),
    lambda x: tc.concat([x]),
    lambda x: tc.stack([x]),
    lambda x: tc.tile(x, (1, 1)),
    lambda x: tc.repeat(x, 1, axis=0),
    lambda x: tc.roll(x, 0),
    lambda x: tc.pad(x, 0),
    lambda x: tc.pad(x, 0, mode="edge"),
    lambda x: tc.take(x, tc.asarray([0, 1, 2]), axis=0),
    lambda x: x[[0, 1, 2]],
    lambda x: x[tc.ones((3, 4), dtype=tc.bool)],
    lambda x: tc.scatter_add(x, 0, tc.zeros((0, 4), dtype=tc.int64), x),
]


@pytest.mark.parametrize("f", VIEWS)
def test_views_share_memory(f) -> None:
    x = tc.zeros((3, 4))
    y = f(x)
    x[...] = 5
    assert bool((y == 5).astype(tc.int32).sum() == y.size)
    testing.check_grads(f, [tc.asarray(np.random.default_rng(0).standard_normal((3, 4)))])


@pytest.mark.parametrize("f", COPIES)
def test_copies_do_not(f) -> None:
    x = tc.zeros((3, 4))
    y = f(x)
    x[...] = 5
    assert float(y.sum()) == 0
    testing.check_grads(f, [tc.asarray(np.random.default_rng(0).standard_normal((3, 4)))])


def test_concat_promotes() -> None:
    y = tc.concat([tc.ones(2, dtype=tc.int32), tc.ones(1, dtype=tc.float64)])
    assert y.dtype is tc.float64
    x32 = tc.ones(2, dtype=tc.float32).requires_grad_()
    x64 = tc.ones(2, dtype=tc.float64).requires_grad_()
    tc.stack([x32, x64]).sum().backward()
    assert x32.grad.dtype is tc.float32
    assert x64.grad.dtype is tc.float64


def test_unused_slices_get_no_gradient() -> None:
    x = tc.ones((3, 2)).requires_grad_()
    a, _, c = tc.unstack(x)
    (a * 2 + c).sum().backward()
    np.testing.assert_array_equal(np.asarray(x.grad), [[2, 2], [0, 0], [1, 1]])


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.integers(0, 4), max_size=3).map(tuple),
    st.integers(-9, 9) | st.lists(st.integers(-9, 9), max_size=3),
    st.none() | st.integers(-4, 4) | st.lists(st.integers(-4, 4), max_size=3),
)
def test_roll_and_flip(shape, shift, axis) -> None:
    a = np.arange(math.prod(shape)).reshape(shape)
    x = tc.asarray(a)
    axes = tuple(axis) if isinstance(axis, list) else axis
    in_range = axes is None or all(-a.ndim <= k < a.ndim for k in np.atleast_1d(axes))
    if not in_range:
        for f in (tc.flip, lambda x, axis: tc.roll(x, 1, axis=axis)):
            with pytest.raises((IndexError, ValueError) if isinstance(axes, tuple) and len(axes) > 1 else IndexError):
                f(x, axis=axes)
        return
    try:
        expected = np.flip(a, axes)
    except ValueError:
        with pytest.raises(ValueError, match="differ"):
            tc.flip(x, axis=axes)
    else:
        np.testing.assert_array_equal(np.asarray(tc.flip(x, axis=axes)), expected)
    steps = tuple(shift) if isinstance(shift, list) else shift
    if axes == ():  # nothing moves
        np.testing.assert_array_equal(np.asarray(tc.roll(x, 1, axis=axes)), a)
    elif isinstance(steps, int) or (isinstance(axes, tuple) and len(steps) == len(axes)):
        np.testing.assert_array_equal(np.asarray(tc.roll(x, steps, axis=axes)), np.roll(a, steps, axes))


def test_many_axes() -> None:
    x = tc.ones((2,) * 9)
    assert tc.tile(x, (2,) * 9).shape == (4,) * 9
    assert float(tc.tile(x, (2,) * 9).sum()) == 4.0**9
    with pytest.raises(ValueError, match="at most 16"):
        tc.ones((1,) * 16)[None]


@pytest.mark.parametrize(
    ("call", "error"),
    [
        (lambda: tc.reshape(tc.zeros(0), (0, 2**62, 2**62)), ValueError),
        (lambda: tc.broadcast_to(tc.zeros(1), (2**40, 2**40)), ValueError),
        (lambda: tc.pad(tc.zeros(1), 2**62), ValueError),
        (lambda: tc.pad(tc.zeros(1), (2**63 - 1, 1)), ValueError),
        (lambda: tc.pad(tc.zeros(1), 2**62, mode="edge"), (ValueError, MemoryError)),
        (lambda: tc.repeat(tc.zeros(4), 2**62), ValueError),
        (lambda: tc.tile(tc.zeros(4), (2**62,)), ValueError),
        (lambda: tc.one_hot(tc.zeros(4, dtype=tc.int64), 2**62), ValueError),
        (lambda: tc.reshape(tc.zeros(4), "a"), TypeError),
        (lambda: tc.reshape([1], (1,)), TypeError),
        (lambda: tc.concat([1, 2]), TypeError),
        (lambda: tc.stack([]), ValueError),
        (lambda: tc.moveaxis(tc.zeros(4), 0.5, 0), TypeError),
    ],
)
def test_bad_input(call, error) -> None:
    with pytest.raises(error):
        call()
