"""Running sums and products, differences."""

import numpy as np

import tensorcore as tc

from .reduce import normal, small, wide, with_zeros
from .row import FLOATS, REALS, Op

S = (3, 4, 5)


def initial(function, start):
    """`function` along axis 1 with `start` before its results."""

    def reference(x):
        y = function(x, axis=1)
        return np.concatenate([np.full((x.shape[0], 1, *x.shape[2:]), start, y.dtype), y], axis=1)

    return reference


def errors(name):
    f = getattr(tc, name)
    return [
        (
            lambda: f(tc.ones((2, 3))),
            ValueError,
            f"{name}: axis must be given for an array of several axes, got shape (2, 3)",
        ),
        (lambda: f(tc.ones((2, 3)), axis=2), IndexError, f"{name}: axis must lie in [-2, 2), got 2"),
        (lambda: f(tc.asarray(1.0)), ValueError, f"{name}: needs at least one axis, got a 0-d array"),
        (lambda: f(tc.ones(3), dtype=tc.bool), TypeError, f"{name}: the result cannot be of dtype bool"),
    ]


ROWS = [
    Op(
        "cumulative_sum",
        lambda x: tc.cumulative_sum(x, axis=-1),
        lambda x: np.cumsum(x, axis=-1),
        normal(S),
        terms=5,
        empty=lambda: [(0, 3)],
        errors=errors("cumulative_sum"),
        tolerance_factor=2,
        reason="errors are relative to the terms, which may cancel",
    ),
    Op(
        "cumulative_sum[initial]",
        lambda x: tc.cumulative_sum(x, axis=1, include_initial=True),
        initial(np.cumsum, 0),
        normal(S),
        terms=5,
        empty=lambda: [(3, 0)],
    ),
    Op(
        "cumulative_sum[integers]",
        lambda x: tc.cumulative_sum(x, axis=0),
        lambda x: np.cumsum(wide(x), axis=0),
        small(S),
        REALS,
        order=0,
    ),
    Op(
        "cumulative_sum[long]",
        lambda x: tc.cumulative_sum(x),
        np.cumsum,
        lambda rng: [rng.uniform(0, 1, 3000)],
        terms=3000,
        order=1,
    ),
    Op(
        "cumulative_prod",
        lambda x: tc.cumulative_prod(x, axis=-1),
        lambda x: np.cumprod(x, axis=-1),
        with_zeros,
        terms=5,
        empty=lambda: [(0, 3)],
        errors=errors("cumulative_prod"),
    ),
    Op(
        "cumulative_prod[initial]",
        lambda x: tc.cumulative_prod(x, axis=1, include_initial=True),
        initial(np.cumprod, 1),
        with_zeros,
        FLOATS,
        terms=5,
    ),
    Op(
        "cumulative_prod[integers]",
        lambda x: tc.cumulative_prod(x, axis=0),
        lambda x: np.cumprod(wide(x), axis=0),
        small(S),
        REALS,
        order=0,
    ),
    Op(
        "diff",
        tc.diff,
        np.diff,
        normal(S),
        terms=2,
        tolerance_factor=2,
        reason="errors are relative to the terms, which may cancel",
        errors=[
            (lambda: tc.diff(tc.ones(3), n=-1), ValueError, "diff: n must be at least 0, got -1"),
            (lambda: tc.diff(tc.ones(3), axis=1), IndexError, "diff: axis must lie in [-1, 1), got 1"),
        ],
    ),
    Op("diff[twice]", lambda x: tc.diff(x, axis=0, n=2), lambda x: np.diff(x, axis=0, n=2), small(S), FLOATS),
]
