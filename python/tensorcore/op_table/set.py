"""Distinct values."""

import numpy as np

import tensorcore as tc

from .reduce import small
from .row import ALL, Op

S = (3, 4, 5)


def unique_all(x):
    values, indices, inverse, counts = np.unique(x, return_index=True, return_inverse=True, return_counts=True)
    return values, indices, inverse.reshape(x.shape), counts


ROWS = [
    Op("unique_all", tc.unique_all, unique_all, small(S), ALL, order=0, empty=lambda: [(0, 3)]),
    Op("unique_counts", tc.unique_counts, lambda x: np.unique(x, return_counts=True), small(S), ALL, order=0),
    Op("unique_inverse", tc.unique_inverse, lambda x: unique_all(x)[::2], small(S), ALL, order=0),
    Op("unique_values", tc.unique_values, np.unique, small((40, 30)), ALL, order=0),
]
