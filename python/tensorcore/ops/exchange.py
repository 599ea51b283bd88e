"""Tensors for other libraries and for Python itself: DLPack, NumPy, pickle, copies, nested lists, formatting."""

from __future__ import annotations

import pickle
from typing import Any

from .. import _core
from ..tensor import Tensor, methods
from .creation import asarray


def tolist(x: Tensor) -> Any:
    """The elements as nested lists of Python bools, ints or floats; the scalar itself if 0-d."""
    return _core.tolist(x)


def __dlpack__(  # noqa: N807
    self: Tensor,
    /,
    *,
    stream: Any = None,
    max_version: tuple[int, int] | None = None,
    dl_device: tuple[int, int] | None = None,
    copy: bool | None = None,
) -> Any:
    """A DLPack capsule that shares this tensor's memory: versioned if `max_version` is (1, 0) or later.

    A CUDA tensor's capsule waits for the consumer's `stream`; with `dl_device=(1, 0)` it is copied to the
    CPU. Raises BufferError for a tensor that requires grad (export `tensor.detach()`), for another
    device, for the executor's memory, and where `copy=False` cannot be honoured.
    """
    return _core.dlpack_export(self, stream, max_version, dl_device, copy)


def __dlpack_device__(self: Tensor, /) -> tuple[int, int]:  # noqa: N807
    """The DLPack device type and number of this tensor: (1, 0) on the CPU, (2, N) on `cuda:N`."""
    return _core.dlpack_device(self)


def __array__(self: Tensor, dtype: Any = None, copy: bool | None = None) -> Any:  # noqa: N807
    """This tensor as a NumPy array, sharing memory unless `dtype` differs or `copy` is True.

    Raises RuntimeError if the tensor requires grad, TypeError for bfloat16 and for other devices than
    the CPU: what to call instead is in the message.
    """
    import numpy as np

    if self.requires_grad:
        raise RuntimeError(
            "__array__: the tensor requires grad and NumPy would lose its gradient; convert tensor.detach() instead"
        )
    if self.device.type != "cpu":
        raise TypeError(f"__array__: the tensor is on '{self.device}'; convert tensor.to('cpu') instead")
    if self.dtype is _core.bfloat16:
        raise TypeError("__array__: NumPy has no bfloat16; convert with .astype(tc.float32) first")
    shared = np.asarray(memoryview(self))
    if dtype is not None and shared.dtype != dtype:
        if copy is False:
            raise ValueError(f"__array__: copy=False cannot be honoured, {self.dtype.name} must become {dtype}")
        return shared.astype(dtype)
    return shared.copy() if copy else shared


def _restore(data: Any, dtype: Any, shape: tuple[int, ...], requires_grad: bool, device: Any = "cpu") -> Tensor:
    x: Tensor = _core.to_device(_core.from_bytes(data, dtype, shape), device, False)
    x.requires_grad = requires_grad
    return x


def _check_leaf(x: Tensor, op: str) -> None:
    if not x.is_leaf:
        raise RuntimeError(
            f"{op}: only tensors made by the user can be copied with their gradient settings, "
            "this one was computed; use tensor.detach()"
        )


def __reduce_ex__(self: Tensor, protocol: Any) -> Any:  # noqa: N807
    _check_leaf(self, "pickle")
    memory = _core.as_bytes(self)
    data = pickle.PickleBuffer(memory) if protocol >= 5 else bytes(memory)
    return _restore, (data, self.dtype, self.shape, self.requires_grad, self.device)


def __copy__(self: Tensor) -> Tensor:  # noqa: N807
    _check_leaf(self, "copy")
    x: Tensor = _core.alias(self)
    x.requires_grad = self.requires_grad
    return x


def __deepcopy__(self: Tensor, memo: dict[int, Any]) -> Tensor:  # noqa: N807
    _check_leaf(self, "deepcopy")
    x: Tensor = _core.copy(self)
    x.requires_grad = self.requires_grad
    memo[id(self)] = x
    return x


def __format__(self: Tensor, spec: str) -> str:  # noqa: N807
    if spec and self.ndim == 0:
        return format(self.item(), spec)
    if spec:
        raise TypeError(f"format: only 0-d tensors take a format such as {spec!r}, got shape {self.shape}")
    return repr(self)


def _convert(obj: Any, like: Tensor) -> Any:
    """What an operator makes of a foreign operand: arrays and NumPy scalars become tensors."""
    if isinstance(obj, (list, tuple, str, bytes, bytearray, memoryview)):
        return NotImplemented  # containers are no operands: tc.asarray says what they hold
    if not (hasattr(obj, "__array__") or hasattr(obj, "__dlpack__")) or isinstance(obj, type):
        return NotImplemented
    return asarray(obj)


_core.set_hook("convert", _convert)

__all__: list[str] = []

methods(
    tolist,
    __dlpack__,
    __dlpack_device__,
    __array__,
    __reduce_ex__,
    __copy__,
    __deepcopy__,
    __format__,
)
