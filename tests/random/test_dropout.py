"""Dropout: the share dropped, the scale of what stays, and a gradient with the same mask."""

import numpy as np
import pytest

import tensorcore as tc
from tensorcore.nn import functional as F


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
@pytest.mark.parametrize("p", [0.0, 0.1, 0.5, 1.0])
def test_share_and_scale(dtype: str, p: float) -> None:
    x = tc.ones((100, 1001), dtype=getattr(tc, dtype))
    y = F.dropout(x, p, generator=tc.Generator(1))
    assert y.dtype is x.dtype
    values = np.asarray(y.astype(tc.float64))
    share = (values == 0).mean()
    assert abs(share - p) <= 5 * np.sqrt(p * (1 - p) / values.size)
    if p < 1:
        kept = tc.asarray(1 / (1 - p), dtype=x.dtype).item()
        assert set(np.unique(values)) <= {0.0, kept}


@pytest.mark.parametrize("layout", [(0, 1, 2), (2, 0, 1)])
def test_gradient_has_the_same_mask(layout: tuple[int, ...]) -> None:
    x = tc.random.randn((5, 6, 7), generator=tc.Generator(1)).permute_dims(layout)
    x = x.detach().requires_grad_()
    y = F.dropout(x, 0.4, generator=tc.Generator(2))
    g = tc.autograd.grad(y.sum(), x)
    np.testing.assert_allclose(np.asarray(y.detach()), np.asarray(g) * np.asarray(x.detach()), rtol=1e-6)


def test_second_order() -> None:
    x = tc.random.randn(50, dtype=tc.float64, generator=tc.Generator(1))
    tc.testing.check_grads(lambda x: F.dropout(x * x, 0.3, generator=tc.Generator(3)) ** 2, [x], order=2)


def test_evaluation_changes_nothing() -> None:
    x = tc.ones((3, 4))
    state = tc.random.default_generator.get_state()
    assert F.dropout(x, 0.5, training=False) is x
    assert tc.random.default_generator.get_state() == state


@pytest.mark.parametrize(("f", "space"), [(F.dropout1d, 1), (F.dropout2d, 2), (F.dropout3d, 3)])
def test_whole_channels(f, space: int) -> None:
    x = tc.ones((8, 16, *(3,) * space), dtype=tc.float64)
    x.requires_grad = True
    y = f(x, 0.25, generator=tc.Generator(1))
    values = np.asarray(y.detach()).reshape(128, -1)
    assert (values == values[:, :1]).all()
    assert 0.1 < (values[:, 0] == 0).mean() < 0.4
    y.sum().backward()
    np.testing.assert_array_equal(np.asarray(x.grad).reshape(128, -1), values)
    assert f(tc.ones((4, *(2,) * space)), 0.5).shape == (4, *(2,) * space)
    with pytest.raises(ValueError, match=f"{f.__name__}: x must have {space + 1} axes"):
        f(tc.ones((2,) * (space + 3)))


def test_errors() -> None:
    with pytest.raises(ValueError, match=r"dropout: p must be in \[0, 1\], got 1.5"):
        F.dropout(tc.ones(3), 1.5)
    with pytest.raises(ValueError, match="p must be in"):
        F.dropout(tc.ones(3), float("nan"))
    with pytest.raises(TypeError, match="dropout: dtype must be floating-point, got int64"):
        F.dropout(tc.arange(3))
    with pytest.raises(TypeError, match="dropout: x must be a Tensor, got list"):
        F.dropout([1.0])
