"""Elementwise ops."""

import numpy as np

import tensorcore as tc

from .row import ALL, FLOATS, REALS, Op


def normal(*shapes):
    return lambda rng: [rng.standard_normal(s) * 2 for s in shapes]


def positive(*shapes):
    return lambda rng: [rng.uniform(0.1, 4, s) for s in shapes]


S = (3, 4, 5)

ROWS = [
    Op("exp", tc.exp, np.exp, normal(S), empty=lambda: [(0, 3)]),
    Op("log", tc.log, np.log, positive(S), empty=lambda: [(0, 3)]),
    Op("tanh", tc.tanh, np.tanh, normal(S)),
    Op("add", tc.add, np.add, normal(S, (5,)), empty=lambda: [(0, 3), (3,)],
       errors=[(lambda: tc.add(tc.ones((2, 3)), tc.ones(4)), ValueError,
                "add: shapes must broadcast, got (2, 3) and (4,)")]),
    Op("multiply", tc.multiply, np.multiply, normal(S, (4, 1))),
    Op("divide", tc.divide, np.divide, positive(S, (4, 1))),
]
_ = (ALL, FLOATS, REALS)
