"""Normalisation: batch, layer, group, instance, RMS, p-norms and across neighbouring channels.

Forward and backward are one fused kernel each. Where the gradient itself is being recorded, the
rules are the same formulas in tensor ops, so that any order of derivative exists.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from ... import _core
from ...autograd import record
from ...declare import check_tensors
from ...ops.elementwise import abs as tc_abs
from ...ops.elementwise import divide, exp, log, sqrt, where
from ...ops.reduce import sum as tc_sum
from ...tensor import Tensor

Shape = int | Sequence[int]


def _check_tensors(name: str, *, x: Any, **optional: Any) -> None:
    check_tensors(name, x=x, **{key: value for key, value in optional.items() if value is not None})


def _mean(x: Tensor, axes: tuple[int, ...]) -> Tensor:
    count = math.prod(x.shape[a] for a in axes)
    return tc_sum(x, axis=axes, keepdims=True) * (1.0 / count)


def _normal_gradients(
    g: Tensor,
    x: Tensor,
    weight: Tensor | None,
    axes: tuple[int, ...],
    affine: tuple[int, ...],
    eps: float,
    centered: bool,
) -> tuple[Tensor, Tensor, Tensor]:
    """dx, dweight and dbias of a normalisation over `axes`, in ops that record.

    `affine` is the weight's shape among x's axes, 1 where it is broadcast; the gradients of weight
    and bias are sums over those axes.
    """
    center = x - _mean(x, axes) if centered else x
    rstd = 1.0 / sqrt(_mean(center * center, axes) + eps)
    normal = center * rstd
    gw = g if weight is None else g * weight.reshape(affine)
    dx = gw - normal * _mean(gw * normal, axes)
    if centered:
        dx = dx - _mean(gw, axes)
    summed = tuple(i for i, n in enumerate(affine) if n == 1)
    if not summed:
        return dx * rstd, g * normal, g
    dweight = tc_sum(g * normal, axis=summed, keepdims=True)
    return dx * rstd, dweight, tc_sum(g, axis=summed, keepdims=True)


def _to(g: Tensor, like: Tensor | None) -> Tensor | None:
    """A gradient as wide and shaped as its parameter."""
    if like is None:
        return None
    if g.shape != like.shape:
        g = g.reshape(like.shape)
    return g if g.dtype is like.dtype else g.astype(like.dtype)


def _wide(x: Tensor | None) -> Tensor | None:
    """Half types as float32: what the kernels compute in."""
    if x is None or x.dtype not in (_core.float16, _core.bfloat16):
        return x
    return x.astype(_core.float32)


def _rows_rule(
    g: Any,
    needs: Any,
    x: Any,
    weight: Any,
    bias: Any,
    mean: Any,
    rstd: Any,
    split: tuple[int, int, int],
    eps: float,
    rms: bool,
) -> Any:
    groups, channels, inner = split
    if _core.is_grad_enabled() and x.size:
        seen = (-1, groups, channels, inner)
        affine = (1, groups, channels, 1)
        dx, dweight, dbias = _normal_gradients(
            _wide(g).reshape(seen),  # type: ignore[union-attr]
            _wide(x).reshape(seen),  # type: ignore[union-attr]
            _wide(weight),
            (2, 3),
            affine,
            eps,
            not rms,
        )
        dx = dx.reshape(x.shape)
        dx = dx if dx.dtype is x.dtype else dx.astype(x.dtype)
    else:
        dx, dweight, dbias = _core.row_norm_backward(g, x, weight, mean, rstd, groups, channels, inner, eps, rms)
    return dx, _to(dweight, weight), _to(dbias, bias)


def _norm_rows(
    name: str,
    x: Tensor,
    weight: Tensor | None,
    bias: Tensor | None,
    split: tuple[int, int, int],
    eps: float,
    rms: bool,
) -> Tensor:
    y, mean, rstd = _core.row_norm(name, x, weight, bias, *split, eps, rms)
    record(y, name, _rows_rule, (x, weight, bias), (x, weight, bias, mean, rstd, split, eps, rms))
    return y


def _normalized_split(
    name: str, x: Tensor, normalized_shape: Shape, **parameters: Tensor | None
) -> tuple[int, int, int]:
    shape = (normalized_shape,) if isinstance(normalized_shape, int) else tuple(normalized_shape)
    if not shape or len(shape) > x.ndim or x.shape[x.ndim - len(shape) :] != shape:
        raise ValueError(
            f"{name}: the last axes of x must have the extents normalized_shape={shape}, got x of shape {x.shape}"
        )
    for key, value in parameters.items():
        if value is not None and value.shape != shape:
            raise ValueError(f"{name}: {key} must have shape {shape}, got {value.shape}")
    return 1, math.prod(shape), 1


def layer_norm(
    x: Tensor,
    normalized_shape: Shape,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> Tensor:
    """Bring each slice over the last axes to mean 0 and variance 1, then scale and shift it.

    y = (x - mean) / sqrt(var + eps) · weight + bias, with mean and (uncorrected) variance over the
    last axes, whose extents are `normalized_shape`, the shape of `weight` and `bias`. Floating
    dtypes; half types compute in float32. ValueError where shapes do not agree, TypeError on other
    dtypes.

    Example:
        >>> tc.nn.functional.layer_norm(tc.asarray([[1.0, 3.0]]), 2, eps=0.0)
        tensor([[-1.,  1.]])
    """
    _check_tensors("layer_norm", x=x, weight=weight, bias=bias)
    split = _normalized_split("layer_norm", x, normalized_shape, weight=weight, bias=bias)
    return _norm_rows("layer_norm", x, weight, bias, split, eps, False)


def rms_norm(x: Tensor, normalized_shape: Shape, weight: Tensor | None = None, eps: float | None = None) -> Tensor:
    """Divide each slice over the last axes by its root mean square, then scale it.

    y = x / sqrt(mean(x²) + eps) · weight. `normalized_shape` gives the extents of the last axes;
    `eps` defaults to the distance from 1 to the next number of x's dtype. Floating dtypes.
    ValueError where shapes do not agree, TypeError on other dtypes.

    Example:
        >>> tc.nn.functional.rms_norm(tc.asarray([3.0, 3.0]), 2, eps=0.0)
        tensor([1., 1.])
    """
    _check_tensors("rms_norm", x=x, weight=weight)
    split = _normalized_split("rms_norm", x, normalized_shape, weight=weight)
    if eps is None:
        eps = {"float16": 2.0**-10, "bfloat16": 2.0**-7, "float64": 2.0**-52}.get(x.dtype.name, 2.0**-23)
    return _norm_rows("rms_norm", x, weight, None, split, eps, True)


def group_norm(
    x: Tensor,
    num_groups: int,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> Tensor:
    """Normalise each group of channels of each sample to mean 0 and variance 1.

    `x` has shape (N, C, ...), C divisible by `num_groups`; `weight` and `bias` have shape (C,).
    Floating dtypes. ValueError where shapes do not agree, TypeError on other dtypes.

    Example:
        >>> tc.nn.functional.group_norm(tc.asarray([[1.0, 3.0, 5.0, 5.0]]), 2, eps=1e-5).shape
        (1, 4)
    """
    _check_tensors("group_norm", x=x, weight=weight, bias=bias)
    if x.ndim < 2:
        raise ValueError(f"group_norm: x must have the axes (batch, channels, ...), got shape {x.shape}")
    if num_groups < 1 or x.shape[1] % num_groups:
        raise ValueError(f"group_norm: num_groups must divide the number of channels {x.shape[1]}, got {num_groups}")
    _check_channels("group_norm", x, weight=weight, bias=bias)
    split = num_groups, x.shape[1] // num_groups, math.prod(x.shape[2:])
    return _norm_rows("group_norm", x, weight, bias, split, eps, False)


def _check_channels(name: str, x: Tensor, **parameters: Tensor | None) -> None:
    for key, value in parameters.items():
        if value is not None and value.shape != (x.shape[1],):
            raise ValueError(
                f"{name}: {key} must have one element per channel, shape ({x.shape[1]},), got {value.shape}"
            )


def _batch_rule(
    g: Any,
    needs: Any,
    x: Any,
    weight: Any,
    bias: Any,
    mean: Any,
    variance: Any,
    training: bool,
    eps: float,
) -> Any:
    if _core.is_grad_enabled() and x.size:
        axes = (0, *range(2, x.ndim))
        affine = (1, x.shape[1], *([1] * (x.ndim - 2)))
        gf, xf, wf = _wide(g), _wide(x), _wide(weight)
        if training:
            dx, dweight, dbias = _normal_gradients(gf, xf, wf, axes, affine, eps, True)  # type: ignore[arg-type]
        else:
            rstd = 1.0 / sqrt(variance + eps)
            scale = rstd if wf is None else rstd * wf
            dx = gf * scale.reshape(affine)
            normal = (xf - mean.reshape(affine)) * rstd.reshape(affine)
            dweight = tc_sum(gf * normal, axis=axes)
            dbias = tc_sum(gf, axis=axes)
        dx = dx if dx.dtype is x.dtype else dx.astype(x.dtype)
    else:
        dx, dweight, dbias = _core.batch_norm_backward(g, x, weight, mean, variance, training, eps)
    return dx, _to(dweight, weight), _to(dbias, bias)


def batch_norm(
    x: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """Bring each channel to mean 0 and variance 1 over batch and space, then scale and shift it.

    y = (x - mean) / sqrt(var + eps) · weight + bias for `x` of shape (N, C, ...). With `training`
    mean and (uncorrected) variance are those of this batch, and `running_mean` and `running_var`,
    where given, move towards them in place by the fraction `momentum` (the variance corrected by
    n / (n - 1)); otherwise the running statistics are used. Parameters have shape (C,). Floating
    dtypes. ValueError where shapes do not agree, with one value per channel in training, or without
    running statistics outside it; TypeError on other dtypes.

    Example:
        >>> tc.nn.functional.batch_norm(tc.asarray([[1.0], [3.0]]), None, None, training=True, eps=0.0)
        tensor([[-1.],
                [ 1.]])
    """
    _check_tensors("batch_norm", x=x, running_mean=running_mean, running_var=running_var, weight=weight, bias=bias)
    if x.ndim >= 2:
        _check_channels("batch_norm", x, running_mean=running_mean, running_var=running_var, weight=weight, bias=bias)
    y, mean, variance = _core.batch_norm(x, running_mean, running_var, weight, bias, training, momentum, eps)
    record(y, "batch_norm", _batch_rule, (x, weight, bias), (x, weight, bias, mean, variance, training, eps))
    return y


def instance_norm(
    x: Tensor,
    running_mean: Tensor | None = None,
    running_var: Tensor | None = None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    use_input_stats: bool = True,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """Normalise each channel of each sample over space to mean 0 and variance 1.

    `x` has shape (N, C, ...), parameters (C,). With `use_input_stats` running statistics, where
    given, move in place towards the batch's average of the samples' statistics; otherwise they are
    used, as in `batch_norm`. Floating dtypes. ValueError where shapes do not agree or a sample has
    one value per channel; TypeError on other dtypes.

    Example:
        >>> tc.nn.functional.instance_norm(tc.asarray([[[1.0, 3.0]]]), eps=0.0)
        tensor([[[-1.,  1.]]])
    """
    _check_tensors("instance_norm", x=x, running_mean=running_mean, running_var=running_var, weight=weight, bias=bias)
    if x.ndim < 2:
        raise ValueError(f"instance_norm: x must have the axes (batch, channels, ...), got shape {x.shape}")
    _check_channels("instance_norm", x, running_mean=running_mean, running_var=running_var, weight=weight, bias=bias)
    if not use_input_stats:
        if running_mean is None or running_var is None:
            raise ValueError("instance_norm: running_mean and running_var must be given when use_input_stats is false")
        return batch_norm(x, running_mean, running_var, weight, bias, False, momentum, eps)
    inner = math.prod(x.shape[2:])
    if inner == 1:
        raise ValueError(f"instance_norm: needs more than one value per sample and channel, got x of shape {x.shape}")
    y = _norm_rows("instance_norm", x, weight, bias, (x.shape[1], 1, inner), eps, False)
    if x.size and (running_mean is not None or running_var is not None):
        before = _core.set_grad_enabled(False)
        try:
            _update_running(x, running_mean, running_var, momentum, inner)
        finally:
            _core.set_grad_enabled(before)
    return y


def _update_running(
    x: Tensor, running_mean: Tensor | None, running_var: Tensor | None, momentum: float, inner: int
) -> None:
    wide = _core.alias(x).astype(_core.float64).reshape((x.shape[0], x.shape[1], inner))
    mean = _mean(wide, (2,))
    if running_mean is not None:
        seen = _mean(mean, (0,)).reshape((-1,))
        old = running_mean.astype(_core.float64)
        _core.assign(running_mean, old * (1 - momentum) + seen * momentum)
    if running_var is not None:
        center = wide - mean
        square = tc_sum(center * center, axis=2, keepdims=True) * (1.0 / (inner - 1))
        seen = _mean(square, (0,)).reshape((-1,))
        old = running_var.astype(_core.float64)
        _core.assign(running_var, old * (1 - momentum) + seen * momentum)


def _maximum(x: Tensor, low: float) -> Tensor:
    return where(x < low, low, x)


def normalize(x: Tensor, p: float = 2.0, axis: int = 1, eps: float = 1e-12) -> Tensor:
    """Divide `x` by its p-norm along `axis`, or by `eps` where the norm is smaller.

    y = x / max(‖x‖_p, eps), ‖x‖_p = (Σ |x|^p)^(1/p), for finite p > 0. Floating dtypes. IndexError
    on an axis out of range, ValueError on another p, TypeError on other dtypes.

    Example:
        >>> tc.nn.functional.normalize(tc.asarray([[3.0, 4.0]]))
        tensor([[0.6, 0.8]])
    """
    _check_tensors("normalize", x=x)
    if x.dtype.kind != "float":
        raise TypeError(f"normalize: x must be of a floating dtype, got {x.dtype.name}")
    if not 0 < p < math.inf:
        raise ValueError(f"normalize: p must be positive and finite, got {p}")
    if p == 2:
        total = tc_sum(x * x, axis=axis, keepdims=True)
        low = total < eps * eps
        norm = where(low, eps, sqrt(where(low, 1.0, total)))
    elif p == 1:
        norm = _maximum(tc_sum(tc_abs(x), axis=axis, keepdims=True), eps)
    else:
        zero = x == 0
        powers = where(zero, 0.0, exp(log(tc_abs(where(zero, 1.0, x))) * p))
        total = tc_sum(powers, axis=axis, keepdims=True)
        empty = total == 0
        norm = where(empty, 0.0, exp(log(where(empty, 1.0, total)) * (1.0 / p)))
        norm = _maximum(norm, eps)
    return divide(x, norm)


def local_response_norm(x: Tensor, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0) -> Tensor:
    """Divide each element by a power of the mean square of neighbouring channels.

    y_c = x_c / (k + alpha / size · Σ x²)^beta, the sum over `size` channels around c: from
    c - size // 2 to c + (size - 1) // 2, those that exist. `x` has shape (N, C, ...) with at least
    one axis more. Floating dtypes. ValueError on fewer axes or size < 1, TypeError on other dtypes.

    Example:
        >>> tc.nn.functional.local_response_norm(tc.ones((1, 1, 1)), 1, alpha=3.0, beta=0.5)
        tensor([[[0.5]]])
    """
    from .pool import avg_pool2d

    _check_tensors("local_response_norm", x=x)
    if x.dtype.kind != "float":
        raise TypeError(f"local_response_norm: x must be of a floating dtype, got {x.dtype.name}")
    if x.ndim < 3:
        raise ValueError(
            f"local_response_norm: x must have the axes (batch, channels, space, ...), got shape {x.shape}"
        )
    if size < 1:
        raise ValueError(f"local_response_norm: size must be at least 1, got {size}")
    if x.size == 0:
        return x * 1.0
    n, c, inner = x.shape[0], x.shape[1], math.prod(x.shape[2:])
    squares = (x * x).reshape((n, 1, c, inner))
    # Windows from c - size // 2 on; an even size gives one more at the end, which is dropped.
    means = avg_pool2d(squares, (size, 1), 1, (size // 2, 0))
    if size % 2 == 0:
        means = means[:, :, :c, :]
    base = means.reshape(x.shape) * alpha + k
    return x / exp(log(base) * beta)


__all__ = [
    "batch_norm",
    "group_norm",
    "instance_norm",
    "layer_norm",
    "local_response_norm",
    "normalize",
    "rms_norm",
]
