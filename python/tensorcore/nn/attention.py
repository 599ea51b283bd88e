"""Attention over several heads, with PyTorch's parameters and masks."""

from __future__ import annotations

from typing import Any

from .. import _core
from ..ops.creation import zeros
from ..ops.elementwise import where
from ..ops.linalg import matmul
from ..ops.reduce import mean
from ..ops.shape import concat, expand_dims, permute_dims, repeat, reshape
from ..tensor import Tensor
from . import functional as F
from . import init
from .checks import check_share, check_sizes
from .linear import Linear, new_parameter
from .module import Module
from .parameter import Parameter


def as_bias(name: str, mask: Any, dtype: Any) -> Tensor | None:
    """A mask as what is added to the scores: bool is True where a key must NOT be seen, as PyTorch's layers have it."""
    if mask is None:
        return None
    if not isinstance(mask, Tensor):
        raise TypeError(f"MultiheadAttention: {name} must be a Tensor, got {type(mask).__name__}")
    if mask.dtype is _core.bool:
        return where(mask, float("-inf"), zeros((), dtype=dtype, device=mask.device))
    if mask.dtype.kind != "float":
        raise TypeError(f"MultiheadAttention: {name} must be bool or floating-point, got {mask.dtype.name}")
    return mask.astype(dtype, copy=False)


