"""Similarities and distances."""

import numpy as np

import tensorcore as tc

from .row import WIDE, Op

F = tc.nn.functional


def pair(rng):
    return [rng.uniform(-2, 2, (4, 3)), rng.uniform(-2, 2, (4, 3))]


def cosine(a, b):
    return (a * b).sum(1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1)


ROWS = [
    Op(
        "cosine_similarity",
        F.cosine_similarity,
        cosine,
        pair,
        dtypes=WIDE,
        terms=9,
        scale=lambda a, b: 4.0,
        layouts=False,
        errors=[
            (
                lambda: F.cosine_similarity(tc.asarray([1]), tc.ones(1)),
                TypeError,
                "cosine_similarity: x1 must be floating-point, got int64",
            )
        ],
    ),
    *(
        Op(
            f"pairwise_distance[{p:g}]",
            lambda a, b, p=p: F.pairwise_distance(a, b, p),
            lambda a, b, p=p: np.linalg.norm(a - b + 1e-6, p, axis=-1),
            pair,
            dtypes=WIDE,
            terms=9,
            scale=lambda a, b: 8.0,
            layouts=False,
            errors=[
                (
                    lambda: F.pairwise_distance(tc.ones(2), tc.ones(2), 0),
                    ValueError,
                    "pairwise_distance: p must be positive, got 0",
                )
            ],
        )
        for p in (1.0, 2.0, 3.0, np.inf)
    ),
]
