"""Similarities and distances of vectors along an axis."""

from __future__ import annotations

import math
from typing import Any

from ...declare import check_tensors
from ...ops.elementwise import abs as tc_abs
from ...ops.elementwise import maximum, sqrt, where
from ...ops.elementwise import pow as tc_pow
from ...ops.reduce import max as tc_max
from ...ops.reduce import sum as tc_sum
from ...tensor import Tensor


def _check(op: str, **tensors: Any) -> None:
    check_tensors(op, **tensors)
    for name, x in tensors.items():
        if x.dtype.kind != "float":
            raise TypeError(f"{op}: {name} must be floating-point, got {x.dtype.name}")


def _root(x: Tensor) -> Tensor:
    """√x with gradient 0 where x is 0."""
    zero = x == 0
    return where(zero, 0.0, sqrt(where(zero, 1.0, x)))


def cosine_similarity(x1: Tensor, x2: Tensor, axis: int = 1, eps: float = 1e-8) -> Tensor:
    """x1·x2 / (max(‖x1‖, eps) max(‖x2‖, eps)) along `axis`, which goes; the other axes broadcast.

    Floating dtypes. IndexError on an axis out of range, ValueError on shapes, TypeError on other dtypes.

    Example:
        >>> tc.nn.functional.cosine_similarity(tc.asarray([[3.0, 4.0]]), tc.asarray([[4.0, 3.0]]))
        tensor([0.96])
    """
    _check("cosine_similarity", x1=x1, x2=x2)
    norm1, norm2 = (maximum(_root(tc_sum(x * x, axis=axis, keepdims=True)), eps) for x in (x1, x2))
    return tc_sum((x1 / norm1) * (x2 / norm2), axis=axis)


def pairwise_distance(x1: Tensor, x2: Tensor, p: float = 2.0, eps: float = 1e-6, keepdims: bool = False) -> Tensor:
    """‖x1 - x2 + eps‖_p along the last axis; the other axes broadcast.

    p is positive, or infinity for the largest difference. Floating dtypes. ValueError on p and shapes, TypeError on
    other dtypes.

    Example:
        >>> tc.nn.functional.pairwise_distance(tc.asarray([[3.0, 4.0]]), tc.asarray([[0.0, 0.0]]), eps=0.0)
        tensor([5.])
    """
    _check("pairwise_distance", x1=x1, x2=x2)
    if not isinstance(p, (int, float)) or not p > 0:
        raise ValueError(f"pairwise_distance: p must be positive, got {p!r}")
    d = tc_abs(x1 - x2 + eps)
    if p == math.inf:
        return tc_max(d, axis=-1, keepdims=keepdims)
    if p == 1:
        return tc_sum(d, axis=-1, keepdims=keepdims)
    if p == 2:
        return _root(tc_sum(d * d, axis=-1, keepdims=keepdims))
    return tc_pow(tc_sum(tc_pow(d, p), axis=-1, keepdims=keepdims), 1 / p)


__all__ = ["cosine_similarity", "pairwise_distance"]
