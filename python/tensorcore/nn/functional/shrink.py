"""Activations composed of others: shrinkage, random slopes, softmin."""

from __future__ import annotations

from ...declare import check_tensors
from ...ops.elementwise import logical_and, tanh, where
from ...ops.random import Generator, uniform
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


__all__ = ["hardshrink", "rrelu", "softmin", "softshrink", "tanhshrink"]
