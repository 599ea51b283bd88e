"""Positions of extremes and of nonzero elements, places in sorted rows, counts by value."""

import numpy as np

import tensorcore as tc

from .reduce import small
from .row import ALL, FLOATS, INTS, REALS, Op

S = (3, 4, 5)


def sorted_and_wanted(rng):
    return [np.sort(rng.integers(0, 20, 50)).astype(np.float64), rng.integers(0, 22, (3, 4)).astype(np.float64)]


def shuffled(rng):
    x = rng.permutation(20).astype(np.float64)
    return [x, rng.integers(0, 22, (3, 4)).astype(np.float64), np.argsort(x)]


def arg_rows(name, reference):
    f = getattr(tc, name)
    return [
        Op(
            name,
            f,
            reference,
            small(S),
            ALL,
            order=0,
            errors=[
                (lambda: f(tc.ones((2, 3)), axis=2), IndexError, f"{name}: axis must lie in [-2, 2), got 2"),
                (lambda: f(tc.zeros((0, 3)), axis=0), ValueError, f"{name}: no elements to search, got shape (0, 3)"),
            ],
        ),
        Op(f"{name}[last]", lambda x: f(x, axis=-1), lambda x: reference(x, axis=-1), small(S), ALL, order=0),
        Op(
            f"{name}[first]",
            lambda x: f(x, axis=0, keepdims=True),
            lambda x: reference(x, axis=0, keepdims=True),
            small((30, 17)),
            ALL,
            order=0,
        ),
    ]


ROWS = [
    *arg_rows("argmax", np.argmax),
    *arg_rows("argmin", np.argmin),
    Op(
        "nonzero",
        tc.nonzero,
        np.nonzero,
        small(S),
        ALL,
        order=0,
        empty=lambda: [(0, 3)],
        errors=[(lambda: tc.nonzero(tc.asarray(1.0)), ValueError, "nonzero: needs at least one axis, got a 0-d array")],
    ),
    Op(
        "searchsorted",
        tc.searchsorted,
        np.searchsorted,
        sorted_and_wanted,
        REALS,
        order=0,
        layouts=False,
        errors=[
            (
                lambda: tc.searchsorted(tc.ones((2, 2)), tc.ones(2)),
                ValueError,
                "searchsorted: x1 must be 1-d, got shape (2, 2)",
            ),
            (
                lambda: tc.searchsorted(tc.ones(2), tc.ones(2), side="middle"),
                ValueError,
                "searchsorted: side must be 'left' or 'right', got 'middle'",
            ),
            (
                lambda: tc.searchsorted(tc.ones(2), tc.ones(2), sorter=tc.asarray([0, 2])),
                IndexError,
                "gather_rows: position 2 is out of range for an axis of extent 2",
            ),
        ],
    ),
    Op(
        "searchsorted[right]",
        lambda a, b: tc.searchsorted(a, b, side="right"),
        lambda a, b: np.searchsorted(a, b, side="right"),
        sorted_and_wanted,
        REALS,
        order=0,
        layouts=False,
    ),
    Op(
        "searchsorted[sorter]",
        lambda a, b, s: tc.searchsorted(a, b, sorter=s),
        lambda a, b, s: np.searchsorted(a, b, sorter=s),
        shuffled,
        REALS,
        fixed=(2,),
        order=0,
        layouts=False,
    ),
    Op(
        "bincount",
        tc.bincount,
        lambda x: np.bincount(x.astype(np.int64)),
        small((40,)),
        INTS,
        order=0,
        errors=[
            (lambda: tc.bincount(tc.asarray([1, -1])), ValueError, "bincount: elements must be at least 0, got -1"),
            (lambda: tc.bincount(tc.ones(3)), TypeError, "bincount: x must be of an integer dtype, got float32"),
            (lambda: tc.bincount(tc.asarray([[1]])), ValueError, "bincount: x must be 1-d, got shape (1, 1)"),
        ],
    ),
    Op(
        "bincount[weights]",
        lambda x, w: tc.bincount(x, w, minlength=12),
        lambda x, w: np.bincount(x, w, minlength=12),
        lambda rng: [rng.integers(0, 9, 40), rng.uniform(0, 1, 40)],
        FLOATS,
        fixed=(0,),
        terms=40,
    ),
]
