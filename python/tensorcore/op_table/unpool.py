"""The partial inverse of maximum pooling, pooling by p-norms."""

import numpy as np

import tensorcore as tc

from .row import WIDE, Op

F = tc.nn.functional
PLACES = np.array([[[0, 3], [9, 11]], [[1, 2], [8, 15]]])


def unpooled(x, indices):
    out = np.zeros((2, 16))
    for plane in range(2):
        out[plane, indices[plane].ravel()] = x[plane].ravel()
    return out.reshape(2, 4, 4)


def norms(x, p):
    return (x.reshape(2, 3, 2, 2, 2, 2) ** p).sum((3, 5)) ** (1 / p)


ROWS = [
    Op(
        "max_unpool2d",
        lambda x, i: F.max_unpool2d(x, i, 2),
        unpooled,
        lambda rng: [rng.uniform(-2, 2, (2, 2, 2)), PLACES],
        fixed=(1,),
        errors=[
            (
                lambda: F.max_unpool2d(tc.ones((1, 2, 2)), tc.ones((1, 2, 2)), 2),
                TypeError,
                "max_unpool2d: x must be floating-point and indices int64, got float32, float32",
            ),
            (
                lambda: F.max_unpool1d(tc.ones((1, 2)), tc.asarray([[0, 1]]), 2, output_size=(9,)),
                ValueError,
                "max_unpool1d: output_size must lie within a stride (2,) of (4,), got (9,)",
            ),
        ],
    ),
    *(
        Op(
            f"lp_pool2d[{p}]",
            lambda x, p=p: F.lp_pool2d(x, p, 2),
            lambda x, p=p: norms(x, p),
            lambda rng: [rng.uniform(0.5, 2, (2, 3, 4, 4))],
            dtypes=WIDE,
            terms=8,
            scale=lambda x: 8.0,
            errors=[
                (
                    lambda: F.lp_pool2d(tc.ones((1, 2, 2)), 0, 2),
                    ValueError,
                    "lp_pool2d: norm_type must be finite and not 0, got 0",
                )
            ],
        )
        for p in (2, 3)
    ),
]
