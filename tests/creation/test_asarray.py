"""Tensors from Python values and other libraries' arrays."""

import re

import numpy as np
import pytest

import tensorcore as tc


@pytest.mark.parametrize(
    ("value", "dtype", "shape"),
    [
        (True, "bool", ()),
        (3, "int64", ()),
        (2.5, "float32", ()),
        ([], "float32", (0,)),
        ([[], []], "float32", (2, 0)),
        ([True, False], "bool", (2,)),
        ([True, 2], "int64", (2,)),
        ([1, 2.0], "float32", (2,)),
        (((1, 2), [3, 4]), "int64", (2, 2)),
        (range(4), "int64", (4,)),
        ([np.float64(1.5), 2], "float64", (2,)),
        ([np.arange(3, dtype=np.int8), [1, 2, 3]], "int8", (2, 3)),
        ([np.arange(3, dtype=np.int8), [1, 2, 3.5]], "float32", (2, 3)),
        (np.float64(2), "float64", ()),
        (np.ones((2, 3), np.float16), "float16", (2, 3)),
        (b"abc", "uint8", (3,)),
    ],
)
def test_dtype_and_shape(value: object, dtype: str, shape: tuple[int, ...]) -> None:
    x = tc.asarray(value)
    assert x.dtype.name == dtype
    assert x.shape == shape
    raw = np.frombuffer(value, np.uint8) if isinstance(value, bytes) else np.asarray(value)
    np.testing.assert_array_equal(np.asarray(x), raw.astype(dtype))


def test_tensors_inside_lists() -> None:
    x = tc.asarray([[tc.asarray(1, dtype=tc.int8), 2], tc.arange(2, dtype=tc.int16)])
    assert x.dtype is tc.int16
    assert x.tolist() == [[1, 2], [0, 1]]
    with pytest.raises(RuntimeError, match=r"requires grad; use tc\.stack"):
        tc.asarray([tc.tensor(1.0, requires_grad=True)])


RAGGED = [
    ([[1], [2, 3]], "nested sequences must have equal lengths, got 2 instead of 1 elements at [1]"),
    ([1, [2]], "nested sequences must have one depth, but found a sequence at [1]"),
    ([[1, 2], [3, [4]]], "nested sequences must have one depth, but found a sequence at [1][1]"),
    ([[1], 2], "nested sequences must have one depth, but found a number at [1]"),
    ([[], [1]], "nested sequences must have equal lengths, got 1 instead of 0 elements at [1]"),
    ([[[1]], [1]], "nested sequences must have one depth, but found a number at [1][0]"),
    ([np.ones(2), np.ones(3)], "nested sequences must have equal lengths, got 3 instead of 2"),
]


@pytest.mark.parametrize(("value", "text"), RAGGED)
def test_ragged_lists_name_the_place(value: list, text: str) -> None:
    with pytest.raises(ValueError, match="^asarray: " + re.escape(text)):
        tc.asarray(value)


@pytest.mark.parametrize("value", ["abc", None, {}, {1}, 1j, object(), [None], ["a"], [1j], int])
def test_not_numbers(value: object) -> None:
    with pytest.raises(TypeError, match=r"^asarray: elements must be numbers, got"):
        tc.asarray(value)


def test_a_list_that_holds_itself() -> None:
    loop: list = []
    loop.append(loop)
    with pytest.raises(ValueError, match="at most 16 nested levels"):
        tc.asarray(loop)


def test_a_list_that_changes_while_it_is_read() -> None:
    victim = [0, 0, 0]

    class Shrinks:
        def __array__(self, dtype=None, copy=None):
            victim.clear()
            return np.zeros(())

    victim[0] = Shrinks()
    with pytest.raises(ValueError, match=r"the nested sequences changed|equal lengths"):
        tc.asarray([victim, [1, 2, 3]])


def test_range_of_integers() -> None:
    for dtype in (tc.uint8, tc.int8, tc.int16, tc.int32, tc.int64):
        info = tc.iinfo(dtype)
        assert tc.asarray([info.min, info.max], dtype=dtype).tolist() == [info.min, info.max]
        for outside in (info.min - 1, info.max + 1):
            with pytest.raises(OverflowError, match=f"does not fit in {dtype.name}"):
                tc.asarray([outside], dtype=dtype)
        with pytest.raises(OverflowError):
            tc.asarray(1e30, dtype=dtype)
        with pytest.raises(ValueError, match="nan cannot be held by"):
            tc.asarray(float("nan"), dtype=dtype)
    assert tc.asarray(2**53 + 1, dtype=tc.float64).item() == 2.0**53
    with pytest.raises(OverflowError):
        tc.asarray(10**400, dtype=tc.float64)


