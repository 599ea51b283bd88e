"""Recurrent layers over whole sequences: each layer and direction is one fused kernel call."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ... import _core, autograd
from ...autograd import record
from ...ops.creation import asarray, zeros
from ...ops.elementwise import maximum, sigmoid, tanh, where
from ...ops.linalg import matmul
from ...ops.shape import concat, permute_dims, reshape, stack
from ...tensor import Tensor

_GATES = {"rnn_tanh": 1, "rnn_relu": 1, "lstm": 4, "gru": 3}


# ---- the composed form: reference, and second order ----------------------------------------------


def _cell(kind: str, a: Tensor, h: Tensor, c: Any, w_hh: Tensor, b_hh: Any) -> tuple[Tensor, Any]:
    """One step from the input's part `a` (B, G·H) and the state."""
    r = matmul(h, w_hh.mT)
    if b_hh is not None:
        r = r + b_hh
    n = h.shape[1]

    def gate(x: Tensor, i: int) -> Tensor:
        return x[:, i * n : (i + 1) * n]

    if kind == "lstm":
        a = a + r
        i, f, o = sigmoid(gate(a, 0)), sigmoid(gate(a, 1)), sigmoid(gate(a, 3))
        c = f * c + i * tanh(gate(a, 2))
        return o * tanh(c), c
    if kind == "gru":
        reset, update = sigmoid(gate(a, 0) + gate(r, 0)), sigmoid(gate(a, 1) + gate(r, 1))
        new = tanh(gate(a, 2) + reset * gate(r, 2))
        return new + update * (h - new), None
    return (tanh(a + r) if kind == "rnn_tanh" else maximum(a + r, 0.0)), None


def reference_layer(
    kind: str,
    reverse: bool,
    x: Tensor,
    h: Tensor,
    c: Any,
    w_ih: Tensor,
    w_hh: Tensor,
    b_ih: Any,
    b_hh: Any,
    lengths: Any,
) -> tuple[Tensor, ...]:
    """One layer and direction in recorded ops, step by step: (output, h_n) or (output, h_n, c_n)."""
    steps = x.shape[0]
    outputs: list[Any] = [None] * steps
    for t in reversed(range(steps)) if reverse else range(steps):
        a = matmul(x[t], w_ih.mT)
        if b_ih is not None:
            a = a + b_ih
        h_new, c_new = _cell(kind, a, h, c, w_hh, b_hh)
        if lengths is None:
            h, c, outputs[t] = h_new, c_new, h_new
            continue
        active = reshape(lengths > t, (-1, 1))
        outputs[t] = where(active, h_new, 0.0)
        h = where(active, h_new, h)
        c = None if c is None else where(active, c_new, c)
    y = stack(outputs, axis=0)
    return (y, h) if c is None else (y, h, c)


# ---- the fused layer -----------------------------------------------------------------------------


def _layer(
    kind: str,
    reverse: bool,
    x: Tensor,
    h0: Tensor,
    c0: Any,
    w_ih: Tensor,
    w_hh: Tensor,
    b_ih: Any,
    b_hh: Any,
    lengths: Any,
) -> tuple[Tensor, ...]:
    """One layer and direction: (output, h_n) or (output, h_n, c_n), recorded as one operation."""
    y, h, c, gates, cells = _core.recurrent(kind, reverse, x, h0, c0, w_ih, w_hh, b_ih, b_hh, lengths)
    outputs = (y, h, c) if kind == "lstm" else (y, h)
    inputs = (x, h0, c0, w_ih, w_hh, b_ih, b_hh)

    def rule(g: Any, needs: Sequence[bool], y: Any, gates: Any, cells: Any, *values: Any) -> Sequence[Any]:
        x, h0, c0, w_ih, w_hh = values[:5]
        if _core.is_grad_enabled():
            return _composed_rule(kind, reverse, values, lengths, g, needs)
        g_y = zeros(y.shape, dtype=y.dtype) if g[0] is None else g[0]
        g_h = zeros(h0.shape, dtype=y.dtype) if g[1] is None else g[1]
        g_c = None
        if kind == "lstm":
            g_c = zeros(h0.shape, dtype=y.dtype) if g[2] is None else g[2]
        found = list(
            _core.recurrent_backward(kind, reverse, x, h0, c0, w_ih, w_hh, lengths, y, gates, cells, g_y, g_h, g_c)
        )
        if kind != "lstm":
            found[2] = None
        return found

    return record(outputs, kind, rule, inputs, (y, gates, cells, *inputs))


