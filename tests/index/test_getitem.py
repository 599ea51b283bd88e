"""x[key] and x[key] = value against NumPy, with keys of every kind, valid or not."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tensorcore as tc
from tensorcore import testing

small = st.integers(-5, 5)
slices = st.builds(slice, st.none() | small, st.none() | small, st.none() | st.integers(-3, 3).filter(lambda s: s != 0))
int_arrays = st.lists(st.integers(0, 3), max_size=3).flatmap(
    lambda shape: st.just(tuple(shape)).flatmap(
        lambda s: st.lists(st.integers(-3, 2), min_size=int(np.prod(s)), max_size=int(np.prod(s))).map(
            lambda v: np.array(v, dtype=np.int64).reshape(s)
        )
    )
)
shapes = st.lists(st.sampled_from([0, 1, 2, 3, 3, 3, 4]), max_size=4).map(tuple)
dtypes = st.sampled_from(["bool", "uint8", "int16", "int64", "float32", "float64"])


@st.composite
def keys(draw, shape):
    items = []
    axis = 0
    count = draw(st.integers(0, len(shape) + 1))
    for _ in range(count):
        kind = draw(st.sampled_from(["int", "slice", "slice", "none", "ellipsis", "array", "list", "mask", "bool"]))
        left = max(0, len(shape) - axis)
        if kind == "int":
            items.append(draw(st.integers(-4, 3)))
            axis += 1
        elif kind == "slice":
            items.append(draw(slices))
            axis += 1
        elif kind == "none":
            items.append(None)
        elif kind == "ellipsis":
            items.append(...)
            axis += draw(st.integers(0, left))
        elif kind == "array":
            items.append(draw(int_arrays))
            axis += 1
        elif kind == "list":
            items.append(draw(st.lists(st.integers(-3, 2), max_size=3)))
            axis += 1
        elif kind == "mask":
            n = draw(st.integers(0, left))
            own = shape[axis : axis + n] if draw(st.integers(0, 9)) else tuple(draw(st.lists(st.just(2), max_size=2)))
            bits = draw(st.lists(st.booleans(), min_size=int(np.prod(own)), max_size=int(np.prod(own))))
            items.append(np.array(bits, dtype=bool).reshape(own))
            axis += n
        else:
            items.append(draw(st.booleans()))
    if len(items) == 1 and draw(st.booleans()):
        return items[0]
    return tuple(items)


def tensors_in(key, as_tensor):
    """The key with its NumPy arrays as tensors, if `as_tensor`."""

    def change(item):
        return tc.asarray(item) if as_tensor and isinstance(item, np.ndarray) else item

    return tuple(change(i) for i in key) if isinstance(key, tuple) else change(key)


def outcome(function):
    try:
        return function()
    except (IndexError, ValueError, TypeError, OverflowError) as error:
        return type(error)


def numbered(shape, dtype):
    return (np.arange(int(np.prod(shape))) % 100).reshape(shape).astype(dtype)


def source(draw_layout, array):
    x = tc.asarray(array.copy())
    if draw_layout == "transposed":
        axes = tuple(range(array.ndim))[::-1]
        return tc.asarray(np.ascontiguousarray(array.transpose(axes)).reshape(array.shape[::-1])).permute_dims(axes)
    if draw_layout == "flipped":
        back = (slice(None, None, -1),) * array.ndim
        return tc.asarray(np.array(array[back]))[back]
    return x


layouts = st.sampled_from(["contiguous", "transposed", "flipped"])


@settings(max_examples=600, deadline=None)
@given(st.data(), shapes, dtypes, layouts, st.booleans())
def test_getitem(data, shape, dtype, layout, as_tensor) -> None:
    key = data.draw(keys(shape))
    a = numbered(shape, dtype)
    x = source(layout, a)
    expected = outcome(lambda: a[key])
    got = outcome(lambda: x[tensors_in(key, as_tensor)])
    if isinstance(expected, type):
        assert got is expected
    else:
        assert isinstance(got, tc.Tensor), got
        assert got.dtype is x.dtype
        assert got.shape == expected.shape
        np.testing.assert_array_equal(np.asarray(got), expected)


@settings(max_examples=600, deadline=None)
@given(st.data(), shapes, dtypes, dtypes, layouts)
def test_setitem(data, shape, dtype, value_dtype, layout) -> None:
    key = data.draw(keys(shape))
    a = numbered(shape, dtype)
    x = source(layout, a)
    b = a.copy()
    try:
        target = a[key].shape
    except IndexError:
        with pytest.raises(IndexError):
            x[key] = 1
        np.testing.assert_array_equal(np.asarray(x), a)
        return
    kind = data.draw(st.sampled_from(["full", "scalar", "row", "wrong"]))
    value = {
        "full": numbered(target, value_dtype),
        "scalar": np.asarray(3, dtype=value_dtype),
        "row": numbered(target[-1:], value_dtype),
        "wrong": numbered((*target, 5), value_dtype),
    }[kind]
    given_value = 3 if kind == "scalar" and value_dtype == "int64" else tc.asarray(value)
    np_error = outcome(lambda: b.__setitem__(key, value))
    error = outcome(lambda: x.__setitem__(key, given_value))
    if kind == "wrong" and int(np.prod(target)) != 0:
        assert error is ValueError
        np.testing.assert_array_equal(np.asarray(x), a)
    elif np_error is None:
        assert error is None
        np.testing.assert_array_equal(np.asarray(x), b)


@settings(max_examples=150, deadline=None)
@given(st.data(), shapes)
def test_gradient(data, shape) -> None:
    key = data.draw(keys(shape))
    x = tc.asarray(numbered(shape, "float64"))
    try:
        x[key]
    except IndexError:
        return
    testing.check_grads(lambda x: x[key], [x])
    if x[key].size:
        v = tc.asarray(numbered(x[key].shape, "float64"))

        def assign(x, v):
            y = x * 2.0
            y[key] = v * v
            return y * y

        testing.check_grads(assign, [x, v], rtol=1e-5)


def test_basic_keys_give_views() -> None:
    x = tc.zeros((4, 5))
    for key in (1, slice(None, None, -2), (..., 2), None, (slice(1, 3), 4)):
        view = x[key]
        view[...] = 7
        assert float(x[key].sum()) == 7 * view.size
        x[...] = 0
    taken = x[[1, 2]]
    taken[...] = 7
    assert float(x.sum()) == 0


@pytest.mark.parametrize(
    ("key", "error", "text"),
    [
        (7, IndexError, "getitem: index 7 is out of range for axis 0 of extent 3"),
        ((0, -5), IndexError, "getitem: index -5 is out of range for axis 1 of extent 4"),
        ((0, [1, 9]), IndexError, "getitem: index 9 is out of range for axis 1 of extent 4"),
        ((0, 0, 0), IndexError, "getitem: too many indices, got 3 for a tensor of 2 axes"),
        ((..., ...), IndexError, "getitem: a key holds at most one Ellipsis"),
        ("a", IndexError, "getitem: indices are ints, slices, None, Ellipsis and integer or bool arrays, got str"),
        (1.0, IndexError, "getitem: indices are ints, slices, None, Ellipsis and integer or bool arrays, got float"),
        (([0, 1], [0, 1, 2]), IndexError, "getitem: index arrays must broadcast, got (2,) and (3,)"),
        (slice(None, None, 0), ValueError, "slice step cannot be zero"),
        (2**70, IndexError, "getitem: the index does not fit in 64 bits"),
        (slice(None, "a"), TypeError, "slice indices must be integers or None or have an __index__ method"),
    ],
)
def test_errors(key, error, text) -> None:
    x = tc.zeros((3, 4))
    with pytest.raises(error) as got:
        x[key]
    assert str(got.value) == text
    with pytest.raises(error):
        x[key] = 1.0
    assert float(x.sum()) == 0


def test_bounds_are_checked_before_anything_is_written() -> None:
    x = tc.zeros((3, 4))
    with pytest.raises(IndexError):
        x[[0, 1, 5]] = 1.0
    assert float(x.sum()) == 0


def test_overlapping_source() -> None:
    a = np.arange(10.0)
    x = tc.asarray(a.copy())
    x[1:] = x[:-1]
    np.testing.assert_array_equal(np.asarray(x), [0, *range(9)])
    x = tc.asarray(a.copy())
    x[[0, 1, 2]] = x[1:4]
    np.testing.assert_array_equal(np.asarray(x), [1, 2, 3, *range(3, 10)])
    x = tc.asarray(a.copy())
    x[::-1] = x
    np.testing.assert_array_equal(np.asarray(x), a[::-1])


def test_values() -> None:
    x = tc.zeros(3, dtype=tc.int32)
    x[0] = 1.9
    x[1] = True
    x[2] = -3
    assert [int(v) for v in x] == [1, 1, -3]
    with pytest.raises(OverflowError):
        x[0] = 2**40
    with pytest.raises(TypeError):
        x[0] = "a"
    with pytest.raises(TypeError):
        x[0] = None
    x[:] = [4, 5, 6]
    x[1:] = np.array([7, 8])
    assert [int(v) for v in x] == [4, 7, 8]
    with pytest.raises(ValueError, match=r"read-only|broadcast"):
        tc.broadcast_to(tc.ones(1), (3,))[0:2] = 1.0


def test_in_place_under_autograd() -> None:
    leaf = tc.tensor([1.0, 2.0, 3.0], requires_grad=True)
    with pytest.raises(RuntimeError, match="leaf"):
        leaf[0] = 1.0
    with tc.no_grad():
        leaf[0] = 5.0
    y = leaf * 1.0
    view = y[1:]
    with pytest.raises(RuntimeError, match="shares"):
        y[0] = 1.0
    del view
    z = leaf * leaf  # saves leaf
    y[0] = 0.0
    (y.sum() + z.sum()).backward()
    np.testing.assert_array_equal(np.asarray(leaf.grad), [10.0, 5.0, 7.0])


def test_a_change_after_saving_is_seen() -> None:
    x = tc.tensor([1.0, 2.0], requires_grad=True)
    index = tc.asarray([0, 0])
    y = x[index]
    index[0] = 1
    with pytest.raises(RuntimeError, match="changed in place"):
        y.sum().backward()


def test_repeated_indices() -> None:
    x = tc.zeros(3, dtype=tc.float64)
    v = tc.tensor([1.0, 2.0, 3.0], dtype=tc.float64, requires_grad=True)
    x[[0, 1, 0]] = v
    np.testing.assert_array_equal(np.asarray(x.detach()), [3, 2, 0])
    x.sum().backward()
    np.testing.assert_array_equal(np.asarray(v.grad), [0, 1, 1])
    w = tc.tensor([1.0, 2.0], requires_grad=True)
    w[[0, 0, 1]].sum().backward()
    np.testing.assert_array_equal(np.asarray(w.grad), [2, 1])


def test_large_and_threads() -> None:
    rng = np.random.default_rng(0)
    a = rng.standard_normal((3000, 64)).astype(np.float32)
    idx = rng.integers(0, 3000, 5000)
    mask = rng.random((3000, 64)) < 0.3
    x = tc.asarray(a)
    np.testing.assert_array_equal(np.asarray(x[idx]), a[idx])
    np.testing.assert_array_equal(np.asarray(x[:, idx % 64]), a[:, idx % 64])
    np.testing.assert_array_equal(np.asarray(x[mask]), a[mask])
    np.testing.assert_array_equal(np.asarray(x.T[mask.T]), a.T[mask.T])
    b, y = a.copy(), tc.asarray(a.copy())
    v = rng.standard_normal((5000, 64)).astype(np.float32)
    b[idx] = v
    y[idx] = tc.asarray(v)
    np.testing.assert_array_equal(np.asarray(y), b)
    b[mask] = v[mask[:3000].nonzero()[0][0]][0]
    y[mask] = float(v[mask[:3000].nonzero()[0][0]][0])
    np.testing.assert_array_equal(np.asarray(y), b)
    b[:, idx % 64] = 3
    y[:, idx % 64] = 3
    np.testing.assert_array_equal(np.asarray(y), b)
