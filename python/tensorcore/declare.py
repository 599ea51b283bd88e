"""Declaring ops: one statement gives a function its gradient, signature and documentation.

A rule's parameter names are what it saves: `g` is the gradient of the output, `y` the output,
anything else an input or a setting of the op; `x_shape` and `x_dtype` save only that of input `x`,
so that its memory can go. A value is kept only while some input whose rule names it wants a
gradient. `None` instead of a rule means that no gradient flows to that input. Every tensor
parameter needs one or the other: a missing one raises at import.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any, TypeVar

from . import _core
from .autograd import Node, Output, record

F = TypeVar("F", bound=Callable[..., Any])
Rule = Callable[..., Any] | None


def check_tensors(op: str, **tensors: Any) -> None:
    """Raise a TypeError that names `op` and the argument unless each value is a Tensor."""
    for name, value in tensors.items():
        if not isinstance(value, _core.TensorBase):
            raise TypeError(f"{op}: {name} must be a Tensor, got {type(value).__name__}")


def _names(rule: Callable[..., Any]) -> tuple[str, ...]:
    """The parameter names of a rule; of plain functions directly, as inspect.signature takes ten times as long."""
    code = getattr(rule, "__code__", None)
    if code is None or code.co_flags & (inspect.CO_VARARGS | inspect.CO_VARKEYWORDS):
        return tuple(inspect.signature(rule).parameters)
    return code.co_varnames[: code.co_argcount]


def _compile(source: str, name: str, scope: dict[str, Any]) -> Any:
    exec(compile(source, f"<declaration of {name}>", "exec"), scope)
    return scope[name]


def _saved_names(rules: dict[str, Rule]) -> list[str]:
    """What the rules need beyond `g`, in order of first use."""
    names: dict[str, None] = {}
    for rule in rules.values():
        if rule is not None:
            names.update(dict.fromkeys(_names(rule)))
    names.pop("g", None)
    return list(names)


def _saved_source(
    saved: list[str], inputs: list[str], rules: dict[str, Rule], wanted: Callable[[int], str], output: str
) -> str:
    """Source of the tuple of saved values: None for those that no input wanting a gradient needs."""
    items = []
    for n in saved:
        users = [i for i, x in enumerate(inputs) if (rule := rules[x]) is not None and n in _names(rule)]
        base, _, field = n.rpartition("_")
        value = output if n == "y" else f"{base}.{field}" if _is_field(n, inputs) else n
        if len(users) < sum(rules[x] is not None for x in inputs):
            value = f"({value} if {' or '.join(wanted(i) for i in users)} else None)"
        items.append(value)
    return "".join(f"{item}, " for item in items)


def _is_field(name: str, inputs: list[str]) -> bool:
    base, _, field = name.rpartition("_")
    return base in inputs and field in ("shape", "dtype") and name not in inputs


def _backward_source(name: str, inputs: list[str], rules: dict[str, Rule], saved: list[str]) -> str:
    """Source of rule(g, needs, *saved) that calls the rule of each input that needs a gradient."""
    parts = []
    for i, x in enumerate(inputs):
        rule = rules[x]
        if rule is None:
            parts.append("None")
        else:
            args = ", ".join(_names(rule))
            parts.append(f"rule_{x}({args}) if needs[{i}] else None")
    head = ", ".join(["g", "needs", *saved])
    return f"def {name}({head}):\n    return ({', '.join(parts)},)\n"


def _elementwise(op: Any, inputs: list[str], params: list[str], rules: dict[str, Rule] | None, doc: str) -> Any:
    names = [*inputs, *params]
    op.__doc__ = doc
    op.__module__ = "tensorcore"
    op.__signature__ = inspect.Signature([inspect.Parameter(n, inspect.Parameter.POSITIONAL_ONLY) for n in names])
    if rules is None:
        return op
    saved = _saved_names(rules)
    unknown = {n for n in saved if n not in names and n != "y" and not _is_field(n, inputs)}
    if unknown:
        raise TypeError(f"{op.__name__}: rules use unknown names {sorted(unknown)}")

    def record_first(*args: Any) -> None:  # most ops of a program are never differentiated: compile at the first call
        op.record = _recorder(op.__name__, inputs, params, rules, saved)
        op.record(*args)

    op.record = record_first
    return op


def _recorder(
    name: str, inputs: list[str], params: list[str], rules: dict[str, Rule], saved: list[str]
) -> Callable[..., None]:
    """The function that puts a call of an elementwise op on the tape, written out for its operands and rules."""
    scope: dict[str, Any] = {f"rule_{n}": r for n, r in rules.items()}
    backward = _compile(_backward_source("backward", inputs, rules, saved), "backward", scope)
    # The version of y, just made, is asked for through y itself: an Output is not a tensor.
    kept = _saved_source(saved, inputs, rules, "e[{}] is not None".format, "Output(alias(y), None)")
    stamped = _saved_source(saved, inputs, rules, "e[{}] is not None".format, "y")
    fit = "".join(f"fitting({n}), " for n in inputs)
    source = f"""
