"""Rows of a table by integer indices, with a gradient that adds rows in a fixed order."""

from __future__ import annotations

from typing import Any

from ... import _core
from ...declare import check_tensors, differentiable
from ...ops.creation import arange, full
from ...ops.elementwise import logical_and, logical_not, maximum, where
from ...ops.linalg import matmul
from ...ops.reduce import all as tc_all
from ...ops.reduce import max as tc_max
from ...ops.reduce import sum as tc_sum
from ...ops.shape import concat, expand_dims


@differentiable(g=lambda g, input, padding_idx: _gradient_rule(g, input, padding_idx), input=None)
def _embedding_gradient(g: Any, input: Any, rows: int, padding_idx: int | None) -> Any:
    return _core.embedding_gradient(g, input, rows, padding_idx)


def _gradient_rule(g: Any, input: Any, padding_idx: int | None) -> Any:
    rows = embedding(input, g)
    if padding_idx is None:
        return rows
    wrapped, index = padding_idx % g.shape[0], input.astype(_core.int64)
    kept = (index != wrapped) & (index != wrapped - g.shape[0])
    return rows * kept.astype(g.dtype).reshape((*input.shape, 1))


@differentiable(
    input=None,
    weight=lambda g, input, weight_shape, padding_idx: _embedding_gradient(g, input, weight_shape[0], padding_idx),
)
def embedding(input: Any, weight: Any, padding_idx: int | None = None) -> Any:
    """The rows of `weight` that `input` names: out[..., :] = weight[input[...], :].

    `input` is an integer tensor of any shape, `weight` has the shape (rows, features); the result has
    the shape of `input` with `features` appended. The row `padding_idx` gets no gradient. IndexError
    for an index or `padding_idx` out of range, TypeError for an `input` that is not of integers.

    >>> nn.functional.embedding(tc.asarray([1, 1]), tc.asarray([[1.0, 2.0], [3.0, 4.0]]))
    tensor([[3., 4.],
            [3., 4.]])
    """
    check_tensors("embedding", weight=weight)
    if padding_idx is not None and weight.ndim == 2 and not -weight.shape[0] <= padding_idx < weight.shape[0]:
        raise IndexError(
            f"embedding: padding_idx must lie in [{-weight.shape[0]}, {weight.shape[0]}), got {padding_idx}"
        )
    return _core.embedding(input, weight)


def embedding_bag(
    input: Any,
    weight: Any,
    offsets: Any = None,
    mode: str = "mean",
    per_sample_weights: Any = None,
    include_last_offset: bool = False,
    padding_idx: int | None = None,
) -> Any:
    """Sum, mean or maximum (`mode`) of the rows of `weight` that each bag of `input` names.

    Bags are the rows of a 2-d `input` (B, L), or with `offsets` (B,) the pieces of a 1-d one that begin there (the
    last offset then is the end with `include_last_offset`). `per_sample_weights`, of the shape of `input`, scale the
    rows of a sum. The row `padding_idx` is left out. An empty bag gives zeros. The result is (B, features).
    ValueError on shapes and settings, TypeError on dtypes, IndexError on indices out of range.

    >>> nn.functional.embedding_bag(tc.asarray([[0, 1]]), tc.asarray([[1.0, 2.0], [3.0, 4.0]]))
    tensor([[2., 3.]])
    """
    op = "embedding_bag"
    check_tensors(op, input=input, weight=weight)
    if mode not in ("sum", "mean", "max"):
        raise ValueError(f"{op}: mode must be 'sum', 'mean' or 'max', got {mode!r}")
    if input.ndim not in (1, 2) or (input.ndim == 1) != (offsets is not None):
        raise ValueError(f"{op}: input must be (B, L), or (L,) with offsets; got {input.shape} and offsets {offsets}")
    if per_sample_weights is not None:
        check_tensors(op, per_sample_weights=per_sample_weights)
        if mode != "sum" or per_sample_weights.shape != input.shape:
            raise ValueError(
                f"{op}: per_sample_weights are for mode 'sum' and have the shape of input {input.shape}, "
                f"got mode {mode!r} and {per_sample_weights.shape}"
            )
    rows = embedding(input, weight, padding_idx)
    if input.ndim == 1:
        members = _bags(op, input, offsets, include_last_offset)
        rows = expand_dims(rows, 0)
    else:
        members = full(input.shape, True, device=input.device)
    if padding_idx is not None:
        members = logical_and(members, input != padding_idx % weight.shape[0])
    if mode == "max":
        empty = logical_not(members)
        seen = where(expand_dims(empty, -1), float("-inf"), rows)
        if not input.shape[-1]:
            return full((members.shape[0], weight.shape[1]), 0.0, dtype=weight.dtype, device=weight.device)
        return where(expand_dims(tc_all(empty, axis=-1), -1), 0.0, tc_max(seen, axis=1))
    shares = members.astype(weight.dtype)
    if mode == "mean":
        shares = shares / maximum(tc_sum(shares, axis=-1, keepdims=True), 1.0)
    if per_sample_weights is not None:
        shares = shares * per_sample_weights.astype(weight.dtype)
    if input.ndim == 1:
        return matmul(shares, rows[0])
    return tc_sum(expand_dims(shares, -1) * rows, axis=1)


def _bags(op: str, input: Any, offsets: Any, include_last_offset: bool) -> Any:
    """Whether position j of `input` lies in bag i."""
    check_tensors(op, offsets=offsets)
    if offsets.dtype.kind not in ("int", "uint") or offsets.ndim != 1 or offsets.shape[0] < include_last_offset:
        raise ValueError(
            f"{op}: offsets must be one axis of integers, got shape {offsets.shape} of {offsets.dtype.name}"
        )
    starts = offsets.astype(_core.int64)
    if starts.shape[0] and int(starts[0]) != 0:
        raise ValueError(f"{op}: offsets must begin with 0, got {int(starts[0])}")
    last = full((1,), input.shape[0], dtype=_core.int64, device=input.device)
    ends = starts[1:] if include_last_offset else concat([starts[1:], last])
    places = arange(input.shape[0], device=input.device)
    starts = starts[: ends.shape[0]]
    return logical_and(places >= expand_dims(starts, 1), places < expand_dims(ends, 1))


__all__ = ["embedding", "embedding_bag"]
