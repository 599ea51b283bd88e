"""Activation functions and their gradients against PyTorch in float64, extremes, and fused against composed."""

import math

import numpy as np
import pytest

import tensorcore as tc
from tensorcore import _core

F = tc.nn.functional

CALLS = [
    ("relu", (), {}), ("relu6", (), {}), ("sigmoid", (), {}), ("tanh", (), {}), ("silu", (), {}),
    ("gelu", (), {}), ("gelu", (), {"approximate": "tanh"}), ("softplus", (), {}),
    ("softplus", (), {"beta": 2.0, "threshold": 3.0}), ("softplus", (-1.5,), {}),
    ("elu", (), {}), ("elu", (0.3,), {}), ("selu", (), {}), ("celu", (), {}), ("celu", (), {"alpha": 2.5}),
    ("leaky_relu", (), {}), ("leaky_relu", (), {"negative_slope": 0.3}), ("hardsigmoid", (), {}),
    ("hardswish", (), {}), ("hardtanh", (), {}), ("hardtanh", (), {"min_val": -2.0, "max_val": 0.5}),
    ("mish", (), {}), ("logsigmoid", (), {}), ("softsign", (), {}), ("threshold", (0.1, 20.0), {}),
]  # fmt: skip
VALUES = np.concatenate([
    np.linspace(-40, 40, 1601), np.random.default_rng(0).standard_normal(500) * 3,
    [0.0, -0.0, 3.0, -3.0, 6.0, 1.0, -1.0, 0.1, 700.0, -700.0, 1e-20, -1e-20],
])  # fmt: skip
IDS = [f"{n}-{i}" for i, (n, _, _) in enumerate(CALLS)]


@pytest.mark.parametrize(("name", "args", "kwargs"), CALLS, ids=IDS)
def test_equals_torch(name: str, args: tuple, kwargs: dict) -> None:
    torch = pytest.importorskip("torch")
    theirs = torch.tensor(VALUES, requires_grad=True)
    ours = tc.tensor(VALUES, dtype=tc.float64, requires_grad=True)
    weights = np.random.default_rng(1).standard_normal(VALUES.shape)
    y = getattr(torch.nn.functional, name)(theirs, *args, **kwargs)
    z = getattr(F, name)(ours, *args, **kwargs)
    np.testing.assert_allclose(np.asarray(z.detach()), y.detach().numpy(), rtol=1e-12, atol=1e-14)
    y.backward(torch.tensor(weights))
    z.backward(tc.asarray(weights))
    rtol = 1e-7 if name == "hardsigmoid" else 1e-11  # PyTorch's slope there is 1/6 rounded to float32
    np.testing.assert_allclose(np.asarray(ours.grad), theirs.grad.numpy(), rtol=rtol, atol=1e-13)


@pytest.mark.parametrize("shape", [(5,), (4, 3), (2, 3, 4, 5)])
def test_prelu_equals_torch(shape: tuple[int, ...]) -> None:
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(0)
    x = rng.standard_normal(shape)
    for count in {1, shape[1] if len(shape) > 1 else 1}:
        w = rng.standard_normal(count)
        tx, tw = torch.tensor(x, requires_grad=True), torch.tensor(w, requires_grad=True)
        ox, ow = (tc.tensor(v, dtype=tc.float64, requires_grad=True) for v in (x, w))
        y, z = torch.nn.functional.prelu(tx, tw), F.prelu(ox, ow)
        np.testing.assert_allclose(np.asarray(z.detach()), y.detach().numpy(), rtol=1e-14)
        y.square().sum().backward()
        z.square().sum().backward()
        np.testing.assert_allclose(np.asarray(ox.grad), tx.grad.numpy(), rtol=1e-12)
        np.testing.assert_allclose(np.asarray(ow.grad), tw.grad.numpy(), rtol=1e-12)


@pytest.mark.parametrize(("name", "args", "kwargs"), CALLS, ids=IDS)
def test_fused_gradient_equals_the_composed_one(name: str, args: tuple, kwargs: dict) -> None:
    grads = []
    for create_graph in (False, True):
        x = tc.tensor(VALUES, dtype=tc.float64, requires_grad=True)
        y = getattr(F, name)(x, *args, **kwargs)
        grads.append(tc.autograd.grad(y.sum(), x, create_graph=create_graph).detach())
    fused, composed = (np.asarray(g) for g in grads)
    inside = np.abs(VALUES) < 30  # composed forms may lose digits where a function has become constant
    np.testing.assert_allclose(fused[inside], composed[inside], rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
@pytest.mark.parametrize(("name", "args", "kwargs"), CALLS, ids=IDS)
def test_infinities_and_nan(name: str, args: tuple, kwargs: dict, dtype: str) -> None:
    torch = pytest.importorskip("torch")
    values = [math.inf, -math.inf, math.nan]
    x = tc.tensor(values, dtype=getattr(tc, dtype), requires_grad=True)
    y = getattr(F, name)(x, *args, **kwargs)
    expected = getattr(torch.nn.functional, name)(torch.tensor(values, dtype=torch.float64), *args, **kwargs)
    got = [float(v) for v in np.asarray(y.detach().astype(tc.float64))]
    assert math.isnan(got[2])
    limits = {"softsign": [1.0, -1.0]}.get(name, [math.inf, 0.0])
    for g, e, limit in zip(got[:2], expected.tolist()[:2], limits, strict=True):
        assert g == pytest.approx(limit if math.isnan(e) else e, rel=1e-2)  # PyTorch gives NaN for some
    y.sum().backward()
    slopes = [float(v) for v in np.asarray(x.grad.astype(tc.float64))]
    assert all(math.isfinite(s) for s in slopes[:2]), slopes


def test_step_has_zero_gradient() -> None:
    x = tc.tensor([-1.0, 0.0, 2.0], requires_grad=True)
    y = F.step(x)
    assert np.asarray(y.detach()).tolist() == [0.0, 0.0, 1.0]
    y.sum().backward()
    assert np.asarray(x.grad).tolist() == [0.0, 0.0, 0.0]


def test_relu_keeps_integers() -> None:
    y = F.relu(tc.asarray([-3, 4], dtype=tc.int32))
    assert y.dtype is tc.int32
    assert np.asarray(y).tolist() == [0, 4]


def test_gradients_free_what_they_saved() -> None:
    x = tc.tensor(np.ones(100_000, np.float32), requires_grad=True)
    for name in ("gelu", "relu", "silu"):
        getattr(F, name)(x).sum().backward()
    if hasattr(_core, "memory_stats"):
        before = _core.memory_stats()
        for _ in range(5):
            F.gelu(x).sum().backward()
        after = _core.memory_stats()
        key = "allocated" if isinstance(before, dict) else 0
        assert after[key] <= before[key] + 4 * 100_000
