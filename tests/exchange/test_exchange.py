"""Tensors to and from other libraries, pickle and copies."""

import copy
import ctypes
import gc
import hashlib
import pickle
import sys

import numpy as np
import pytest

import tensorcore as tc

DTYPES = ("bool", "uint8", "int8", "int16", "int32", "int64", "float16", "float32", "float64")


def sample(dtype: str) -> tc.Tensor:
    return tc.asarray([[0, 1, 2], [3, 4, 5]], dtype=getattr(tc, dtype))


@pytest.mark.parametrize("dtype", DTYPES)
def test_numpy_shares_memory_both_ways(dtype: str) -> None:
    x = sample(dtype)
    for view in (x, x.mT, x[::-1, ::2], x[1:1], x[:1, :1].reshape(())):
        for a in (np.from_dlpack(view), np.asarray(view)):
            assert a.dtype == dtype
            assert a.shape == view.shape
            assert a.tolist() == view.tolist()
            assert a.size == 0 or a.ctypes.data == view._address
            for back in (tc.from_dlpack(a), tc.asarray(a)):
                assert back.dtype is x.dtype
                assert back.tolist() == view.tolist()
                assert a.size == 0 or back._address == view._address


def test_torch_shares_memory_both_ways() -> None:
    torch = pytest.importorskip("torch")
    for dtype in (*DTYPES, "bfloat16"):
        x = sample(dtype)
        t = torch.from_dlpack(x.mT)
        assert t.data_ptr() == x._address
        assert t.tolist() == x.mT.tolist()
        back = tc.from_dlpack(t)
        assert back.dtype is x.dtype
        assert back._address == x._address
        assert tc.asarray(t)._address == x._address
    assert tc.from_dlpack(torch.arange(6)[2:]).tolist() == [2, 3, 4, 5]  # byte offset


class Producer:
    """An object with DLPack of the older form, without keyword arguments."""

    def __init__(self, array: np.ndarray, device: tuple[int, int] = (1, 0)):
        self.array, self.device = array, device

    def __dlpack__(self):
        return self.array.__dlpack__()

    def __dlpack_device__(self):
        return self.device


def test_lent_memory_is_given_back_once() -> None:
    for lend in (tc.from_dlpack, tc.asarray, lambda a: tc.from_dlpack(Producer(a))):
        a = np.arange(4)
        before = sys.getrefcount(a)
        x = lend(a)
        view = x[::2]
        del x
        gc.collect()
        assert sys.getrefcount(a) > before
        assert view.tolist() == [0, 2]
        del view
        assert sys.getrefcount(a) == before


def test_exported_memory_outlives_the_tensor() -> None:
    x = tc.arange(1000)
    a, capsule = np.from_dlpack(x), x.__dlpack__(max_version=(1, 0))
    assert x._owners == 3
    del capsule  # taken by nobody
    assert x._owners == 2
    del x
    gc.collect()
    tc.full(1000, 7)  # would reuse the memory if it were free
    assert a.tolist() == list(range(1000))


def test_capsules() -> None:
    x = tc.ones(3)
    assert "dltensor_versioned" in repr(x.__dlpack__(max_version=(1, 0)))
    assert '"dltensor"' in repr(x.__dlpack__())
    assert '"dltensor"' in repr(x.__dlpack__(max_version=(0, 8)))
    assert x.__dlpack_device__() == (1, 0)

    class Once:
        capsule = x.__dlpack__(max_version=(1, 0))

        def __dlpack__(self, **kwargs):
            return self.capsule

        def __dlpack_device__(self):
            return 1, 0

    once = Once()
    assert tc.from_dlpack(once).tolist() == [1, 1, 1]
    with pytest.raises(BufferError, match="gave no unused DLPack capsule"):
        tc.from_dlpack(once)


def test_copies_on_request() -> None:
    x, a = tc.ones(3), np.ones(3)
    assert tc.from_dlpack(a, copy=True)._address != a.ctypes.data
    assert tc.from_dlpack(a, copy=False)._address == a.ctypes.data
    assert tc.from_dlpack(Producer(a), copy=True)._address != a.ctypes.data
    assert np.from_dlpack(x, copy=True).ctypes.data != x._address
    assert np.array(x, copy=True).ctypes.data != x._address
    assert np.asarray(x, dtype=np.float64).dtype == np.float64


def test_read_only_is_honoured_both_ways() -> None:
    a = np.arange(3.0)
    a.flags.writeable = False
    x = tc.from_dlpack(a)
    with pytest.raises(ValueError, match="the array is read-only"):
        x += 1
    assert not np.from_dlpack(x).flags.writeable
    with pytest.raises(BufferError, match=r"needs max_version of \(1, 0\) or later"):
        x.__dlpack__(copy=False)
    x.__dlpack__()  # the older form gets a copy
    repeated = tc.broadcast_to(tc.ones(1), (3,))
    assert not np.from_dlpack(repeated).flags.writeable
    assert not np.asarray(repeated).flags.writeable
    for fixed in (x, repeated):
        with pytest.raises(TypeError, match="not writable"):
            (ctypes.c_byte * 1).from_buffer(fixed)


