"""Lazy layers: shapes from the first batch or from a state, the same parameters throughout."""

import copy
import pickle

import numpy as np
import pytest

import tensorcore as tc
from tensorcore import nn
from tensorcore.nn import functional as F


def test_a_lazy_layer_takes_its_shape_from_a_batch_or_a_state():
    layer = nn.LazyLinear(3)
    weight = layer.weight
    assert repr(layer) == "LazyLinear(in_features=0, out_features=3, bias=True)"
    state = nn.Linear(5, 3).state_dict()
    other = nn.LazyLinear(3)
    other.load_state_dict(state)
    x = tc.ones((2, 5))
    np.testing.assert_array_equal(np.array(other(x).detach()), np.array(F.linear(x, *state.values())))
    assert type(other) is nn.Linear
    assert layer(x).shape == (2, 3)
    assert layer.weight is weight
    assert type(weight) is nn.Parameter
    assert weight.shape == (3, 5)
    assert float(abs(weight.detach()).max()) <= 5**-0.5
    assert repr(layer) == "Linear(in_features=5, out_features=3, bias=True)"


SPACE = {1: (8,), 2: (6, 5), 3: (4, 5, 3)}
KINDS = [
    *((f"{kind}{n}d", (4, 3), {"stride": 2}, (2, 6, *SPACE[n])) for kind in ("Conv", "ConvTranspose") for n in SPACE),
    *((f"BatchNorm{n}d", (), {}, (2, 6, *SPACE[n])) for n in SPACE),
    *((f"InstanceNorm{n}d", (), {"affine": True, "track_running_stats": True}, (2, 6, *SPACE[n])) for n in SPACE),
    ("InstanceNorm2d", (), {"affine": True}, (6, 5, 4)),
    ("Conv2d", (4, 3), {"groups": 2, "bias": False}, (6, 5, 4)),
    ("BatchNorm1d", (), {"affine": False, "track_running_stats": False}, (5, 6)),
    ("Linear", (3,), {}, (2, 6)),
]


@pytest.mark.parametrize(("kind", "args", "settings", "shape"), KINDS)
def test_lazy_layers_become_the_ordinary_ones(kind, args, settings, shape):
    x = tc.random.randn(shape, generator=tc.Generator(0))
    lazy = getattr(nn, f"Lazy{kind}")(*args, **settings)
    kept = list(lazy.parameters())
    calls = []
    lazy.register_forward_hook(lambda m, a, y: calls.append(1))
    twins = [copy.deepcopy(lazy), pickle.loads(pickle.dumps(getattr(nn, f"Lazy{kind}")(*args, **settings)))]
    y = lazy(x)
    assert calls == [1]
    ordinary = getattr(nn, kind)(6, *args, **settings)
    assert type(lazy) is type(ordinary)
    assert repr(lazy) == repr(ordinary)
    assert all(a is b and type(a) is nn.Parameter for a, b in zip(kept, lazy.parameters(), strict=True))
    assert [(k, v.shape) for k, v in lazy.state_dict().items()] == [
        (k, v.shape) for k, v in ordinary.state_dict().items()
    ]
    for twin in twins:
        twin.load_state_dict(lazy.eval().state_dict())
        twin.eval()
        np.testing.assert_array_equal(np.array(twin(x).detach()), np.array(lazy(x).detach()))
        assert repr(twin) == repr(ordinary)
    assert y.shape == lazy(x).shape


@pytest.mark.parametrize(
    ("layer", "shape", "text"),
    [
        (nn.LazyConv2d(4, 3, groups=4), (1, 6, 5, 5), "groups=4 must divide the 6 channels"),
        (nn.LazyConv2d(4, 3), (6, 5), "must have 3 or 4 axes"),
        (nn.LazyBatchNorm2d(), (6, 5), "x must have"),
        (nn.LazyLinear(3), (), "must be a Tensor with axes"),
    ],
)
def test_a_first_batch_that_does_not_fit(layer, shape, text):
    with pytest.raises(ValueError, match=text):
        layer(tc.ones(shape))
    assert "Lazy" in repr(layer)
