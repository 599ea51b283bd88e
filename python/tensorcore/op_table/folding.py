"""Windows as columns, and columns added into an image."""

import numpy as np

import tensorcore as tc

from .row import WIDE, Op

F = tc.nn.functional
SETTINGS = {"dilation": (1, 2), "padding": (1, 0), "stride": (2, 1)}
SPACE, KERNEL, COUNTS = (4, 5), (3, 2), (2, 3)


def windows():
    """(row of the columns, window, position in the padded image) of each element of a window."""
    for a in range(KERNEL[0]):
        for b in range(KERNEL[1]):
            for i in range(COUNTS[0]):
                for j in range(COUNTS[1]):
                    yield a * KERNEL[1] + b, i * COUNTS[1] + j, (2 * i + a, j + 2 * b)


def unfold(x):
    n, c = x.shape[:2]
    padded = np.pad(x, [(0, 0), (0, 0), (1, 1), (0, 0)])
    out = np.zeros((n, c, 6, 6))
    for row, window, (i, j) in windows():
        out[:, :, row, window] = padded[:, :, i, j]
    return out.reshape(n, c * 6, 6)


def fold(x):
    n, c = x.shape[0], x.shape[1] // 6
    columns = x.reshape(n, c, 6, 6)
    padded = np.zeros((n, c, 6, 5))
    for row, window, (i, j) in windows():
        padded[:, :, i, j] += columns[:, :, row, window]
    return padded[:, :, 1:-1]


ROWS = [
    Op(
        "unfold",
        lambda x: F.unfold(x, KERNEL, **SETTINGS),
        unfold,
        lambda rng: [rng.uniform(-2, 2, (2, 3, *SPACE))],
        errors=[
            (
                lambda: F.unfold(tc.ones((1, 2, 2)), 3),
                ValueError,
                "unfold: a window of (3, 3) with dilation (1, 1) does not fit the padded extents (2, 2)",
            )
        ],
    ),
    Op(
        "fold",
        lambda x: F.fold(x, SPACE, KERNEL, **SETTINGS),
        fold,
        lambda rng: [rng.uniform(-2, 2, (2, 18, 6))],
        dtypes=WIDE,
        terms=6,
        scale=lambda x: 12.0,
        errors=[
            (
                lambda: F.fold(tc.ones((1, 4, 3)), 3, 2),
                ValueError,
                "fold: x must have a multiple of 4 rows and 4 windows, got shape (1, 4, 3)",
            )
        ],
    ),
]
