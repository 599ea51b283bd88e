"""Recurrent layers against PyTorch in float64: outputs, final states, every gradient; fused against composed."""

import numpy as np
import pytest

import tensorcore as tc

F = tc.nn.functional
GATES = {"rnn_tanh": 1, "rnn_relu": 1, "lstm": 4, "gru": 3}


def make(rng, kind, steps=5, batch=4, inputs=3, hidden=6, layers=1, directions=1, biases=True):
    """x, states and weights (in PyTorch's order) as arrays."""
    x = rng.standard_normal((steps, batch, inputs))
    states = [rng.standard_normal((layers * directions, batch, hidden)) for _ in range(2 if kind == "lstm" else 1)]
    weights = []
    for layer in range(layers):
        for _ in range(directions):
            wide = GATES[kind] * hidden
            shapes = [(wide, inputs if layer == 0 else hidden * directions), (wide, hidden)]
            shapes += [(wide,), (wide,)] if biases else []
            weights += [rng.uniform(-0.6, 0.6, s) for s in shapes]
    return x, states, weights


def call(kind, x, states, weights, **options):
    """Our function for `kind`: output and final states in one list."""
    if kind == "lstm":
        y, (h, c) = F.lstm(x, tuple(states), weights, **options)
        return [y, h, c]
    if kind == "gru":
        return list(F.gru(x, states[0], weights, **options))
    return list(F.rnn(x, states[0], weights, nonlinearity=kind[4:], **options))


def weigh(outputs, to):
    """A scalar that depends on every element of the outputs differently."""
    weights = np.random.default_rng(7)
    return sum((o * to(weights.uniform(0.5, 1.5, tuple(o.shape)))).sum() for o in outputs)


