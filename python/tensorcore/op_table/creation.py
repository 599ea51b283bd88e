"""Creation and dtype ops that take a tensor; the others are compared with NumPy in tests/creation."""

import numpy as np

import tensorcore as tc

from .row import ALL, FLOATS, Op

ROWS = [
    Op(
        "tril",
        tc.tril,
        np.tril,
        lambda rng: [rng.standard_normal((3, 4, 5))],
        dtypes=ALL,
        empty=lambda: [(0, 3)],
        errors=[
            (
                lambda: tc.tril(tc.ones(3)),
                ValueError,
                "tril: needs at least two axes, got shape (3,)",
            )
        ],
    ),
    Op(
        "triu",
        lambda x: tc.triu(x, k=-1),
        lambda x: np.triu(x, k=-1),
        lambda rng: [rng.standard_normal((2, 5, 4))],
        dtypes=ALL,
        empty=lambda: [(2, 0)],
        errors=[
            (
                lambda: tc.triu(tc.ones(3)),
                ValueError,
                "triu: needs at least two axes, got shape (3,)",
            )
        ],
    ),
    Op(
        "astype",
        lambda x: tc.astype(x, tc.float64),
        lambda x: x.astype(np.float64),
        lambda rng: [rng.standard_normal((3, 4))],
        dtypes=FLOATS,
        empty=lambda: [(0, 3)],
        errors=[
            (
                lambda: tc.astype(tc.ones(3), "float64"),
                TypeError,
                "astype: argument 2 must be a tensorcore dtype, got str",
            )
        ],
    ),
    Op(
        "meshgrid",
        lambda a, b, c: tuple(tc.meshgrid(a, b, c)),
        lambda a, b, c: tuple(np.meshgrid(a, b, c)),
        lambda rng: [rng.standard_normal(n) for n in (2, 3, 4)],
        errors=[
            (
                lambda: tc.meshgrid(tc.ones((2, 2))),
                ValueError,
                "meshgrid: arrays must be 1-d, got shape (2, 2)",
            ),
            (
                lambda: tc.meshgrid(tc.ones(2), indexing="ji"),
                ValueError,
                "meshgrid: indexing must be 'xy' or 'ij', got 'ji'",
            ),
        ],
    ),
]
