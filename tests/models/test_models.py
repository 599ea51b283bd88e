"""The models: shapes, sizes, what they refuse, and that they learn."""

import numpy as np
import pytest

import tensorcore as tc
from tensorcore import models, optim
from tensorcore.nn import functional as F


def count(model):
    return sum(p.size for p in model.parameters())


def learn(model, inputs, target, steps, lr=1e-2, loss=F.cross_entropy):
    optimizer = optim.Adam(model.parameters(), lr=lr)
    model.train()
    for _ in range(steps):
        optimizer.zero_grad()
        value = loss(model(*inputs), target)
        value.backward()
        optimizer.step()
    return float(value.item())


@pytest.mark.parametrize("activation", ["relu", "gelu", "tanh", "sigmoid", "silu"])
def test_mlp(activation):
    tc.manual_seed(0)
    model = models.MLP((8, 16, 4), activation=activation)
    assert count(model) == 8 * 16 + 16 + 16 * 4 + 4
    x = tc.random.randn((32, 2, 2, 2))
    assert model(x).shape == (32, 4)
    assert learn(model, (x,), tc.arange(32) % 4, 300) < 0.1


def test_mlp_refuses():
    for sizes in ((3,), (), (3, 0)):
        with pytest.raises(ValueError, match="MLP: sizes must be two positive numbers or more"):
            models.MLP(sizes)
    with pytest.raises(ValueError, match=r"MLP: activation must be one of relu, .*, got 'step'"):
        models.MLP((2, 2), activation="step")


def test_mlp_dropout_acts_in_training_only():
    model = models.MLP((4, 64, 2), dropout=0.5)
    x = tc.ones((3, 4))
    assert not (model(x) == model(x)).all()
    model.eval()
    assert (model(x) == model(x)).all()


def test_cnn():
    tc.manual_seed(0)
    model = models.CNN(size=(8, 8), widths=(4, 8), hidden=16, dropout=0.0, classes=3)
    conv = 4 * 9 + 2 * 4 + 8 * 4 * 9 + 2 * 8
    assert count(model) == conv + (8 * 2 * 2) * 16 + 16 + 16 * 3 + 3
    x = tc.random.randn((12, 1, 8, 8))
    assert learn(model, (x,), tc.arange(12) % 3, 60) < 0.05
    assert models.CNN(channels=3, size=(32, 24), convolutions=2)(tc.zeros((2, 3, 32, 24))).shape == (2, 10)
    with pytest.raises(ValueError, match="pictures of 3×8 are too small for 2 blocks"):
        models.CNN(size=(3, 8))


def test_char_lstm_learns_a_cycle_and_writes_it():
    tc.manual_seed(0)
    cycle = [0, 1, 2, 3]
    model = models.CharLSTM(4, embedding=8, hidden=16)
    codes = tc.asarray([cycle * 4, cycle[1:] * 4 + cycle[1:] + [0]]).astype(tc.int64)[:1]
    x, y = codes[:, :-1], codes[:, 1:]
    last = learn(model, (x,), y, 200, loss=lambda out, t: F.cross_entropy(out[0].reshape((-1, 4)), t.reshape(-1)))
    assert last < 0.05
    assert model.generate([0, 1], 6, temperature=0) == [2, 3, 0, 1, 2, 3]
    assert model.training


def test_char_lstm_state_carries_on():
    model = models.CharLSTM(5, embedding=4, hidden=6, layers=2)
    codes = tc.asarray([[0, 1, 2, 3, 4, 0]])
    whole, _ = model(codes)
    first, state = model(codes[:, :3])
    second, _ = model(codes[:, 3:], state)
    np.testing.assert_allclose(
        np.asarray(tc.concat([first, second], axis=1).detach()), np.asarray(whole.detach()), atol=1e-6
    )


def test_generate_draws_by_the_softmax():
    model = models.CharLSTM(3, embedding=2, hidden=2)
    with tc.no_grad():
        model.head.weight[...] = 0.0
        model.head.bias[...] = tc.asarray([0.0, np.log(3.0), -np.inf])
    codes = model.generate([0], 2000, generator=tc.Generator(0))
    assert set(codes) == {0, 1}
    assert abs(codes.count(1) / 2000 - 0.75) < 0.04
    assert codes == model.generate([0], 2000, generator=tc.Generator(0))
    assert model.generate([0], 0) == []
    with pytest.raises(ValueError, match="the prompt must have at least one character"):
        model.generate([], 3)
    with pytest.raises(ValueError, match="temperature must be at least 0, got -1"):
        model.generate([0], 3, temperature=-1)


@pytest.mark.parametrize("embedding", [None, 6])
def test_text_classifier(embedding):
    tc.manual_seed(0)
    model = models.TextClassifier(10, 2, embedding=embedding)
    ids = tc.asarray([[1, 2, 0], [3, 4, 5], [1, 5, 0], [3, 2, 0]])
    weights = (ids != 0).astype(tc.float32)
    target = tc.asarray([1, 0, 1, 0])
    assert learn(model, (ids, weights), target, 400) < 0.05
    more = tc.concat([ids, tc.zeros((4, 3), dtype=tc.int64)], axis=1)
    padded = model(more, tc.concat([weights, tc.zeros((4, 3))], axis=1))
    np.testing.assert_allclose(np.asarray(padded.detach()), np.asarray(model(ids, weights).detach()), rtol=1e-6)
    assert (model.embedding.weight[0] == 0).all() or embedding is not None
