"""Resampling of space, and channels exchanged for space."""

import numpy as np

import tensorcore as tc

from .row import Op

F = tc.nn.functional


def matrix(n, m, kernel, align):
    """Weights (m, n) of old elements in new ones: `kernel` of the distance, cut off at the borders."""
    step = (n - 1) / (m - 1) if align else n / m
    places = np.arange(m) * step if align else (np.arange(m) + 0.5) * step - 0.5
    out = np.zeros((m, n))
    for i, p in enumerate(places):
        for j in range(int(np.floor(p)) - 2, int(np.floor(p)) + 4):
            out[i, min(max(j, 0), n - 1)] += kernel(abs(p - j))
    return out


def hat(d):
    return max(0.0, 1 - d)


def cubic(d, a=-0.75):
    near = (a + 2) * d**3 - (a + 3) * d**2 + 1
    return near if d <= 1 else a * (d**3 - 5 * d**2 + 8 * d - 4) if d < 2 else 0.0


def smooth(kernel, size, align=False):
    def reference(x):
        for axis, m in enumerate(size, 2):
            x = np.moveaxis(np.tensordot(matrix(x.shape[axis], m, kernel, align), x, (1, axis)), 0, axis)
        return x

    return reference


def nearest(x):
    return x[:, :, (np.arange(7) * 4) // 7][..., (np.arange(3) * 5) // 3]


def image(rng):
    return [rng.uniform(-2, 2, (2, 3, 4, 5))]


def shuffled(x):
    n, c, h, w = x.shape
    return x.reshape(n, c // 4, 2, 2, h, w).transpose(0, 1, 4, 2, 5, 3).reshape(n, c // 4, 2 * h, 2 * w)


def unshuffled(x):
    n, c, h, w = x.shape
    return x.reshape(n, c, h // 2, 2, w // 2, 2).transpose(0, 1, 3, 5, 2, 4).reshape(n, 4 * c, h // 2, w // 2)


def mixed(x):
    n, c, *space = x.shape
    return x.reshape(n, 2, c // 2, *space).swapaxes(1, 2).reshape(x.shape)


ROWS = [
    Op(
        "interpolate[nearest]",
        lambda x: F.interpolate(x, (7, 3)),
        nearest,
        image,
        errors=[
            (
                lambda: F.interpolate(tc.ones((1, 1, 2)), 3, mode="bilinear"),
                ValueError,
                "interpolate: mode 'bilinear' needs 2 axes of space, got shape (1, 1, 2)",
            ),
            (
                lambda: F.interpolate(tc.ones((1, 1, 2)), 3, 2.0),
                ValueError,
                "interpolate: needs either size or scale_factor, got 3 and 2.0",
            ),
            (
                lambda: F.interpolate(tc.ones((1, 1, 2)), scale_factor=0.1),
                ValueError,
                "interpolate: extents must be at least 1, got (2,) to become (0,)",
            ),
            (
                lambda: F.interpolate(tc.asarray([[[1]]]), 2),
                TypeError,
                "interpolate: x must be floating-point, got int64",
            ),
        ],
    ),
    Op(
        "interpolate[bilinear]",
        lambda x: F.interpolate(x, (7, 3), mode="bilinear"),
        smooth(hat, (7, 3)),
        image,
        terms=8,
    ),
    Op(
        "interpolate[corners]",
        lambda x: F.interpolate(x, (7, 3), mode="bilinear", align_corners=True),
        smooth(hat, (7, 3), True),
        image,
        terms=8,
    ),
    Op(
        "interpolate[bicubic]",
        lambda x: F.interpolate(x, (7, 3), mode="bicubic"),
        smooth(cubic, (7, 3)),
        image,
        terms=32,
        scale=lambda x: 4.0,
    ),
    Op(
        "pixel_shuffle",
        lambda x: F.pixel_shuffle(x, 2),
        shuffled,
        lambda rng: [rng.uniform(-2, 2, (2, 8, 3, 2))],
        empty=lambda: [(0, 8, 3, 2)],
        errors=[
            (
                lambda: F.pixel_shuffle(tc.ones((3, 2, 2)), 2),
                ValueError,
                "pixel_shuffle: the 3 channels must be a multiple of upscale_factor² = 4",
            )
        ],
    ),
    Op(
        "pixel_unshuffle", lambda x: F.pixel_unshuffle(x, 2), unshuffled, lambda rng: [rng.uniform(-2, 2, (2, 3, 4, 6))]
    ),
    Op("channel_shuffle", lambda x: F.channel_shuffle(x, 2), mixed, lambda rng: [rng.uniform(-2, 2, (2, 6, 3))]),
]
