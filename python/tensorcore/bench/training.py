"""Optimiser steps and whole training steps: forward, backward, Adam.

A step changes the parameters, so timed calls go on from each other. The error check starts afresh
from the drawn values: it compares the parameters after one optimiser step, or of training the first
loss, the gradient of the last weight, and the loss after the update, which every gradient enters.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from . import references
from .case import Builder, Case, Inputs

_LR, _EPS, _BETAS = 1e-3, 1e-8, (0.9, 0.999)

Params = dict[str, Any]
Scales = dict[str, float]


class Steps:
    """A timed call takes the next step; `check` takes its own from the start and returns what to compare."""

    def __init__(self, start: Callable[[], Callable[[], Any]], check: Callable[[], Any]):
        self.step = start()
        self.check = check

    def __call__(self) -> Any:
        """Take the next step."""
        return self.step()


# ---- optimisers ----------------------------------------------------------------------------------


class Kind(NamedTuple):
    """An optimiser: its class, its options, elements moved per parameter element, what its first step gives.

    tuned: the argument by which PyTorch gives its fastest version.
    """

    name: str
    options: dict[str, Any]
    passes: int  # parameter and states read and written, gradient read
    first: Callable[[Any, Any, Any], Any]  # (NumPy, parameter, gradient) -> the change over -lr
    tuned: str = "foreach"
    peers: tuple[str, ...] = ("tc", "torch")


_ADAM = {"betas": _BETAS, "eps": _EPS}
_KINDS = {
    "sgd-momentum": Kind("SGD", {"momentum": 0.9}, 5, lambda np, p, g: g, "fused"),
    "adagrad": Kind("Adagrad", {"eps": _EPS}, 5, lambda np, p, g: g / (np.abs(g) + _EPS), "fused"),
    "adadelta": Kind(
        "Adadelta", {"rho": 0.9, "eps": _EPS}, 7, lambda np, p, g: (_EPS / (0.1 * g * g + _EPS)) ** 0.5 * g
    ),
    "rmsprop": Kind("RMSprop", {"alpha": 0.99, "eps": _EPS}, 5, lambda np, p, g: g / (0.1 * np.abs(g) + _EPS)),
    "adam": Kind("Adam", _ADAM, 7, lambda np, p, g: g / (np.abs(g) + _EPS), "fused"),
    "adamw": Kind(
        "AdamW", {**_ADAM, "weight_decay": 0.1}, 7, lambda np, p, g: 0.1 * p + g / (np.abs(g) + _EPS), "fused"
    ),
    "adamax": Kind("Adamax", _ADAM, 7, lambda np, p, g: g / (np.abs(g) + _EPS)),
    "nadam": Kind("NAdam", _ADAM, 7, lambda np, p, g: _nadam_first(g) / (np.abs(g) + _EPS)),
    "radam": Kind("RAdam", _ADAM, 7, lambda np, p, g: g),
    "lion": Kind("Lion", {"betas": (0.9, 0.99)}, 5, lambda np, p, g: np.sign(g), peers=("tc",)),
}


def _nadam_first(g: Any) -> Any:
    """What NAdam's first step divides by the root of the mean square."""
    now, after = (_BETAS[0] * (1 - 0.5 * 0.96 ** (t * 4e-3)) for t in (1, 2))
    return g + after * (1 - _BETAS[0]) * g / (1 - now * after)


def _leaf(value: Any, scale: float = 1.0) -> Any:
    """A parameter of its own memory."""
    return (value.detach() * scale).requires_grad_(True)