def test_numpy_memory_is_shared_unless_copied() -> None:
    a = np.arange(12.0).reshape(3, 4)
    shared, copied = tc.asarray(a[::-1, ::2]), tc.asarray(a, copy=True)
    strict = tc.asarray(a.T, copy=False)
    a[2, 2] = -1
    assert shared[:1, 1:].item() == -1
    assert strict[2:3, 2:].item() == -1
    assert copied[2:, 2:3].item() == 10
    assert shared.dtype is tc.float64
    with pytest.raises(ValueError, match="copy=False cannot be honoured, the dtype differs"):
        tc.asarray(a, dtype=tc.float32, copy=False)
    with pytest.raises(ValueError, match="copy=False cannot be honoured"):
        tc.asarray([1.0], copy=False)


def test_numpy_memory_that_cannot_be_addressed_is_copied() -> None:
    packed = np.zeros(3, dtype=[("a", "i1"), ("b", "<f8")])["b"]
    packed[:] = [1, 2, 3]
    swapped = np.arange(6).reshape(2, 3).astype(">i4")
    for array in (packed, swapped):
        assert tc.asarray(array).tolist() == array.tolist()
        with pytest.raises(ValueError, match="misaligned, scattered or of another byte order"):
            tc.asarray(array, copy=False)


@pytest.mark.parametrize("dtype", ["uint16", "uint64", "complex64", "O", "U3", "i4,f4"])
def test_numpy_dtypes_we_lack(dtype: str) -> None:
    with pytest.raises(TypeError, match="have no tensorcore dtype, convert them first"):
        tc.asarray(np.zeros(2, dtype))


def test_read_only_memory_stays_read_only() -> None:
    a = np.ones(3)
    a.flags.writeable = False
    x = tc.asarray(a)
    with pytest.raises(ValueError, match="read-only"):
        x += 1
    assert not np.asarray(x).flags.writeable


def test_tensor_is_a_leaf_and_asarray_is_not() -> None:
    x = tc.tensor([1.0, 2.0], requires_grad=True)
    assert tc.asarray(x) is x
    y = tc.tensor(x)
    assert not y.requires_grad
    assert y._address != x._address
    tc.asarray(x * 2, dtype=tc.float64).sum().backward()
    assert x.grad.tolist() == [2, 2]
    with pytest.raises(TypeError, match="only floating-point tensors can require grad"):
        tc.tensor([1], requires_grad=True)


def test_full_takes_scalars_and_0d_arrays() -> None:
    assert tc.full((2,), tc.asarray(3, dtype=tc.int8)).dtype is tc.int8
    assert tc.full(2, True).dtype is tc.bool
    assert tc.full((), 2.5).item() == 2.5
    assert tc.full_like(tc.arange(3), 2.0).tolist() == [2, 2, 2]
    with pytest.raises(OverflowError, match="full: the Python int 256 does not fit in uint8"):
        tc.full(2, 256, dtype=tc.uint8)
    with pytest.raises(ValueError, match="fill_value must be a scalar or 0-d"):
        tc.full(2, tc.ones(2))


@pytest.mark.parametrize("make", [tc.empty, tc.zeros, tc.ones])
def test_sizes(make) -> None:
    name = make.__name__
    with pytest.raises(ValueError, match=f"^{name}: extents must not be negative, got shape "):
        make((2, -1))
    with pytest.raises(ValueError, match=f"^{name}: the array is too large to address"):
        make((2**40, 2**40))
    with pytest.raises(MemoryError, match="bytes"):
        make(2**46)
    with pytest.raises(TypeError, match=f"^{name}: argument 1 must be an int or a tuple of ints"):
        make("ab")
    with pytest.raises(RuntimeError, match="device: 'cuda:99' does not exist"):
        make(2, device="cuda:99")
    with pytest.raises(ValueError, match="device: must be 'cpu'"):
        make(2, device="tpu")
    assert make([2, 0, 3]).shape == (2, 0, 3)
    assert make(3, device=tc.Device("cpu"), dtype=tc.int8).dtype is tc.int8
