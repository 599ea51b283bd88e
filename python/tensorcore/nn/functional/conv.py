"""Convolutions over one to three spatial axes, and transposed convolutions.

The forward map, its gradient for the data and its gradient for the weights are linear in each of
two arguments, and their gradients are one another: so every order of derivative exists.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ... import _core
from ...autograd import record
from ...ops.reduce import sum as tc_sum
from ...tensor import Tensor

Size = int | Sequence[int]


def _bias_gradient(g: Tensor) -> Tensor:
    if _core.is_grad_enabled():  # being differentiated again: in ops that record
        return tc_sum(g, axis=(0, *range(2, g.ndim)))
    return _core.channel_sums(g)


# Settings are (stride, padding, dilation, groups), a value per spatial axis in the first three.


def _forward_rule(g: Any, needs: Any, x: Any, w: Any, x_space: Any, w_space: Any, settings: Any) -> Any:
    return (
        _data_gradient(g, w, None, x_space, settings) if needs[0] else None,
        _weight_gradient(g, x, w_space, settings) if needs[1] else None,
        _bias_gradient(g) if needs[2] else None,
    )


def _forward(
    x: Tensor, w: Tensor, bias: Tensor | None, settings: tuple[Any, ...], padding_end: Any, name: str = "conv"
) -> Tensor:
    stride, padding, dilation, groups = settings
    y = _core.conv(name, x, w, bias, stride, padding, padding_end, dilation, groups)
    if _core.any_requires_grad(x, w, bias):
        saved = _used(w, x), _used(x, w), x.shape[2:], w.shape[2:], settings
        record(y, name, _forward_rule, (x, w, bias), saved)
    return y


def _used(other: Tensor, value: Tensor) -> Any:
    """`value` if the gradient of `other` will need it."""
    return value if _core.any_requires_grad(other) else None


def _data_rule(g: Any, needs: Any, x: Any, w: Any, space: Any, w_space: Any, settings: Any) -> Any:
    dx = None
    if needs[0]:
        dx = _forward(g, w, None, settings, _padding_end(space, g.shape[2:], w_space, settings))
    return (
        dx,
        _weight_gradient(x, g, w_space, settings) if needs[1] else None,
        _bias_gradient(g) if needs[2] else None,
    )


def _padding_end(space: Any, extents: Any, kernel: Any, settings: Any) -> tuple[int, ...]:
    """Padding after the last element with which inputs of `extents` give outputs of `space`."""
    stride, padding, dilation, _ = settings
    return tuple(
        max(0, (o - 1) * s + d * (k - 1) + 1 - n - p)
        for o, n, k, s, p, d in zip(space, extents, kernel, stride, padding, dilation, strict=True)
    )


def _data_gradient(
    x: Tensor,
    w: Tensor,
    bias: Tensor | None,
    space: tuple[int, ...],
    settings: tuple[Any, ...],
    name: str = "conv_data_gradient",
) -> Tensor:
    stride, padding, dilation, groups = settings
    y = _core.conv_data_gradient(name, x, w, bias, space, stride, padding, dilation, groups)
    if _core.any_requires_grad(x, w, bias):
        saved = _used(w, x), _used(x, w), x.shape[2:], w.shape[2:], settings
        record(y, name, _data_rule, (x, w, bias), saved)
    return y


def _weight_rule(g: Any, needs: Any, y: Any, x: Any, y_space: Any, x_space: Any, settings: Any) -> Any:
    dy = None
    if needs[0]:
        dy = _forward(x, g, None, settings, _padding_end(y_space, x_space, g.shape[2:], settings))
        dy = _cut(dy, y_space)
    return dy, _data_gradient(y, g, None, x_space, settings) if needs[1] else None


def _cut(y: Tensor, space: tuple[int, ...]) -> Tensor:
    """The first `space` outputs: an input may be longer than its last window."""
    if y.shape[2:] == space:
        return y
    return y[(slice(None), slice(None), *(slice(0, n) for n in space))]


def _weight_gradient(y: Tensor, x: Tensor, kernel: tuple[int, ...], settings: tuple[Any, ...]) -> Tensor:
    stride, padding, dilation, groups = settings
    dw = _core.conv_weight_gradient(y, x, kernel, stride, padding, dilation, groups)
    if _core.any_requires_grad(y, x):
        saved = _used(x, y), _used(y, x), y.shape[2:], x.shape[2:], settings
        record(dw, "conv_weight_gradient", _weight_rule, (y, x), saved)
    return dw


def _check(name: str, axes: int, x: Any, weight: Any, bias: Any) -> None:
    for key, value in (("x", x), ("weight", weight), ("bias", bias)):
        if not isinstance(value, Tensor) and not (value is None and key == "bias"):
            raise TypeError(f"{name}: {key} must be a Tensor, got {type(value).__name__}")
    if x.ndim not in (axes + 1, axes + 2):
        raise ValueError(
            f"{name}: x must have {axes + 1} or {axes + 2} axes ((batch,) channels, {axes} of space), "
            f"got shape {x.shape}"
        )
    if weight.ndim != axes + 2:
        raise ValueError(
            f"{name}: weight must have {axes + 2} axes (two of channels, {axes} of the kernel), "
            f"got shape {weight.shape}"
        )


def _expand(name: str, key: str, value: Any, axes: int) -> tuple[int, ...]:
    if type(value) is int:
        return (value,) * axes
    if isinstance(value, (tuple, list)) and len(value) in (1, axes):
        if all(isinstance(v, int) for v in value):
            return tuple(value) * axes if len(value) == 1 else tuple(value)
    elif not isinstance(value, (tuple, list)):
        raise TypeError(f"{name}: {key} must be an int or {axes} ints, got {type(value).__name__}")
    raise ValueError(f"{name}: {key} must be an int or {axes} ints, got {value!r}")


def _conv(
    name: str,
    axes: int,
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    stride: Size,
    padding: Size | str,
    dilation: Size,
    groups: int,
) -> Tensor:
    _check(name, axes, x, weight, bias)
    stride = _expand(name, "stride", stride, axes)
    dilation = _expand(name, "dilation", dilation, axes)
    if isinstance(padding, str):
        if padding == "valid":
            before = after = (0,) * axes
        elif padding == "same":
            if any(s != 1 for s in stride):
                raise ValueError(f"{name}: padding='same' needs stride 1, got {stride}")
            total = tuple(d * (k - 1) for d, k in zip(dilation, weight.shape[2:], strict=True))
            before = tuple(max(0, t // 2) for t in total)
            after = tuple(max(0, t) - b for t, b in zip(total, before, strict=True))
        else:
            raise ValueError(f"{name}: padding must be ints, 'same' or 'valid', got {padding!r}")
    else:
        before = after = _expand(name, "padding", padding, axes)
    settings = stride, before, dilation, groups
    if x.ndim == axes + 2:
        return _forward(x, weight, bias, settings, after, name)
    y = _forward(x.reshape((1, *x.shape)), weight, bias, settings, after, name)
    return y.reshape(y.shape[1:])


def _conv_transpose(
    name: str,
    axes: int,
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    stride: Size,
    padding: Size,
    output_padding: Size,
    groups: int,
    dilation: Size,
) -> Tensor:
    _check(name, axes, x, weight, bias)
    stride = _expand(name, "stride", stride, axes)
    padding = _expand(name, "padding", padding, axes)
    dilation = _expand(name, "dilation", dilation, axes)
    output_padding = _expand(name, "output_padding", output_padding, axes)
    space = []
    for n, k, s, p, d, extra in zip(
        x.shape[x.ndim - axes :], weight.shape[2:], stride, padding, dilation, output_padding, strict=True
    ):
        if not 0 <= extra < max(s, d):
            raise ValueError(
                f"{name}: output_padding must be smaller than stride or dilation, got "
                f"output_padding={output_padding}, stride={stride}, dilation={dilation}"
            )
        space.append((n - 1) * s - 2 * p + d * (k - 1) + extra + 1)
    if any(n < 1 for n in space):
        raise ValueError(
            f"{name}: the result's extents must be at least 1, got {tuple(space)} for x of shape "
            f"{x.shape}, weight of shape {weight.shape}, stride={stride}, padding={padding}"
        )
    settings = stride, padding, dilation, groups
    if x.ndim == axes + 2:
        return _data_gradient(x, weight, bias, tuple(space), settings, name)
    y = _data_gradient(x.reshape((1, *x.shape)), weight, bias, tuple(space), settings, name)
    return y.reshape(y.shape[1:])


def conv1d(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Size = 1,
    padding: Size | str = 0,
    dilation: Size = 1,
    groups: int = 1,
) -> Tensor:
    """Sum of products of `weight` with each window of `x` (cross-correlation), plus `bias`.

    `x` has shape (N, C, L) or (C, L), `weight` (K, C / groups, kL), `bias` (K,), the
    result (N, K, ...) or (K, ...). An axis of n elements gives
    floor((n + 2·padding - dilation·(kernel - 1) - 1) / stride) + 1. Padding is of zeros; 'same' keeps
    the extents at stride 1, 'valid' is none. Output channels of group i see its input channels only.
    One floating dtype. ValueError where shapes and settings do not agree, TypeError on other dtypes.

    Example:
        >>> tc.nn.functional.conv1d(tc.ones((1, 4)), tc.ones((2, 1, 3))).shape
        (2, 2)
    """
    return _conv("conv1d", 1, x, weight, bias, stride, padding, dilation, groups)


def conv2d(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Size = 1,
    padding: Size | str = 0,
    dilation: Size = 1,
    groups: int = 1,
) -> Tensor:
    """Sum of products of `weight` with each window of `x` (cross-correlation), plus `bias`.

    `x` has shape (N, C, H, W) or (C, H, W), `weight` (K, C / groups, kH, kW), `bias` (K,), the
    result (N, K, ...) or (K, ...). An axis of n elements gives
    floor((n + 2·padding - dilation·(kernel - 1) - 1) / stride) + 1. Padding is of zeros; 'same' keeps
    the extents at stride 1, 'valid' is none. Output channels of group i see its input channels only.
    One floating dtype. ValueError where shapes and settings do not agree, TypeError on other dtypes.

    Example:
        >>> tc.nn.functional.conv2d(tc.ones((1, 4, 4)), tc.ones((2, 1, 3, 3))).shape
        (2, 2, 2)
    """
    return _conv("conv2d", 2, x, weight, bias, stride, padding, dilation, groups)


def conv3d(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Size = 1,
    padding: Size | str = 0,
    dilation: Size = 1,
    groups: int = 1,
) -> Tensor:
    """Sum of products of `weight` with each window of `x` (cross-correlation), plus `bias`.

    `x` has shape (N, C, D, H, W) or (C, D, H, W), `weight` (K, C / groups, kD, kH, kW), `bias` (K,), the
    result (N, K, ...) or (K, ...). An axis of n elements gives
    floor((n + 2·padding - dilation·(kernel - 1) - 1) / stride) + 1. Padding is of zeros; 'same' keeps
    the extents at stride 1, 'valid' is none. Output channels of group i see its input channels only.
    One floating dtype. ValueError where shapes and settings do not agree, TypeError on other dtypes.

    Example:
        >>> tc.nn.functional.conv3d(tc.ones((1, 4, 4, 4)), tc.ones((2, 1, 3, 3, 3))).shape
        (2, 2, 2, 2)
    """
    return _conv("conv3d", 3, x, weight, bias, stride, padding, dilation, groups)


def conv_transpose1d(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Size = 1,
    padding: Size = 0,
    output_padding: Size = 0,
    groups: int = 1,
    dilation: Size = 1,
) -> Tensor:
    """The transpose of `conv1d` as a linear map: each element of `x` adds a scaled kernel to the result.

    `x` has shape (N, C, L) or (C, L), `weight` (C, K / groups, kL), `bias` (K,), the
    result (N, K, ...) or (K, ...). An axis of n elements gives
    (n - 1)·stride - 2·padding + dilation·(kernel - 1) + output_padding + 1. One floating dtype.
    ValueError where shapes and settings do not agree, TypeError on other dtypes.

    Example:
        >>> tc.nn.functional.conv_transpose1d(tc.ones((1, 4)), tc.ones((1, 2, 3))).shape
        (2, 6)
    """
    return _conv_transpose("conv_transpose1d", 1, x, weight, bias, stride, padding, output_padding, groups, dilation)


def conv_transpose2d(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Size = 1,
    padding: Size = 0,
    output_padding: Size = 0,
    groups: int = 1,
    dilation: Size = 1,
) -> Tensor:
    """The transpose of `conv2d` as a linear map: each element of `x` adds a scaled kernel to the result.

    `x` has shape (N, C, H, W) or (C, H, W), `weight` (C, K / groups, kH, kW), `bias` (K,), the
    result (N, K, ...) or (K, ...). An axis of n elements gives
    (n - 1)·stride - 2·padding + dilation·(kernel - 1) + output_padding + 1. One floating dtype.
    ValueError where shapes and settings do not agree, TypeError on other dtypes.

    Example:
        >>> tc.nn.functional.conv_transpose2d(tc.ones((1, 4, 4)), tc.ones((1, 2, 3, 3))).shape
        (2, 6, 6)
    """
    return _conv_transpose("conv_transpose2d", 2, x, weight, bias, stride, padding, output_padding, groups, dilation)


def conv_transpose3d(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Size = 1,
    padding: Size = 0,
    output_padding: Size = 0,
    groups: int = 1,
    dilation: Size = 1,
) -> Tensor:
    """The transpose of `conv3d` as a linear map: each element of `x` adds a scaled kernel to the result.

    `x` has shape (N, C, D, H, W) or (C, D, H, W), `weight` (C, K / groups, kD, kH, kW), `bias` (K,), the
    result (N, K, ...) or (K, ...). An axis of n elements gives
    (n - 1)·stride - 2·padding + dilation·(kernel - 1) + output_padding + 1. One floating dtype.
    ValueError where shapes and settings do not agree, TypeError on other dtypes.

    Example:
        >>> tc.nn.functional.conv_transpose3d(tc.ones((1, 4, 4, 4)), tc.ones((1, 2, 3, 3, 3))).shape
        (2, 6, 6, 6)
    """
    return _conv_transpose("conv_transpose3d", 3, x, weight, bias, stride, padding, output_padding, groups, dilation)


__all__ = ["conv1d", "conv2d", "conv3d", "conv_transpose1d", "conv_transpose2d", "conv_transpose3d"]
