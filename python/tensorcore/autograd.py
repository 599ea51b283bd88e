"""Reverse-mode automatic differentiation: the tape, the walk back along it, and what users call.

A `Node` stands for one recorded operation. It knows where the gradient of each input goes (its
edges: the node that made the input, or the input itself when it is a leaf), the values its rule
needs, and the rule. Nodes hold no outputs, so buffers are freed by reference count.
"""

from __future__ import annotations

import functools
import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

from . import _core

Rule = Callable[..., "Sequence[Any]"]
F = TypeVar("F", bound=Callable[..., Any])


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
    kind = MultiNode if several else Node
    node = kind(name, rule, _core.edges(*inputs), kept, _core.versions(*values), None)
    if not several:
        _core.set_node(outputs, node)
        return outputs
    node.ports = []
    for i, output in enumerate(outputs):
        if output.dtype.kind == "float":
            port = Port(node, i)
            node.ports.append(weakref.ref(port))
            _core.set_node(output, port)
        else:
            node.ports.append(None)
    return outputs


def _keep(value: Any, outputs: Any, several: bool) -> Any:
    if several:
        for i, output in enumerate(outputs):
            if value is output:
                return Output(_core.alias(value), i)
    elif value is outputs:
        return Output(_core.alias(value), None)
    return value


def _unpack(node: Node) -> list[Any]:
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


def _fit(g: Any, target: tuple[Any, Any]) -> Any:
    """Sum `g` over the axes along which an input was broadcast, and cast it to the input's dtype."""
    from .ops.reduce import sum as tc_sum

    shape, dtype = target
    if g.shape != shape:
        added = g.ndim - len(shape)
        axes = tuple(range(added)) + tuple(
            i + added for i, n in enumerate(shape) if n == 1 and g.shape[i + added] != 1
        )
        if axes:
            g = tc_sum(g, axis=axes, keepdims=True)
        if g.shape != shape:
            g = g.reshape(shape)
    if g.dtype is not dtype:
        g = g.astype(dtype)
    return g


def _order(roots: Sequence[Node], targets: set[int] | None) -> tuple[dict[Node, int], set[Node] | None]:
    """How many edges lead to each node reachable from `roots`; and which nodes lead to a target."""
    incoming: dict[Node, int] = {}
    finished: list[Node] = []
    for root in roots:
        if root in incoming:
            continue
        incoming[root] = 0
        stack: list[tuple[Node, Iterator[Any]]] = [(root, iter(root.edges or ()))]
        while stack:
            node, edges = stack[-1]
            for edge in edges:
                if not isinstance(edge, Node):
                    continue
                if edge in incoming:
                    incoming[edge] += 1
                    continue
                incoming[edge] = 1
                stack.append((edge, iter(edge.edges or ())))
                break
            else:
                stack.pop()
                finished.append(node)
    if targets is None:
        return incoming, None
    useful: set[Node] = set()
    for node in finished:  # children first
        if id(node) in targets or any(
            edge is not None and (id(edge) in targets or (isinstance(edge, Node) and edge in useful))
            for edge in node.edges or ()
        ):
            useful.add(node)
    return incoming, useful


def _walk(
    outputs: Sequence[Any],
    gradients: Sequence[Any],
    targets: Sequence[Any] | None,
    retain_graph: bool,
    create_graph: bool,
) -> dict[int, Any]:
    """Gradients by id of leaf tensor, and of the nodes of `targets` that are not leaves."""
    wanted = None if targets is None else {id(t._edge) for t in targets}
    pending: dict[Node, Any] = {}
    leaves: dict[int, tuple[Any, Any]] = {}
    found: dict[int, Any] = {}

    def send(edge: Any, g: Any) -> None:
        if isinstance(edge, Node):
            known = pending.get(edge)
            pending[edge] = g if known is None else known + g
        else:
            known = leaves.get(id(edge))
            leaves[id(edge)] = (edge, g if known is None else known[1] + g)

    before = _core.set_grad_enabled(create_graph)
    try:
        roots = []
        for output, g in zip(outputs, gradients, strict=True):
            edge = output._edge
            send(edge, g)
            if isinstance(edge, Node):
                roots.append(edge)
        incoming, useful = _order(roots, wanted)
        ready = [node for node in dict.fromkeys(roots) if incoming[node] == 0]
        while ready:
            node = ready.pop()
            g = pending.pop(node, None)
            if node.hooks and g is not None:
                g = _run_hooks(node.hooks, g)
            if wanted is not None and id(node) in wanted:
                found[id(node)] = g
            if g is not None and (useful is None or node in useful):
                _apply(node, g, wanted, useful, send, pending)
                if not retain_graph:
                    node.saved = None
            for edge in node.edges:
                if isinstance(edge, Node):
                    incoming[edge] -= 1
                    if incoming[edge] == 0:
                        ready.append(edge)
        for key, (leaf, g) in leaves.items():
            found[key] = _run_hooks(leaf._hooks, g) if leaf._hooks else g
    finally:
        _core.set_grad_enabled(before)
    return found