class MultiheadAttention(Module):
    """softmax(q·kᵀ/√d) · v in `num_heads` heads, between learned projections.

    `in_proj_weight` (3·embed_dim, embed_dim) projects query, key and value, or where `kdim` or `vdim` differ from
    embed_dim `q_proj_weight`, `k_proj_weight`, `v_proj_weight`; `in_proj_bias` (3·embed_dim,); `out_proj` is a
    `Linear`. `add_bias_kv` adds a learned key and value, `add_zero_attn` zero ones. `dropout` drops attention
    weights while training. Weights start Xavier-uniform, biases 0. ValueError unless num_heads divides embed_dim.
    Source: Vaswani et al. 2017.

    >>> x = tc.ones((5, 2, 8))
    >>> y, weights = nn.MultiheadAttention(8, 2)(x, x, x)
    >>> y.shape, weights.shape
    ((5, 2, 8), (2, 5, 5))
    """

    in_proj_weight: Parameter | None
    in_proj_bias: Parameter | None
    bias_k: Parameter | None
    bias_v: Parameter | None

    def __init__(
        self,
        embed_dim: int,
        num_heads: int,
        dropout: float = 0.0,
        bias: bool = True,
        add_bias_kv: bool = False,
        add_zero_attn: bool = False,
        kdim: int | None = None,
        vdim: int | None = None,
        batch_first: bool = False,
        device: Any = None,
        dtype: Any = None,
    ):
        super().__init__()
        check_sizes("MultiheadAttention", 1, embed_dim=embed_dim, num_heads=num_heads)
        check_share("MultiheadAttention", dropout=dropout)
        if embed_dim % num_heads:
            raise ValueError(
                f"MultiheadAttention: num_heads must divide embed_dim, got embed_dim={embed_dim}, num_heads={num_heads}"
            )
        self.embed_dim, self.num_heads, self.dropout = embed_dim, num_heads, dropout
        self.kdim, self.vdim = embed_dim if kdim is None else kdim, embed_dim if vdim is None else vdim
        self.head_dim, self.batch_first, self.add_zero_attn = embed_dim // num_heads, batch_first, add_zero_attn
        same = self.kdim == embed_dim and self.vdim == embed_dim
        shapes = {
            "q_proj_weight": None if same else (embed_dim, embed_dim),
            "k_proj_weight": None if same else (embed_dim, self.kdim),
            "v_proj_weight": None if same else (embed_dim, self.vdim),
            "in_proj_weight": (3 * embed_dim, embed_dim) if same else None,
            "in_proj_bias": (3 * embed_dim,) if bias else None,
            "bias_k": (1, 1, embed_dim) if add_bias_kv else None,
            "bias_v": (1, 1, embed_dim) if add_bias_kv else None,
        }
        for name, shape in shapes.items():
            self.register_parameter(name, None if shape is None else new_parameter(shape, device, dtype))
        self.out_proj = Linear(embed_dim, embed_dim, bias, device, dtype)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw the projections of the inputs anew, and set biases to 0."""
        for name, p in self.named_parameters(recurse=False):
            if name.endswith("weight"):
                init.xavier_uniform_(p)
            elif name.startswith("bias"):
                init.xavier_normal_(p)
        for bias in (self.in_proj_bias, self.out_proj.bias):
            if bias is not None:
                init.zeros_(bias)

    def _project(self, query: Tensor, key: Tensor, value: Tensor) -> list[Tensor]:
        e = self.embed_dim
        bias = self.in_proj_bias
        if self.in_proj_weight is not None and query is key and key is value:
            together = F.linear(query, self.in_proj_weight, bias)
            return [together[..., i * e : (i + 1) * e] for i in range(3)]
        if self.in_proj_weight is not None:
            weights = [self.in_proj_weight[i * e : (i + 1) * e] for i in range(3)]
        else:
            weights = [self.q_proj_weight, self.k_proj_weight, self.v_proj_weight]
        biases = [None] * 3 if bias is None else [bias[i * e : (i + 1) * e] for i in range(3)]
        return [F.linear(x, w, b) for x, w, b in zip((query, key, value), weights, biases, strict=True)]

    def _check(self, query: Any, key: Any, value: Any) -> None:
        for name, x, extent in (("query", query, self.embed_dim), ("key", key, self.kdim), ("value", value, self.vdim)):
            if not isinstance(x, Tensor):
                raise TypeError(f"MultiheadAttention: {name} must be a Tensor, got {type(x).__name__}")
            if x.ndim not in (2, 3) or x.ndim != query.ndim or x.shape[-1] != extent:
                raise ValueError(
                    f"MultiheadAttention: {name} must have 2 or 3 axes, as query, the last of extent {extent}; "
                    f"got shape {x.shape}"
                )

    def _bias(self, padding: Any, mask: Any, is_causal: bool, shape: tuple[int, ...], dtype: Any) -> Tensor | None:
        """Both masks as one bias (B, 1 or heads, L, S); `shape` is (B, heads, L, S)."""
        b, h, length, s = shape
        seen = as_bias("key_padding_mask", padding, dtype)
        bias = as_bias("attn_mask", mask, dtype)
        if is_causal and bias is None:
            raise ValueError("MultiheadAttention: is_causal is a hint about attn_mask, which must be given too")
        if bias is not None:
            if bias.shape not in ((length, s), (b * h, length, s)):
                raise ValueError(
                    f"MultiheadAttention: attn_mask must have shape {(length, s)} or {(b * h, length, s)}, "
                    f"got {bias.shape}"
                )
            bias = reshape(bias, (b, h, length, s) if bias.ndim == 3 else (1, 1, length, s))
        if seen is not None:
            if seen.shape != (b, s):
                raise ValueError(f"MultiheadAttention: key_padding_mask must have shape {(b, s)}, got {seen.shape}")
            seen = reshape(seen, (b, 1, 1, s))
            bias = seen if bias is None else bias + seen
        return bias

    def forward(
        self,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        key_padding_mask: Tensor | None = None,
        need_weights: bool = True,
        attn_mask: Tensor | None = None,
        average_attn_weights: bool = True,
        is_causal: bool = False,
    ) -> tuple[Tensor, Tensor | None]:
        """(L, B, embed_dim), (S, B, kdim), (S, B, vdim) to the output (L, B, embed_dim) and the weights (B, L, S).

        With `batch_first` the batch axis comes first; it may be missing. `key_padding_mask` (B, S) and `attn_mask`
        (L, S) or (B·heads, L, S) are bool, True for keys that must not be seen, or added to the scores. The weights
        are averaged over heads, or (B, heads, L, S) without `average_attn_weights`; need_weights=False gives None for
        them and never stores the scores. A query that sees no key gets zeros. `is_causal` says that attn_mask is.
        """
        self._check(query, key, value)
        batched = query.ndim == 3
        if self.batch_first or not batched:
            # One object stays one: its three projections then are one product.
            made: dict[int, Tensor] = {}
            axis = 0 if batched else 1
            for x in (query, key, value):
                made.setdefault(id(x), permute_dims(x, (1, 0, 2)) if axis == 0 else expand_dims(x, 1))
            query, key, value = (made[id(x)] for x in (query, key, value))
            if not batched and key_padding_mask is not None:
                key_padding_mask = expand_dims(key_padding_mask, 0)
        length, b = query.shape[:2]
        h, d = self.num_heads, self.head_dim
        q, k, v = self._project(query, key, value)
        if key.shape[:2] != value.shape[:2] or key.shape[1] != b:
            raise ValueError(
                f"MultiheadAttention: key and value must share steps and all three the batch, "
                f"got {query.shape}, {key.shape} and {value.shape}"
            )
        bias = self._bias(key_padding_mask, attn_mask, is_causal, (b, h, length, key.shape[0]), q.dtype)
        extra = []
        if self.bias_k is not None and self.bias_v is not None:
            extra.append([repeat(p, b, axis=1) for p in (self.bias_k, self.bias_v)])
        if self.add_zero_attn:
            extra.append([zeros((1, b, self.embed_dim), dtype=q.dtype, device=q.device)] * 2)
        for more_k, more_v in extra:
            k, v = concat([k, more_k]), concat([v, more_v])
            if bias is not None:  # nothing hides what was added
                bias = concat([bias, zeros((*bias.shape[:-1], 1), dtype=bias.dtype, device=bias.device)], axis=-1)
        q, k, v = (permute_dims(reshape(x, (-1, b, h, d)), (1, 2, 0, 3)) for x in (q, k, v))
        dropped = self.dropout if self.training else 0.0
        weights = None
        if need_weights:
            scores = matmul(q, k.mT) * d**-0.5
            if bias is not None:
                scores = scores + bias
            blind = (scores == float("-inf")).all(axis=-1, keepdims=True)
            weights = where(blind, 0.0, F.softmax(where(blind, 0.0, scores), -1))
            weights = F.dropout(weights, dropped)
            y = matmul(weights, v)
        else:
            y = F.scaled_dot_product_attention(q, k, v, bias, dropped)
        y = reshape(permute_dims(y, (2, 0, 1, 3)), (length, b, self.embed_dim))
        y = self.out_proj(y)
        if weights is not None and average_attn_weights:
            weights = mean(weights, axis=1)
        if not batched:
            return y[:, 0], None if weights is None else weights[0]
        return (permute_dims(y, (1, 0, 2)) if self.batch_first else y), weights


__all__ = ["MultiheadAttention"]
