"""The walk back along the tape: gradients from outputs to leaves.

Nodes are visited once, after everything that depends on them, without recursion; gradients of a
value used several times are added in a fixed order.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from .. import _core
from .tape import Node, Port, unpack


def _fit(g: Any, target: tuple[Any, Any]) -> Any:
    """Sum `g` over the axes along which an input was broadcast, and cast it to the input's dtype."""
    from ..ops.reduce import sum as tc_sum

    shape, dtype = target
    if g.shape != shape:
        added = g.ndim - len(shape)
        axes = tuple(range(added)) + tuple(i + added for i, n in enumerate(shape) if n == 1 and g.shape[i + added] != 1)
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


def _apply(node: Node, g: Any, wanted: set[int] | None, useful: set[Node] | None, send: Any, pending: Any) -> None:
    """Run the rule of `node` on gradient `g` and send the results along its edges."""
    if type(node) is Port:
        owner = node.edges[0]
        slots = pending.get(owner)
        if slots is None:
            slots = pending[owner] = [None] * len(owner.ports)
        slots[node.index] = g
        return
    saved = unpack(node)
    needs = [
        edge is not None and (wanted is None or id(edge) in wanted or (isinstance(edge, Node) and edge in useful))  # type: ignore[operator]
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
        from ..ops.creation import ones_like

        return ones_like(output)  # type: ignore[arg-type]
    if not isinstance(gradient, _core.TensorBase):
        raise TypeError(f"{op}: gradients must be Tensors, got {type(gradient).__name__}")
    if gradient.shape != output.shape:
        raise ValueError(f"{op}: a gradient must have its output's shape {output.shape}, got {gradient.shape}")
    return gradient if gradient.dtype is output.dtype else gradient.astype(output.dtype)


def as_sequence(value: Any) -> tuple[Any, ...]:
    """`value` as a tuple: of its items if it is a tuple or list, else of itself."""
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
    outputs = as_sequence(outputs)
    given = as_sequence(gradients) if gradients is not None else (None,) * len(outputs)
    if len(given) != len(outputs):
        raise ValueError(f"backward: got {len(outputs)} outputs and {len(given)} gradients")
    seeds = [_seed(o, g, "backward") for o, g in zip(outputs, given, strict=True)]
    targets = None if inputs is None else as_sequence(inputs)
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
    outputs, inputs = as_sequence(outputs), as_sequence(inputs)
    given = as_sequence(grad_outputs) if grad_outputs is not None else (None,) * len(outputs)
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
            "grad: an input does not take part in computing the outputs, pass allow_unused=True to get None for it"
        )
    return results[0] if single else results
