"""`Module`: a function with parameters. Layers derive from it, and so do the networks made of them."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, TypeVar

from .. import _core
from ..ops.creation import zeros_like
from ..ops.dtype import _FLOATS
from ..tensor import Tensor
from .hooks import Gates, Hook, RemovableHandle
from .parameter import Buffer, Parameter
from .state import IncompatibleKeys, load_state

M = TypeVar("M", bound="Module")

_TABLES = ("_parameters", "_buffers", "_modules")
_HOOKS = (
    "_forward_pre_hooks", "_forward_hooks", "_backward_pre_hooks", "_backward_hooks",
    "_state_dict_hooks", "_load_state_dict_pre_hooks",
)  # fmt: skip


class Module:
    """Base of all layers and networks: derive from it, make parameters and layers in `__init__`, write `forward`.

    What is assigned to an attribute is registered by its kind: a `Parameter`, a `Buffer`, another `Module`. They are
    then found by `parameters()`, `buffers()` and `modules()`, moved by `to`, and saved by `state_dict`.

    >>> class Net(nn.Module):
    ...     def __init__(self):
    ...         super().__init__()
    ...         self.layer = nn.Linear(4, 2)
    ...     def forward(self, x):
    ...         return F.relu(self.layer(x))
    >>> Net()(tc.ones((3, 4))).shape
    (3, 2)
    """

    training: bool
    _parameters: dict[str, Parameter | None]
    _buffers: dict[str, Tensor | None]
    _modules: dict[str, Module | None]
    _transient: set[str]  # buffers that the state dict leaves out

    def __init__(self) -> None:
        fields = self.__dict__
        fields["training"] = True
        fields["_transient"] = set()
        for name in (*_TABLES, *_HOOKS):
            fields[name] = {}

    # ---- calling ----

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """What the module computes: every module defines its own. Call the module itself, so that hooks run."""
        raise TypeError(f"{type(self).__name__}: the module defines no forward")

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """`forward`, with the hooks around it."""
        fields = self.__dict__
        if "_modules" not in fields:
            raise _unready(self)
        if not (
            fields["_forward_pre_hooks"] or fields["_forward_hooks"]
            or fields["_backward_hooks"] or fields["_backward_pre_hooks"]
        ):  # fmt: skip
            return self.forward(*args, **kwargs)
        for hook, with_kwargs in tuple(self._forward_pre_hooks.values()):
            changed = hook(self, args, kwargs) if with_kwargs else hook(self, args)
            if changed is None:
                continue
            if with_kwargs:
                if not isinstance(changed, tuple) or len(changed) != 2:
                    raise TypeError(f"{type(self).__name__}: a pre-hook with kwargs must return (args, kwargs) or None")
                args, kwargs = changed
            else:
                args = changed if isinstance(changed, tuple) else (changed,)
        gates = Gates(self) if self._backward_hooks or self._backward_pre_hooks else None
        result = self.forward(*(args if gates is None else gates.enter(args)), **kwargs)
        for hook, with_kwargs in tuple(self._forward_hooks.values()):
            changed = hook(self, args, kwargs, result) if with_kwargs else hook(self, args, result)
            if changed is not None:
                result = changed
        return result if gates is None else gates.leave(result)

    def register_forward_pre_hook(
        self, hook: Hook, *, prepend: bool = False, with_kwargs: bool = False
    ) -> RemovableHandle:
        """Call `hook(module, args)` before each `forward`; what it returns, unless None, replaces the arguments.

        `with_kwargs` passes the keyword arguments too, and takes (args, kwargs) back.
        """
        return RemovableHandle(self._forward_pre_hooks, (hook, with_kwargs), prepend)

    def register_forward_hook(self, hook: Hook, *, prepend: bool = False, with_kwargs: bool = False) -> RemovableHandle:
        """Call `hook(module, args, output)` after each `forward`; what it returns, unless None, is the output.

        `with_kwargs` calls `hook(module, args, kwargs, output)`.
        """
        return RemovableHandle(self._forward_hooks, (hook, with_kwargs), prepend)

    def register_full_backward_hook(self, hook: Hook, prepend: bool = False) -> RemovableHandle:
        """Call `hook(module, grad_input, grad_output)` when the gradients of the inputs are known.

        Both are tuples, with None for what is no tensor or has no gradient; what the hook returns, unless None,
        replaces `grad_input`. Inputs are the positional arguments; an identity on the tape around `forward` sees
        their gradients (`nn/hooks.py`), so neither they nor the output can be changed in place while recorded.
        """
        return RemovableHandle(self._backward_hooks, hook, prepend)

    def register_full_backward_pre_hook(self, hook: Hook, prepend: bool = False) -> RemovableHandle:
        """Call `hook(module, grad_output)` before the gradients go back through the module.

        What it returns, unless None, replaces `grad_output`.
        """
        return RemovableHandle(self._backward_pre_hooks, hook, prepend)

    # ---- parts ----

    def register_parameter(self, name: str, param: Parameter | None) -> None:
        """Add a parameter under `name`; None keeps the place free, outside the state dict.

        KeyError for a name that is taken, empty or has a dot, TypeError for anything but a `Parameter`.
        """
        self._check_name("parameter", name)
        if param is not None and not isinstance(param, Parameter):
            raise TypeError(f"parameter {name!r} must be an nn.Parameter or None, got {type(param).__name__}")
        self._parameters[name] = param

    def register_buffer(self, name: str, tensor: Tensor | None, persistent: bool = True) -> None:
        """Add a tensor that is state but not learned; the state dict holds it if `persistent`. Errors as above."""
        self._check_name("buffer", name)
        if tensor is not None and not isinstance(tensor, Tensor):
            raise TypeError(f"buffer {name!r} must be a Tensor or None, got {type(tensor).__name__}")
        self._buffers[name] = tensor
        (self._transient.discard if persistent else self._transient.add)(name)

    def add_module(self, name: str, module: Module | None) -> None:
        """Add a module under `name`. Errors as for `register_parameter`."""
        self._check_name("module", name)
        if module is not None and not isinstance(module, Module):
            raise TypeError(f"module {name!r} must be an nn.Module or None, got {type(module).__name__}")
        self._modules[name] = module

    def register_module(self, name: str, module: Module | None) -> None:
        """The same as `add_module`."""
        self.add_module(name, module)

    def _check_name(self, kind: str, name: str) -> None:
        if "_modules" not in self.__dict__:
            raise _unready(self)
        if not isinstance(name, str):
            raise TypeError(f"{kind}: the name must be a str, got {type(name).__name__}")
        if not name or "." in name:
            raise KeyError(f"{kind}: the name must not be empty and not contain '.', got {name!r}")
        if hasattr(self, name) and not any(name in self.__dict__[table] for table in _TABLES):
            raise KeyError(f"{kind}: {type(self).__name__} already has an attribute {name!r}")

    def __setattr__(self, name: str, value: Any) -> None:
        fields = self.__dict__
        kind = next((table for table, cls in _KINDS if isinstance(value, cls)), None)
        if kind is not None:
            if kind not in fields:
                raise _unready(self)
            fields.pop(name, None)
            for table in _TABLES:
                if table != kind:
                    fields[table].pop(name, None)
            fields[kind][name] = value
            if isinstance(value, Buffer):
                (self._transient.discard if value.persistent else self._transient.add)(name)
            return
        for table, what in (("_parameters", "an nn.Parameter"), ("_modules", "an nn.Module"), ("_buffers", "a Tensor")):
            if name in fields.get(table, ()):
                if value is not None and not (table == "_buffers" and isinstance(value, Tensor)):
                    raise TypeError(
                        f"{type(self).__name__}.{name}: must be {what} or None, got {type(value).__name__}; "
                        "delete the attribute first to make it something else"
                    )
                fields[table][name] = value
                return
        object.__setattr__(self, name, value)

    def __getattr__(self, name: str) -> Any:
        fields = self.__dict__
        if "_modules" in fields:  # written out, as every access to a parameter comes here
            if name in (found := fields["_parameters"]) or name in (found := fields["_modules"]):
                return found[name]
            if name in (found := fields["_buffers"]):
                return found[name]
        hint = "" if "_modules" in fields or name.startswith("__") else "; is super().__init__() called first?"
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}{hint}")

    def __delattr__(self, name: str) -> None:
        for table in _TABLES:
            if name in self.__dict__.get(table, {}):
                del self.__dict__[table][name]
                self._transient.discard(name)
                return
        object.__delattr__(self, name)

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *(name for table in _TABLES for name in self.__dict__.get(table, ()))})

    # ---- walking ----

    def named_modules(
        self, memo: set[Module] | None = None, prefix: str = "", remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Module]]:
        """This module and all below it, each with its dotted name; one that is used twice comes once."""
        memo = set() if memo is None else memo
        if remove_duplicate:
            if self in memo:
                return
            memo.add(self)
        yield prefix, self
        for name, module in self._modules.items():
            if module is not None:
                yield from module.named_modules(memo, f"{prefix}.{name}" if prefix else name, remove_duplicate)

    def modules(self) -> Iterator[Module]:
        """This module and all below it."""
        return (module for _, module in self.named_modules())

    def named_children(self) -> Iterator[tuple[str, Module]]:
        """The modules directly below this one, with their names."""
        seen: set[int] = set()
        for name, module in self._modules.items():
            if module is not None and id(module) not in seen:
                seen.add(id(module))
                yield name, module

    def children(self) -> Iterator[Module]:
        """The modules directly below this one."""
        return (module for _, module in self.named_children())

    def _named(self, table: str, prefix: str, recurse: bool, remove_duplicate: bool) -> Iterator[tuple[str, Any]]:
        seen: set[int] = set()
        owners = (
            self.named_modules(prefix=prefix, remove_duplicate=remove_duplicate) if recurse else iter([(prefix, self)])
        )
        for path, module in owners:
            for name, value in module.__dict__[table].items():
                if value is None or (remove_duplicate and id(value) in seen):
                    continue
                seen.add(id(value))
                yield f"{path}.{name}" if path else name, value

    def named_parameters(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Parameter]]:
        """Parameters with their dotted names, of this module and, if `recurse`, of all below; shared ones once."""
        return self._named("_parameters", prefix, recurse, remove_duplicate)

    def parameters(self, recurse: bool = True) -> Iterator[Parameter]:
        """The parameters, for an optimizer. See `named_parameters`."""
        return (p for _, p in self.named_parameters(recurse=recurse))

    def named_buffers(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Tensor]]:
        """Buffers with their dotted names, as `named_parameters`."""
        return self._named("_buffers", prefix, recurse, remove_duplicate)

    def buffers(self, recurse: bool = True) -> Iterator[Tensor]:
        """The buffers. See `named_buffers`."""
        return (b for _, b in self.named_buffers(recurse=recurse))

    def get_submodule(self, target: str) -> Module:
        """The module of a dotted name, "" for this one. AttributeError where there is none."""
        module: Any = self
        for i, name in enumerate(target.split(".") if target else ()):
            found = module._modules.get(name)
            if found is None:
                where = ".".join(target.split(".")[:i]) or type(self).__name__
                raise AttributeError(f"get_submodule: no module {name!r} in {where}, asked for {target!r}")
            module = found
        return module

    def _get_from(self, op: str, table: str, target: str) -> Any:
        path, _, name = target.rpartition(".")
        found = self.get_submodule(path).__dict__[table].get(name)
        if found is None:
            raise AttributeError(f"{op}: no {table[1:-1]} {name!r} in {path or type(self).__name__}")
        return found

    def get_parameter(self, target: str) -> Parameter:
        """The parameter of a dotted name. AttributeError where there is none."""
        return self._get_from("get_parameter", "_parameters", target)

    def get_buffer(self, target: str) -> Tensor:
        """The buffer of a dotted name. AttributeError where there is none."""
        return self._get_from("get_buffer", "_buffers", target)

    # ---- modes, dtype, device ----

    def train(self: M, mode: bool = True) -> M:
        """Set training mode (dropout, batch statistics) here and in all modules below; returns the module."""
        if not isinstance(mode, bool):
            raise TypeError(f"train: mode must be a bool, got {type(mode).__name__}")
        self.training = mode
        for module in self.children():
            module.train(mode)
        return self

    def eval(self: M) -> M:
        """Set evaluation mode: the same as train(False)."""
        return self.train(False)

    def requires_grad_(self: M, requires_grad: bool = True) -> M:
        """Set `requires_grad` of every parameter; returns the module."""
        for p in self.parameters():
            p.requires_grad = requires_grad
        return self

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients of all parameters, or with set_to_none=False make them 0."""
        for p in self.parameters():
            if p.grad is not None:
                p.grad = None if set_to_none else zeros_like(p.grad)

    def apply(self: M, fn: Callable[[Module], Any]) -> M:
        """Call `fn` on every module below and then on this one; returns the module."""
        for module in self.children():
            module.apply(fn)
        fn(self)
        return self

    def _apply(self: M, fn: Callable[[Tensor], Tensor]) -> M:
        """Let every parameter, its gradient and every buffer hold what `fn` makes of it: the same objects stay."""
        for tensor in [*self.parameters(), *self.buffers()]:
            for x in (tensor, tensor.grad):
                if x is not None:
                    old = x.detach()
                    new = fn(old)
                    if new is not old:
                        _core.set_data(x, new)
        return self

    def to(self: M, target: Any = None, dtype: Any = None, *, device: Any = None, non_blocking: bool = False) -> M:
        """Move parameters and buffers to a device and floating-point ones to a dtype, in place.

        to(device), to(dtype), to(device, dtype) or to(tensor). The parameters stay the same objects, so an optimizer
        that was made before keeps working. TypeError for a dtype that is not floating-point.
        """
        if isinstance(target, _core.DType):
            if dtype is not None:
                raise TypeError("to: two dtypes given")
            dtype = target
        elif isinstance(target, Tensor):
            device, dtype = target.device, target.dtype if dtype is None else dtype
        elif target is not None:
            if device is not None:
                raise TypeError("to: two devices given")
            device = target
        if dtype is not None and dtype not in _FLOATS:
            raise TypeError(f"to: dtype must be a floating-point dtype, got {dtype}")
        place = None if device is None else device if isinstance(device, _core.Device) else _core.Device(device)

        def moved(x: Tensor) -> Tensor:
            wanted = dtype if dtype is not None and x.dtype.kind == "float" else x.dtype
            if wanted is x.dtype and (place is None or place == x.device):
                return x
            return x.to(place, wanted, non_blocking=non_blocking)

        return self._apply(moved)

    def float(self: M) -> M:
        """Floating-point parameters and buffers as float32."""
        return self.to(_core.float32)

    def double(self: M) -> M:
        """Floating-point parameters and buffers as float64."""
        return self.to(_core.float64)

    def half(self: M) -> M:
        """Floating-point parameters and buffers as float16."""
        return self.to(_core.float16)

    def bfloat16(self: M) -> M:
        """Floating-point parameters and buffers as bfloat16."""
        return self.to(_core.bfloat16)

    def cpu(self: M) -> M:
        """Parameters and buffers in the CPU's memory."""
        return self.to("cpu")

    def cuda(self: M, device: Any = "cuda") -> M:
        """Parameters and buffers on a CUDA device, given by name or number."""
        return self.to(f"cuda:{device}" if isinstance(device, int) else device)

    # ---- state ----

    def get_extra_state(self) -> Any:
        """What the state dict holds beside tensors, under the key "_extra_state"; None, the default, for nothing."""
        return None

    def set_extra_state(self, state: Any) -> None:
        """Take back what `get_extra_state` returned; a module that overrides one overrides both."""
        raise TypeError(f"{type(self).__name__}: the module keeps no extra state")

    def state_dict(
        self, destination: dict[str, Any] | None = None, prefix: str = "", keep_vars: bool = False
    ) -> dict[str, Any]:
        """All parameters and persistent buffers by dotted name, after `prefix`: detached, sharing their memory.

        `keep_vars` gives the parameters themselves. Hooks of `register_state_dict_hook` may change the result.
        """
        out: dict[str, Any] = OrderedDict() if destination is None else destination
        own = {**self._parameters, **{n: b for n, b in self._buffers.items() if n not in self._transient}}
        for name, value in own.items():
            if value is not None:
                out[prefix + name] = value if keep_vars else value.detach()
        extra = self.get_extra_state()
        if extra is not None:
            out[prefix + "_extra_state"] = extra
        for name, module in self._modules.items():
            if module is not None:
                module.state_dict(out, f"{prefix}{name}.", keep_vars)
        for hook in tuple(self._state_dict_hooks.values()):
            changed = hook(self, out, prefix, {})
            if changed is not None:
                out = changed
        return out

    def register_state_dict_hook(self, hook: Hook) -> RemovableHandle:
        """Call `hook(module, state_dict, prefix, {})` after the state dict is made; a dict it returns replaces it."""
        return RemovableHandle(self._state_dict_hooks, hook)

    def register_load_state_dict_pre_hook(self, hook: Hook) -> RemovableHandle:
        """Call `hook(module, state_dict, prefix)` before a state is loaded; it may rename keys of the copy it gets."""
        return RemovableHandle(self._load_state_dict_pre_hooks, hook)

    def load_state_dict(
        self, state_dict: Mapping[str, Any], strict: bool = True, assign: bool = False
    ) -> IncompatibleKeys:
        """Copy the tensors of `state_dict` into the parameters and buffers of the same names.

        The values may be tensors or arrays of any library; they are converted to the dtype and device that are
        there, or with `assign` shared as they are. Everything is checked before anything is changed: missing and
        unexpected keys (unless strict=False) and shapes that differ are named in one RuntimeError. Returns the
        missing and the unexpected keys.
        """
        return load_state(self, state_dict, strict, assign)

    # ---- text ----

    def extra_repr(self) -> str:
        """Settings for `repr`."""
        return ""

    def __repr__(self) -> str:
        settings = self.extra_repr()
        return tree(type(self).__name__, settings, ((name, repr(module)) for name, module in self._modules.items()))


_KINDS = (("_parameters", Parameter), ("_modules", Module), ("_buffers", Buffer))


def tree(name: str, settings: str, children: Iterable[tuple[str, str]]) -> str:
    """The text of a module: its settings on one line if there are no children, else everything indented."""
    lines = [f"({key}): {_indented(text)}" for key, text in children]
    if not lines and "\n" not in settings:
        return f"{name}({settings})"
    parts = [*(settings.split("\n") if settings else ()), *lines]
    return "\n".join([f"{name}(", *(f"  {part}" for part in parts), ")"])


def _indented(text: str) -> str:
    return text.replace("\n", "\n  ")


def _unready(module: Module) -> AttributeError:
    return AttributeError(f"{type(module).__name__}: call super().__init__() before anything else in __init__")


__all__ = ["Module"]
