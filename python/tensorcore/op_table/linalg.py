"""Matrix products."""

import numpy as np

import tensorcore as tc

from .row import REALS, WIDE, Op

F = tc.nn.functional


def uniform(*shapes):
    return lambda rng: [rng.uniform(-2, 2, shape) for shape in shapes]


def small_integers(*shapes):
    return lambda rng: [rng.integers(0, 4, shape).astype(float) for shape in shapes]


def size(k):
    """Products of numbers up to 2 in magnitude are summed k times."""
    return lambda *inputs: 4.0 * k


def gelu(x):
    import math

    return 0.5 * x * (1 + np.vectorize(math.erf)(x / math.sqrt(2)))


ROWS = [
    Op(
        "matmul",
        tc.matmul,
        np.matmul,
        uniform((5, 37), (37, 9)),
        terms=37,
        scale=size(6),
        empty=lambda: [(0, 3), (3, 4)],
        errors=[
            (
                lambda: tc.matmul(tc.ones((2, 3)), tc.ones((2, 3))),
                ValueError,
                "matmul: the last extent of x1 must equal the second-to-last extent of x2, got (2, 3) and (2, 3)",
            ),
            (
                lambda: tc.matmul(tc.ones(()), tc.ones(3)),
                ValueError,
                "matmul: arguments must have at least one axis, got () and (3,)",
            ),
            (
                lambda: tc.matmul(tc.ones((2, 2), dtype=tc.bool), tc.ones((2, 2), dtype=tc.bool)),
                TypeError,
                "matmul: dtype bool is not supported",
            ),
        ],
    ),
    Op("matmul[integers]", tc.matmul, np.matmul, small_integers((4, 3), (3, 5)), dtypes=REALS, order=0),
    Op("matmul[stacks]", tc.matmul, np.matmul, uniform((3, 1, 4, 5), (2, 5, 3)), terms=5, scale=size(5)),
    Op("matmul[shared matrix]", tc.matmul, np.matmul, uniform((3, 4, 5), (5, 3)), terms=5, scale=size(5)),
    Op("matmul[matrix vector]", tc.matmul, np.matmul, uniform((6, 5), (5,)), terms=5, scale=size(5)),
    Op("matmul[vector matrix]", tc.matmul, np.matmul, uniform((5,), (2, 5, 3)), terms=5, scale=size(5)),
    Op("matmul[vectors]", tc.matmul, np.matmul, uniform((7,), (7,)), terms=7, scale=size(7)),
    Op("matmul[nothing to sum]", tc.matmul, np.matmul, uniform((2, 0), (0, 3)), layouts=False),
    Op(
        "tensordot",
        lambda a, b: tc.tensordot(a, b, axes=((1, 2), (0, 1))),
        lambda a, b: np.tensordot(a, b, axes=((1, 2), (0, 1))),
        uniform((2, 3, 4), (3, 4, 5)),
        terms=12,
        scale=size(12),
        errors=[
            (
                lambda: tc.tensordot(tc.ones((2, 3)), tc.ones((2, 3)), axes=1),
                ValueError,
                "tensordot: paired extents must be equal, got (2, 3) over axes (1,) and (2, 3) over axes (0,)",
            ),
            (
                lambda: tc.tensordot(tc.ones((2, 3)), tc.ones((2, 3)), axes=3),
                ValueError,
                "tensordot: axes must lie in [0, 2], got 3",
            ),
        ],
    ),
    Op(
        "tensordot[outer]",
        lambda a, b: tc.tensordot(a, b, axes=0),
        lambda a, b: np.tensordot(a, b, axes=0),
        uniform((2, 3), (4,)),
    ),
    Op(
        "vecdot",
        tc.vecdot,
        lambda a, b: (a * b).sum(-1),
        uniform((3, 4, 5), (4, 5)),
        terms=5,
        scale=size(5),
        errors=[
            (
                lambda: tc.vecdot(tc.ones(3), tc.ones(4)),
                ValueError,
                "vecdot: extents along axis -1 must be equal, got (3,) and (4,)",
            )
        ],
    ),
    Op(
        "vecdot[axis]",
        lambda a, b: tc.vecdot(a, b, axis=-2),
        lambda a, b: (a * b).sum(-2),
        uniform((3, 4, 5), (4, 5)),
        terms=4,
        scale=size(4),
    ),
    Op(
        "einsum",
        lambda a, b: tc.einsum("bij,bjk->bik", a, b),
        lambda a, b: np.einsum("bij,bjk->bik", a, b),
        uniform((2, 3, 4), (2, 4, 5)),
        terms=4,
        scale=size(4),
        errors=[
            (lambda: tc.einsum("ij,jk", tc.ones((2, 3))), ValueError, "einsum: 'ij,jk' names 2 operands, got 1"),
            (
                lambda: tc.einsum("ij->ik", tc.ones((2, 3))),
                ValueError,
                "einsum: the result names ['k'], which no operand has, in 'ij->ik'",
            ),
            (
                lambda: tc.einsum("ij,jk", tc.ones((2, 3)), tc.ones((4, 5))),
                ValueError,
                "einsum: label 'j' has extents 3 and 4 in 'ij,jk'",
            ),
        ],
    ),
    Op(
        "einsum[three operands]",
        lambda a, b, c: tc.einsum("ij,jk,kl->il", a, b, c),
        lambda a, b, c: np.einsum("ij,jk,kl->il", a, b, c),
        uniform((2, 3), (3, 4), (4, 5)),
        terms=12,
        scale=size(24),
    ),
    Op(
        "einsum[diagonal]",
        lambda a: tc.einsum("iij->j", a),
        lambda a: np.einsum("iij->j", a),
        uniform((4, 4, 3)),
        terms=4,
        scale=size(4),
    ),
    Op(
        "einsum[ellipsis]",
        lambda a, b: tc.einsum("...ij,...j->...i", a, b),
        lambda a, b: np.einsum("...ij,...j->...i", a, b),
        uniform((2, 1, 3, 4), (5, 4)),
        terms=4,
        scale=size(4),
    ),
    Op(
        "einsum[implicit]",
        lambda a, b: tc.einsum("ba,cb", a, b),
        lambda a, b: np.einsum("ba,cb", a, b),
        uniform((3, 4), (5, 3)),
        terms=3,
        scale=size(3),
    ),
    Op(
        "linear",
        F.linear,
        lambda x, w, b: x @ w.T + b,
        uniform((3, 4, 7), (5, 7), (5,)),
        terms=8,
        scale=size(8),
        empty=lambda: [(0, 3), (4, 3), (4,)],
        errors=[
            (
                lambda: F.linear(tc.ones((2, 3)), tc.ones((4, 5))),
                ValueError,
                "linear: weight must have shape (out, in) with in the last extent of x, got x (2, 3) and weight (4, 5)",
            ),
            (
                lambda: F.linear(tc.ones((2, 3)), tc.ones((4, 3)), tc.ones(3)),
                ValueError,
                "linear: bias must have shape (4,), got (3,)",
            ),
            (
                lambda: F.linear(tc.ones((2, 3)), tc.ones((4, 3)), activation="softmax"),
                ValueError,
                "linear: activation must be none, relu, gelu, tanh, sigmoid or silu, got 'softmax'",
            ),
        ],
    ),
    Op(
        "linear[relu]",
        lambda x, w, b: F.linear(x, w, b, activation="relu"),
        lambda x, w, b: np.maximum(x @ w.T + b, 0),
        uniform((4, 7), (5, 7), (5,)),
        terms=8,
        scale=size(8),
    ),
    Op(
        "linear[tanh]",
        lambda x, w, b: F.linear(x, w, b, activation="tanh"),
        lambda x, w, b: np.tanh(x @ w.T + b),
        uniform((4, 7), (5, 7), (5,)),
        terms=8,
        scale=size(8),
    ),
    Op(
        "linear[sigmoid, no bias]",
        lambda x, w: F.linear(x, w, activation="sigmoid"),
        lambda x, w: 1 / (1 + np.exp(-(x @ w.T))),
        uniform((4, 7), (5, 7)),
        terms=8,
        scale=size(8),
    ),
    Op(
        "linear[gelu]",
        lambda x, w, b: F.linear(x, w, b, activation="gelu"),
        lambda x, w, b: gelu(x @ w.T + b),
        uniform((4, 7), (5, 7), (5,)),
        terms=8,
        scale=size(8),
    ),
    Op(
        "linear[silu]",
        lambda x, w, b: F.linear(x, w, b, activation="silu"),
        lambda x, w, b: (x @ w.T + b) / (1 + np.exp(-(x @ w.T + b))),
        uniform((4, 7), (5, 7), (5,)),
        terms=8,
        scale=size(8),
    ),
    Op(
        "bilinear",
        F.bilinear,
        lambda a, b, w, c: np.einsum("ni,oij,nj->no", a, w, b) + c,
        uniform((4, 3), (4, 5), (6, 3, 5), (6,)),
        dtypes=WIDE,
        terms=15,
        scale=lambda a, b, w, c: 32.0,
        errors=[
            (
                lambda: F.bilinear(tc.ones((2, 3)), tc.ones((2, 4)), tc.ones((5, 4, 3))),
                ValueError,
                "bilinear: weight must be (out, in1, in2) for x1 (…, in1) and x2 (…, in2), got (5, 4, 3), (2, 3) and (2, 4)",
            )
        ],
    ),
]
