"""Pooling."""

import itertools

import numpy as np

import tensorcore as tc
import tensorcore.nn.functional as F

from .row import Op


def distinct(shape):
    """Values apart from one another, so that no maximum is close to a tie, exact in every dtype."""
    return lambda rng: [rng.permutation(int(np.prod(shape))).reshape(shape) * 0.5 - 10.0]


def windows(n, kernel, stride, padding, dilation=1, ceil_mode=False):
    """(positions inside, elements counted with the padding) of each window along an axis."""
    out = []
    reach = (kernel - 1) * dilation + 1
    o = 0
    while True:
        low = o * stride - padding
        fits = low + reach <= n + padding
        starts = low < n and low + reach - (stride - 1) <= n + padding
        if not (fits or (ceil_mode and starts)):
            return out
        at = [i for i in range(low, low + reach, dilation) if 0 <= i < n]
        out.append((at, min(low + reach, n + padding) - low))
        o += 1


def adaptive(n, size):
    bounds = [(i * n // size, -((-(i + 1) * n) // size)) for i in range(size)]
    return [(list(range(low, high)), high - low) for low, high in bounds]


def pooled(x, axes, take):
    """`take(elements, flat positions, counted)` of each window of the last len(axes) axes."""
    spatial = x.shape[-len(axes) :]
    planes = x.reshape(-1, *spatial)
    shape = tuple(len(a) for a in axes)
    results = []
    for plane in planes:
        for o in itertools.product(*(range(n) for n in shape)):
            at = [axes[i][o[i]][0] for i in range(len(axes))]
            counted = np.prod([axes[i][o[i]][1] for i in range(len(axes))])
            points = np.array(list(itertools.product(*at)))
            results.append(take(plane[tuple(points.T)], np.ravel_multi_index(tuple(points.T), spatial), counted))
    lead = x.shape[: x.ndim - len(axes)]
    if isinstance(results[0], tuple):
        return tuple(np.array(r).reshape(lead + shape) for r in zip(*results, strict=True))
    return np.array(results).reshape(lead + shape)


def largest(values, positions, counted):
    return values.max(), positions[values.argmax()]


def maximum(values, positions, counted):
    return values.max()


def mean(values, positions, counted):
    return values.mean()


def mean_padded(values, positions, counted):
    return values.sum() / counted


def ones(*shape):
    return tc.ones(shape)


ROWS = [
    Op(
        "max_pool1d",
        lambda x: F.max_pool1d(x, 3, 2, 1),
        lambda x: pooled(x, [windows(9, 3, 2, 1)], maximum),
        distinct((2, 3, 9)),
        errors=[
            (
                lambda: F.max_pool1d(ones(2), 2),
                ValueError,
                "max_pool1d: x must have 2 or 3 axes ((batch,) channels, 1 of space), got shape (2,)",
            )
        ],
    ),
    Op(
        "max_pool2d",
        lambda x: F.max_pool2d(x, 2),
        lambda x: pooled(x, [windows(5, 2, 2, 0), windows(6, 2, 2, 0)], maximum),
        distinct((2, 3, 5, 6)),
        errors=[
            (
                lambda: F.max_pool2d(ones(1, 1, 4, 4), 2, padding=2),
                ValueError,
                "max_pool2d: padding must lie between 0 and half the kernel's extent, got padding=(2, 2) with "
                "kernel_size=(2, 2)",
            ),
            (
                lambda: F.max_pool2d(ones(1, 1, 4, 4), 5),
                ValueError,
                "max_pool2d: the window must fit in the padded input, got extents (4, 4) with kernel_size=(5, 5), "
                "padding=(0, 0), dilation=(1, 1)",
            ),
            (
                lambda: F.max_pool2d(ones(1, 1, 4, 4), 2, 0),
                ValueError,
                "max_pool2d: stride must be at least 1, got (0, 0)",
            ),
            (
                lambda: F.max_pool2d(tc.asarray([[[1, 2]]]), 1),
                TypeError,
                "max_pool2d: x must be of a floating dtype, got int64",
            ),
            (
                lambda: F.max_pool2d(ones(1, 1, 4, 4), (2, 2, 2)),
                ValueError,
                "max_pool2d: kernel_size must be an int or 2 ints, got (2, 2, 2)",
            ),
        ],
    ),
    Op(
        "max_pool2d[indices]",
        lambda x: F.max_pool2d(x, (3, 2), (2, 1), 1, (1, 2), True, True),
        lambda x: pooled(x, [windows(6, 3, 2, 1, 1, True), windows(5, 2, 1, 1, 2, True)], largest),
        distinct((3, 6, 5)),
    ),
    Op(
        "max_pool3d",
        lambda x: F.max_pool3d(x, 2, ceil_mode=True),
        lambda x: pooled(x, [windows(n, 2, 2, 0, 1, True) for n in (3, 4, 5)], maximum),
        distinct((2, 3, 4, 5)),
    ),
    Op(
        "avg_pool1d",
        lambda x: F.avg_pool1d(x, 3, 2, 1),
        lambda x: pooled(x, [windows(8, 3, 2, 1)], mean_padded),
        distinct((2, 3, 8)),
        terms=3,
    ),
    Op(
        "avg_pool2d",
        lambda x: F.avg_pool2d(x, (3, 2), (2, 3), 1, True),
        lambda x: pooled(x, [windows(6, 3, 2, 1, 1, True), windows(7, 2, 3, 1, 1, True)], mean_padded),
        distinct((2, 2, 6, 7)),
        terms=6,
        errors=[
            (
                lambda: F.avg_pool2d(ones(1, 1, 4, 4), 0),
                ValueError,
                "avg_pool2d: kernel_size must be at least 1, got (0, 0)",
            )
        ],
    ),
    Op(
        "avg_pool2d[exclude_pad]",
        lambda x: F.avg_pool2d(x, 3, 1, 1, False, False),
        lambda x: pooled(x, [windows(4, 3, 1, 1), windows(5, 3, 1, 1)], mean),
        distinct((3, 4, 5)),
        terms=9,
    ),
    Op(
        "avg_pool3d",
        lambda x: F.avg_pool3d(x, 2, 1),
        lambda x: pooled(x, [windows(n, 2, 1, 0) for n in (2, 3, 4)], mean),
        distinct((2, 2, 3, 4)),
        terms=8,
    ),
    Op(
        "adaptive_max_pool1d",
        lambda x: F.adaptive_max_pool1d(x, 3, True),
        lambda x: pooled(x, [adaptive(7, 3)], largest),
        distinct((2, 3, 7)),
    ),
    Op(
        "adaptive_max_pool2d",
        lambda x: F.adaptive_max_pool2d(x, (2, None)),
        lambda x: pooled(x, [adaptive(5, 2), adaptive(4, 4)], maximum),
        distinct((2, 2, 5, 4)),
        errors=[
            (
                lambda: F.adaptive_max_pool2d(ones(1, 1, 4, 4), -1),
                ValueError,
                "adaptive_max_pool2d: output_size must not be negative, got (-1, -1)",
            )
        ],
    ),
    Op(
        "adaptive_max_pool3d",
        lambda x: F.adaptive_max_pool3d(x, 2),
        lambda x: pooled(x, [adaptive(n, 2) for n in (3, 4, 2)], maximum),
        distinct((2, 3, 4, 2)),
    ),
    Op(
        "adaptive_avg_pool1d",
        lambda x: F.adaptive_avg_pool1d(x, 5),
        lambda x: pooled(x, [adaptive(7, 5)], mean),
        distinct((2, 3, 7)),
        terms=3,
    ),
    Op(
        "adaptive_avg_pool2d",
        lambda x: F.adaptive_avg_pool2d(x, (3, 7)),
        lambda x: pooled(x, [adaptive(5, 3), adaptive(4, 7)], mean),
        distinct((2, 2, 5, 4)),
        terms=9,
        errors=[
            (
                lambda: F.adaptive_avg_pool2d(ones(1, 1, 4, 4), (1, 2, 3)),
                ValueError,
                "adaptive_avg_pool2d: output_size must be an int or 2 of int or None, got (1, 2, 3)",
            )
        ],
    ),
    Op(
        "adaptive_avg_pool3d",
        lambda x: F.adaptive_avg_pool3d(x, 2),
        lambda x: pooled(x, [adaptive(n, 2) for n in (3, 4, 2)], mean),
        distinct((2, 3, 4, 2)),
        terms=8,
    ),
]
