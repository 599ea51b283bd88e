"""The ways an input can lie in memory."""

import numpy as np

import tensorcore as tc

LAYOUTS = ("contiguous", "transposed", "sliced", "flipped", "broadcast")


def to_tensor(array: np.ndarray, dtype: str, layout: str = "contiguous") -> tc.Tensor:
    """The values of `array` as a tensor of `dtype` in the given layout (the values stay the same)."""
    if layout == "transposed" and array.ndim >= 2:
        axes = tuple(range(array.ndim))[::-1]
        return _plain(array.transpose(axes), dtype).permute_dims(axes)
    if layout == "sliced" and array.ndim >= 1:
        padded = np.full(tuple(2 * n + 3 for n in array.shape), 77).astype(array.dtype)
        inner = tuple(slice(1, 2 * n + 1, 2) for n in array.shape)
        padded[inner] = array
        return _plain(padded, dtype)[inner]
    if layout == "flipped" and array.ndim >= 1:
        back = tuple(slice(None, None, -1) for _ in array.shape)
        return _plain(array[back], dtype)[back]
    return _plain(array, dtype)


def _plain(array: np.ndarray, dtype: str) -> tc.Tensor:
    return tc.asarray(np.ascontiguousarray(array)).reshape(array.shape).astype(getattr(tc, dtype))


def broadcastable(array: np.ndarray) -> np.ndarray:
    """`array` with its first axis repeated from one row, so that a broadcast view can hold it."""
    return np.broadcast_to(array[:1], array.shape) if array.ndim else array
