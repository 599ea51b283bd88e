"""`nn.utils`: bounds on gradients, parameters as a vector, packed sequences."""

import math

import numpy as np
import pytest

import tensorcore as tc
from tensorcore import nn
from tensorcore.nn.utils import rnn


def parameters(seed=0, dtype="float32"):
    rng = np.random.default_rng(seed)
    arrays = [rng.standard_normal(s).astype(dtype) for s in ((3, 4), (5,), ())]
    made = [nn.Parameter(tc.zeros(a.shape, dtype=getattr(tc, dtype))) for a in arrays]
    for p, a in zip(made, arrays, strict=True):
        p.grad = tc.asarray(a.copy())
    return made, arrays


@pytest.mark.parametrize("norm", [0.5, 1, 2, 3.0, math.inf])
@pytest.mark.parametrize("bound", [0.1, 1e4])
def test_norms_are_clipped_as_in_torch(norm, bound):
    torch = pytest.importorskip("torch")
    mine, arrays = parameters(dtype="float64")
    theirs = [torch.nn.Parameter(torch.zeros(a.shape, dtype=torch.float64)) for a in arrays]
    for p, a in zip(theirs, arrays, strict=True):
        p.grad = torch.tensor(a)
    got = nn.utils.clip_grad_norm_(iter(mine), bound, norm)
    expected = torch.nn.utils.clip_grad_norm_(theirs, bound, norm)
    assert isinstance(got, tc.Tensor)
    assert got.shape == ()
    np.testing.assert_allclose(float(got), float(expected), rtol=1e-12)
    for p, q in zip(mine, theirs, strict=True):
        np.testing.assert_allclose(np.array(p.grad), q.grad.numpy(), rtol=1e-12)


@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_clipping_changes_gradients_in_place(device):
    p, without = nn.Parameter(tc.zeros(2, device=device)), nn.Parameter(tc.zeros(2, device=device))
    p.grad = g = tc.asarray([3.0, 4.0]).to(device)
    total = nn.utils.clip_grad_norm_([p, without], 1.0)
    assert total.device.type == device
    assert float(total) == pytest.approx(5)
    assert p.grad is g
    np.testing.assert_allclose(np.array(g.cpu()), [0.6, 0.8], rtol=1e-5)
    nn.utils.clip_grad_value_(p, 0.7)
    np.testing.assert_allclose(np.array(g.cpu()), [0.6, 0.7], rtol=1e-5)
    assert float(nn.utils.clip_grad_norm_([without], 1.0)) == 0


def test_half_gradients_do_not_overflow():
    p = nn.Parameter(tc.zeros(4, dtype=tc.float16))
    p.grad = tc.full(4, 1000.0, dtype=tc.float16)
    assert float(nn.utils.clip_grad_norm_([p], 1.0)) == pytest.approx(2000)
    np.testing.assert_allclose(np.array(p.grad), np.full(4, 0.5), rtol=1e-3)


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_gradients_that_are_not_finite(bad):
    p = nn.Parameter(tc.zeros(2))
    p.grad = tc.asarray([1.0, bad])
    with pytest.raises(RuntimeError, match="norm of the gradients is"):
        nn.utils.clip_grad_norm_([p], 1.0, error_if_nonfinite=True)
    np.testing.assert_array_equal(np.array(p.grad), np.array([1.0, bad], "float32"))
    assert not math.isfinite(float(nn.utils.clip_grad_norm_([p], 1.0)))
    with pytest.raises(ValueError, match="must not be negative, got -1"):
        nn.utils.clip_grad_value_([p], -1)


def test_vector_and_back():
    made, _ = parameters()
    for p in made:
        nn.init.normal_(p)
    vector = nn.utils.parameters_to_vector(made)
    assert vector.shape == (18,)
    vector.sum().backward()
    before = [np.array(p.detach()) for p in made]
    nn.utils.vector_to_parameters(vector * 2, made)
    for p, b in zip(made, before, strict=True):
        np.testing.assert_array_equal(np.array(p.detach()), 2 * b)
    with pytest.raises(ValueError, match=r"must have shape \(18,\), got \(17,\)"):
        nn.utils.vector_to_parameters(vector[1:], made)
    with pytest.raises(ValueError, match="at least one parameter"):
        nn.utils.parameters_to_vector([])


# ---- packed sequences ----

LENGTHS = [(4, 2, 1), (2, 4, 1), (3, 3, 3)]


def batch(lengths, dtype="float64"):
    return np.random.default_rng(0).standard_normal((max(lengths), len(lengths), 3)).astype(dtype)


