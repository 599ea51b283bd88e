"""Bags of rows of a table."""

import numpy as np

import tensorcore as tc

from .row import FLOATS, WIDE, Op

F = tc.nn.functional


def bags(mode):
    reduce = {"sum": np.sum, "mean": np.mean, "max": np.max}[mode]

    def reference(table, index):
        ends = [(0, 2), (2, 2), (2, 6)]
        return np.stack([reduce(table[index[a:b]], axis=0) if b > a else np.zeros(3) for a, b in ends])

    return reference


def table(rng):
    return [rng.permutation(np.arange(15.0)).reshape(5, 3) / 4, np.array([4, 0, 1, 3, 3, 2])]


ROWS = [
    *(
        Op(
            f"embedding_bag[{mode}]",
            lambda w, i, mode=mode: F.embedding_bag(i, w, tc.asarray([0, 2, 2]).to(w.device), mode),
            bags(mode),
            table,
            dtypes=FLOATS if mode == "max" else WIDE,
            fixed=(1,),
            terms=4,
            scale=lambda w, i: 16.0,
            layouts=False,
            errors=[
                (
                    lambda: F.embedding_bag(tc.asarray([0]), tc.ones((2, 2)), tc.asarray([1])),
                    ValueError,
                    "embedding_bag: offsets must begin with 0, got 1",
                ),
                (
                    lambda: F.embedding_bag(tc.asarray([0]), tc.ones((2, 2)), mode="first"),
                    ValueError,
                    "embedding_bag: mode must be 'sum', 'mean' or 'max', got 'first'",
                ),
            ],
        )
        for mode in ("sum", "mean", "max")
    ),
]
