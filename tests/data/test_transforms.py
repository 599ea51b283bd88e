"""Transforms: what they do to single pictures and batches, their randomness, and against PyTorch's grid sampling."""

import math

import numpy as np
import pytest

import tensorcore as tc
from tensorcore.data import transforms as T

BATCH = np.arange(2 * 3 * 8 * 6, dtype=np.float32).reshape(2, 3, 8, 6)

RANDOM = [
    lambda g: T.RandomCrop((5, 4), padding=2, generator=g),
    lambda g: T.RandomHorizontalFlip(generator=g),
    lambda g: T.RandomVerticalFlip(generator=g),
    lambda g: T.RandomErasing(generator=g),
    lambda g: T.RandomErasing(p=1, value="random", generator=g),
    lambda g: T.RandomRotation(30, "bilinear", generator=g),
    lambda g: T.RandomAffine((-90, 90), (0.2, 0.2), (0.5, 2), 20, generator=g),
]


@pytest.mark.parametrize("make", RANDOM)
@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_random_transforms(make, device) -> None:
    many = tc.asarray(np.random.default_rng(0).random((16, 3, 8, 6), np.float32), device=device)
    first = make(tc.Generator(1))(many)
    assert first.device.type == device
    assert first.tolist() == make(tc.Generator(1))(many).tolist()
    assert first.tolist() != make(tc.Generator(2))(many).tolist()
    same = many[:1].broadcast_to(many.shape).to("cpu").to(device)  # one picture many times: each gets its own draw
    assert len({str(x) for x in make(tc.Generator(1))(same).tolist()}) > 1
    with tc.data.randomness.drawing_from(tc.Generator(1)):
        assert make(None)(many).tolist() == first.tolist()
    one = make(tc.Generator(5))
    single, batch = make(tc.Generator(5))(many[3]), one(many[3:4])
    assert single.shape == batch.shape[1:]
    assert single.tolist() == batch[0].tolist()
    for bad, error in ((tc.zeros((4, 4)), ValueError), (BATCH, TypeError)):
        with pytest.raises(error, match=type(one).__name__):
            one(bad)


def test_every_transform_keeps_uint8() -> None:
    x = tc.asarray(np.random.default_rng(0).integers(0, 256, (4, 1, 8, 8), np.uint8))
    for make in RANDOM[:5]:
        assert make(tc.Generator(0))(x).dtype == tc.uint8
    turned = T.RandomRotation((90, 90))(x)
    assert turned.dtype == tc.uint8
    np.testing.assert_array_equal(np.array(turned), np.rot90(np.array(x), axes=(2, 3)))  # counter-clockwise
    assert T.Resize(5)(x).dtype == tc.uint8


def test_empty_batches() -> None:
    for make in RANDOM:
        assert make(tc.Generator(0))(tc.zeros((0, 3, 8, 6))).shape[0] == 0


def test_random_crop() -> None:
    x = tc.asarray(BATCH)
    padded = np.pad(BATCH, ((0, 0), (0, 0), (1, 2), (3, 4)), constant_values=9)
    crops = np.array(T.RandomCrop((4, 5), padding=(3, 1, 4, 2), fill=9, generator=tc.Generator(0))(x))
    for picture, crop in zip(padded, crops, strict=True):
        windows = np.lib.stride_tricks.sliding_window_view(picture, (3, 4, 5))[0]
        assert (windows == crop).all(axis=(2, 3, 4)).any()
    corners = {
        float(T.RandomCrop(2, generator=tc.Generator(i))(tc.arange(9.0).reshape((1, 3, 3)))[0, 0, 0]) for i in range(40)
    }
    assert corners == {0, 1, 3, 4}
    assert T.RandomCrop((8, 6))(x).tolist() == BATCH.tolist()
    edge = T.RandomCrop(12, padding=2, padding_mode="edge")(tc.asarray(BATCH[:, :, :, :8].repeat(2, 3)[..., :8]))
    assert float(edge[0, 0, 0, 0]) == 0
    with pytest.raises(ValueError, match=r"size \(9, 9\) is larger"):
        T.RandomCrop(9)(x)
    for bad in ({"size": 0}, {"size": (1, 2, 3)}, {"size": 2, "padding": -1}, {"size": 2, "padding_mode": "wrap"}):
        with pytest.raises(ValueError, match="RandomCrop"):
            T.RandomCrop(**bad)