def _apply(
    node: Node, g: Any, wanted: set[int] | None, useful: set[Node] | None, send: Any, pending: Any
) -> None:
    """Run the rule of `node` on gradient `g` and send the results along its edges."""
    if type(node) is Port:
        owner = node.edges[0]
        slots = pending.get(owner)
        if slots is None:
            slots = pending[owner] = [None] * len(owner.ports)
        slots[node.index] = g
        return
    saved = _unpack(node)
    needs = [
        edge is not None
        and (wanted is None or id(edge) in wanted or (isinstance(edge, Node) and edge in useful))  # type: ignore[operator]
        for edge in node.edges
    ]
    grads = node.rule(tuple(g) if type(g) is list else g, needs, *saved)
    for i, edge in enumerate(node.edges):
        if needs[i] and grads[i] is not None:
            gi = grads[i]
            if node.adapt is not None and node.adapt[i] is not None:
                gi = _fit(gi, node.adapt[i])
            send(edge, gi)


def _run_hooks(hooks: Sequence[Any], g: Any) -> Any:
    for hook in hooks:
        changed = hook(g)
        if changed is not None:
            g = changed
    return g


def _seed(output: Any, gradient: Any, op: str) -> Any:
    if not isinstance(output, _core.TensorBase):
        raise TypeError(f"{op}: outputs must be Tensors, got {type(output).__name__}")
    if not output.requires_grad:
        raise RuntimeError(f"{op}: the output does not require grad, nothing it depends on does")
    if gradient is None:
        if output.size != 1:
            raise RuntimeError(
                f"{op}: the gradient of an output with several elements must be given, "
                f"got an output of shape {output.shape}"
            )
        from .ops.creation import ones_like

        return ones_like(output)
    if not isinstance(gradient, _core.TensorBase):
        raise TypeError(f"{op}: gradients must be Tensors, got {type(gradient).__name__}")
    if gradient.shape != output.shape:
        raise ValueError(
            f"{op}: a gradient must have its output's shape {output.shape}, got {gradient.shape}"
        )
    return gradient if gradient.dtype is output.dtype else gradient.astype(output.dtype)


def _as_sequence(value: Any) -> tuple[Any, ...]:
    return tuple(value) if isinstance(value, (tuple, list)) else (value,)


def backward(
    outputs: Any,
    gradients: Any = None,
    *,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    inputs: Any = None,
) -> None:
    """Add the gradients of `outputs` to `.grad` of the leaves they depend on (or of `inputs`).

    `gradients` weigh the outputs and have their shapes; they may be left out for outputs of one
    element. The graph's buffers are freed unless `retain_graph` (default: `create_graph`).
    """
    outputs = _as_sequence(outputs)
    given = _as_sequence(gradients) if gradients is not None else (None,) * len(outputs)
    if len(given) != len(outputs):
        raise ValueError(f"backward: got {len(outputs)} outputs and {len(given)} gradients")
    seeds = [_seed(o, g, "backward") for o, g in zip(outputs, given, strict=True)]
    targets = None if inputs is None else _as_sequence(inputs)
    leaves = _leaves(outputs) if targets is None else {id(t._edge): t for t in targets}
    keep = create_graph if retain_graph is None else retain_graph
    found = _walk(outputs, seeds, targets, keep, create_graph)
    taken = {id(g) for g in seeds}  # gradients someone else holds: a second taker needs a copy
    before = _core.set_grad_enabled(create_graph)
    try:
        for key, g in found.items():
            leaf = leaves.get(key)
            if leaf is None or g is None:
                continue
            if leaf.grad is not None:
                leaf.grad = leaf.grad + g
                continue
            if not create_graph and (id(g) in taken or g._owners > 1):
                g = _core.copy(g)
            taken.add(id(g))
            leaf.grad = g
    finally:
        _core.set_grad_enabled(before)


