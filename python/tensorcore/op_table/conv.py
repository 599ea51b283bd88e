"""Convolutions."""

import itertools

import numpy as np

import tensorcore as tc
import tensorcore.nn.functional as F

from .row import Op


def normal(*shapes):
    return lambda rng: [rng.standard_normal(s) for s in shapes]


def scattered(x, w, space, stride, padding, dilation, groups):
    """Pairs (o, k, i) of output, tap and input positions that meet, i inside `x`'s extents."""
    kernel = w.shape[2:]
    for o in itertools.product(*(range(n) for n in space)):
        for k in itertools.product(*(range(n) for n in kernel)):
            i = tuple(a * stride - padding + b * dilation for a, b in zip(o, k, strict=True))
            if all(0 <= a < n for a, n in zip(i, x, strict=True)):
                yield o, k, i


def conv(x, w, b, stride=1, padding=0, dilation=1, groups=1):
    space = tuple(
        (n + 2 * padding - dilation * (k - 1) - 1) // stride + 1 for n, k in zip(x.shape[2:], w.shape[2:], strict=True)
    )
    y = np.zeros((x.shape[0], w.shape[0], *space)) + b.reshape(1, -1, *([1] * len(space)))
    c, m = w.shape[1], w.shape[0] // groups
    for o, k, i in scattered(x.shape[2:], w, space, stride, padding, dilation, groups):
        for g in range(groups):
            y[:, g * m : (g + 1) * m][(slice(None), slice(None), *o)] += (
                x[:, g * c : (g + 1) * c][(slice(None), slice(None), *i)]
                @ w[g * m : (g + 1) * m][(slice(None), slice(None), *k)].T
            )
    return y


def conv_transpose(x, w, b, stride=1, padding=0, extra=0, dilation=1, groups=1):
    space = tuple(
        (n - 1) * stride - 2 * padding + dilation * (k - 1) + extra + 1
        for n, k in zip(x.shape[2:], w.shape[2:], strict=True)
    )
    y = np.zeros((x.shape[0], w.shape[1] * groups, *space)) + b.reshape(1, -1, *([1] * len(space)))
    m, c = w.shape[0] // groups, w.shape[1]
    for o, k, i in scattered(space, w, x.shape[2:], stride, padding, dilation, groups):
        for g in range(groups):
            y[:, g * c : (g + 1) * c][(slice(None), slice(None), *i)] += (
                x[:, g * m : (g + 1) * m][(slice(None), slice(None), *o)]
                @ w[g * m : (g + 1) * m][(slice(None), slice(None), *k)]
            )
    return y


def row(name, call, reference, settings, x, w, bias, **more):
    """A row whose call and reference take the same settings; errors are relative to the largest sum."""
    terms = int(np.prod(w[1:]))
    return Op(
        name,
        lambda x, w, b: call(x, w, b, **settings[0]),
        lambda x, w, b: reference(x, w, b, **settings[1]),
        normal(x, w, (bias,)),
        terms=terms,
        scale=lambda *xs: 4.0 * np.sqrt(terms + 1),
        **more,
    )


def ones(*shape):
    return tc.ones(shape)


