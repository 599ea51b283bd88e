"""Rows of a table by integer indices, with a gradient that adds rows in a fixed order."""

from __future__ import annotations

from typing import Any

from ... import _core
from ...declare import check_tensors, differentiable


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


__all__ = ["embedding"]
