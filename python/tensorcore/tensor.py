"""`Tensor`: the class behind every array. Its methods are the package's functions.

Array functions become methods here (`methods`), so each exists once; what a tensor alone can do
(operators, autograd, exchange with other libraries) is defined below or in C.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from . import _core, autograd


class Tensor(_core.TensorBase):
    """An n-dimensional array of one dtype on one device, which autograd can follow.

    Make one with `tc.tensor`, `tc.asarray`, `tc.zeros`, `tc.arange` and their kin.
    """

    __slots__ = ()
    __array_ufunc__ = None  # NumPy's operators leave the work to ours
    __array_priority__ = 1000

    def __array_namespace__(self, *, api_version: str | None = None) -> Any:
        """The package, as the Python array API standard asks."""
        import tensorcore

        if api_version is not None and api_version not in tensorcore.SUPPORTED_API_VERSIONS:
            raise ValueError(
                f"__array_namespace__: api_version must be one of {tensorcore.SUPPORTED_API_VERSIONS}, "
                f"got {api_version!r}"
            )
        return tensorcore

    @property
    def T(self) -> Tensor:
        """The transpose of a matrix: a view with its two axes swapped; ValueError unless 2-d."""
        if self.ndim != 2:
            raise ValueError(f"T: needs two axes, use .mT for stacks of matrices; got shape {self.shape}")
        return self.mT

    @property
    def mT(self) -> Tensor:
        """A view with the last two axes swapped; ValueError with fewer than two axes."""
        from .ops.shape import matrix_transpose

        return matrix_transpose(self)

    @property
    def __cuda_array_interface__(self) -> dict[str, Any]:
        """The CUDA array interface, version 3, of a tensor in a GPU's memory; AttributeError for any other."""
        return _core.cuda_interface(self)

    def __iter__(self) -> Any:
        if self.ndim == 0:
            raise TypeError("iter: a 0-d tensor cannot be iterated over")
        return (self[i] for i in range(self.shape[0]))

    def __contains__(self, value: Any) -> bool:
        return bool((self == value).any())

    # ---- autograd ----

    def backward(
        self,
        gradient: Tensor | None = None,
        *,
        retain_graph: bool | None = None,
        create_graph: bool = False,
        inputs: Any = None,
    ) -> None:
        """Add the gradient of this tensor to `.grad` of every leaf it depends on.

        See `tc.autograd.backward`.
        """
        autograd.backward(self, gradient, retain_graph=retain_graph, create_graph=create_graph, inputs=inputs)

    def detach(self) -> Tensor:
        """The same elements in a tensor that autograd does not follow (memory is shared)."""
        return _core.alias(self)

    def requires_grad_(self, requires_grad: bool = True) -> Tensor:
        """Set `requires_grad` in place and return this tensor."""
        self.requires_grad = requires_grad
        return self

    def retain_grad(self) -> None:
        """Keep the gradient of this computed tensor in `.grad` too."""
        if not self.requires_grad:
            raise RuntimeError("retain_grad: the tensor does not require grad")
        if self._node is None:
            return
        import weakref

        me = weakref.ref(self)

        def keep(g: Tensor) -> None:
            tensor = me()
            if tensor is not None:
                tensor.grad = g if tensor.grad is None else tensor.grad + g

        self.register_hook(keep)

    def register_hook(self, hook: Callable[[Tensor], Tensor | None]) -> Callable[[], None]:
        """Call `hook(gradient)` whenever a gradient of this tensor is computed.

        What it returns, unless None, replaces the gradient. Returns a function that removes the hook.
        """
        if not self.requires_grad:
            raise RuntimeError("register_hook: the tensor does not require grad")
        owner: Any = self if self._node is None else self._node
        name = "_hooks" if owner is self else "hooks"
        if getattr(owner, name) is None:
            setattr(owner, name, [])
        hooks = getattr(owner, name)
        hooks.append(hook)
        return lambda: hooks.remove(hook) if hook in hooks else None


_core.set_tensor_type(Tensor)


def methods(*functions: Any) -> None:
    """Make each function, whose first argument is a tensor, a method of Tensor by the same name."""
    for function in functions:
        name = function.__name__
        if isinstance(function, _core.Op):  # a C callable does not bind to instances by itself
            setattr(Tensor, name, _bound(function))
        else:
            setattr(Tensor, name, function)


def _bound(op: Any) -> Any:
    def method(self: Tensor, *args: Any) -> Tensor:
        return op(self, *args)

    method.__name__ = method.__qualname__ = op.__name__
    method.__doc__ = op.__doc__
    return method


def inplace(op: Any, x: Tensor, other: Any) -> Tensor:
    """`x op= other` where autograd is watching."""
    if x.is_leaf and x.requires_grad:
        raise RuntimeError(
            f"{op.__name__}: a leaf that requires grad cannot be changed in place while operations are "
            "recorded; do it inside tc.no_grad()"
        )
    check_unshared(x, op.__name__)
    y = op(x, other)
    if y.shape != x.shape or y.dtype is not x.dtype:
        raise ValueError(
            f"{op.__name__}: the result of shape {y.shape} and dtype {y.dtype} cannot be stored in place in "
            f"shape {x.shape} and dtype {x.dtype}"
        )
    _core.assign(x, y)
    if y._node is not None:
        _core.set_node(x, y._node)
    return x


def check_unshared(x: Tensor, name: str) -> None:
    """Refuse a recorded change in place of memory that other tensors see: their gradients would be wrong."""
    if x._owners > 1:
        raise RuntimeError(
            f"{name}: a recorded change in place needs memory that no other tensor shares (a view, or a value "
            "saved for backward); write x = x + y instead of x += y"
        )


_core.set_hook("inplace", inplace)