STRIDED = {"stride": 2, "padding": 1, "dilation": 2}
ROWS = [
    row(
        "conv1d",
        F.conv1d,
        conv,
        (STRIDED, STRIDED),
        (2, 4, 9),
        (6, 4, 3),
        6,
        empty=lambda: [(0, 4, 9), (6, 4, 3), (6,)],
        errors=[
            (
                lambda: F.conv1d(ones(2, 3, 4), ones(5, 3)),
                ValueError,
                "conv1d: weight must have 3 axes (two of channels, 1 of the kernel), got shape (5, 3)",
            )
        ],
    ),
    row(
        "conv2d",
        F.conv2d,
        conv,
        ({"padding": 1}, {"padding": 1}),
        (2, 3, 5, 6),
        (5, 3, 3, 3),
        5,
        empty=lambda: [(0, 3, 5, 6), (5, 3, 3, 3), (5,)],
        errors=[
            (
                lambda: F.conv2d(ones(1, 4, 5, 5), ones(8, 3, 3, 3)),
                ValueError,
                "conv2d: weight of shape (8, 3, 3, 3) expects 3 input channels (groups=1), got x of shape (1, 4, 5, 5)",
            ),
            (
                lambda: F.conv2d(ones(1, 3, 2, 5), ones(8, 3, 3, 3)),
                ValueError,
                "conv2d: the kernel must fit in the padded input, got x of shape (1, 3, 2, 5), weight of shape "
                "(8, 3, 3, 3), padding=(0, 0), dilation=(1, 1)",
            ),
            (
                lambda: F.conv2d(ones(1, 3, 5, 5), ones(8, 3, 3, 3), stride=0),
                ValueError,
                "conv2d: stride must be at least 1, got (0, 0)",
            ),
            (
                lambda: F.conv2d(ones(1, 3, 5, 5), ones(8, 3, 3, 3), padding="full"),
                ValueError,
                "conv2d: padding must be ints, 'same' or 'valid', got 'full'",
            ),
            (
                lambda: F.conv2d(ones(1, 3, 5, 5), ones(8, 3, 3, 3), padding="same", stride=2),
                ValueError,
                "conv2d: padding='same' needs stride 1, got (2, 2)",
            ),
            (
                lambda: F.conv2d(ones(1, 3, 5, 5), ones(8, 3, 3, 3), ones(3)),
                ValueError,
                "conv2d: bias must have one element per output channel, shape (8,), got (3,)",
            ),
            (
                lambda: F.conv2d(ones(1, 4, 5, 5), ones(3, 2, 3, 3), groups=2),
                ValueError,
                "conv2d: groups must divide the 3 output channels, got groups=2",
            ),
            (
                lambda: F.conv2d(ones(1, 3, 5, 5), tc.ones((8, 3, 3, 3), dtype=tc.float64)),
                TypeError,
                "conv2d: x and weight must have one dtype, got float32 and float64",
            ),
            (
                lambda: F.conv2d(tc.ones((1, 3, 5, 5), dtype=tc.int32), tc.ones((8, 3, 3, 3), dtype=tc.int32)),
                TypeError,
                "conv2d: x must be of a floating dtype, got int32",
            ),
            (
                lambda: F.conv2d(ones(1, 3, 5, 5), ones(8, 3, 3, 3), stride=(1, 2, 3)),
                ValueError,
                "conv2d: stride must be an int or 2 ints, got (1, 2, 3)",
            ),
        ],
    ),
    row("conv2d[strided]", F.conv2d, conv, (STRIDED, STRIDED), (2, 4, 9, 8), (6, 4, 3, 2), 6),
    row(
        "conv2d[depthwise]",
        F.conv2d,
        conv,
        ({"groups": 4, "padding": 1}, {"groups": 4, "padding": 1}),
        (2, 4, 5, 6),
        (4, 1, 3, 3),
        4,
    ),
    row(
        "conv2d[groups]",
        F.conv2d,
        conv,
        ({"groups": 2, "stride": 2}, {"groups": 2, "stride": 2}),
        (2, 4, 5, 6),
        (10, 2, 3, 3),
        10,
    ),
    row("conv2d[1x1]", F.conv2d, conv, ({}, {}), (2, 5, 4, 3), (6, 5, 1, 1), 6),
    row("conv2d[same]", F.conv2d, conv, ({"padding": "same"}, {"padding": 1}), (2, 3, 4, 5), (6, 3, 3, 3), 6),
    row(
        "conv3d",
        F.conv3d,
        conv,
        ({"padding": 1, "stride": 2}, {"padding": 1, "stride": 2}),
        (2, 2, 3, 4, 5),
        (5, 2, 2, 3, 2),
        5,
    ),
    row(
        "conv_transpose1d",
        F.conv_transpose1d,
        conv_transpose,
        ({**STRIDED, "output_padding": 1}, {**STRIDED, "extra": 1}),
        (2, 4, 6),
        (4, 5, 3),
        5,
        empty=lambda: [(0, 4, 6), (4, 5, 3), (5,)],
        errors=[
            (
                lambda: F.conv_transpose1d(ones(1, 3, 4), ones(2, 3, 3)),
                ValueError,
                "conv_transpose1d: weight of shape (2, 3, 3) expects 2 input channels, got x of shape (1, 3, 4)",
            ),
            (
                lambda: F.conv_transpose1d(ones(1, 2, 4), ones(2, 3, 3), output_padding=1),
                ValueError,
                "conv_transpose1d: output_padding must be smaller than stride or dilation, got output_padding=(1,), "
                "stride=(1,), dilation=(1,)",
            ),
            (
                lambda: F.conv_transpose1d(ones(1, 2, 1), ones(2, 3, 3), padding=2),
                ValueError,
                "conv_transpose1d: the result's extents must be at least 1, got (-1,) for x of shape (1, 2, 1), weight "
                "of shape (2, 3, 3), stride=(1,), padding=(2,)",
            ),
        ],
    ),
    row(
        "conv_transpose2d",
        F.conv_transpose2d,
        conv_transpose,
        ({"stride": 2, "padding": 1}, {"stride": 2, "padding": 1}),
        (2, 3, 3, 4),
        (3, 6, 3, 3),
        6,
        errors=[
            (
                lambda: F.conv_transpose2d(ones(1, 3, 4), ones(2, 3, 3)),
                ValueError,
                "conv_transpose2d: weight must have 4 axes (two of channels, 2 of the kernel), got shape (2, 3, 3)",
            )
        ],
    ),
    row(
        "conv_transpose2d[groups]",
        F.conv_transpose2d,
        conv_transpose,
        ({"groups": 2, "stride": 3}, {"groups": 2, "stride": 3}),
        (2, 4, 3, 2),
        (4, 3, 2, 4),
        6,
    ),
    row(
        "conv_transpose3d",
        F.conv_transpose3d,
        conv_transpose,
        ({"stride": 2, "padding": 1}, {"stride": 2, "padding": 1}),
        (2, 3, 2, 3, 2),
        (3, 4, 3, 2, 3),
        4,
    ),
]
