"""What a benchmark case is, and how most cases build the function to time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

Inputs = dict[str, Any]
# Builder: (framework module, inputs in that framework's type) -> function to time, which returns its results.
Builder = Callable[[Any, Inputs], Callable[[], Any]]


@dataclass(frozen=True)
class Case:
    """One workload: inputs, what to compute in each framework, and what it costs at least."""

    family: str
    name: str
    shapes: Mapping[str, tuple[int, ...]]  # inputs drawn uniformly from [-1, 1)
    build: Mapping[str, Builder]  # by framework: "tc", "torch", "numpy"
    reference: Callable[[Inputs], Any]  # the results in NumPy float64
    flops: float = 0.0  # operations; 0 for a case that memory bounds
    bytes: float = 0.0  # compulsory traffic in bytes, each input read and each output written once
    traffic: str = "copy"  # which bandwidth bounds it: "read", "copy" or "update"
    integers: Mapping[str, tuple[tuple[int, ...], int]] = field(default_factory=dict)  # name: shape, bound
    grads: tuple[str, ...] = ()  # inputs that require grad
    terms: int = 1  # additions behind one result: sets the bound on its error
    dtypes: tuple[str, ...] = ("float32", "float64")
    quick: bool = False  # part of the short default run

    @property
    def key(self) -> str:
        """Family and name, unique."""
        return f"{self.family} {self.name}"


def plain(function: Callable[..., Any], *names: str) -> Builder:
    """A builder that calls `function(framework)(*inputs)`."""

    def build(lib: Any, x: Inputs) -> Callable[[], Any]:
        call = function(lib)
        args = [x[n] for n in names]
        return lambda: call(*args)

    return build


def with_gradients(function: Callable[..., Any], names: tuple[str, ...], wanted: tuple[str, ...]) -> Builder:
    """A builder for forward and backward: returns the output and the gradients of `wanted`."""

    def build(lib: Any, x: Inputs) -> Callable[[], Any]:
        call = function(lib)
        args = [x[n] for n in names]
        leaves = [x[n] for n in wanted]

        def run() -> Any:
            for leaf in leaves:
                leaf.grad = None
            y = call(*args)
            y.backward(x["g"]) if "g" in x else y.backward()
            return [y.detach(), *(leaf.grad for leaf in leaves)]

        return run

    return build


def functional(lib: Any) -> Any:
    """The framework's nn.functional."""
    return lib.nn.functional