def test_center_crop() -> None:
    x = tc.asarray(BATCH)
    np.testing.assert_array_equal(np.array(T.CenterCrop(4)(x)), BATCH[:, :, 2:6, 1:5])
    np.testing.assert_array_equal(np.array(T.CenterCrop((8, 8))(x)), np.pad(BATCH, ((0, 0), (0, 0), (0, 0), (1, 1))))
    assert T.CenterCrop(3)(x[0]).shape == (3, 3, 3)


@pytest.mark.parametrize(("flip", "axis"), [(T.RandomHorizontalFlip, -1), (T.RandomVerticalFlip, -2)])
def test_flips(flip, axis) -> None:
    x = tc.asarray(BATCH)
    np.testing.assert_array_equal(np.array(flip(1)(x)), np.flip(BATCH, axis))
    np.testing.assert_array_equal(np.array(flip(0)(x)), BATCH)
    many = tc.asarray(BATCH[:1]).broadcast_to((2000, 3, 8, 6))
    flipped = int((flip(0.3, tc.Generator(0))(many)[:, 0, 0, 0] != 0).sum())
    assert abs(flipped - 600) < 5 * math.sqrt(2000 * 0.3 * 0.7)
    with pytest.raises(ValueError, match=r"\[0, 1\]"):
        flip(1.5)


def test_random_erasing() -> None:
    ones = tc.ones((300, 2, 20, 30))
    out = np.array(T.RandomErasing(1, scale=(0.1, 0.2), ratio=(0.5, 2), value=7, generator=tc.Generator(0))(ones))
    erased = out == 7
    assert ((out == 1) | erased).all()
    assert (erased[:, 0] == erased[:, 1]).all()
    for mask in erased[:, 0]:
        rows, columns = mask.any(1), mask.any(0)
        h, w = rows.sum(), columns.sum()
        assert mask.sum() == h * w  # a rectangle
        assert 0.08 <= h * w / 600 <= 0.23  # rounded to whole pixels
        assert 0.4 <= h / w <= 2.5
    kept = (
        np.array(T.RandomErasing(0.25, generator=tc.Generator(0))(tc.ones((1000, 1, 9, 9)))).all(axis=(1, 2, 3)).sum()
    )
    assert abs(kept - 750) < 5 * math.sqrt(1000 * 0.25 * 0.75)
    for bad in ({"p": 2}, {"scale": (0.5, 0.1)}, {"ratio": (0, 1)}, {"value": "noise"}):
        with pytest.raises(ValueError, match="RandomErasing"):
            T.RandomErasing(**bad)


@pytest.mark.parametrize("mode", ["nearest", "bilinear"])
@pytest.mark.parametrize(
    "settings", [(0, 1, 0, 0, 0), (0.4, 1, 0, 0, 0), (-1.2, 1.4, 0.3, 1.5, -0.7), (2, 0.6, -0.5, 0, 2)]
)
def test_warp_as_pytorchs_grid_sample(mode, settings) -> None:
    torch = pytest.importorskip("torch")
    from tensorcore.data.transforms.warp import _inverse, _warp

    angle, scale, lean, right, down = settings
    h, w = 9, 7
    x = np.random.default_rng(0).random((1, 2, h, w), np.float32)
    got = np.array(_warp(tc.asarray(x), [_inverse(*settings)], mode, 0.0))
    # The forward map in pixels, y downwards; grid_sample wants its inverse in units of half the picture.
    rotate = np.array([[math.cos(angle), math.sin(angle)], [-math.sin(angle), math.cos(angle)]])
    linear = np.linalg.inv(scale * rotate @ np.array([[1, math.tan(lean)], [0, 1]]))
    half = np.diag([w / 2, h / 2])
    offset = np.linalg.inv(half) @ linear @ -np.array([right, down])
    theta = np.concatenate([np.linalg.inv(half) @ linear @ half, offset[:, None]], 1)
    grid = torch.nn.functional.affine_grid(
        torch.tensor(theta[None], dtype=torch.float32), (1, 2, h, w), align_corners=False
    )
    expected = torch.nn.functional.grid_sample(torch.tensor(x), grid, mode=mode, align_corners=False).numpy()
    if mode == "nearest":  # where rounding decides between two pixels, either is right
        assert (got == expected).mean() > 0.97
    else:
        np.testing.assert_allclose(got, expected, rtol=0, atol=2e-5)


