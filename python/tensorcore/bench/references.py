"""Float64 NumPy references: softmax, and the recurrent layers with gates in PyTorch's order, forward and backward."""

from __future__ import annotations

from typing import Any


def _sigmoid(x: Any) -> Any:
    import numpy as np

    return 1 / (1 + np.exp(-x))


def lstm(x: Any, w: Any, r: Any, bi: Any, bh: Any, g: Any) -> list[Any]:
    """Outputs of one LSTM layer from zero state, and gradients of (x, w, r, bi, bh) for output gradient g.

    Source: Hochreiter & Schmidhuber 1997 with forget gate (Gers et al. 2000); gates i, f, c, o.
    """
    import numpy as np

    steps, batch, _ = x.shape
    hidden = r.shape[1]
    h, c = np.zeros((batch, hidden)), np.zeros((batch, hidden))
    outputs, tape = np.zeros((steps, batch, hidden)), []
    for t in range(steps):
        z = x[t] @ w.T + h @ r.T + bi + bh
        i, f, n, o = np.split(z, 4, axis=1)
        i, f, n, o = _sigmoid(i), _sigmoid(f), np.tanh(n), _sigmoid(o)
        before = h, c
        c = f * c + i * n
        h = o * np.tanh(c)
        outputs[t] = h
        tape.append((before, i, f, n, o, c))
    gx, gw, gr, gb = np.zeros_like(x), np.zeros_like(w), np.zeros_like(r), np.zeros_like(bi)
    gh, gc = np.zeros((batch, hidden)), np.zeros((batch, hidden))
    for t in reversed(range(steps)):
        (h0, c0), i, f, n, o, c = tape[t]
        gh = gh + g[t]
        tanh_c = np.tanh(c)
        gc = gc + gh * o * (1 - tanh_c**2)
        gz = np.concatenate(
            [gc * n * i * (1 - i), gc * c0 * f * (1 - f), gc * i * (1 - n**2), gh * tanh_c * o * (1 - o)], axis=1
        )
        gx[t], gw, gr, gb = gz @ w, gw + gz.T @ x[t], gr + gz.T @ h0, gb + gz.sum(axis=0)
        gh, gc = gz @ r, gc * f
    return [outputs, gx, gw, gr, gb, gb]


def gru(x: Any, w: Any, r: Any, bi: Any, bh: Any, g: Any) -> list[Any]:
    """The same for one GRU layer; gates r, z, n, the reset gate applied after the recurrent product.

    Source: Cho et al. 2014, in the variant of PyTorch and cuDNN.
    """
    import numpy as np

    steps, batch, _ = x.shape
    hidden = r.shape[1]
    h = np.zeros((batch, hidden))
    outputs, tape = np.zeros((steps, batch, hidden)), []
    for t in range(steps):
        a, b = x[t] @ w.T + bi, h @ r.T + bh
        reset = _sigmoid(a[:, :hidden] + b[:, :hidden])
        update = _sigmoid(a[:, hidden : 2 * hidden] + b[:, hidden : 2 * hidden])
        new = np.tanh(a[:, 2 * hidden :] + reset * b[:, 2 * hidden :])
        tape.append((h, reset, update, new, b[:, 2 * hidden :]))
        h = (1 - update) * new + update * h
        outputs[t] = h
    gx, gw, gr = np.zeros_like(x), np.zeros_like(w), np.zeros_like(r)
    gbi, gbh = np.zeros_like(bi), np.zeros_like(bh)
    gh = np.zeros((batch, hidden))
    for t in reversed(range(steps)):
        h0, reset, update, new, bn = tape[t]
        gh = gh + g[t]
        gn = gh * (1 - update) * (1 - new**2)
        gz = gh * (h0 - new) * update * (1 - update)
        gr_ = gn * bn * reset * (1 - reset)
        ga = np.concatenate([gr_, gz, gn], axis=1)
        gb = np.concatenate([gr_, gz, gn * reset], axis=1)
        gx[t], gw, gr = ga @ w, gw + ga.T @ x[t], gr + gb.T @ h0
        gbi, gbh = gbi + ga.sum(axis=0), gbh + gb.sum(axis=0)
        gh = gh * update + gb @ r
    return [outputs, gx, gw, gr, gbi, gbh]


def softmax_cross_entropy(logits: Any, target: Any) -> tuple[float, Any]:
    """Mean loss of class indices, and its gradient for the logits."""
    import numpy as np

    e = np.exp(logits - logits.max(axis=-1, keepdims=True))
    p = e / e.sum(axis=-1, keepdims=True)
    hit = np.arange(len(target)), target
    loss = -np.log(p[hit]).mean()
    p[hit] -= 1
    return float(loss), p / len(target)


def conv3x3(x: Any, w: Any, b: Any) -> Any:
    """A 3×3 convolution of NCHW with padding 1."""
    import numpy as np

    padded = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))
    views = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), axis=(2, 3))
    return np.moveaxis(np.tensordot(views, w, axes=((1, 4, 5), (1, 2, 3))), -1, 1) + b[:, None, None]


def conv3x3_gradients(x: Any, w: Any, g: Any) -> tuple[Any, Any, Any]:
    """Gradients of `conv3x3` for (x, w, b) from that of its result."""
    import numpy as np

    padded = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))
    views = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), axis=(2, 3))
    gw = np.tensordot(g, views, axes=((0, 2, 3), (0, 2, 3)))
    # Backward is the convolution with the kernel turned around and its channels exchanged.
    turned = w[:, :, ::-1, ::-1].swapaxes(0, 1)
    return conv3x3(g, turned, np.zeros(w.shape[1])), gw, g.sum(axis=(0, 2, 3))


def max_pool2x2(x: Any) -> tuple[Any, Any]:
    """Maxima of 2×2 blocks, and for backward which element of each block it was."""
    import numpy as np

    n, c, h, w = x.shape
    blocks = x.reshape(n, c, h // 2, 2, w // 2, 2).transpose(0, 1, 2, 4, 3, 5).reshape(n, c, h // 2, w // 2, 4)
    return blocks.max(axis=-1), np.arange(4) == blocks.argmax(axis=-1)[..., None]


def max_pool2x2_gradient(hot: Any, g: Any) -> Any:
    """The gradient of the input of `max_pool2x2`."""
    n, c, h, w = g.shape
    blocks = (hot * g[..., None]).reshape(n, c, h, w, 2, 2)
    return blocks.transpose(0, 1, 2, 4, 3, 5).reshape(n, c, 2 * h, 2 * w)


def adam_first_step(param: Any, grad: Any, lr: float = 1e-3, eps: float = 1e-8) -> Any:
    """A parameter after Adam's first step: the bias corrections leave g / (|g| + eps). Source: Kingma & Ba 2015."""
    import numpy as np

    return param - lr * grad / (np.abs(grad) + eps)


def softmax(x: Any) -> Any:
    """Softmax of the last axis."""
    import numpy as np

    e = np.exp(x - x.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)
