"""`nn.init`, and what layers start from: distributions, bounds, exact values, errors."""

import math

import numpy as np
import pytest

import tensorcore as tc
from tensorcore import nn
from tensorcore.nn import init

GAINS = [("linear", None), ("conv2d", None), ("sigmoid", None), ("tanh", None), ("relu", None), ("selu", None),
         ("leaky_relu", None), ("leaky_relu", 0.3)]  # fmt: skip


@pytest.mark.parametrize(("name", "param"), GAINS)
def test_gains(name, param):
    torch = pytest.importorskip("torch")
    assert init.calculate_gain(name, param) == pytest.approx(torch.nn.init.calculate_gain(name, param), rel=1e-15)


def filled(function, *args, shape=(400, 300), device="cpu", seed=7, **settings):
    """What `function` makes of an empty tensor, with a generator of its own if it draws."""
    x = tc.empty(shape, device=device)
    if function not in (init.ones_, init.zeros_, init.constant_, init.eye_, init.dirac_):
        settings["generator"] = tc.Generator(seed)
    assert function(x, *args, **settings) is x
    return np.array(x.cpu(), dtype="float64")


def test_uniform_and_normal():
    a = filled(init.uniform_, -2.0, 3.0)
    assert -2 <= a.min() < -1.99
    assert 2.99 < a.max() < 3
    assert a.mean() == pytest.approx(0.5, abs=0.02)
    b = filled(init.normal_, 1.0, 0.5)
    assert b.mean() == pytest.approx(1, abs=0.01)
    assert b.std() == pytest.approx(0.5, abs=0.01)
    np.testing.assert_array_equal(filled(init.normal_), filled(init.normal_))  # the generator decides


@pytest.mark.parametrize("shape", [(30, 20), (12, 6, 3, 3), (8, 4, 5)])
def test_fans(shape):
    receptive = math.prod(shape[2:])
    fan_in, fan_out = shape[1] * receptive, shape[0] * receptive
    cases = [
        (init.xavier_uniform_, {"gain": 2.0}, 2 * math.sqrt(2 / (fan_in + fan_out)), True),
        (init.xavier_normal_, {}, math.sqrt(2 / (fan_in + fan_out)), False),
        (init.kaiming_uniform_, {"nonlinearity": "relu"}, math.sqrt(2 / fan_in), True),
        (init.kaiming_uniform_, {"a": math.sqrt(5)}, math.sqrt(1 / 3 / fan_in), True),
        (init.kaiming_normal_, {"mode": "fan_out", "nonlinearity": "relu"}, math.sqrt(2 / fan_out), False),
    ]
    for function, settings, std, uniform in cases:
        draws = np.concatenate([filled(function, shape=shape, seed=s, **settings).ravel() for s in range(40)])
        assert draws.std() == pytest.approx(std, rel=0.05)
        assert abs(draws.mean()) < 0.1 * std
        bound = std * math.sqrt(3)
        assert (abs(draws).max() <= bound * (1 + 1e-6)) == uniform
        assert abs(draws).max() > 0.98 * bound


def test_exact_values():
    np.testing.assert_array_equal(filled(init.ones_, shape=(2, 3)), np.ones((2, 3)))
    np.testing.assert_array_equal(filled(init.constant_, 2.5, shape=(3,)), np.full(3, 2.5))
    np.testing.assert_array_equal(filled(init.eye_, shape=(3, 2)), np.eye(3, 2))
    p = nn.Parameter(tc.ones(3))
    assert init.zeros_(p) is p
    assert p.requires_grad
    assert p.is_leaf


@pytest.mark.parametrize(("shape", "groups"), [((4, 2, 3), 1), ((4, 2, 3, 2), 2), ((6, 3, 1, 3, 3), 3)])
def test_dirac(shape, groups):
    torch = pytest.importorskip("torch")
    expected = torch.nn.init.dirac_(torch.empty(shape), groups).numpy()
    np.testing.assert_array_equal(filled(init.dirac_, groups, shape=shape), expected)


@pytest.mark.parametrize("shape", [(5, 3), (3, 5), (40, 40), (8, 2, 3), (1, 4), (64, 200)])
@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_orthogonal(shape, device):
    a = filled(init.orthogonal_, 2.0, shape=shape, device=device).reshape(shape[0], -1) / 2
    n = min(a.shape)
    product = a @ a.T if a.shape[0] <= a.shape[1] else a.T @ a
    np.testing.assert_allclose(product, np.eye(n), atol=1e-6)


def test_orthogonal_in_double_stays_exact_when_rows_are_nearly_parallel():
    """Twice is enough: rows that agree in ten digits come out orthonormal all the same."""
    x = init.orthogonal_(tc.empty((120, 120), dtype=tc.float64), generator=tc.Generator(3))
    a = np.array(x)
    np.testing.assert_allclose(a @ a.T, np.eye(120), atol=1e-13)
    assert abs(np.linalg.det(a)) == pytest.approx(1, abs=1e-12)


