"""The tape: what is recorded of an operation, and the modes that switch recording on and off.

A `Node` stands for one recorded operation. It knows where the gradient of each input goes (its
edges: the node that made the input, or the input itself when it is a leaf), the values its rule
needs, and the rule. Nodes hold no outputs, so buffers are freed by reference count.
"""

from __future__ import annotations

import functools
import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from .. import _core

Rule = Callable[..., "Sequence[Any]"]


class Node:
    """One recorded operation: `rule(g, needs, *saved)` gives the gradients of its inputs."""

    __slots__ = ("__weakref__", "adapt", "edges", "hooks", "name", "rule", "saved", "versions")

    def __init__(self, name: str, rule: Any, edges: Any, saved: Any, versions: Any, adapt: Any):
        self.name = name
        self.rule = rule
        self.edges = edges
        self.saved = saved
        self.versions = versions
        self.adapt = adapt  # (shape, dtype) of each input where a gradient must be fitted to it
        self.hooks: list[Any] | None = None

    def __repr__(self) -> str:
        return f"<{self.name} node>"


class Output:
    """In place of an output that a node saves: the value, without the tensor that owns the node."""

    __slots__ = ("index", "value")

    def __init__(self, value: Any, index: int | None):
        self.value = value
        self.index = index


class Port(Node):
    """One output of a node with several: hands its gradient to slot `index` of the owner."""

    __slots__ = ("index",)

    def __init__(self, owner: Node, index: int):
        super().__init__(owner.name, None, (owner,), (), (), None)
        self.index = index


class MultiNode(Node):
    """An operation with several outputs; its rule gets one gradient, or None, for each."""

    __slots__ = ("ports",)

    ports: list[Any]  # weak references to the ports, None for outputs without a gradient


def record(outputs: Any, name: str, rule: Rule, inputs: Sequence[Any], saved: Sequence[Any]) -> Any:
    """Put an operation on the tape if grad mode is on and an input requires grad.

    `rule(g, needs, *saved)` returns one gradient, or None, per input; `needs[i]` says whether
    input i wants one. With a tuple of outputs `g` is a tuple with None for outputs nothing
    depends on. `saved` may hold inputs, outputs and settings. Returns `outputs`.
    """
    if not _core.any_requires_grad(*inputs):
        return outputs
    several = isinstance(outputs, tuple)
    kept = tuple(_keep(value, outputs, several) for value in saved)
    values = [v.value if type(v) is Output else v for v in kept]
    if not several:
        node = Node(name, rule, _core.edges(*inputs), kept, _core.versions(*values), None)
        _core.set_node(outputs, node)
        return outputs
    owner = MultiNode(name, rule, _core.edges(*inputs), kept, _core.versions(*values), None)
    owner.ports = []
    for i, output in enumerate(outputs):
        if output.dtype.kind == "float":
            port = Port(owner, i)
            owner.ports.append(weakref.ref(port))
            _core.set_node(output, port)
        else:
            owner.ports.append(None)
    return outputs


def _keep(value: Any, outputs: Any, several: bool) -> Any:
    if several:
        for i, output in enumerate(outputs):
            if value is output:
                return Output(_core.alias(value), i)
    elif value is outputs:
        return Output(_core.alias(value), None)
    return value


def unpack(node: Node) -> list[Any]:
    """The saved values of `node`, checked for changes in place since they were saved."""
    if node.saved is None:
        raise RuntimeError(
            f"backward: the buffers of '{node.name}' were freed by an earlier backward, "
            "pass retain_graph=True to it to go through the graph again"
        )
    values = [v.value if type(v) is Output else v for v in node.saved]
    if _core.versions(*values) != node.versions:
        raise RuntimeError(
            f"backward: a tensor that '{node.name}' saved for its gradient was changed in place afterwards"
        )
    if _core.is_grad_enabled():  # the gradient itself is being recorded: outputs get their history back
        for i, v in enumerate(node.saved):
            if type(v) is Output:
                maker = node if v.index is None else node.ports[v.index]  # type: ignore[attr-defined]
                if isinstance(maker, weakref.ref):
                    maker = maker()
                if maker is not None:
                    values[i] = _core.alias(v.value)
                    _core.set_node(values[i], maker)
    return values


@contextmanager
def grad_mode(enabled: bool) -> Iterator[None]:
    """Recording on or off inside the block."""
    before = _core.set_grad_enabled(enabled)
    try:
        yield
    finally:
        _core.set_grad_enabled(before)


class _GradMode:
    """A context manager and decorator that switches recording on or off for this thread."""

    def __init__(self, function: Any = None):
        self._before: list[bool] = []
        self._function = function
        if function is not None:
            functools.update_wrapper(self, function)

    _enabled = False

    def __enter__(self) -> None:
        self._before.append(_core.set_grad_enabled(self._enabled))

    def __exit__(self, *exception: object) -> None:
        _core.set_grad_enabled(self._before.pop())

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if self._function is None:  # used as @no_grad()
            (function,) = args
            return type(self)(function)
        with type(self)():
            return self._function(*args, **kwargs)

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        return self if instance is None else functools.partial(self.__call__, instance)


class no_grad(_GradMode):  # noqa: N801  (a context manager reads like a statement)
    """Operations inside are not recorded: `with tc.no_grad(): …` or `@tc.no_grad()`."""


class enable_grad(_GradMode):  # noqa: N801
    """Operations inside are recorded, also within `no_grad`."""

    _enabled = True


def is_grad_enabled() -> bool:
    """Whether operations are being recorded in this thread."""
    return _core.is_grad_enabled()