def _leaves(outputs: Sequence[Any]) -> dict[int, Any]:
    """Every leaf the outputs depend on, by id."""
    leaves: dict[int, Any] = {}
    stack = [o._edge for o in outputs]
    seen: set[Node] = set()
    while stack:
        edge = stack.pop()
        if edge is None:
            continue
        if not isinstance(edge, Node):
            leaves[id(edge)] = edge
        elif edge not in seen:
            seen.add(edge)
            stack.extend(edge.edges)
    return leaves


def grad(
    outputs: Any,
    inputs: Any,
    grad_outputs: Any = None,
    *,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    allow_unused: bool = False,
) -> Any:
    """Gradients of `outputs` with respect to `inputs`, without touching any `.grad`.

    Returns a Tensor for a single input, else a tuple. An input the outputs do not depend on
    raises a RuntimeError, or gives None with `allow_unused`.
    """
    single = not isinstance(inputs, (tuple, list))
    outputs, inputs = _as_sequence(outputs), _as_sequence(inputs)
    given = _as_sequence(grad_outputs) if grad_outputs is not None else (None,) * len(outputs)
    if len(given) != len(outputs):
        raise ValueError(f"grad: got {len(outputs)} outputs and {len(given)} grad_outputs")
    for x in inputs:
        if not isinstance(x, _core.TensorBase):
            raise TypeError(f"grad: inputs must be Tensors, got {type(x).__name__}")
        if not x.requires_grad:
            raise RuntimeError("grad: every input must require grad")
    seeds = [_seed(o, g, "grad") for o, g in zip(outputs, given, strict=True)]
    keep = create_graph if retain_graph is None else retain_graph
    found = _walk(outputs, seeds, inputs, keep, create_graph)
    results = tuple(found.get(id(x._edge)) for x in inputs)
    if not allow_unused and any(g is None for g in results):
        raise RuntimeError(
            "grad: an input does not take part in computing the outputs, pass allow_unused=True "
            "to get None for it"
        )
    return results[0] if single else results


@contextmanager
def _grad_mode(enabled: bool) -> Iterator[None]:
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


def value_and_grad(function: Callable[..., Any], argnums: int | Sequence[int] = 0) -> Any:
    """Turn `function` into one that returns its scalar value and the gradients of `argnums`.

    Example:
        >>> f = tc.value_and_grad(lambda x: (x * x).sum())
        >>> f(tc.asarray([1.0, 2.0]))
        (tensor(5.), tensor([2., 4.]))
    """
    several = not isinstance(argnums, int)
    numbers: tuple[int, ...] = tuple(argnums) if several else (argnums,)  # type: ignore[arg-type, assignment]

    @functools.wraps(function)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        called = list(args)
        for n in numbers:
            if not -len(args) <= n < len(args):
                raise IndexError(f"grad: argnums must name a positional argument, got {n} for {len(args)} arguments")
            if not isinstance(args[n], _core.TensorBase):
                raise TypeError(f"grad: argument {n} must be a Tensor, got {type(args[n]).__name__}")
            outer = _core.is_grad_enabled() and args[n].requires_grad
            if not outer:  # an outer derivative keeps its own graph
                called[n] = _core.alias(args[n])
                called[n].requires_grad = True
        outer_on = any(args[n].requires_grad for n in numbers) and _core.is_grad_enabled()
        with _grad_mode(True):
            value = function(*called, **kwargs)
            grads = grad(value, [called[n] for n in numbers], create_graph=outer_on)
        if not outer_on:
            value = _core.alias(value)
        return value, (grads if several else grads[0])

    return wrapped


def grad_of(function: Callable[..., Any], argnums: int | Sequence[int] = 0) -> Any:
    """Turn a scalar `function` into one that returns its gradient; nest it for higher orders."""
    both = value_and_grad(function, argnums)

    @functools.wraps(function)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        return both(*args, **kwargs)[1]

    return wrapped


class Context:
    """What `Function.forward` leaves for `Function.backward`."""

    def __init__(self) -> None:
        self.saved_tensors: tuple[Any, ...] = ()
        self.needs_input_grad: tuple[bool, ...] = ()

    def save_for_backward(self, *tensors: Any) -> None:
        """Keep tensors for the backward; changes in place to them are detected."""
        self.saved_tensors = tensors