def test_warp_fill_and_moves() -> None:
    x = tc.ones((1, 1, 5, 5))
    corner = float(T.RandomRotation((45, 45), "bilinear", fill=3)(x)[0, 0, 0, 0])
    assert abs(corner - (3 - 2 * (3 - math.sqrt(8)))) < 1e-5  # √8 - 2 outside the picture's last pixel
    assert float(T.RandomRotation((45, 45), fill=3)(x)[0, 0, 0, 0]) == 3
    ramp = tc.arange(25.0).reshape((1, 5, 5))
    np.testing.assert_allclose(
        np.array(T.RandomRotation((180, 180), "bilinear")(ramp)), np.rot90(ramp, 2, (1, 2)), atol=1e-4
    )
    moved = T.RandomAffine((0, 0), translate=(0.4, 0), generator=tc.Generator(0))
    shifts = {int((moved(tc.ones((1, 5, 5))).sum(axis=1) == 0).sum()) for _ in range(60)}
    assert shifts == {0, 1, 2}
    for bad in ({"degrees": -1}, {"degrees": (3, 1)}, {"degrees": 1, "scale": (0, 1)}, {"degrees": 1, "shear": 90}):
        with pytest.raises(ValueError, match="RandomAffine"):
            T.RandomAffine(**bad)
    for bad in ({"degrees": 1, "translate": (2, 0)}, {"degrees": 1, "interpolation": "cubic"}):
        with pytest.raises(ValueError, match="RandomAffine"):
            T.RandomAffine(**bad)


@pytest.mark.parametrize("size", [(8, 6), (16, 9), (3, 5), (1, 1), (5, 12)])
@pytest.mark.parametrize("mode", ["bilinear", "nearest"])
def test_resize_as_pytorch(size, mode) -> None:
    torch = pytest.importorskip("torch")
    settings = {"align_corners": False} if mode == "bilinear" else {}
    expected = torch.nn.functional.interpolate(torch.tensor(BATCH), size, mode=mode, **settings).numpy()
    got = T.Resize(size, mode)(tc.asarray(BATCH))
    np.testing.assert_allclose(np.array(got), expected, rtol=1e-6, atol=1e-3 if mode == "bilinear" else 0)
    assert T.Resize(3)(tc.asarray(BATCH[0])).shape == (3, 4, 3)


def test_basic() -> None:
    x = tc.asarray([[[0, 255], [51, 102]]], dtype=tc.uint8)
    floats = T.Compose([T.ToFloat(), T.Scale(2, -1), T.Lambda(lambda v: v + 1)])(x)
    np.testing.assert_allclose(np.array(floats), [[[0, 2], [0.4, 0.8]]], rtol=1e-6)
    assert T.ToFloat(tc.float64)(tc.ones((1, 1, 1))).dtype == tc.float64
    normal = T.Normalize([1, 2, 3], [2, 4, 8])(tc.asarray(BATCH))
    expected = (BATCH - np.array([1, 2, 3], np.float32).reshape(3, 1, 1)) / np.array([2, 4, 8], np.float32).reshape(
        3, 1, 1
    )
    np.testing.assert_allclose(np.array(normal), expected, rtol=1e-6)
    assert T.OneHot(3)([2, 0]).tolist() == [[0, 0, 1], [1, 0, 0]]
    assert T.OnItem(T.OneHot(2), 1)(("x", 1))[1].tolist() == [0, 1]
    assert T.OnItem(T.Scale(2.0), "x")({"x": tc.ones(1), "y": 0})["x"].tolist() == [2]
    assert "RandomHorizontalFlip(p=0.5)" in repr(T.Compose([T.RandomHorizontalFlip()]))


@pytest.mark.parametrize(
    ("make", "error"),
    [
        (lambda: T.Normalize([0], [0]), ValueError),
        (lambda: T.Normalize([0, 1], [1]), ValueError),
        (lambda: T.Normalize([0, 1], [1, 1])(tc.asarray(BATCH)), ValueError),
        (lambda: T.Normalize([0], [1])(tc.zeros((1, 2, 2), dtype=tc.uint8)), TypeError),
        (lambda: T.ToFloat(tc.int32), ValueError),
        (lambda: T.Lambda(3), TypeError),
        (lambda: T.Resize(0), ValueError),
        (lambda: T.Resize(2)(tc.zeros((1, 0, 3))), ValueError),
        (lambda: T.OneHot(2)([3]), IndexError),
    ],
)
def test_refusals(make, error) -> None:
    with pytest.raises(error):
        make()
