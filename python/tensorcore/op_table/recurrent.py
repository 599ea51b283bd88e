"""Recurrent layers over whole sequences."""

import numpy as np

import tensorcore as tc

from .row import Op

F = tc.nn.functional
STEPS, BATCH, INPUTS, HIDDEN = 3, 3, 2, 4
LENGTHS = (2, 3, 1)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def cell(kind, a, h, c, w_hh, b_hh):
    """One step from the input's part of the gates."""
    r = h @ w_hh.T + b_hh
    if kind == "lstm":
        i, f, n, o = np.split(a + r, 4, axis=-1)
        c = sigmoid(f) * c + sigmoid(i) * np.tanh(n)
        return sigmoid(o) * np.tanh(c), c
    if kind == "gru":
        (ar, az, an), (rr, rz, rn) = np.split(a, 3, axis=-1), np.split(r, 3, axis=-1)
        z = sigmoid(az + rz)
        return (1 - z) * np.tanh(an + sigmoid(ar + rr) * rn) + z * h, None
    return (np.tanh(a + r) if kind == "tanh" else np.maximum(a + r, 0)), None


def layer(kind, reverse, x, h, c, w_ih, w_hh, b_ih, b_hh, lengths):
    """One layer and direction, row by row."""
    steps, batch, _ = x.shape
    y = np.zeros((steps, *h.shape))
    h, c = h.copy(), None if c is None else c.copy()
    for b in range(batch):
        order = range(steps if lengths is None else lengths[b])
        for t in reversed(order) if reverse else order:
            h[b], c_new = cell(kind, x[t, b] @ w_ih.T + b_ih, h[b], None if c is None else c[b], w_hh, b_hh)
            y[t, b] = h[b]
            if c is not None:
                c[b] = c_new
    return y, h, c


def network(kind, layers=1, directions=1, lengths=None):
    """The reference of a stack: x, states, weights as flat arguments."""
    states = 2 if kind == "lstm" else 1

    def reference(x, *rest):
        h0, weights = rest[:states], rest[states:]
        hs, cs = [], []
        for i in range(layers):
            sides = []
            for d in range(directions):
                at = i * directions + d
                c0 = h0[1][at] if states == 2 else None
                y, h, c = layer(kind, d == 1, x, h0[0][at], c0, *weights[4 * at : 4 * at + 4], lengths)
                sides.append(y)
                hs.append(h)
                cs.append(c)
            x = np.concatenate(sides, axis=-1)
        return (x, np.stack(hs), np.stack(cs)) if states == 2 else (x, np.stack(hs))

    return reference


def ours(kind, layers=1, directions=1, lengths=None):
    """Our function on the same flat arguments."""
    states = 2 if kind == "lstm" else 1
    function = F.lstm if kind == "lstm" else F.gru if kind == "gru" else F.rnn
    options = {"num_layers": layers, "bidirectional": directions == 2, "lengths": lengths}
    if kind in ("tanh", "relu"):
        options["nonlinearity"] = kind

    def call(x, *rest):
        state = rest[:2] if states == 2 else rest[0]
        y, final = function(x, state, rest[states:], **options)
        return (y, *final) if states == 2 else (y, final)

    return call


def draw(kind, layers=1, directions=1):
    """Inputs, states and weights."""
    wide = {"lstm": 4, "gru": 3}.get(kind, 1) * HIDDEN

    def sample(rng):
        arrays = [rng.uniform(-1, 1, (STEPS, BATCH, INPUTS))]
        arrays += [rng.uniform(-1, 1, (layers * directions, BATCH, HIDDEN)) for _ in range(2 if kind == "lstm" else 1)]
        for i in range(layers):
            for _ in range(directions):
                shapes = (wide, INPUTS if i == 0 else directions * HIDDEN), (wide, HIDDEN), (wide,), (wide,)
                arrays += [rng.uniform(-0.6, 0.6, s) for s in shapes]
        return arrays

    return sample


def row(name, kind, layers=1, directions=1, lengths=None, errors=()):
    """The op table's row of one network."""
    settings = layers, directions, lengths
    return Op(
        name, ours(kind, *settings), network(kind, *settings), draw(kind, layers, directions), terms=64, errors=errors
    )


def zero_state(*, batch=2):
    return tc.zeros((1, batch, 3))


def weights(gates):
    return [tc.ones((3 * gates, 2)), tc.ones((3 * gates, 3)), tc.ones(3 * gates), tc.ones(3 * gates)]


X = tc.ones((4, 2, 2))
ROWS = [
    row(
        "rnn",
        "tanh",
        errors=[
            (
                lambda: F.rnn(X, zero_state(), weights(1), nonlinearity="gelu"),
                ValueError,
                "rnn: nonlinearity must be 'tanh' or 'relu', got 'gelu'",
            ),
            (
                lambda: F.rnn(X, zero_state(batch=3), weights(1)),
                ValueError,
                "rnn: a state must have shape (layers · directions, batch, hidden) = (1, 2, 3), got (1, 3, 3)",
            ),
        ],
    ),
    row("rnn[relu]", "relu"),
    row("rnn[bidirectional, lengths]", "tanh", 1, 2, LENGTHS),
    row(
        "lstm",
        "lstm",
        errors=[
            (lambda: F.lstm(X, zero_state(), weights(4)), TypeError, "lstm: state must be a pair (h, c)"),
            (
                lambda: F.lstm(X, (zero_state(), zero_state()), weights(4)[:3]),
                ValueError,
                "lstm: weights must hold 4 tensors per layer and direction (w_ih, w_hh, b_ih, b_hh), or 2 without biases, "
                "for 1 of them; got 3",
            ),
            (
                lambda: F.lstm(X, (zero_state(), zero_state()), weights(4), lengths=[5, 1]),
                ValueError,
                "lstm: lengths must lie in [1, 4], got 5 in row 0",
            ),
        ],
    ),
    row("lstm[two layers, bidirectional]", "lstm", 2, 2),
    row("lstm[lengths]", "lstm", 1, 1, LENGTHS),
    row(
        "gru",
        "gru",
        errors=[
            (lambda: F.gru(X, zero_state(), weights(4)), ValueError, "gru: w_ih must have shape (9, 2), got (12, 2)"),
        ],
    ),
    row("gru[bidirectional, lengths]", "gru", 1, 2, LENGTHS),
]
