"""Matrix products."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .. import _core
from ..declare import differentiable
from ..tensor import Tensor, methods
from .elementwise import multiply
from .reduce import sum as tc_sum
from .shape import expand_dims, matrix_transpose, permute_dims, reshape


def sum_to(g: Any, shape: tuple[int, ...]) -> Any:
    """Sum over the axes along which `shape` was broadcast."""
    added = g.ndim - len(shape)
    axes = tuple(range(added)) + tuple(i + added for i, n in enumerate(shape) if n == 1 and g.shape[i + added] != 1)
    if axes:
        g = tc_sum(g, axis=axes, keepdims=True)
    return g if g.shape == shape else reshape(g, shape)


def _as_matrices(g: Any, x1_ndim: int, x2_ndim: int) -> Any:
    """The gradient of a product with the axes that vectors lack put back."""
    if x2_ndim == 1:
        g = expand_dims(g, axis=-1)
    if x1_ndim == 1:
        g = expand_dims(g, axis=-2)
    return g


def _gradient_of_x1(g: Any, x2: Any, x1_shape: tuple[int, ...], x1_dtype: Any) -> Any:
    g = _as_matrices(g, len(x1_shape), x2.ndim)
    other = expand_dims(x2, axis=0) if x2.ndim == 1 else matrix_transpose(x2)
    shape = (1, *x1_shape) if len(x1_shape) == 1 else x1_shape
    return reshape(sum_to(matmul(g, other), shape), x1_shape).astype(x1_dtype)


def _gradient_of_x2(g: Any, x1: Any, x2_shape: tuple[int, ...], x2_dtype: Any) -> Any:
    g = _as_matrices(g, x1.ndim, len(x2_shape))
    left = expand_dims(x1, axis=0) if x1.ndim == 1 else x1
    if len(x2_shape) <= 2 and left.ndim > 2:  # one right side for a whole stack: sum inside the product
        left, g = reshape(left, (-1, left.shape[-1])), reshape(g, (-1, g.shape[-1]))
    shape = (*x2_shape, 1) if len(x2_shape) == 1 else x2_shape
    return reshape(sum_to(matmul(matrix_transpose(left), g), shape), x2_shape).astype(x2_dtype)


@differentiable(x1=_gradient_of_x1, x2=_gradient_of_x2)
def matmul(x1: Tensor, x2: Tensor, /) -> Tensor:
    """The matrix product of (…, M, K) and (…, K, N): (…, M, N).

    Leading axes broadcast; a one-dimensional argument is a vector, whose axis the result lacks.
    Dtypes are promoted; float16 and bfloat16 are summed in float32, integers wrap around.
    ValueError on shapes that do not fit, TypeError on bool.

    Example:
        >>> tc.matmul(tc.ones((2, 3)), tc.ones((3, 4))).shape
        (2, 4)
    """
    return _core.matmul(x1, x2)


def _tensordot_axes(x1: Tensor, x2: Tensor, axes: Any) -> tuple[list[int], list[int]]:
    if isinstance(axes, int) and not isinstance(axes, bool):
        if not 0 <= axes <= min(x1.ndim, x2.ndim):
            raise ValueError(f"tensordot: axes must lie in [0, {min(x1.ndim, x2.ndim)}], got {axes}")
        return list(range(x1.ndim - axes, x1.ndim)), list(range(axes))
    if not isinstance(axes, Sequence) or len(axes) != 2:
        raise TypeError(f"tensordot: axes must be an int or a pair of sequences of ints, got {axes!r}")
    pairs = []
    for given, x in zip(axes, (x1, x2), strict=True):
        chosen = []
        for axis in given:
            if not -x.ndim <= axis < x.ndim:
                raise IndexError(f"tensordot: axis must lie in [{-x.ndim}, {x.ndim}), got {axis}")
            chosen.append(axis % x.ndim)
        if len(set(chosen)) != len(chosen):
            raise ValueError(f"tensordot: axes must differ, got {given!r}")
        pairs.append(chosen)
    return pairs[0], pairs[1]


def tensordot(x1: Tensor, x2: Tensor, /, *, axes: int | tuple[Sequence[int], Sequence[int]] = 2) -> Tensor:
    """Sum of products over pairs of axes: the last `axes` of x1 with the first of x2, or those listed.

    The result has the remaining axes of x1, then those of x2. ValueError if paired extents differ,
    IndexError on an axis out of range.
    """
    for x in (x1, x2):
        if not isinstance(x, Tensor):
            raise TypeError(f"tensordot: arguments must be Tensors, got {type(x).__name__}")
    first, second = _tensordot_axes(x1, x2, axes)
    extents1, extents2 = [x1.shape[a] for a in first], [x2.shape[a] for a in second]
    if extents1 != extents2:
        raise ValueError(
            f"tensordot: paired extents must be equal, got {x1.shape} over axes {tuple(first)} "
            f"and {x2.shape} over axes {tuple(second)}"
        )
    rest1 = [a for a in range(x1.ndim) if a not in first]
    rest2 = [a for a in range(x2.ndim) if a not in second]
    k = 1
    for n in extents1:
        k *= n
    shape1, shape2 = [x1.shape[a] for a in rest1], [x2.shape[a] for a in rest2]
    left = reshape(permute_dims(x1, (*rest1, *first)), (_product(shape1), k))
    right = reshape(permute_dims(x2, (*second, *rest2)), (k, _product(shape2)))
    return reshape(matmul(left, right), (*shape1, *shape2))


def _product(extents: Sequence[int]) -> int:
    n = 1
    for extent in extents:
        n *= extent
    return n


def vecdot(x1: Tensor, x2: Tensor, /, *, axis: int = -1) -> Tensor:
    """Σ x1·x2 over `axis`, a negative number counted after broadcasting; the other axes broadcast.

    Both extents along `axis` must be equal (ValueError); dtypes are promoted.
    """
    for x in (x1, x2):
        if not isinstance(x, Tensor):
            raise TypeError(f"vecdot: arguments must be Tensors, got {type(x).__name__}")
        if x.ndim == 0 or not -x.ndim <= axis < x.ndim:
            raise IndexError(f"vecdot: axis must lie in [{-x.ndim}, {x.ndim}), got {axis}")
        if x.dtype is _core.bool:
            raise TypeError("vecdot: dtype bool is not supported")
    if x1.shape[axis] != x2.shape[axis]:
        raise ValueError(f"vecdot: extents along axis {axis} must be equal, got {x1.shape} and {x2.shape}")
    product = multiply(x1, x2)
    return tc_sum(product, axis=axis, dtype=product.dtype)


def _imatmul(x1: Tensor, x2: Any) -> Tensor:
    y = matmul(x1, x2)
    if y.shape != x1.shape or y.dtype is not x1.dtype:
        raise ValueError(
            f"matmul: the product of shape {y.shape} and dtype {y.dtype.name} cannot be stored in place "
            f"in shape {x1.shape} and dtype {x1.dtype.name}"
        )
    if _core.any_requires_grad(x1, x2):
        return y
    _core.assign(x1, y)
    return x1


def _matmul_operator(x1: Any, x2: Any) -> Any:
    if isinstance(x1, Tensor) and isinstance(x2, Tensor):
        return matmul(x1, x2)
    return NotImplemented


def set_matmul_precision(precision: str) -> None:
    """Choose how float32 products (matmul, linear and what builds on them) are computed on CUDA.

    "ieee" (the default): multiply-adds in float32. "tf32": on tensor cores, operands rounded to 10 bits
    of mantissa. "3xtf32": on tensor cores, each operand as the sum of two such numbers, nearly as exact
    as ieee; infinities give NaN. Other dtypes and the CPU do not depend on it. ValueError for other names.

    Example:
        >>> tc.set_matmul_precision("ieee")
    """
    _core.set_matmul_precision(precision)


def get_matmul_precision() -> str:
    """The precision of float32 products on CUDA: "ieee", "3xtf32" or "tf32".

    Example:
        >>> tc.get_matmul_precision()
        'ieee'
    """
    return _core.get_matmul_precision()


_core.set_hook("matmul", _matmul_operator)
_core.set_hook("imatmul", _imatmul)

__all__ = ["get_matmul_precision", "matmul", "set_matmul_precision", "tensordot", "vecdot"]

methods(matmul)
