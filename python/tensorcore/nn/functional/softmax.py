"""Softmax and its logarithm."""

from __future__ import annotations

from typing import Any

from ... import _core
from ...declare import differentiable
from ...ops.elementwise import exp
from ...ops.reduce import sum as tc_sum
from ...tensor import Tensor


def _softmax_rule(g: Any, y: Any, axis: int) -> Any:
    if _core.is_grad_enabled():  # being differentiated again: in ops that record
        return y * (g - tc_sum(g * y, axis=axis, keepdims=True)) if y.ndim else g * 0
    return _core.softmax_backward(g, y, axis, False)


def _log_softmax_rule(g: Any, y: Any, axis: int) -> Any:
    if _core.is_grad_enabled():
        return g - exp(y) * tc_sum(g, axis=axis, keepdims=True) if y.ndim else g * 0
    return _core.softmax_backward(g, y, axis, True)


@differentiable(x=_softmax_rule)
def softmax(x: Tensor, axis: int) -> Tensor:
    """Exponentials along `axis`, scaled to sum to one: exp(x) / Σ exp(x), computed without overflow.

    `x` is floating-point, of any shape; the result has its shape and dtype. TypeError on other
    dtypes, IndexError on an axis out of range.

    Example:
        >>> tc.nn.functional.softmax(tc.asarray([0.0, 0.0]), axis=0)
        tensor([0.5, 0.5])
    """
    return _core.softmax(x, axis, False)


@differentiable(x=_log_softmax_rule)
def log_softmax(x: Tensor, axis: int) -> Tensor:
    """The logarithm of `softmax(x, axis)`: x - log Σ exp(x), without overflow or loss of digits.

    Shapes, dtypes and errors as for `softmax`.
    """
    return _core.softmax(x, axis, True)


__all__ = ["log_softmax", "softmax"]