def recorder(y, {", ".join([*inputs, *params])}, adapt):
    e = edges({", ".join(inputs)})
    set_node(y, Node({name!r}, backward, e, ({kept}), versions({stamped}), ({fit}) if adapt else None))
"""
    scope = {
        "Node": Node,
        "Output": Output,
        "alias": _core.alias,
        "edges": _core.edges,
        "versions": _core.versions,
        "set_node": _core.set_node,
        "backward": backward,
        "fitting": lambda x: (x.shape, x.dtype) if isinstance(x, _core.TensorBase) else None,
    }
    return _compile(source, "recorder", scope)


def unary(op: Any, *, x: Rule, doc: str, params: list[str] | None = None) -> Any:
    """Declare an elementwise op of one tensor `x` (and float settings `params`)."""
    rules: dict[str, Rule] | None = None if x is None else {"x": x}
    return _elementwise(op, ["x"], params or [], rules, doc)


def binary(op: Any, *, x1: Rule, x2: Rule, doc: str, params: list[str] | None = None) -> Any:
    """Declare an elementwise op of two broadcasting operands `x1` and `x2`."""
    rules = None if x1 is None and x2 is None else {"x1": x1, "x2": x2}
    return _elementwise(op, ["x1", "x2"], params or [], rules, doc)


def ternary(op: Any, *, inputs: list[str], rules: dict[str, Rule], doc: str) -> Any:
    """Declare an elementwise op of three broadcasting operands."""
    return _elementwise(op, inputs, [], {n: rules.get(n) for n in inputs}, doc)


def differentiable(*, joint: Callable[..., Any] | None = None, **rules: Rule) -> Callable[[F], F]:
    """Give a function of tensors its gradient.

    Keywords name the tensor parameters (which may be None or scalars at a call) and their rules.
    With `joint=rule` one function computes all gradients: it is called with `g`, `needs` (a list of
    bool, one per keyword, in order) and whatever else its parameters name, and returns a tuple in the
    order of the keywords, whose values then are unused (write `x=None`). The function itself runs
    without being recorded and must not return one of its inputs.
    """

    def decorate(function: F) -> F:
        signature = inspect.signature(function)
        name = function.__name__
        inputs = list(rules)
        if joint is None:
            saved = _saved_names(rules)
        else:
            saved = [n for n in _names(joint) if n not in ("g", "needs")]
        known = set(signature.parameters)
        unknown = {n for n in {*inputs, *saved} if n not in known and n != "y" and not _is_field(n, inputs)}
        if unknown or not inputs:
            raise TypeError(f"{name}: rules name {sorted(unknown)}, which are not its parameters")
        scope: dict[str, Any] = {f"rule_{n}": r for n, r in rules.items()}
        if joint is None:
            backward = _compile(_backward_source("backward", inputs, rules, saved), "backward", scope)
            kept = _saved_source(saved, inputs, rules, lambda i: f"any_requires_grad({inputs[i]})", "y")
        else:
            joint_rules: dict[str, Rule] = dict.fromkeys(inputs, joint)
            kept = _saved_source(saved, inputs, joint_rules, str, "y")
            joint_args = ", ".join(_names(joint))
            source = f"def backward({', '.join(['g', 'needs', *saved])}):\n    return joint({joint_args})\n"
            backward = _compile(source, "backward", {"joint": joint})
        call = ", ".join(f"{n}={n}" if p.kind is p.KEYWORD_ONLY else n for n, p in signature.parameters.items())
        head, scope = _plain_parameters(signature)
        scope |= {
            "function": function,
            "backward": backward,
            "record": record,
            "any_requires_grad": _core.any_requires_grad,
            "set_grad_enabled": _core.set_grad_enabled,
            "TensorBase": _core.TensorBase,
            "check_tensors": check_tensors,
        }
        first = inputs[0]
        required = signature.parameters[first].default is inspect.Parameter.empty
        check = f"if not isinstance({first}, TensorBase): check_tensors({name!r}, {first}={first})" if required else ""
        source = f"""
def {name}({head}):
    {check}
    if not any_requires_grad({", ".join(inputs)}):
        return function({call})
    set_grad_enabled(False)
    try:
        y = function({call})
    finally:
        set_grad_enabled(True)
    return record(y, {name!r}, backward, ({"".join(n + ", " for n in inputs)}), ({kept}))
"""
        wrapped = _compile(source, name, scope)
        functools.update_wrapper(wrapped, function)
        wrapped.__signature__ = signature
        return wrapped

    return decorate


def _plain_parameters(signature: inspect.Signature) -> tuple[str, dict[str, Any]]:
    """A parameter list with the same kinds and defaults, defaults passed through the scope."""
    scope: dict[str, Any] = {}
    parameters = []
    for n, p in signature.parameters.items():
        if p.default is not p.empty:
            scope[f"default_{n}"] = p.default
            p = p.replace(default=_Named(f"default_{n}"))
        parameters.append(p.replace(annotation=p.empty))
    text = str(inspect.Signature(parameters))
    return text[1:-1], scope


class _Named:
    def __init__(self, name: str):
        self.name = name

    def __repr__(self) -> str:
        return self.name
