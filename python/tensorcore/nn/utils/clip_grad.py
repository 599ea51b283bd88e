"""Bounds on gradients before an optimizer's step. Nothing waits for the device unless an error is asked for."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from ... import _core
from ...autograd import no_grad
from ...ops.creation import zeros
from ...ops.elementwise import abs as tc_abs
from ...ops.elementwise import clip, minimum, sqrt
from ...ops.elementwise import pow as tc_pow
from ...ops.reduce import max as tc_max
from ...ops.reduce import min as tc_min
from ...ops.reduce import sum as tc_sum
from ...ops.shape import stack
from ...tensor import Tensor


def _gradients(parameters: Any) -> list[Tensor]:
    many = [parameters] if isinstance(parameters, Tensor) else list(parameters)
    return [p.grad for p in many if p.grad is not None]


def _norm(x: Tensor, p: float) -> Tensor:
    """‖x‖_p of all elements; half types in float32, which their sums would overflow."""
    x = x.astype(_core.float32) if x.dtype.itemsize == 2 else x
    if not x.size:
        return tc_sum(x)
    if p == math.inf:
        return tc_max(tc_abs(x))
    if p == -math.inf:
        return tc_min(tc_abs(x))
    if p == 2:
        return sqrt(tc_sum(x * x))
    if p == 1:
        return tc_sum(tc_abs(x))
    if p == 0:
        return tc_sum((x != 0).astype(x.dtype))
    return tc_pow(tc_sum(tc_pow(tc_abs(x), p)), 1 / p)


def get_total_norm(tensors: Iterable[Tensor], norm_type: float = 2.0, error_if_nonfinite: bool = False) -> Tensor:
    """The `norm_type`-norm of all elements of `tensors` as if they were one vector: a 0-d tensor.

    `error_if_nonfinite` waits for the result, and raises RuntimeError if it is infinite or NaN.
    """
    tensors = list(tensors)
    p = float(norm_type)
    with no_grad():
        if not tensors:
            return zeros(())
        norms = [_norm(x.detach(), p) for x in tensors]
        place, wide = norms[0].device, any(n.dtype is _core.float64 for n in norms)
        total = _norm(stack([n.to(place, _core.float64 if wide else n.dtype) for n in norms]), p)
    if error_if_nonfinite and not math.isfinite(float(total)):
        raise RuntimeError(
            f"clip_grad_norm_: the {p}-norm of the gradients is {float(total)}; with "
            "error_if_nonfinite=False they would be scaled by it all the same"
        )
    return total


def clip_grad_norm_(
    parameters: Any, max_norm: float, norm_type: float = 2.0, error_if_nonfinite: bool = False
) -> Tensor:
    """Scale the gradients of `parameters` in place so that their norm, as one vector, is at most `max_norm`.

    Returns the norm they had, a 0-d tensor on the device of the first gradient. Settings and errors as for
    `get_total_norm`. The factor is max_norm / (norm + 1e-6), at most 1, as PyTorch's. Source: Pascanu et al. 2013.

    >>> p = nn.Parameter(tc.zeros(2))
    >>> p.grad = tc.asarray([3.0, 4.0])
    >>> float(nn.utils.clip_grad_norm_([p], 1.0))
    5.0
    """
    grads = _gradients(parameters)
    total = get_total_norm(grads, norm_type, error_if_nonfinite)
    with no_grad():
        factor = minimum(float(max_norm) / (total + 1e-6), 1.0)
        for g in grads:
            g *= factor.to(g.device, g.dtype)
    return total


def clip_grad_value_(parameters: Any, clip_value: float) -> None:
    """Bring every element of the gradients of `parameters` into [-clip_value, clip_value], in place."""
    bound = float(clip_value)
    if not bound >= 0:
        raise ValueError(f"clip_grad_value_: clip_value must not be negative, got {clip_value}")
    with no_grad():
        for g in _gradients(parameters):
            g[...] = clip(g, -bound, bound)


__all__ = ["clip_grad_norm_", "clip_grad_value_", "get_total_norm"]
