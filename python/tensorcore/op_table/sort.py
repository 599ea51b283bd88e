"""Sorting."""

import numpy as np

import tensorcore as tc

from .reduce import distinct, small
from .row import ALL, FLOATS, Op

S = (3, 4, 5)


def stable(x, axis=-1):
    return np.argsort(x, axis=axis, kind="stable")


def descending(x, axis):
    """Stable in descending order: of the negated values."""
    return np.argsort(-x.astype(np.float64), axis=axis, kind="stable")


def largest(x, k, axis, sign=-1):
    order = np.argsort(sign * x.astype(np.float64), axis=axis, kind="stable")
    order = np.take(order, range(k), axis=axis)
    return np.take_along_axis(x, order, axis), order


def axis_errors(name, *args):
    f = getattr(tc, name)
    return [
        (lambda: f(tc.ones((2, 3)), *args, axis=2), IndexError, f"{name}: axis must lie in [-2, 2), got 2"),
        (lambda: f(tc.asarray(1.0), *args), ValueError, f"{name}: needs at least one axis, got a 0-d array"),
    ]


ROWS = [
    Op("sort", tc.sort, np.sort, distinct, FLOATS, empty=lambda: [(0, 3)], errors=axis_errors("sort")),
    Op(
        "sort[descending]",
        lambda x: tc.sort(x, axis=0, descending=True),
        lambda x: -np.sort(-x, axis=0),
        distinct,
        FLOATS,
    ),
    Op("sort[all dtypes]", lambda x: tc.sort(x, axis=1), lambda x: np.sort(x, axis=1), small(S), ALL, order=0),
    Op(
        "sort[long]",
        lambda x: tc.sort(x, axis=0),
        lambda x: np.sort(x, axis=0),
        lambda rng: [rng.permutation(800).reshape(400, 2) - 400.0],
        ("int16", "int32", "int64", "float32", "float64"),
        order=1,
    ),
    Op("argsort", tc.argsort, stable, small(S), ALL, order=0, empty=lambda: [(0, 3)], errors=axis_errors("argsort")),
    Op(
        "argsort[descending]",
        lambda x: tc.argsort(x, axis=1, descending=True),
        lambda x: descending(x, 1),
        small(S),
        ALL,
        order=0,
    ),
    Op(
        "argsort[long]",
        lambda x: tc.argsort(x, axis=0),
        lambda x: stable(x, 0),
        lambda rng: [rng.integers(0, 100, (500, 2)).astype(np.float64)],
        ("uint8", "int8", *FLOATS),
        order=0,
    ),
    Op(
        "topk",
        lambda x: tc.topk(x, 2),
        lambda x: largest(x, 2, -1),
        distinct,
        FLOATS,
        errors=[
            *axis_errors("topk", 1),
            (lambda: tc.topk(tc.ones(3), 4), ValueError, "topk: k must be between 0 and the axis' extent 3, got 4"),
        ],
    ),
    Op(
        "topk[smallest]",
        lambda x: tc.topk(x, 3, axis=1, largest=False),
        lambda x: largest(x, 3, 1, 1),
        distinct,
        FLOATS,
    ),
    Op(
        "topk[long]",
        lambda x: tc.topk(x, 5, axis=0),
        lambda x: largest(x, 5, 0),
        lambda rng: [rng.integers(0, 60, (500, 2)).astype(np.float64)],
        ALL[1:],
        order=0,
    ),
]
