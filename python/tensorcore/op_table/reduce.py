"""Reductions."""

import numpy as np

import tensorcore as tc

from .row import ALL, FLOATS, REALS, Op

S = (3, 4, 5)
LONG = (6, 700)


def normal(*shapes):
    return lambda rng: [rng.standard_normal(s) for s in shapes]


def small(*shapes):
    """Whole numbers that fit every dtype, also after sums."""
    return lambda rng: [rng.integers(0, 3, s).astype(np.float64) for s in shapes]


def distinct(rng):
    return [rng.permutation(60).reshape(S).astype(np.float64)]


def with_zeros(rng):
    x = rng.uniform(0.5, 1.5, S)
    x[0, 1, 2] = x[1, 1, 1] = x[1, 2, 1] = 0
    return [x]


def wide(x):
    """Integers and bool sum in int64."""
    return x.astype(np.int64) if x.dtype.kind in "bui" else x


def axis_errors(name):
    f = getattr(tc, name)
    return [
        (lambda: f(tc.ones((2, 3)), axis=2), IndexError, f"{name}: axis must lie in [-2, 2), got 2"),
        (lambda: f(tc.ones((2, 3)), axis=(0, -2)), ValueError, f"{name}: axes must differ, got (0, -2)"),
    ]


def logsumexp(x, axis=None, keepdims=False):
    m = np.max(x, axis=axis, keepdims=True)
    y = np.log(np.sum(np.exp(x - m), axis=axis, keepdims=True)) + m
    return y if keepdims else np.squeeze(y, axis)


def rows(name, reference, sample, dtypes, order=2, terms=60, **more):
    """A reduction over all axes, the last, the first, the middle two kept as extents of one, none."""
    f = getattr(tc, name)
    out = [Op(name, f, reference, sample, dtypes, order=order, terms=terms, errors=axis_errors(name), **more)]
    for label, axis, keepdims in (("last", -1, False), ("first", 0, True), ("two", (1, 2), True), ("none", (), False)):
        out.append(
            Op(
                f"{name}[{label}]",
                lambda x, axis=axis, keepdims=keepdims: f(x, axis=axis, keepdims=keepdims),
                lambda x, axis=axis, keepdims=keepdims: reference(x, axis=axis, keepdims=keepdims),
                sample,
                dtypes,
                order=order,
                terms=terms,
                **more,
            )
        )
    return out


def size_of(*functions):
    """The size errors of a sum are relative to: that of its terms."""
    return lambda x: np.maximum(1.0, np.abs(x).sum())


ROWS = [
    *rows("sum", lambda x, **k: np.sum(wide(x), **k), small(S), ALL),
    *rows("mean", np.mean, normal(S), FLOATS),
    *rows("prod", lambda x, **k: np.prod(wide(x), **k), with_zeros, FLOATS, scale=lambda x: 1.0),
    *rows("var", np.var, normal(S), FLOATS),
    *rows("max", np.max, distinct, FLOATS),
    *rows("min", np.min, distinct, FLOATS),
    *rows("logsumexp", logsumexp, normal(S), FLOATS),
    *rows("all", np.all, small(S), ALL, order=0),
    *rows("any", np.any, small(S), ALL, order=0),
    *rows("count_nonzero", np.count_nonzero, small(S), ALL, order=0),
    Op("std", tc.std, np.std, normal(S), terms=60, errors=axis_errors("std")),
    Op(
        "std[corrected]",
        lambda x: tc.std(x, axis=1, correction=1),
        lambda x: np.std(x, axis=1, ddof=1),
        normal(S),
        terms=60,
    ),
    Op(
        "var[corrected]",
        lambda x: tc.var(x, axis=(0, 2), correction=1.5),
        lambda x: np.var(x, axis=(0, 2), ddof=1.5),
        normal(S),
        terms=60,
    ),
    Op(
        "sum[long]",
        lambda x: tc.sum(x, axis=1),
        lambda x: np.sum(x, axis=1),
        normal(LONG),
        terms=700,
        order=1,
        scale=size_of(),
    ),
    Op(
        "sum[float64]",
        lambda x: tc.sum(x, dtype=tc.float64),
        lambda x: np.sum(x, dtype=np.float64),
        normal(S),
        terms=60,
        empty=lambda: [(0, 3)],
        errors=[
            (
                lambda: tc.sum(tc.ones(3), dtype=tc.bool),
                TypeError,
                "sum: the result cannot be of dtype bool, use any or all",
            )
        ],
    ),
    Op("prod[integers]", tc.prod, lambda x: np.prod(wide(x)), small((2, 3)), REALS, order=0, empty=lambda: [(0, 3)]),
    Op("mean[integers]", tc.mean, np.mean, small(S), REALS, order=0, terms=60),
    Op(
        "max[integers]",
        lambda x: tc.max(x, axis=0),
        lambda x: np.max(x, axis=0),
        small(S),
        ALL,
        order=0,
        errors=[(lambda: tc.max(tc.zeros((0, 3)), axis=0), ValueError, "max: no elements to reduce, got shape (0, 3)")],
    ),
    Op(
        "min[integers]",
        lambda x: tc.min(x, axis=1),
        lambda x: np.min(x, axis=1),
        small(S),
        ALL,
        order=0,
        errors=[(lambda: tc.min(tc.zeros((0,))), ValueError, "min: no elements to reduce, got shape (0,)")],
    ),
    Op(
        "sum[size 0]",
        lambda x: tc.sum(x, axis=0),
        lambda x: np.sum(x, axis=0),
        normal(S),
        empty=lambda: [(0, 3)],
        terms=3,
    ),
    Op("all[size 0]", tc.all, np.all, small(S), ALL, order=0, empty=lambda: [(0, 3)]),
    Op("any[size 0]", tc.any, np.any, small(S), ALL, order=0, empty=lambda: [(0, 3)]),
]