def _composed_rule(
    kind: str, reverse: bool, values: Sequence[Any], lengths: Any, g: Sequence[Any], needs: Sequence[bool]
) -> Sequence[Any]:
    outputs = reference_layer(kind, reverse, *values, lengths)  # type: ignore[call-arg]
    pairs = [(o, part) for o, part in zip(outputs, g, strict=True) if part is not None]
    chosen = [i for i, need in enumerate(needs) if need]
    found = autograd.grad(
        [o for o, _ in pairs], [values[i] for i in chosen], [p for _, p in pairs], create_graph=True, allow_unused=True
    )
    grads: list[Any] = [None] * len(values)
    for i, part in zip(chosen, found, strict=True):
        grads[i] = part
    return grads


# ---- layers, directions, padding -----------------------------------------------------------------


def _lengths(op: str, lengths: Any, batch: int) -> Any:
    if lengths is None:
        return None
    if not isinstance(lengths, Tensor):
        lengths = asarray(list(lengths))
    if lengths.dtype.kind not in ("int", "uint"):
        raise TypeError(f"{op}: lengths must be integers, got {lengths.dtype.name}")
    if lengths.shape != (batch,):
        raise ValueError(f"{op}: lengths must have one entry per batch row, shape ({batch},), got {lengths.shape}")
    return _core.copy(lengths.astype(_core.int64))


def _split_weights(op: str, weights: Sequence[Any], layers: int) -> list[tuple[Any, Any, Any, Any]]:
    """(w_ih, w_hh, b_ih, b_hh) of each layer and direction, from PyTorch's flat order."""
    weights = list(weights)
    for per in (4, 2):
        if len(weights) == per * layers:
            groups = [weights[i : i + per] for i in range(0, len(weights), per)]
            return [(*group, None, None) if per == 2 else tuple(group) for group in groups]
    raise ValueError(
        f"{op}: weights must hold 4 tensors per layer and direction (w_ih, w_hh, b_ih, b_hh), or 2 without biases, "
        f"for {layers} of them; got {len(weights)}"
    )


def _run(
    kind: str,
    op: str,
    x: Tensor,
    states: tuple[Tensor, ...],
    weights: Sequence[Any],
    num_layers: int,
    bidirectional: bool,
    batch_first: bool,
    dropout: float,
    training: bool,
    lengths: Any,
) -> tuple[Tensor, ...]:
    """Output and final states of a stack of layers."""
    for name, value in (("x", x), *(("state", s) for s in states)):
        if not isinstance(value, Tensor):
            raise TypeError(f"{op}: {name} must be a Tensor, got {type(value).__name__}")
        if value.dtype.kind != "float":
            raise TypeError(f"{op}: {name} must be floating-point, got {value.dtype.name}")
    if x.ndim != 3:
        raise ValueError(f"{op}: x must have three axes (steps, batch, inputs), got shape {x.shape}")
    if num_layers < 1:
        raise ValueError(f"{op}: num_layers must be at least 1, got {num_layers}")
    if not 0 <= dropout <= 1:
        raise ValueError(f"{op}: dropout must lie in [0, 1], got {dropout}")
    directions = 2 if bidirectional else 1
    groups = _split_weights(op, weights, num_layers * directions)
    if batch_first:
        x = permute_dims(x, (1, 0, 2))
    expected = (num_layers * directions, x.shape[1], groups[0][1].shape[-1])
    for state in states:
        if state.shape != expected:
            raise ValueError(
                f"{op}: a state must have shape (layers · directions, batch, hidden) = {expected}, got {state.shape}"
            )
    counts = _lengths(op, lengths, x.shape[1])
    dtype = x.dtype
    if dtype.itemsize == 2:  # half types run in float32 and are rounded at the end
        x, states = x.astype(_core.float32), tuple(s.astype(_core.float32) for s in states)
        groups = [tuple(None if w is None else w.astype(_core.float32) for w in group) for group in groups]  # type: ignore[misc]
    finals: list[list[Tensor]] = [[] for _ in states]
    for layer in range(num_layers):
        sides = []
        for direction in range(directions):
            at = layer * directions + direction
            w_ih, w_hh, b_ih, b_hh = groups[at]
            c0 = states[1][at] if kind == "lstm" else None
            results = _layer(kind, direction == 1, x, states[0][at], c0, w_ih, w_hh, b_ih, b_hh, counts)
            sides.append(results[0])
            for final, value in zip(finals, results[1:], strict=True):
                final.append(value)
        x = sides[0] if directions == 1 else concat(sides, axis=-1)
        if dropout and training and layer + 1 < num_layers:
            from .dropout import dropout as drop

            x = drop(x, dropout, training=True)
    if batch_first:
        x = permute_dims(x, (1, 0, 2))
    results = (x, *(stack(f, axis=0) for f in finals))
    return results if x.dtype is dtype else tuple(r.astype(dtype) for r in results)