def test_refusals() -> None:
    g = tc.tensor([1.0], requires_grad=True)
    with pytest.raises(BufferError, match=r"requires grad cannot be exported.*tensor\.detach\(\)"):
        g.__dlpack__()
    with pytest.raises(RuntimeError, match=r"convert tensor\.detach\(\) instead"):
        np.asarray(g)
    with pytest.raises(BufferError, match=r"tensor\.detach\(\)"):
        memoryview(g)
    half = tc.ones(1, dtype=tc.bfloat16)
    with pytest.raises(TypeError, match=r"\.astype\(tc\.float32\)"):
        np.asarray(half)
    with pytest.raises(BufferError, match=r"\.astype\(tc\.float32\)"):
        memoryview(half)
    x = tc.ones(3)
    with pytest.raises(ValueError, match="stream must be None"):
        x.__dlpack__(stream=1)
    with pytest.raises(BufferError, match=r"device 'cpu' to DLPack device \(2, 0\)"):
        x.__dlpack__(dl_device=(2, 0))
    with pytest.raises(TypeError, match="max_version must be a tuple"):
        x.__dlpack__(max_version=1)
    with pytest.raises(TypeError, match="needs an object with __dlpack__"):
        tc.from_dlpack([1.0])
    with pytest.raises(RuntimeError, match="memory on DLPack device type 2"):
        tc.from_dlpack(Producer(np.ones(2), (2, 0)))
    with pytest.raises(BufferError, match="has no tensorcore dtype"):
        tc.from_dlpack(np.ones(2, np.uint32))
    with pytest.raises(BufferError, match="non-contiguous"):
        bytes(pickle.PickleBuffer(x[::2]).raw())
    with pytest.raises(BufferError, match="not contiguous"):
        hashlib.sha256(tc.ones((2, 2)).mT)


def test_operators_with_numpy_give_tensors() -> None:
    x = tc.ones(3)
    for y in (
        np.arange(3.0) + x,
        x + np.arange(3.0),
        np.float32(2) * x,
        x * np.float32(2),
        np.int64(2) * x,
        np.float64(2) * x,
    ):
        assert isinstance(y, tc.Tensor)
    assert (np.arange(3.0) + x).tolist() == [1, 2, 3]
    assert (np.arange(3.0) + x).dtype is tc.float64
    for other in ([1, 2, 3], "a", None, {}):
        with pytest.raises(TypeError, match="unsupported operand"):
            x + other


@pytest.mark.parametrize("dtype", [*DTYPES, "bfloat16"])
@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
def test_pickle(dtype: str, protocol: int) -> None:
    for x in (sample(dtype), sample(dtype).mT, sample(dtype)[:1, :1].reshape(()), sample(dtype)[:, :0]):
        data = pickle.dumps(x, protocol)
        assert b"numpy" not in data
        y = pickle.loads(data)
        assert y.dtype is x.dtype
        assert y.shape == x.shape
        assert y.tolist() == x.tolist()
        assert y.size == 0 or y._address != x._address


def test_pickle_out_of_band() -> None:
    buffers: list = []
    x = tc.arange(10_000)
    data = pickle.dumps(x, protocol=5, buffer_callback=buffers.append)
    assert len(data) < 500
    assert pickle.loads(data, buffers=buffers).tolist() == x.tolist()


def test_copies_keep_the_setting_and_drop_the_gradient() -> None:
    x = tc.tensor([1.0, 2.0], requires_grad=True)
    (x * x).sum().backward()
    deep, shallow = copy.deepcopy(x), copy.copy(x)
    restored = pickle.loads(pickle.dumps(x))
    for y in (deep, shallow, restored):
        assert y.requires_grad
        assert y.is_leaf
        assert y.grad is None
    assert shallow._address == x._address
    assert deep._address != x._address
    twice = copy.deepcopy([x, x])
    assert twice[0] is twice[1]
    for f in (copy.copy, copy.deepcopy, pickle.dumps):
        with pytest.raises(RuntimeError, match=r"use tensor\.detach\(\)"):
            f(x * 2)


def test_lists_and_items() -> None:
    x = sample("int16")
    assert x.mT.tolist() == [[0, 3], [1, 4], [2, 5]]
    assert tc.asarray(2.5).tolist() == 2.5
    assert tc.zeros((2, 0)).tolist() == [[], []]
    assert type(sample("bool").tolist()[0][0]) is bool
    assert x[1:, 2:].item() == 5
    with pytest.raises(TypeError, match="only tensors of one element convert"):
        x.item()