class Function:
    """A custom operation: subclass, define static `forward(ctx, *args)` and `backward(ctx, *gs)`.

    `backward` gets one gradient per output and returns one gradient, or None, per argument of
    `forward`. Call it by `apply`.

    Example:
        >>> class Cube(tc.autograd.Function):
        ...     @staticmethod
        ...     def forward(ctx, x):
        ...         ctx.save_for_backward(x)
        ...         return x * x * x
        ...     @staticmethod
        ...     def backward(ctx, g):
        ...         (x,) = ctx.saved_tensors
        ...         return 3 * x * x * g
        >>> y = Cube.apply(tc.asarray([2.0], dtype=tc.float32))
    """

    @staticmethod
    def forward(ctx: Context, *args: Any) -> Any:
        """Compute the outputs; recording is off inside."""
        raise TypeError("Function: a subclass must define the static method forward(ctx, *args)")

    @staticmethod
    def backward(ctx: Context, *gradients: Any) -> Any:
        """Gradients of the arguments of `forward`."""
        raise TypeError("Function: a subclass must define the static method backward(ctx, *gradients)")

    @classmethod
    def apply(cls, *args: Any) -> Any:
        """Run the operation and record it."""
        ctx = Context()
        with _grad_mode(False):
            outputs = cls.forward(ctx, *args)
        if not _core.any_requires_grad(*args):
            return outputs
        several = isinstance(outputs, tuple)
        # An output that is an input would make the node its own ancestor: hand out another view of it.
        fresh = tuple(_core.alias(o) if any(o is a for a in args) else o for o in _as_sequence(outputs))

        def rule(g: Any, needs: Sequence[bool], *saved: Any) -> Sequence[Any]:
            ctx.saved_tensors, ctx.needs_input_grad = saved, tuple(needs)
            gs = g if several else (g,)
            if any(part is None for part in gs):
                from .ops.creation import zeros

                gs = tuple(
                    zeros(shape, dtype=dtype) if part is None else part
                    for part, (shape, dtype) in zip(gs, shapes, strict=True)
                )
            grads = _as_sequence(cls.backward(ctx, *gs))
            if len(grads) != len(args):
                raise RuntimeError(
                    f"{cls.__name__}.backward: must return one gradient per argument of forward "
                    f"({len(args)}), got {len(grads)}"
                )
            return grads

        shapes = [(o.shape, o.dtype) for o in fresh]
        saved = ctx.saved_tensors
        ctx.saved_tensors = ()
        result = fresh if several else fresh[0]
        return record(result, cls.__name__, rule, args, saved)


def checkpoint(function: Callable[..., Any], *args: Any) -> Any:
    """Call `function(*args)` keeping only its inputs; intermediate values are computed again in backward.

    Saves memory for time. `function` must compute the same result when called again; random
    numbers drawn from the default generator repeat.
    """
    if not _core.any_requires_grad(*args):
        return function(*args)
    from .ops.random import default_generator

    state = default_generator.get_state()
    with _grad_mode(False):
        outputs = function(*args)
    several = isinstance(outputs, tuple)

    def rule(g: Any, needs: Sequence[bool], *values: Any) -> Sequence[Any]:
        recorded = _core.is_grad_enabled()
        now = default_generator.get_state()
        default_generator.set_state(state)
        try:
            with _grad_mode(True):
                again = []
                for value in values:
                    if isinstance(value, _core.TensorBase) and value.requires_grad and not recorded:
                        value = _core.alias(value)
                        value.requires_grad = True
                    again.append(value)
                results = _as_sequence(function(*again))
        finally:
            default_generator.set_state(now)
        pairs = [
            (r, part)
            for r, part in zip(results, g if several else (g,), strict=True)
            if part is not None and r.requires_grad
        ]
        chosen = [i for i, need in enumerate(needs) if need]
        grads: list[Any] = [None] * len(values)
        if pairs:
            got = grad(
                [r for r, _ in pairs],
                [again[i] for i in chosen],
                [part for _, part in pairs],
                create_graph=recorded,
                allow_unused=True,
            )
            for i, gi in zip(chosen, got, strict=True):
                grads[i] = gi
        return grads

    fresh = tuple(_core.alias(o) if any(o is a for a in args) else o for o in _as_sequence(outputs))
    return record(fresh if several else fresh[0], "checkpoint", rule, args, args)