def rnn(
    x: Tensor,
    state: Tensor,
    weights: Sequence[Any],
    *,
    nonlinearity: str = "tanh",
    num_layers: int = 1,
    bidirectional: bool = False,
    batch_first: bool = False,
    dropout: float = 0.0,
    training: bool = False,
    lengths: Any = None,
) -> tuple[Tensor, Tensor]:
    """Elman's network h' = tanh(W x + b + R h + b') (or relu) over a sequence: (output, h_n).

    Arguments, shapes and errors as for `lstm`, with G = 1 and one state. Source: Elman 1990.
    """
    if nonlinearity not in ("tanh", "relu"):
        raise ValueError(f"rnn: nonlinearity must be 'tanh' or 'relu', got {nonlinearity!r}")
    kind = f"rnn_{nonlinearity}"
    return _run(  # type: ignore[return-value]
        kind, "rnn", x, (state,), weights, num_layers, bidirectional, batch_first, dropout, training, lengths
    )


def lstm(
    x: Tensor,
    state: tuple[Tensor, Tensor],
    weights: Sequence[Any],
    *,
    num_layers: int = 1,
    bidirectional: bool = False,
    batch_first: bool = False,
    dropout: float = 0.0,
    training: bool = False,
    lengths: Any = None,
) -> tuple[Tensor, tuple[Tensor, Tensor]]:
    """Long short-term memory over a whole sequence: (output, (h_n, c_n)).

    `x` is (T, B, I), or (B, T, I) with `batch_first`; h and c of `state` are (L·D, B, H) for L layers
    and D directions; `weights` lists w_ih (G·H, in), w_hh (G·H, H) and, or not, b_ih and b_hh (G·H,)
    for each layer and direction, G = 4 gates in the order i, f, g, o, as PyTorch's state_dict has
    them. The output is (T, B, D·H). `lengths` (B,) says how many steps of each row count: later
    outputs are 0 and the final states are those of the row's last step. `dropout` acts between
    layers while `training`. Floating-point; float16 and bfloat16 run in float32.
    Raises ValueError on shapes, TypeError on dtypes. Source: Hochreiter & Schmidhuber 1997.
    """
    if not isinstance(state, (tuple, list)) or len(state) != 2:
        raise TypeError("lstm: state must be a pair (h, c)")
    y, h, c = _run(
        "lstm", "lstm", x, tuple(state), weights, num_layers, bidirectional, batch_first, dropout, training, lengths
    )
    return y, (h, c)


def gru(
    x: Tensor,
    state: Tensor,
    weights: Sequence[Any],
    *,
    num_layers: int = 1,
    bidirectional: bool = False,
    batch_first: bool = False,
    dropout: float = 0.0,
    training: bool = False,
    lengths: Any = None,
) -> tuple[Tensor, Tensor]:
    """Gated recurrent units over a whole sequence: (output, h_n).

    Arguments, shapes and errors as for `lstm`, with G = 3 gates in the order r, z, n and one
    state; the reset gate scales the recurrent product, as in PyTorch and cuDNN. Source: Cho et al. 2014.
    """
    return _run(  # type: ignore[return-value]
        "gru", "gru", x, (state,), weights, num_layers, bidirectional, batch_first, dropout, training, lengths
    )


__all__ = ["gru", "lstm", "rnn"]
