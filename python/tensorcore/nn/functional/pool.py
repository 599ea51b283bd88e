"""Pooling: maxima and means over windows, with given or adaptive sizes, over one to three spatial axes.

Means and their gradients are linear and each other's adjoint; the gradient of a maximum scatters to
the positions found, whose adjoint gathers from them. So every order of derivative exists.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ... import _core
from ...autograd import record
from ...declare import differentiable
from ...tensor import Tensor

Size = int | Sequence[int]


@differentiable(x=lambda g, indices, space: _gather(g, indices, len(space)))
def _scatter(x: Tensor, indices: Tensor, space: tuple[int, ...]) -> Tensor:
    return _core.plane_scatter(x, indices, space)


@differentiable(x=lambda g, x_shape, indices, axes: _scatter(g, indices, x_shape[len(x_shape) - axes :]))
def _gather(x: Tensor, indices: Tensor, axes: int) -> Tensor:
    return _core.plane_gather(x, indices, axes)


def _max_rule(g: Any, needs: Any, indices: Any, space: Any) -> Any:
    return (_scatter(g[0], indices, space),)


def _recorded_max(name: str, x: Tensor, found: Any, axes: int, return_indices: bool) -> Any:
    if _core.any_requires_grad(x):
        record(found, name, _max_rule, (x,), (found[1], x.shape[x.ndim - axes :]))
    return found if return_indices else found[0]


def _check_tensor(name: str, x: Any) -> None:
    if not isinstance(x, Tensor):
        raise TypeError(f"{name}: x must be a Tensor, got {type(x).__name__}")


def _max(
    name: str,
    axes: int,
    x: Tensor,
    kernel_size: Size,
    stride: Size | None,
    padding: Size,
    dilation: Size,
    ceil_mode: bool,
    return_indices: bool,
) -> Any:
    _check_tensor(name, x)
    stride = () if stride is None else stride
    found = _core.max_pool(name, x, kernel_size, stride, padding, dilation, ceil_mode)
    return _recorded_max(name, x, found, axes, return_indices)


@differentiable(x=lambda g, name, x_shape, settings, axes: _mean_backward(g, name, x_shape[-axes:], settings))
def _mean(x: Tensor, name: str, axes: int, settings: tuple[Any, ...]) -> Tensor:
    return _core.mean_pool(name, x, *settings)


@differentiable(g=lambda g, name, space, settings: _mean(g, name, len(space), settings))
def _mean_backward(g: Tensor, name: str, space: tuple[int, ...], settings: tuple[Any, ...]) -> Tensor:
    return _core.mean_pool_backward(name, g, space, *settings)


def _mean_with(
    name: str,
    axes: int,
    x: Tensor,
    kernel_size: Size,
    stride: Size | None,
    padding: Size,
    ceil_mode: bool,
    count_include_pad: bool,
) -> Tensor:
    _check_tensor(name, x)
    stride = () if stride is None else stride
    return _mean(x, name, axes, (kernel_size, stride, padding, ceil_mode, count_include_pad))


@differentiable(x=lambda g, name, x_shape, output: _adaptive_mean_backward(g, name, x_shape[-len(output) :]))
def _adaptive_mean(x: Tensor, name: str, output: tuple[int, ...]) -> Tensor:
    return _core.adaptive_mean_pool(name, x, output)


@differentiable(g=lambda g, name, g_shape, space: _adaptive_mean(g, name, g_shape[len(g_shape) - len(space) :]))
def _adaptive_mean_backward(g: Tensor, name: str, space: tuple[int, ...]) -> Tensor:
    return _core.adaptive_mean_pool_backward(name, g, space)


def _output_size(name: str, x: Tensor, axes: int, output_size: Any) -> tuple[int, ...]:
    """One extent per axis; None keeps that of x."""
    _check_tensor(name, x)
    if isinstance(output_size, int) or output_size is None:
        output_size = (output_size,) * axes
    if not isinstance(output_size, (tuple, list)) or len(output_size) != axes:
        raise ValueError(f"{name}: output_size must be an int or {axes} of int or None, got {output_size!r}")
    if x.ndim not in (axes + 1, axes + 2):
        raise ValueError(
            f"{name}: x must have {axes + 1} or {axes + 2} axes ((batch,) channels, {axes} of space), "
            f"got shape {x.shape}"
        )
    return tuple(n if size is None else size for size, n in zip(output_size, x.shape[-axes:], strict=True))


def _adaptive_max(name: str, axes: int, x: Tensor, output_size: Any, return_indices: bool) -> Any:
    found = _core.adaptive_max_pool(name, x, _output_size(name, x, axes, output_size))
    return _recorded_max(name, x, found, axes, return_indices)


def max_pool1d(
    x: Tensor,
    kernel_size: Size,
    stride: Size | None = None,
    padding: Size = 0,
    dilation: Size = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    """Largest element of each window.

    `x` has shape (N, C, L) or (C, L). Windows have `kernel_size` elements `dilation` apart,
    begin `stride` (default: `kernel_size`) apart, the first `padding` before the input; what lies
    outside counts as -inf. An output axis has
    floor((n + 2·padding - dilation·(kernel_size - 1) - 1) / stride) + 1 elements, with `ceil_mode`
    rounded up, as long as the last window begins inside. NaN wins. With `return_indices` also the
    positions found, int64, in the row-major plane. Floating dtypes. ValueError on settings out of
    range or windows that do not fit, TypeError on other dtypes.

    Example:
        >>> tc.nn.functional.max_pool1d(tc.asarray([[1.0, 3.0, 2.0, 0.0]]), 2)
        tensor([[3., 2.]])
    """
    return _max("max_pool1d", 1, x, kernel_size, stride, padding, dilation, ceil_mode, return_indices)


def avg_pool1d(
    x: Tensor,
    kernel_size: Size,
    stride: Size | None = None,
    padding: Size = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
) -> Tensor:
    """Mean of each window.

    Shapes and settings as for `max_pool1d`; zeros of the padding count as elements if
    `count_include_pad`. Floating dtypes. ValueError on settings out of range or windows that do not
    fit, TypeError on other dtypes.

    Example:
        >>> tc.nn.functional.avg_pool1d(tc.asarray([[1.0, 3.0, 2.0, 0.0]]), 2)
        tensor([[2., 1.]])
    """
    return _mean_with("avg_pool1d", 1, x, kernel_size, stride, padding, ceil_mode, count_include_pad)


def adaptive_max_pool1d(x: Tensor, output_size: Any, return_indices: bool = False) -> Any:
    """Largest element of each of `output_size` windows that cover the input.

    `x` has shape (N, C, L) or (C, L); window i of an axis of n elements is
    [floor(i·n / size), ceil((i + 1)·n / size)). An int counts for all axes, None keeps an axis.
    `return_indices`, dtypes and errors as for `max_pool1d`.

    Example:
        >>> tc.nn.functional.adaptive_max_pool1d(tc.asarray([[1.0, 3.0, 2.0, 0.0]]), 2)
        tensor([[3., 2.]])
    """
    return _adaptive_max("adaptive_max_pool1d", 1, x, output_size, return_indices)


def adaptive_avg_pool1d(x: Tensor, output_size: Any) -> Tensor:
    """Mean of each of `output_size` windows that cover the input; windows as in `adaptive_max_pool1d`.

    Floating dtypes. ValueError on shapes or sizes out of range, TypeError on other dtypes.

    Example:
        >>> tc.nn.functional.adaptive_avg_pool1d(tc.asarray([[1.0, 3.0, 2.0, 0.0]]), 2)
        tensor([[2., 1.]])
    """
    name = "adaptive_avg_pool1d"
    return _adaptive_mean(x, name, _output_size(name, x, 1, output_size))


def max_pool2d(
    x: Tensor,
    kernel_size: Size,
    stride: Size | None = None,
    padding: Size = 0,
    dilation: Size = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    """Largest element of each window.

    `x` has shape (N, C, H, W) or (C, H, W). Windows have `kernel_size` elements `dilation` apart,
    begin `stride` (default: `kernel_size`) apart, the first `padding` before the input; what lies
    outside counts as -inf. An output axis has
    floor((n + 2·padding - dilation·(kernel_size - 1) - 1) / stride) + 1 elements, with `ceil_mode`
    rounded up, as long as the last window begins inside. NaN wins. With `return_indices` also the
    positions found, int64, in the row-major plane. Floating dtypes. ValueError on settings out of
    range or windows that do not fit, TypeError on other dtypes.

    Example:
        >>> tc.nn.functional.max_pool2d(tc.ones((1, 4, 4)), 2).shape
        (1, 2, 2)
    """
    return _max("max_pool2d", 2, x, kernel_size, stride, padding, dilation, ceil_mode, return_indices)


def avg_pool2d(
    x: Tensor,
    kernel_size: Size,
    stride: Size | None = None,
    padding: Size = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
) -> Tensor:
    """Mean of each window.

    Shapes and settings as for `max_pool2d`; zeros of the padding count as elements if
    `count_include_pad`. Floating dtypes. ValueError on settings out of range or windows that do not
    fit, TypeError on other dtypes.

    Example:
        >>> tc.nn.functional.avg_pool2d(tc.ones((1, 4, 4)), 2).shape
        (1, 2, 2)
    """
    return _mean_with("avg_pool2d", 2, x, kernel_size, stride, padding, ceil_mode, count_include_pad)


def adaptive_max_pool2d(x: Tensor, output_size: Any, return_indices: bool = False) -> Any:
    """Largest element of each of `output_size` windows that cover the input.

    `x` has shape (N, C, H, W) or (C, H, W); window i of an axis of n elements is
    [floor(i·n / size), ceil((i + 1)·n / size)). An int counts for all axes, None keeps an axis.
    `return_indices`, dtypes and errors as for `max_pool2d`.

    Example:
        >>> tc.nn.functional.adaptive_max_pool2d(tc.ones((1, 4, 4)), 2).shape
        (1, 2, 2)
    """
    return _adaptive_max("adaptive_max_pool2d", 2, x, output_size, return_indices)


def adaptive_avg_pool2d(x: Tensor, output_size: Any) -> Tensor:
    """Mean of each of `output_size` windows that cover the input; windows as in `adaptive_max_pool2d`.

    Floating dtypes. ValueError on shapes or sizes out of range, TypeError on other dtypes.

    Example:
        >>> tc.nn.functional.adaptive_avg_pool2d(tc.ones((1, 4, 4)), 2).shape
        (1, 2, 2)
    """
    name = "adaptive_avg_pool2d"
    return _adaptive_mean(x, name, _output_size(name, x, 2, output_size))


def max_pool3d(
    x: Tensor,
    kernel_size: Size,
    stride: Size | None = None,
    padding: Size = 0,
    dilation: Size = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    """Largest element of each window.

    `x` has shape (N, C, D, H, W) or (C, D, H, W). Windows have `kernel_size` elements `dilation` apart,
    begin `stride` (default: `kernel_size`) apart, the first `padding` before the input; what lies
    outside counts as -inf. An output axis has
    floor((n + 2·padding - dilation·(kernel_size - 1) - 1) / stride) + 1 elements, with `ceil_mode`
    rounded up, as long as the last window begins inside. NaN wins. With `return_indices` also the
    positions found, int64, in the row-major plane. Floating dtypes. ValueError on settings out of
    range or windows that do not fit, TypeError on other dtypes.

    Example:
        >>> tc.nn.functional.max_pool3d(tc.ones((1, 4, 4, 4)), 2).shape
        (1, 2, 2, 2)
    """
    return _max("max_pool3d", 3, x, kernel_size, stride, padding, dilation, ceil_mode, return_indices)


def avg_pool3d(
    x: Tensor,
    kernel_size: Size,
    stride: Size | None = None,
    padding: Size = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
) -> Tensor:
    """Mean of each window.

    Shapes and settings as for `max_pool3d`; zeros of the padding count as elements if
    `count_include_pad`. Floating dtypes. ValueError on settings out of range or windows that do not
    fit, TypeError on other dtypes.

    Example:
        >>> tc.nn.functional.avg_pool3d(tc.ones((1, 4, 4, 4)), 2).shape
        (1, 2, 2, 2)
    """
    return _mean_with("avg_pool3d", 3, x, kernel_size, stride, padding, ceil_mode, count_include_pad)


def adaptive_max_pool3d(x: Tensor, output_size: Any, return_indices: bool = False) -> Any:
    """Largest element of each of `output_size` windows that cover the input.

    `x` has shape (N, C, D, H, W) or (C, D, H, W); window i of an axis of n elements is
    [floor(i·n / size), ceil((i + 1)·n / size)). An int counts for all axes, None keeps an axis.
    `return_indices`, dtypes and errors as for `max_pool3d`.

    Example:
        >>> tc.nn.functional.adaptive_max_pool3d(tc.ones((1, 4, 4, 4)), 2).shape
        (1, 2, 2, 2)
    """
    return _adaptive_max("adaptive_max_pool3d", 3, x, output_size, return_indices)


def adaptive_avg_pool3d(x: Tensor, output_size: Any) -> Tensor:
    """Mean of each of `output_size` windows that cover the input; windows as in `adaptive_max_pool3d`.

    Floating dtypes. ValueError on shapes or sizes out of range, TypeError on other dtypes.

    Example:
        >>> tc.nn.functional.adaptive_avg_pool3d(tc.ones((1, 4, 4, 4)), 2).shape
        (1, 2, 2, 2)
    """
    name = "adaptive_avg_pool3d"
    return _adaptive_mean(x, name, _output_size(name, x, 3, output_size))


__all__ = [
    "adaptive_avg_pool1d",
    "adaptive_avg_pool2d",
    "adaptive_avg_pool3d",
    "adaptive_max_pool1d",
    "adaptive_max_pool2d",
    "adaptive_max_pool3d",
    "avg_pool1d",
    "avg_pool2d",
    "avg_pool3d",
    "max_pool1d",
    "max_pool2d",
    "max_pool3d",
]
