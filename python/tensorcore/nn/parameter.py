"""`Parameter` and `Buffer`: the tensors a module keeps, told apart by their class."""

from __future__ import annotations

from typing import Any

from .. import _core
from ..ops.creation import empty
from ..tensor import Tensor


class Parameter(Tensor):
    """A tensor that a module learns: assigned to an attribute of a `Module`, it is found by `parameters()`.

    Parameter(data, requires_grad=True) shares the memory of `data`, a Tensor of any shape, and is a leaf. What is
    computed from it is a plain Tensor. TypeError unless `data` is a Tensor, and for a dtype that is not
    floating-point with `requires_grad`.

    >>> nn.Parameter(tc.zeros(2)).requires_grad
    True
    """

    __slots__ = ()

    def __new__(cls, data: Any = None, requires_grad: bool = True) -> Parameter:
        """See the class."""
        x = _held(cls, empty(0) if data is None else data)
        x.requires_grad = requires_grad
        return x

    def __repr__(self) -> str:
        return f"Parameter containing:\n{super().__repr__()}"

    def __reduce_ex__(self, protocol: Any) -> Any:
        return _restored, (type(self), _core.alias(self), self.requires_grad)

    def __copy__(self) -> Parameter:
        return _restored(type(self), self, self.requires_grad)

    def __deepcopy__(self, memo: dict[int, Any]) -> Parameter:
        memo[id(self)] = x = _restored(type(self), _core.copy(self), self.requires_grad)
        return x


class Buffer(Tensor):
    """A tensor that a module keeps but does not learn: Buffer(data, persistent=True).

    Assigned to an attribute of a `Module` it is found by `buffers()`; the state dict holds it if `persistent`.
    """

    __slots__ = ()

    def __new__(cls, data: Any = None, *, persistent: bool = True) -> Buffer:
        """See the class."""
        return _held(cls if persistent else _Transient, empty(0) if data is None else data)

    def __reduce_ex__(self, protocol: Any) -> Any:
        return _restored, (type(self), _core.alias(self), self.requires_grad)

    def __deepcopy__(self, memo: dict[int, Any]) -> Buffer:
        memo[id(self)] = x = _restored(type(self), _core.copy(self), self.requires_grad)
        return x

    @property
    def persistent(self) -> bool:
        """Whether the state dict holds this buffer."""
        return not isinstance(self, _Transient)


class UninitializedParameter(Parameter):
    """A parameter whose shape is not known yet: a lazy layer fills it at its first call, or a loaded state does."""

    __slots__ = ()

    def materialize(self, shape: Any) -> None:
        """Become a plain `Parameter` of `shape`, in place: optimizers that hold it need not know."""
        _materialize(self, shape, Parameter)

    def __repr__(self) -> str:
        return "<UninitializedParameter>"


class UninitializedBuffer(Buffer):
    """A buffer whose shape is not known yet, as `UninitializedParameter`."""

    __slots__ = ()

    def materialize(self, shape: Any) -> None:
        """Become a plain `Buffer` of `shape`, in place."""
        _materialize(self, shape, Buffer)

    def __repr__(self) -> str:
        return "<UninitializedBuffer>"


class _Transient(Buffer):
    """A buffer that the state dict leaves out."""

    __slots__ = ()


def _held(cls: Any, data: Any) -> Any:
    """The memory of `data` under another class: tensors have no fields of their own, so theirs is free to change."""
    if not isinstance(data, Tensor):
        raise TypeError(f"{cls.__name__}: data must be a Tensor, got {type(data).__name__}")
    x = _core.alias(data)
    x.__class__ = cls
    return x


def _materialize(x: Any, shape: Any, cls: Any) -> None:
    _core.set_data(x, empty(shape, dtype=x.dtype, device=x.device))
    x.__class__ = cls


def _restored(cls: Any, data: Tensor, requires_grad: bool) -> Any:
    x = _held(cls, data)
    x.requires_grad = requires_grad
    return x


def is_lazy(x: Any) -> bool:
    """Whether `x` is a parameter or buffer whose shape is not known yet."""
    return isinstance(x, (UninitializedParameter, UninitializedBuffer))


__all__ = ["Buffer", "Parameter", "UninitializedBuffer", "UninitializedParameter", "is_lazy"]