@pytest.mark.parametrize(
    ("mean", "std", "a", "b"),
    [(0, 1, -2, 2), (1, 2, -1, 2), (0, 1, 3, 9), (0, 1, -40, -8), (0, 0.02, -2, 2), (5, 1, 4.5, 4.6), (0, 1, -0.1, 7)],
)
def test_truncated_normal(mean, std, a, b):
    stats = pytest.importorskip("scipy.stats")
    x = tc.empty(20000, dtype=tc.float64)
    values = np.array(init.trunc_normal_(x, mean, std, a, b, generator=tc.Generator(1)))
    assert a <= values.min()
    assert values.max() <= b
    law = stats.truncnorm((a - mean) / std, (b - mean) / std, mean, std)
    assert stats.kstest(values, law.cdf).pvalue > 1e-3


def test_normal_quantiles():
    special = pytest.importorskip("scipy.special")
    p = np.concatenate([np.linspace(1e-6, 1 - 1e-6, 2001), 10.0 ** -np.arange(1, 300, 7)])
    got = np.array(init._normal_quantile(tc.asarray(p)))
    np.testing.assert_allclose(got, special.ndtri(p), rtol=1e-13, atol=1e-15)


def test_sparse():
    a = filled(init.sparse_, 0.3, 0.5, shape=(50, 20))
    np.testing.assert_array_equal((a == 0).sum(axis=0), np.full(20, 15))
    assert a[a != 0].std() == pytest.approx(0.5, rel=0.15)


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: init.xavier_uniform_(tc.ones(3)), "xavier_uniform_: needs at least two axes"),
        (lambda: init.kaiming_normal_(tc.ones((2, 2)), mode="out"), "mode must be 'fan_in' or 'fan_out', got 'out'"),
        (lambda: init.kaiming_normal_(tc.ones((2, 2)), nonlinearity="x"), "nonlinearity must be one of"),
        (lambda: init.eye_(tc.ones(3)), "eye_: needs a matrix"),
        (lambda: init.dirac_(tc.ones((3, 2, 2)), 2), "groups must divide"),
        (lambda: init.orthogonal_(tc.ones(3)), "orthogonal_: needs at least two axes"),
        (lambda: init.trunc_normal_(tc.ones(3), a=2, b=1), "needs a < b"),
        (lambda: init.trunc_normal_(tc.ones(3), a=60, b=61), "too far from the mean"),
        (lambda: init.sparse_(tc.ones((2, 2)), 2), "0 ≤ sparsity ≤ 1"),
    ],
)
def test_errors(call, text):
    with pytest.raises(ValueError, match=text):
        call()


LAYERS = [
    ("Linear", (300, 200)), ("Linear", (300, 200, False)), ("Bilinear", (40, 30, 50)), ("Conv1d", (20, 30, 5)),
    ("Conv2d", (16, 32, 3)), ("Conv2d", (16, 32, 3, 1, 0, 1, 4)), ("Conv3d", (8, 16, 3)),
    ("ConvTranspose1d", (20, 30, 5)), ("ConvTranspose2d", (16, 32, 3)), ("ConvTranspose3d", (8, 16, 3)),
    ("Embedding", (300, 40)), ("Embedding", (300, 40, 3)), ("EmbeddingBag", (300, 40)),
    ("RNN", (30, 40, 2)), ("LSTM", (30, 40)), ("GRU", (30, 40)), ("RNNCell", (30, 40)), ("LSTMCell", (30, 40)),
    ("GRUCell", (30, 40)), ("PReLU", (5,)), ("BatchNorm2d", (7,)), ("LayerNorm", (7,)), ("GroupNorm", (1, 7)),
    ("RMSNorm", (7,)), ("MultiheadAttention", (64, 4)), ("MultiheadAttention", (64, 4, 0.0, True, True)),
    ("TransformerEncoderLayer", (32, 4, 64)), ("Transformer", (32, 4, 1, 1, 64)),
]  # fmt: skip


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize(("kind", "args"), LAYERS)
def test_layers_start_as_in_torch(kind, args):
    """Pooled over several layers, each parameter has the deviation, the bound and the constants of PyTorch's."""
    torch = pytest.importorskip("torch")
    stats = pytest.importorskip("scipy.stats")
    tc.manual_seed(0)
    torch.manual_seed(0)
    repeats = 6
    mine = [getattr(nn, kind)(*args).state_dict() for _ in range(repeats)]
    theirs = [getattr(torch.nn, kind)(*args).state_dict() for _ in range(repeats)]
    for name in theirs[0]:
        a = np.concatenate([np.array(s[name], dtype="float64").ravel() for s in mine])
        b = np.concatenate([s[name].double().numpy().ravel() for s in theirs])
        if (b == b[0]).all():
            np.testing.assert_array_equal(a, b, err_msg=name)
            continue
        assert stats.ks_2samp(a, b).pvalue > 1e-4, name
        assert a.std() == pytest.approx(b.std(), rel=4 / math.sqrt(a.size)), name
        np.testing.assert_array_equal((a == 0).sum(), (b == 0).sum(), err_msg=name)