def compare_with_torch(kind, x, states, weights, lengths=None, batch_first=False, layers=1, directions=1, biases=True):
    torch = pytest.importorskip("torch")
    if batch_first:
        x = x.swapaxes(0, 1)
    mine = [tc.tensor(a, requires_grad=True) for a in (np.ascontiguousarray(x), *states, *weights)]
    split = 1 + len(states)
    ours = call(
        kind,
        mine[0],
        mine[1:split],
        mine[split:],
        num_layers=layers,
        bidirectional=directions == 2,
        batch_first=batch_first,
        lengths=lengths,
    )
    module = {"lstm": torch.nn.LSTM, "gru": torch.nn.GRU}.get(kind, torch.nn.RNN)
    options = {"nonlinearity": kind[4:]} if module is torch.nn.RNN else {}
    net = module(
        x.shape[-1],
        states[0].shape[-1],
        layers,
        bias=biases,
        batch_first=batch_first,
        bidirectional=directions == 2,
        dtype=torch.float64,
        **options,
    )
    for parameter, value in zip(net.parameters(), weights, strict=True):
        parameter.data = torch.tensor(value)
    tx = torch.tensor(np.ascontiguousarray(x), requires_grad=True)
    ts = [torch.tensor(s, requires_grad=True) for s in states]
    sequence = tx
    if lengths is not None:
        sequence = torch.nn.utils.rnn.pack_padded_sequence(
            tx, torch.tensor(lengths), batch_first=batch_first, enforce_sorted=False
        )
    y, finals = net(sequence, tuple(ts) if kind == "lstm" else ts[0])
    if lengths is not None:
        y, _ = torch.nn.utils.rnn.pad_packed_sequence(y, batch_first=batch_first, total_length=tx.shape[batch_first])
    theirs = [y, *(finals if kind == "lstm" else (finals,))]
    for a, b in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(np.asarray(a.detach()), b.detach().numpy(), rtol=1e-11, atol=1e-13)
    weigh(ours, tc.asarray).backward()
    weigh(theirs, torch.tensor).backward()
    for a, b in zip(mine, [tx, *ts, *net.parameters()], strict=True):
        np.testing.assert_allclose(np.asarray(a.grad), b.grad.numpy(), rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("kind", GATES)
@pytest.mark.parametrize("biases", [True, False])
@pytest.mark.parametrize(("steps", "batch", "hidden"), [(5, 4, 6), (1, 1, 1), (3, 37, 17), (9, 2, 40)])
def test_one_layer(rng, kind, biases, steps, batch, hidden):
    compare_with_torch(kind, *make(rng, kind, steps, batch, 3, hidden, biases=biases), biases=biases)


@pytest.mark.parametrize("kind", GATES)
@pytest.mark.parametrize("batch_first", [False, True])
def test_layers_and_directions(rng, kind, batch_first):
    arrays = make(rng, kind, layers=3, directions=2)
    compare_with_torch(kind, *arrays, batch_first=batch_first, layers=3, directions=2)


@pytest.mark.parametrize("kind", GATES)
@pytest.mark.parametrize("directions", [1, 2])
@pytest.mark.parametrize("batch_first", [False, True])
def test_lengths_in_any_order(rng, kind, directions, batch_first):
    arrays = make(rng, kind, steps=6, batch=5, layers=2, directions=directions)
    compare_with_torch(kind, *arrays, lengths=[3, 6, 1, 6, 2], batch_first=batch_first, layers=2, directions=directions)


@pytest.mark.parametrize("kind", GATES)
@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("lengths", [None, [2, 4, 1]])
def test_fused_agrees_with_the_composed_form(rng, kind, reverse, lengths):
    from tensorcore.nn.functional.recurrent import _layer, reference_layer

    x, states, weights = make(rng, kind, steps=4, batch=3)
    arrays = [x, *(s[0] for s in states), *([None] if kind != "lstm" else []), *weights]
    results = []
    counts = None if lengths is None else tc.asarray(lengths)
    for function in (_layer, reference_layer):
        inputs = [None if a is None else tc.tensor(a, requires_grad=True) for a in arrays]
        outputs = function(kind, reverse, *inputs, counts)
        weigh(outputs, tc.asarray).backward()
        results.append([o.detach() for o in outputs] + [i.grad for i in inputs if i is not None])
    for a, b in zip(*results, strict=True):
        np.testing.assert_allclose(np.asarray(a), np.asarray(b), rtol=1e-11, atol=1e-13)


@pytest.mark.parametrize("kind", GATES)
def test_unused_outputs_have_no_gradient_to_send(rng, kind):
    """The gradient of one output alone: the others count as zero."""
    x, states, weights = make(rng, kind)
    for chosen in range(1 + len(states)):
        grads = []
        for mask in (False, True):
            tx = tc.tensor(x, requires_grad=True)
            outputs = call(kind, tx, [tc.asarray(s) for s in states], [tc.asarray(w) for w in weights])
            total = outputs[chosen].sum()
            if mask:
                for o in outputs:
                    total = total + (o * 0.0).sum()
            total.backward()
            grads.append(np.asarray(tx.grad))
        np.testing.assert_array_equal(*grads)


@pytest.mark.parametrize("kind", GATES)
def test_results_do_not_depend_on_threads(rng, kind):
    x, states, weights = make(rng, kind, steps=7, batch=67, inputs=33, hidden=65)
    before, results = tc.get_num_threads(), []
    try:
        for threads in (1, 2, 3):
            tc.set_num_threads(threads)
            inputs = [
                tc.tensor(a, requires_grad=True).astype(tc.float32).detach().requires_grad_()
                for a in (x, *states, *weights)
            ]
            split = 1 + len(states)
            outputs = call(kind, inputs[0], inputs[1:split], inputs[split:])
            sum(o.sum() for o in outputs).backward()
            results.append([np.asarray(o.detach()) for o in outputs] + [np.asarray(i.grad) for i in inputs])
    finally:
        tc.set_num_threads(before)
    for other in results[1:]:
        for a, b in zip(results[0], other, strict=True):
            np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("kind", GATES)
@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32"])
def test_narrow_dtypes(rng, kind, dtype):
    x, states, weights = make(rng, kind, steps=4)
    narrow = [tc.asarray(a).astype(getattr(tc, dtype)) for a in (x, *states, *weights)]
    exact = [n.astype(tc.float64) for n in narrow]
    split = 1 + len(states)
    for n, e in zip(
        call(kind, narrow[0], narrow[1:split], narrow[split:]),
        call(kind, exact[0], exact[1:split], exact[split:]),
        strict=True,
    ):
        assert n.dtype is getattr(tc, dtype)
        tc.testing.assert_close(n, e, terms=64)


@pytest.mark.parametrize("kind", GATES)
def test_layouts(rng, kind):
    x, states, weights = make(rng, kind)
    plain = call(kind, tc.asarray(x), [tc.asarray(s) for s in states], [tc.asarray(w) for w in weights])

    def odd(a):
        return tc.asarray(np.ascontiguousarray(a[..., ::-1]))[..., ::-1]

    other = call(kind, odd(x), [odd(s) for s in states], [odd(w) for w in weights])
    for a, b in zip(plain, other, strict=True):
        np.testing.assert_array_equal(np.asarray(a), np.asarray(b))


@pytest.mark.parametrize("kind", GATES)
@pytest.mark.parametrize(("batch", "inputs", "hidden"), [(0, 3, 4), (2, 0, 4), (2, 3, 0)])
def test_size_zero(rng, kind, batch, inputs, hidden):
    compare_shapes = make(rng, kind, batch=batch, inputs=inputs, hidden=hidden)
    x, states, weights = compare_shapes
    leaves = [tc.tensor(a, requires_grad=True) for a in (x, *states, *weights)]
    split = 1 + len(states)
    outputs = call(kind, leaves[0], leaves[1:split], leaves[split:])
    assert outputs[0].shape == (5, batch, hidden)
    sum(o.sum() for o in outputs).backward()
    for leaf in leaves:
        assert leaf.grad.shape == leaf.shape
        if batch == 0:
            assert not np.asarray(leaf.grad).any()


def test_dropout_acts_between_layers_only(rng):
    x, states, weights = make(rng, "gru", layers=2)
    args = tc.asarray(x), [tc.asarray(s) for s in states], [tc.asarray(w) for w in weights]
    plain = call("gru", *args, num_layers=2)
    idle = call("gru", *args, num_layers=2, dropout=0.5, training=False)
    np.testing.assert_array_equal(np.asarray(plain[0]), np.asarray(idle[0]))
    dropped = call("gru", *args, num_layers=2, dropout=1.0, training=True)
    np.testing.assert_array_equal(np.asarray(plain[1])[0], np.asarray(dropped[1])[0])
    zeroed = call("gru", tc.zeros((5, 4, 6), dtype=tc.float64), [tc.asarray(states[0][1:])], args[2][4:])
    np.testing.assert_allclose(np.asarray(dropped[0]), np.asarray(zeroed[0]), rtol=1e-12)


def test_errors(rng):
    x, states, weights = make(rng, "lstm")
    x, states, weights = tc.asarray(x), [tc.asarray(s) for s in states], [tc.asarray(w) for w in weights]
    cases = [
        (lambda: F.lstm(x, states[0], weights), TypeError, "lstm: state must be a pair (h, c)"),
        (
            lambda: F.lstm(x, states, weights[:3]),
            ValueError,
            "lstm: weights must hold 4 tensors per layer and direction (w_ih, w_hh, b_ih, b_hh), or 2 without biases, "
            "for 1 of them; got 3",
        ),
        (
            lambda: F.lstm(x[0], states, weights),
            ValueError,
            "lstm: x must have three axes (steps, batch, inputs), got shape (4, 3)",
        ),
        (
            lambda: F.lstm(x, (states[0][:, :3], states[1]), weights),
            ValueError,
            "lstm: a state must have shape (layers · directions, batch, hidden) = (1, 4, 6), got (1, 3, 6)",
        ),
        (
            lambda: F.lstm(x, states, weights, lengths=[1, 2, 3]),
            ValueError,
            "lstm: lengths must have one entry per batch row, shape (4,), got (3,)",
        ),
        (
            lambda: F.lstm(x, states, weights, lengths=[1, 2, 3, 6]),
            ValueError,
            "lstm: lengths must lie in [1, 5], got 6 in row 3",
        ),
        (
            lambda: F.lstm(x, states, weights, lengths=[1, 0, 3, 5]),
            ValueError,
            "lstm: lengths must lie in [1, 5], got 0 in row 1",
        ),
        (
            lambda: F.lstm(x, states, weights, lengths=[1.0, 2.0, 3.0, 4.0]),
            TypeError,
            "lstm: lengths must be integers, got float32",
        ),
        (lambda: F.lstm(x.astype(tc.int32), states, weights), TypeError, "lstm: x must be floating-point, got int32"),
        (
            lambda: F.lstm(x.astype(tc.float32), states, weights),
            TypeError,
            "lstm: all tensors must have one dtype, got x float32 and the state float64",
        ),
        (
            lambda: F.lstm(x[:0], states, weights),
            ValueError,
            "lstm: a sequence must have at least one step, got x (0, 4, 3)",
        ),
        (lambda: F.lstm(x, states, weights, num_layers=0), ValueError, "lstm: num_layers must be at least 1, got 0"),
        (lambda: F.lstm(x, states, weights, dropout=1.5), ValueError, "lstm: dropout must lie in [0, 1], got 1.5"),
        (lambda: F.gru(x, states[0], weights), ValueError, "gru: w_ih must have shape (18, 3), got (24, 3)"),
        (
            lambda: F.lstm(x, states, [weights[1], *weights[1:]]),
            ValueError,
            "lstm: w_ih must have shape (24, 3), got (24, 6)",
        ),
        (
            lambda: F.lstm(x, states, [*weights[:3], weights[3][:5]]),
            ValueError,
            "lstm: b_hh must have shape (24,), got (5,)",
        ),
        (
            lambda: F.rnn(x, states[0], weights, nonlinearity="sigmoid"),
            ValueError,
            "rnn: nonlinearity must be 'tanh' or 'relu', got 'sigmoid'",
        ),
        (lambda: F.rnn(1.0, states[0], weights), TypeError, "rnn: x must be a Tensor, got float"),
    ]
    for function, exception, text in cases:
        with pytest.raises(exception) as caught:
            function()
        assert str(caught.value) == text
