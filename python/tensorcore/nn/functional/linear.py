"""The fully connected layer: product, bias and activation in one kernel."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ... import _core
from ...declare import check_tensors, differentiable
from ...ops.elementwise import where
from ...ops.linalg import matmul, tensordot
from ...ops.reduce import sum as tc_sum
from ...ops.shape import expand_dims, matrix_transpose, reshape
from ...tensor import Tensor


def _through_activation(g: Any, y: Any, activation: str) -> Any:
    """The gradient before the activation, from its output."""
    if activation == "relu":
        return where(y > 0, g, 0.0)
    if activation == "tanh":
        return g * (1 - y * y)
    if activation == "sigmoid":
        return g * y * (1 - y)
    return g


def _rule(
    g: Any, needs: Sequence[bool], x: Any, weight: Any, bias_type: Any, y: Any, activation: str
) -> tuple[Any, Any, Any]:
    g = _through_activation(g, y, activation)
    rows = reshape(g, (-1, g.shape[-1])) if g.size else reshape(g, (0, weight.shape[0]))
    gx = matmul(g, weight).astype(x.dtype) if needs[0] else None
    flat = reshape(x, (rows.shape[0], x.shape[-1]))
    if needs[1] and needs[2] and not _core.any_requires_grad(rows, flat):
        gw, gb = _core.linear_weight_gradient(rows, flat)
        return gx, gw.astype(weight.dtype), gb.astype(bias_type)
    gw = matmul(matrix_transpose(rows), flat).astype(weight.dtype) if needs[1] else None
    gb = tc_sum(rows, axis=0).astype(bias_type) if needs[2] else None
    return gx, gw, gb


@differentiable(x=None, weight=None, bias=None, joint=_rule)
def _linear(x: Tensor, weight: Tensor, bias: Tensor | None, bias_type: Any, activation: str) -> Tensor:
    return _core.linear(x, weight, bias, activation)


def linear(x: Tensor, weight: Tensor, bias: Tensor | None = None, *, activation: str = "none") -> Tensor:
    """activation(x · weightᵀ + bias): (…, in) with weight (out, in) and bias (out,) gives (…, out).

    `activation` (none, relu, gelu, tanh, sigmoid, silu) is applied while the product is in
    registers. Floating-point dtypes, promoted together. ValueError on shapes that do not fit.

    Example:
        >>> tc.nn.functional.linear(tc.ones((2, 3)), tc.ones((4, 3)), activation="relu").shape
        (2, 4)
    """
    check_tensors("linear", x=x, weight=weight, **({} if bias is None else {"bias": bias}))
    if activation in ("gelu", "silu") and _core.any_requires_grad(x, weight, bias):
        from . import activation as activations  # their gradient needs the value before the activation

        return getattr(activations, activation)(_linear(x, weight, bias, None if bias is None else bias.dtype, "none"))
    return _linear(x, weight, bias, None if bias is None else bias.dtype, activation)


def bilinear(x1: Tensor, x2: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """x1ᵀ · weight[k] · x2 + bias[k]: (…, in1) and (…, in2) with weight (out, in1, in2), bias (out,) give (…, out).

    Floating-point dtypes, promoted together. ValueError on shapes that do not fit.

    Example:
        >>> tc.nn.functional.bilinear(tc.ones((2, 3)), tc.ones((2, 4)), tc.ones((5, 3, 4))).shape
        (2, 5)
    """
    check_tensors("bilinear", x1=x1, x2=x2, weight=weight, **({} if bias is None else {"bias": bias}))
    if weight.ndim != 3 or not x1.ndim or not x2.ndim or (x1.shape[-1], x2.shape[-1]) != weight.shape[1:]:
        raise ValueError(
            "bilinear: weight must be (out, in1, in2) for x1 (…, in1) and x2 (…, in2), "
            f"got {weight.shape}, {x1.shape} and {x2.shape}"
        )
    if x1.shape[:-1] != x2.shape[:-1]:
        raise ValueError(f"bilinear: x1 and x2 must agree in all axes but the last, got {x1.shape} and {x2.shape}")
    if bias is not None and bias.shape != weight.shape[:1]:
        raise ValueError(f"bilinear: bias must have shape {weight.shape[:1]}, got {bias.shape}")
    halves = tensordot(x1, weight, axes=((-1,), (1,)))
    y = tc_sum(halves * expand_dims(x2, -2), axis=-1)
    return y if bias is None else y + bias


__all__ = ["bilinear", "linear"]
