"""Scaled dot-product attention."""

import numpy as np

import tensorcore as tc

from .row import Op

attention = tc.nn.functional.scaled_dot_product_attention


def reference(q, k, v, mask=None, scale=None, causal=False):
    """By definition, with the whole score matrix; a query that sees nothing gives zeros."""
    scores = q @ k.swapaxes(-1, -2) * (q.shape[-1] ** -0.5 if scale is None else scale)
    if mask is not None:
        scores = scores + (np.where(mask, 0.0, -np.inf) if mask.dtype == bool else mask)
    if causal:
        scores = np.where(np.tri(*scores.shape[-2:], dtype=bool), scores, -np.inf)
    high = scores.max(axis=-1, keepdims=True, initial=-np.inf)
    e = np.exp(scores - np.where(np.isinf(high), 0.0, high))
    total = e.sum(axis=-1, keepdims=True)
    return e / np.where(total == 0, 1.0, total) @ v


def draw(*shapes, mask=None):
    """Queries, keys and values, and with `mask` a shape of booleans whose second row sees nothing."""

    def sample(rng):
        arrays = [rng.standard_normal(s) for s in shapes]
        if mask is not None:
            seen = rng.uniform(size=mask) < 0.7
            seen[..., 0] = True
            seen[..., 1, :] = False
            arrays.append(seen)
        return arrays

    return sample


ROWS = [
    Op(
        "scaled_dot_product_attention",
        attention,
        reference,
        draw((2, 3, 4), (2, 5, 4), (2, 5, 6)),
        terms=32,
        empty=lambda: [(2, 0, 3), (2, 4, 3), (2, 4, 5)],
        errors=[
            (
                lambda: attention(tc.ones((4, 3)), tc.ones((4, 2)), tc.ones((4, 3))),
                ValueError,
                "scaled_dot_product_attention: query and key must have one last extent, got (4, 3) and (4, 2)",
            ),
            (
                lambda: attention(tc.ones((4, 3)), tc.ones((5, 3)), tc.ones((4, 3))),
                ValueError,
                "scaled_dot_product_attention: key and value must have one length, got (5, 3) and (4, 3)",
            ),
            (
                lambda: attention(tc.ones(3), tc.ones((5, 3)), tc.ones((5, 3))),
                ValueError,
                "scaled_dot_product_attention: query must have at least two axes, got shape (3,)",
            ),
            (
                lambda: attention(tc.ones((4, 3), dtype=tc.int32), tc.ones((5, 3)), tc.ones((5, 3))),
                TypeError,
                "scaled_dot_product_attention: query must be floating-point, got int32",
            ),
        ],
    ),
    Op(
        "scaled_dot_product_attention[causal]",
        lambda q, k, v: attention(q, k, v, is_causal=True),
        lambda q, k, v: reference(q, k, v, causal=True),
        draw((2, 6, 4), (2, 6, 4), (2, 6, 3)),
        terms=32,
    ),
    Op(
        "scaled_dot_product_attention[causal, fewer keys]",
        lambda q, k, v: attention(q, k, v, is_causal=True),
        lambda q, k, v: reference(q, k, v, causal=True),
        draw((7, 4), (3, 4), (3, 4)),
        terms=32,
    ),
    Op(
        "scaled_dot_product_attention[bool mask]",
        attention,
        reference,
        draw((2, 3, 4), (2, 5, 4), (2, 5, 6), mask=(3, 5)),
        fixed=(3,),
        terms=32,
    ),
    Op(
        "scaled_dot_product_attention[float mask]",
        lambda q, k, v, m: attention(q, k, v, m, scale=0.7),
        lambda q, k, v, m: reference(q, k, v, m, 0.7),
        draw((2, 3, 4), (2, 5, 4), (2, 5, 6), (3, 5)),
        terms=32,
    ),
    Op(
        "scaled_dot_product_attention[shared heads]",
        attention,
        reference,
        draw((2, 3, 4, 5), (2, 1, 6, 5), (1, 6, 5)),
        terms=32,
    ),
]