@pytest.mark.parametrize("lengths", LENGTHS)
@pytest.mark.parametrize("batch_first", [False, True])
def test_packing_is_that_of_torch(lengths, batch_first):
    torch = pytest.importorskip("torch")
    x = batch(lengths)
    x = x.transpose(1, 0, 2).copy() if batch_first else x
    mine = rnn.pack_padded_sequence(tc.asarray(x), lengths, batch_first, enforce_sorted=False)
    theirs = torch.nn.utils.rnn.pack_padded_sequence(
        torch.tensor(x), torch.tensor(lengths), batch_first, enforce_sorted=False
    )
    for a, b in zip(mine, theirs, strict=True):
        np.testing.assert_array_equal(np.array(a), b.numpy())
    assert mine.lengths() == list(lengths)
    padded, found = rnn.pad_packed_sequence(mine, batch_first, padding_value=-1.0, total_length=5)
    expected, _ = torch.nn.utils.rnn.pad_packed_sequence(theirs, batch_first, padding_value=-1.0, total_length=5)
    np.testing.assert_array_equal(np.array(padded), expected.numpy())
    assert found.tolist() == list(lengths)
    parts = rnn.unpad_sequence(padded, found, batch_first)
    assert [p.shape[0] for p in parts] == list(lengths)
    again = rnn.pack_sequence(parts, enforce_sorted=False)
    np.testing.assert_array_equal(np.array(again.data), np.array(mine.data))


@pytest.mark.parametrize("kind", ["RNN", "LSTM", "GRU"])
@pytest.mark.parametrize("lengths", LENGTHS)
def test_packed_sequences_through_layers(kind, lengths):
    torch = pytest.importorskip("torch")
    x = batch(lengths)
    settings = {"num_layers": 2, "bidirectional": True, "batch_first": True}
    layer = getattr(nn, kind)(3, 4, **settings).double()
    reference = getattr(torch.nn, kind)(3, 4, **settings).double()
    layer.load_state_dict(reference.state_dict())
    mine, theirs = tc.tensor(x, requires_grad=True), torch.tensor(x, requires_grad=True)
    y, state = layer(rnn.pack_padded_sequence(mine, lengths, enforce_sorted=False))
    y_theirs, state_theirs = reference(
        torch.nn.utils.rnn.pack_padded_sequence(theirs, torch.tensor(lengths), enforce_sorted=False)
    )
    assert isinstance(y, rnn.PackedSequence)
    np.testing.assert_allclose(np.array(y.data.detach()), y_theirs.data.detach().numpy(), rtol=1e-10, atol=1e-12)
    states = zip(*((s if isinstance(s, tuple) else (s,)) for s in (state, state_theirs)), strict=True)
    for a, b in states:
        np.testing.assert_allclose(np.array(a.detach()), b.detach().numpy(), rtol=1e-10, atol=1e-12)
    (y.data * y.data).sum().backward()
    (y_theirs.data * y_theirs.data).sum().backward()
    np.testing.assert_allclose(np.array(mine.grad), theirs.grad.numpy(), rtol=1e-9, atol=1e-12)
    # The same without packing: padded, with lengths.
    padded, _ = layer(tc.asarray(x.transpose(1, 0, 2).copy()), lengths=list(lengths))
    again, _ = rnn.pad_packed_sequence(y, batch_first=True)
    np.testing.assert_allclose(np.array(padded.detach()), np.array(again.detach()), rtol=1e-12)


def test_padding_sequences():
    rows = [tc.asarray([[1.0], [2.0]]), tc.asarray([[3.0]])]
    np.testing.assert_array_equal(np.array(rnn.pad_sequence(rows))[..., 0], [[1, 3], [2, 0]])
    left = rnn.pad_sequence(rows, batch_first=True, padding_value=9, padding_side="left")
    np.testing.assert_array_equal(np.array(left)[..., 0], [[1, 2], [9, 3]])


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: rnn.pack_padded_sequence(tc.ones((3, 2, 1)), [1, 3]), "must not increase with enforce_sorted=True"),
        (lambda: rnn.pack_padded_sequence(tc.ones((3, 2, 1)), [4, 3]), "numbers from 1 to 3, got"),
        (lambda: rnn.pack_padded_sequence(tc.ones((3, 2, 1)), [3]), "must hold 2 numbers"),
        (lambda: rnn.pack_padded_sequence(tc.ones(3), [3]), "axes of steps and batch"),
        (lambda: rnn.pad_sequence([]), "needs sequences"),
        (lambda: nn.LSTM(3, 4)(tc.ones((2, 2, 5))), "LSTM: x must have 2 or 3 axes, the last of extent 3"),
        (lambda: nn.LSTM(3, 0), "must be at least 1"),
        (lambda: nn.GRU(3, 2, dropout=2), "dropout must be in"),
        (lambda: nn.RNN(3, 2, nonlinearity="x"), "must be 'tanh' or 'relu', got 'x'"),
        (lambda: nn.LSTMCell(3, 2)(tc.ones((1, 3)), (tc.ones((2, 2)), tc.ones((1, 2)))), "a state must have shape"),
    ],
)
def test_errors(call, text):
    with pytest.raises(ValueError, match=text):
        call()
