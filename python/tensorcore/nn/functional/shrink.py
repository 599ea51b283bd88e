"""Activations composed of others: shrinkage, random slopes, softmin, samples of classes."""

from __future__ import annotations

from ... import _core
from ...declare import check_tensors
from ...ops.creation import arange
from ...ops.elementwise import log, logical_and, maximum, tanh, where
from ...ops.random import Generator, uniform
from ...ops.search import argmax
from ...ops.shape import reshape
from ...tensor import Tensor
from .softmax import softmax


def _check(op: str, x: Tensor) -> None:
    check_tensors(op, x=x)
    if x.dtype.kind != "float":
        raise TypeError(f"{op}: x must be floating-point, got {x.dtype.name}")


def hardshrink(x: Tensor, lambd: float = 0.5) -> Tensor:
    """0 where -lambd ≤ x ≤ lambd, x elsewhere.

    Example:
        >>> tc.nn.functional.hardshrink(tc.asarray([0.25, 2.0]))
        tensor([0., 2.])
    """
    _check("hardshrink", x)
    return where(logical_and(x >= -lambd, x <= lambd), 0.0, x)


def softshrink(x: Tensor, lambd: float = 0.5) -> Tensor:
    """`x` moved towards 0 by `lambd`, and 0 within that of it. ValueError if lambd is negative.

    Example:
        >>> tc.nn.functional.softshrink(tc.asarray([0.25, -2.0]))
        tensor([ 0. , -1.5])
    """
    _check("softshrink", x)
    if not lambd >= 0:
        raise ValueError(f"softshrink: lambd must not be negative, got {lambd}")
    return where(x > lambd, x - lambd, where(x < -lambd, x + lambd, x * 0.0))


def tanhshrink(x: Tensor) -> Tensor:
    """x - tanh(x)."""
    _check("tanhshrink", x)
    return x - tanh(x)


def rrelu(
    x: Tensor,
    lower: float = 1 / 8,
    upper: float = 1 / 3,
    training: bool = False,
    *,
    generator: Generator | None = None,
) -> Tensor:
    """x where x ≥ 0, else a·x, with `a` drawn for each element from [lower, upper) if `training`, else their mean.

    ValueError unless lower ≤ upper. Source: Xu et al. 2015.
    """
    _check("rrelu", x)
    if not lower <= upper:
        raise ValueError(f"rrelu: lower must not exceed upper, got {lower} and {upper}")
    if not training:
        return where(x >= 0, x, x * ((lower + upper) / 2))
    slopes = uniform(x.shape, lower, upper, generator=generator, dtype=x.dtype, device=x.device)
    return where(x >= 0, x, x * slopes)


def softmin(x: Tensor, axis: int) -> Tensor:
    """softmax(-x, axis)."""
    _check("softmin", x)
    return softmax(-x, axis)


def gumbel_softmax(
    x: Tensor, tau: float = 1.0, hard: bool = False, axis: int = -1, *, generator: Generator | None = None
) -> Tensor:
    """A sample of the classes along `axis` with logits `x`, relaxed: softmax((x + Gumbel noise) / tau).

    With `hard` the result is one-hot, its gradient that of the relaxed sample. ValueError unless tau > 0, IndexError on
    an axis out of range. Source: Jang et al. 2017, Maddison et al. 2017.
    """
    _check("gumbel_softmax", x)
    if not tau > 0:
        raise ValueError(f"gumbel_softmax: tau must be positive, got {tau}")
    if not -x.ndim <= axis < x.ndim:
        raise IndexError(f"gumbel_softmax: axis {axis} is out of range for shape {x.shape}")
    # In float64, and kept from 0, whose noise would be infinite: the largest noise then is 37.
    u = uniform(x.shape, generator=generator, dtype=_core.float64, device=x.device)
    noise = -log(-log(maximum(u, 2.0**-54)))
    soft = softmax((x + noise.astype(x.dtype)) / tau, axis)
    if not hard:
        return soft
    values, axis = soft.detach(), axis % x.ndim
    classes = reshape(arange(x.shape[axis], device=x.device), (-1,) + (1,) * (x.ndim - axis - 1))
    best = (classes == argmax(values, axis=axis, keepdims=True)).astype(x.dtype)
    return best - values + soft


__all__ = ["gumbel_softmax", "hardshrink", "rrelu", "softmin", "softshrink", "tanhshrink"]
