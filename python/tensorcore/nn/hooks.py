"""Hooks of modules: handles that take them off again, and the gates that backward hooks listen at.

A full backward hook wants the gradients at a module's inputs and outputs, whatever is computed between. So the inputs
pass through an identity operation before `forward` and the outputs through another after it, both on the tape: the
gate behind the outputs sees the gradients of all outputs at once and keeps them, the gate before the inputs sees
those of all inputs and calls the hooks with both. What a hook returns goes on in their place.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .. import _core
from ..autograd import record
from ..tensor import Tensor

Hook = Callable[..., Any]


class RemovableHandle:
    """What registering a hook returns: `remove()`, or the end of a `with` block, takes the hook off."""

    def __init__(self, hooks: dict[RemovableHandle, Any], hook: Any, prepend: bool = False):
        function = hook[0] if isinstance(hook, tuple) else hook
        if not callable(function):
            raise TypeError(f"hook: must be callable, got {type(function).__name__}")
        self._hooks = hooks
        before = dict(hooks)
        if prepend:
            hooks.clear()
        hooks[self] = hook
        if prepend:
            hooks.update(before)

    def remove(self) -> None:
        """Take the hook off; nothing happens the second time."""
        self._hooks.pop(self, None)

    def __enter__(self) -> RemovableHandle:
        return self

    def __exit__(self, *exception: object) -> None:
        self.remove()


class Gates:
    """The two gates around one call of `module`."""

    def __init__(self, module: Any):
        self.module = module
        self.hooks = list(module._backward_hooks.values())
        self.pre_hooks = list(module._backward_pre_hooks.values())
        self.grad_output: tuple[Any, ...] | None = None
        self.inputs = 0
        self.input_gate = False

    def enter(self, args: tuple[Any, ...]) -> tuple[Any, ...]:
        """`args` with the tensors among them behind the input gate."""
        self.inputs = sum(isinstance(x, Tensor) for x in args)
        self.input_gate = any(isinstance(x, Tensor) and x.requires_grad for x in args)
        return _gate(args, self._at_inputs) if self.input_gate else args

    def leave(self, result: Any) -> Any:
        """`result` with its tensors, if it is one or a tuple, list or dict of them, behind the output gate."""
        if isinstance(result, Tensor):
            return _gate((result,), self._at_outputs)[0]
        if isinstance(result, dict):
            return dict(zip(result, _gate(tuple(result.values()), self._at_outputs), strict=True))
        if isinstance(result, (tuple, list)):
            passed = _gate(tuple(result), self._at_outputs)
            return type(result)(*passed) if hasattr(result, "_fields") else type(result)(passed)
        return result

    def _at_outputs(self, grads: tuple[Any, ...]) -> tuple[Any, ...]:
        for hook in self.pre_hooks:
            changed = hook(self.module, grads)
            if changed is not None:
                grads = _replacement(self.module, "backward pre-hook", changed, grads)
        self.grad_output = grads
        if not self.input_gate:  # nothing flows to the inputs: this is the last that is seen of the module
            for hook in self.hooks:
                hook(self.module, (None,) * self.inputs, grads)
        return grads

    def _at_inputs(self, grads: tuple[Any, ...]) -> tuple[Any, ...]:
        for hook in self.hooks:
            changed = hook(self.module, grads, self.grad_output)
            if changed is not None:
                grads = _replacement(self.module, "full backward hook", changed, grads)
        return grads


def _replacement(module: Any, kind: str, changed: Any, grads: tuple[Any, ...]) -> tuple[Any, ...]:
    changed = tuple(changed) if isinstance(changed, (tuple, list)) else (changed,)
    if len(changed) != len(grads):
        raise ValueError(f"{type(module).__name__}: a {kind} must return {len(grads)} gradients, got {len(changed)}")
    return changed


def _gate(values: tuple[Any, ...], listener: Callable[[tuple[Any, ...]], tuple[Any, ...]]) -> tuple[Any, ...]:
    """The same values; `listener` is given the gradients of the tensors among them and says what goes on."""
    at = [i for i, x in enumerate(values) if isinstance(x, Tensor)]
    tensors = [values[i] for i in at]
    if not _core.any_requires_grad(*tensors):
        return values
    passed = tuple(_core.alias(x) for x in tensors)
    record(passed, "module_gate", lambda g, needs: listener(g), tensors, ())
    out = list(values)
    for i, x in zip(at, passed, strict=True):
        out[i] = x
    return tuple(out)


__all__ = ["Gates", "RemovableHandle"]