def optimizer(label: str, count: int, *, quick: bool = False) -> Case:
    """A step on `count` elements in 20 tensors; PyTorch's as fast as it offers."""
    kind = _KINDS[label]
    tensors = 20
    shape = (count // tensors,)
    names = [f"p{i}" for i in range(tensors)]

    def build(lib: Any, x: Inputs) -> Callable[[], Any]:
        def fresh() -> tuple[list[Any], Callable[[], None]]:
            params = [_leaf(x[n]) for n in names]
            for p, n in zip(params, names, strict=True):
                p.grad = x["g" + n]
            tuned = {kind.tuned: True} if lib.__name__ == "torch" else {}
            return params, getattr(lib.optim, kind.name)(params, lr=_LR, **kind.options, **tuned).step

        def check() -> Any:
            params, update = fresh()
            update()
            return params

        return Steps(lambda: fresh()[1], check)

    def reference(x: Inputs) -> Any:
        import numpy as np

        return [x[n] - _LR * kind.first(np, x[n], x["g" + n]) for n in names]

    return Case(
        "optim",
        f"{label} step {count // 10**6}M/{tensors}",
        dict.fromkeys([*names, *("g" + n for n in names)], shape),
        dict.fromkeys(kind.peers, build),
        reference,
        bytes=4.0 * kind.passes * count,
        traffic="update",
        quick=quick,
    )


# ---- training ------------------------------------------------------------------------------------


def _trainer(
    network: Callable[[Any], Any],
    loss: Callable[[Any, Any, Inputs], Any],
    names: dict[str, str],
    scales: Scales,
    last: str,
) -> dict[str, Builder]:
    """Builders of a whole step, written as a user would: modules, `zero_grad`, `backward`, `step`.

    `network(framework)` makes the modules, `loss(framework, network, inputs)` runs them. `names` maps their parameters
    to the drawn ones, which are taken times their scale.
    """

    def build(lib: Any, x: Inputs) -> Callable[[], Any]:
        def fresh() -> tuple[Any, Callable[[], Any]]:
            model = network(lib).to(x[last].dtype)
            model.load_state_dict({name: x[n].detach() * scales[n] for name, n in names.items()})
            optimizer = lib.optim.Adam(model.parameters(), lr=_LR, **_ADAM)

            def step() -> Any:
                optimizer.zero_grad()
                value = loss(lib, model, x)
                value.backward()
                optimizer.step()
                return value

            return model, step

        def check() -> Any:
            model, step = fresh()
            value = step()
            parameters = {names[name]: p for name, p in model.named_parameters()}
            grad = parameters[last].grad
            return [value, grad, step()]

        return Steps(lambda: fresh()[1], check)

    return {"tc": build, "torch": build}


def _reference(
    gradients: Callable[[Params, Inputs], tuple[float, Params]], scales: dict[str, float], last: str
) -> Callable[[Inputs], Any]:
    """The same in NumPy, where `gradients` gives the loss and all gradients."""

    def reference(x: Inputs) -> Any:
        params = {n: x[n] * scale for n, scale in scales.items()}
        loss, grads = gradients(params, x)
        updated = {n: references.adam_first_step(p, grads[n], _LR, _EPS) for n, p in params.items()}
        return [loss, grads[last], gradients(updated, x)[0]]

    return reference


def _classified(lib: Any, model: Any, x: Inputs) -> Any:
    return lib.nn.functional.cross_entropy(model(x["x"]), x["t"])


def mlp(batch: int, *, quick: bool = False) -> Case:
    """A multi-layer perceptron 784-256-10."""
    import numpy as np

    sizes = 784, 256, 10
    shapes = {"w1": (256, 784), "b1": (256,), "w2": (10, 256), "b2": (10,)}
    scales = {"w1": 784**-0.5, "b1": 784**-0.5, "w2": 256**-0.5, "b2": 256**-0.5}

    names = {"0.weight": "w1", "0.bias": "b1", "2.weight": "w2", "2.bias": "b2"}

    def network(lib: Any) -> Any:
        nn = lib.nn
        return nn.Sequential(nn.Linear(784, 256), nn.ReLU(), nn.Linear(256, 10))

    def gradients(p: Params, x: Inputs) -> tuple[float, Params]:
        hidden = np.maximum(x["x"] @ p["w1"].T + p["b1"], 0)
        loss, g = references.softmax_cross_entropy(hidden @ p["w2"].T + p["b2"], x["t"])
        back = (g @ p["w2"]) * (hidden > 0)
        return loss, {"w1": back.T @ x["x"], "b1": back.sum(axis=0), "w2": g.T @ hidden, "b2": g.sum(axis=0)}

    return Case(
        "train",
        f"MLP 784-256-10 B{batch}",
        {"x": (batch, sizes[0]), **shapes},
        _trainer(network, _classified, names, scales, "w2"),
        _reference(gradients, scales, "w2"),
        flops=2.0 * batch * (2 * 784 * 256 + 3 * 256 * 10),  # no gradient for x
        integers={"t": ((batch,), 10)},
        terms=max(batch, 784),
        quick=quick,
    )


def cnn(batch: int) -> Case:
    """Two 3×3 convolutions with relu and 2×2 pooling, 28×28 → 14×14 → 7×7, then 3136-128-10."""
    import numpy as np

    shapes = {
        "k1": (32, 1, 3, 3), "c1": (32,), "k2": (64, 32, 3, 3), "c2": (64,),
        "w1": (128, 3136), "b1": (128,), "w2": (10, 128), "b2": (10,),
    }  # fmt: skip
    fan_in = {"k1": 9, "c1": 9, "k2": 288, "c2": 288, "w1": 3136, "b1": 3136, "w2": 128, "b2": 128}
    scales = {n: k**-0.5 for n, k in fan_in.items()}

    places = {"0": ("k1", "c1"), "3": ("k2", "c2"), "7": ("w1", "b1"), "9": ("w2", "b2")}
    names = {
        f"{place}.{kind}": n for place, pair in places.items() for kind, n in zip(("weight", "bias"), pair, strict=True)
    }

    def network(lib: Any) -> Any:
        nn = lib.nn
        first = nn.Conv2d(1, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)
        second = nn.Conv2d(32, 64, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)
        return nn.Sequential(*first, *second, nn.Flatten(), nn.Linear(3136, 128), nn.ReLU(), nn.Linear(128, 10))

    def gradients(p: Params, x: Inputs) -> tuple[float, Params]:
        first = np.maximum(references.conv3x3(x["x"], p["k1"], p["c1"]), 0)
        pooled1, hot1 = references.max_pool2x2(first)
        second = np.maximum(references.conv3x3(pooled1, p["k2"], p["c2"]), 0)
        pooled2, hot2 = references.max_pool2x2(second)
        flat = pooled2.reshape(batch, -1)
        hidden = np.maximum(flat @ p["w1"].T + p["b1"], 0)
        loss, g = references.softmax_cross_entropy(hidden @ p["w2"].T + p["b2"], x["t"])
        grads = {"w2": g.T @ hidden, "b2": g.sum(axis=0)}
        g = (g @ p["w2"]) * (hidden > 0)
        grads |= {"w1": g.T @ flat, "b1": g.sum(axis=0)}
        g = references.max_pool2x2_gradient(hot2, (g @ p["w1"]).reshape(pooled2.shape)) * (second > 0)
        g, grads["k2"], grads["c2"] = references.conv3x3_gradients(pooled1, p["k2"], g)
        g = references.max_pool2x2_gradient(hot1, g) * (first > 0)
        _, grads["k1"], grads["c1"] = references.conv3x3_gradients(x["x"], p["k1"], g)
        return loss, grads

    macs = 2 * 784 * 32 * 9 + 3 * (196 * 64 * 288 + 3136 * 128 + 1280)  # no gradient for x
    return Case(
        "train",
        f"CNN 28x28 B{batch}",
        {"x": (batch, 1, 28, 28), **shapes},
        _trainer(network, _classified, names, scales, "w2"),
        _reference(gradients, scales, "w2"),
        flops=2.0 * batch * macs,
        integers={"t": ((batch,), 10)},
        terms=3136,
    )


def char_lstm() -> Case:
    """A character model: embedding, LSTM, linear; vocabulary 65, embedding 64, hidden 256, 64 steps, batch 32."""
    import numpy as np

    steps, batch, vocabulary, width, hidden = 64, 32, 65, 64, 256
    shapes = {
        "e": (vocabulary, width), "w": (4 * hidden, width), "r": (4 * hidden, hidden),
        "bi": (4 * hidden,), "bh": (4 * hidden,), "v": (vocabulary, hidden), "b": (vocabulary,),
    }  # fmt: skip
    scales = dict.fromkeys(shapes, hidden**-0.5) | {"e": 1.0}

    inner = {"weight_ih": "w", "weight_hh": "r", "bias_ih": "bi", "bias_hh": "bh"}
    names = {"embedding.weight": "e", "head.weight": "v", "head.bias": "b"}
    names |= {f"lstm.{name}_l0": n for name, n in inner.items()}

    def network(lib: Any) -> Any:
        nn = lib.nn
        parts = {"embedding": nn.Embedding(vocabulary, width), "lstm": nn.LSTM(width, hidden)}
        return nn.ModuleDict({**parts, "head": nn.Linear(hidden, vocabulary)})

    def loss(lib: Any, model: Any, x: Inputs) -> Any:
        y, _ = model["lstm"](model["embedding"](x["i"]))
        return lib.nn.functional.cross_entropy(model["head"](y.reshape((steps * batch, hidden))), x["t"])

    def gradients(p: Params, x: Inputs) -> tuple[float, Params]:
        weights = [p[n] for n in ("w", "r", "bi", "bh")]
        inputs = p["e"][x["i"]]
        y = references.lstm(inputs, *weights, np.zeros((steps, batch, hidden)))[0]  # type: ignore[call-arg]
        flat = y.reshape(-1, hidden)
        loss, g = references.softmax_cross_entropy(flat @ p["v"].T + p["b"], x["t"])
        back = references.lstm(inputs, *weights, (g @ p["v"]).reshape(y.shape))  # type: ignore[call-arg]
        grads = dict(zip(("w", "r", "bi", "bh"), back[2:], strict=True))
        grads |= {"v": g.T @ flat, "b": g.sum(axis=0), "e": np.zeros_like(p["e"])}
        np.add.at(grads["e"], x["i"], back[1])
        return loss, grads

    macs = 4 * hidden * (width + hidden) + hidden * vocabulary
    return Case(
        "train",
        "char-LSTM V65 E64 H256 T64 B32",
        shapes,
        _trainer(network, loss, names, scales, "v"),
        _reference(gradients, scales, "v"),
        flops=3 * 2.0 * steps * batch * macs,
        integers={"i": ((steps, batch), vocabulary), "t": ((steps * batch,), vocabulary)},
        terms=steps * batch,
    )


def training_cases() -> Iterator[Case]:
    """Every workload of this module."""
    for label in ("sgd-momentum", "adam"):
        yield optimizer(label, 10**6)
    for label in _KINDS:
        yield optimizer(label, 10**7, quick=label == "adam")
    yield mlp(64, quick=True)
    yield mlp(512)
    yield cnn(64)
    yield char_lstm()
