"""Scaled dot-product attention."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ... import _core, autograd
from ...autograd import record
from ...ops.creation import arange, zeros
from ...ops.elementwise import where
from ...ops.linalg import matmul, sum_to
from ...ops.shape import reshape
from ...tensor import Tensor
from .softmax import softmax

_OP = "scaled_dot_product_attention"


def reference_attention(
    query: Tensor, key: Tensor, value: Tensor, mask: Any, scale: float, causal: bool, dropout_p: float = 0.0
) -> Tensor:
    """The same by recorded ops, with the whole score matrix: `mask` is added to the scores."""
    scores = matmul(query, key.mT) * scale
    if mask is not None:
        scores = scores + mask
    if causal:
        seen = reshape(arange(query.shape[-2]), (-1, 1)) >= arange(key.shape[-2])
        scores = where(seen, scores, float("-inf"))
    # A row that sees nothing is all -inf: it must come out as zeros, not NaN.
    blind = (scores == float("-inf")).all(axis=-1, keepdims=True)
    p = where(blind, 0.0, softmax(where(blind, 0.0, scores), -1))
    if dropout_p:
        from .dropout import dropout

        p = dropout(p, dropout_p, training=True)
    return matmul(p, value)


def _fused(query: Tensor, key: Tensor, value: Tensor, mask: Any, scale: float, causal: bool) -> Tensor:
    y, lse = _core.attention(query, key, value, mask, scale, causal)

    def rule(g: Any, needs: Sequence[bool], q: Any, k: Any, v: Any, y: Any, lse: Any) -> Sequence[Any]:
        if _core.is_grad_enabled():
            chosen = [x for x, need in zip((q, k, v), needs, strict=True) if need]
            again = reference_attention(q, k, v, mask, scale, causal)
            found = iter(autograd.grad(again, chosen, g, create_graph=True))
            return [next(found) if need else None for need in needs]
        grads = _core.attention_backward(q, k, v, mask, scale, causal, y, lse, g)
        return [sum_to(part, x.shape) for part, x in zip(grads, (q, k, v), strict=True)]

    return record(y, "attention", rule, (query, key, value), (query, key, value, y, lse))


def scaled_dot_product_attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
) -> Tensor:
    """softmax(scale · query·keyᵀ + mask) · value: (…, L, E), (…, S, E), (…, S, V) give (…, L, V).

    Leading axes broadcast. `attn_mask` broadcasts to (…, L, S): bool, True where a query may see a
    key, or floating-point, added to the scores. With `is_causal` query i sees keys 0 … i. `scale`
    defaults to 1/√E. A query that sees no key gives zeros. `dropout_p` drops probabilities.
    Scores are computed tile by tile and never stored, except with dropout or a mask that requires
    grad. Half types run in float32. ValueError on shapes, TypeError on dtypes.
    Source: Vaswani et al. 2017; tiling with recomputation after Dao et al. 2022.
    """
    for name, x in (("query", query), ("key", key), ("value", value)):
        if not isinstance(x, Tensor):
            raise TypeError(f"{_OP}: {name} must be a Tensor, got {type(x).__name__}")
        if x.dtype.kind != "float":
            raise TypeError(f"{_OP}: {name} must be floating-point, got {x.dtype.name}")
        if x.ndim < 2:
            raise ValueError(f"{_OP}: {name} must have at least two axes, got shape {x.shape}")
    if not 0 <= dropout_p < 1:
        raise ValueError(f"{_OP}: dropout_p must lie in [0, 1), got {dropout_p}")
    dtype = query.dtype
    if dtype.itemsize == 2:
        query, key, value = (x.astype(_core.float32) for x in (query, key, value))
    factor = float(scale) if scale is not None else max(query.shape[-1], 1) ** -0.5
    mask = None
    if attn_mask is not None:
        if not isinstance(attn_mask, Tensor):
            raise TypeError(f"{_OP}: attn_mask must be a Tensor, got {type(attn_mask).__name__}")
        if attn_mask.dtype is _core.bool:
            mask = where(attn_mask, zeros((), dtype=query.dtype, device=query.device), float("-inf"))
        elif attn_mask.dtype.kind == "float":
            mask = attn_mask.astype(query.dtype)
        else:
            raise TypeError(f"{_OP}: attn_mask must be bool or floating-point, got {attn_mask.dtype.name}")
    if dropout_p or (mask is not None and mask.requires_grad):
        y = reference_attention(query, key, value, mask, factor, is_causal, dropout_p)
    else:
        y = _fused(query, key, value, mask, factor, is_causal)
    return y if y.dtype is dtype else y.astype(dtype)


__all__ = ["scaled_dot_product_attention"]
