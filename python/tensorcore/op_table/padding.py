"""Padding with PyTorch's order of widths."""

import numpy as np

import tensorcore as tc

from .row import ALL, Op

F = tc.nn.functional
MODES = {"constant": "constant", "reflect": "reflect", "replicate": "edge", "circular": "wrap"}


def sample(rng):
    return [rng.integers(0, 2, (2, 4, 5)).astype(np.float64)]


ROWS = [
    *(
        Op(
            f"nn.functional.pad[{mode}]",
            lambda x, mode=mode: F.pad(x, (1, 2, 3, 0), mode),
            lambda x, mode=mode: np.pad(x, [(0, 0), (3, 0), (1, 2)], mode=MODES[mode]),
            sample,
            dtypes=ALL,
        )
        for mode in MODES
    ),
    Op(
        "nn.functional.pad[cut]",
        lambda x: F.pad(x, (-1, 2, 1, -3), value=1.0),
        lambda x: np.pad(x[:, :1, 1:], [(0, 0), (1, 0), (0, 2)], constant_values=1),
        sample,
        errors=[
            (
                lambda: F.pad(tc.ones(3), (3, 0), "reflect"),
                ValueError,
                "pad: mode 'reflect' cannot make (3, 0) elements from 3",
            ),
            (
                lambda: F.pad(tc.ones(3), (1, 0, 2)),
                ValueError,
                "pad: needs a pair of widths for each of up to 1 axes, got (1, 0, 2)",
            ),
            (
                lambda: F.pad(tc.ones(3), (-2, -2)),
                ValueError,
                "pad: widths (-2, -2) cut more than the 3 elements there are",
            ),
            (
                lambda: F.pad(tc.ones(3), (1, 1), "edge"),
                ValueError,
                "pad: mode must be one of ('constant', 'reflect', 'replicate', 'circular'), got 'edge'",
            ),
        ],
    ),
]
