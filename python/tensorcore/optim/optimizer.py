"""The base of optimisers: parameter groups with options of their own, state per parameter, saving and loading.

Interface and the format of `state_dict` are PyTorch's, so that training begun there goes on here, and the other way.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from copy import deepcopy
from itertools import chain
from typing import Any, ClassVar, NamedTuple

from ..autograd import enable_grad, no_grad
from ..ops.creation import asarray
from ..ops.dtype import isdtype
from ..tensor import Tensor

Group = dict[str, Any]
Params = Iterable[Tensor] | Iterable[tuple[str, Tensor]] | Iterable[Group]
Closure = Callable[[], Any]
Hook = Callable[["Optimizer", tuple[Any, ...], dict[str, Any]], None]


class Check(NamedTuple):
    """What an option must be: a sentence for the error, and the test."""

    rule: str
    holds: Callable[[Any], bool]


def _number(value: Any) -> bool:
    return (isinstance(value, int | float) and not isinstance(value, bool)) or (
        isinstance(value, Tensor) and value.size == 1
    )


def _numbers(values: Any, count: int) -> bool:
    return isinstance(values, tuple | list) and len(values) == count and all(map(_number, values))


def _is_float(x: Tensor) -> bool:
    return isdtype(x.dtype, "real floating")


_NOT_NEGATIVE = Check("must be a number of at least 0", lambda v: _number(v) and bool(v >= 0))
_FLAG = Check("must be a bool", lambda v: isinstance(v, bool))

# What the options of this package's optimisers must be, by their name.
CHECKS: dict[str, Check] = {
    **dict.fromkeys(("lr", "weight_decay", "momentum", "eps", "alpha"), _NOT_NEGATIVE),
    **dict.fromkeys(("lr_decay", "initial_accumulator_value", "momentum_decay"), _NOT_NEGATIVE),
    **dict.fromkeys(("maximize", "nesterov", "centered", "amsgrad", "decoupled_weight_decay"), _FLAG),
    "dampening": Check("must be a number", _number),
    "rho": Check("must be a number in [0, 1]", lambda v: _number(v) and bool(0 <= v <= 1)),
    "betas": Check("must be two numbers in [0, 1)", lambda v: _numbers(v, 2) and all(0 <= b < 1 for b in v)),
    "ns_coefficients": Check("must be three numbers", lambda v: _numbers(v, 3)),
    "ns_steps": Check("must be an int in [0, 100)", lambda v: type(v) is int and 0 <= v < 100),
    "adjust_lr_fn": Check(
        "must be None, 'original' or 'match_rms_adamw'", lambda v: v in (None, "original", "match_rms_adamw")
    ),
}


class Optimizer:
    """Keeps groups of parameters and changes them, in place, from their gradients.

    params: leaf tensors, pairs of name and tensor, or dicts with the key `params` and options of that group, which
    come before the optimiser's. defaults: options of the groups that do not say otherwise.

    Raises TypeError for what is no tensor, ValueError for no parameters, a parameter given twice, one that is computed
    from others, or an option out of its range (the message names option and value).

    An optimiser of your own gives `defaults` to this constructor and defines `_update(group)`, which is called
    with gradients off. Options it checks are in `checks`.
    """

    checks: ClassVar[dict[str, Check]] = {}

    def __init__(self, params: Params, defaults: dict[str, Any]) -> None:
        name = type(self).__name__
        if isinstance(params, Tensor):
            raise TypeError(f"{name}: params must be an iterable of tensors or dicts, got a single Tensor")
        self.defaults = defaults
        self.state: defaultdict[Tensor, dict[str, Any]] = defaultdict(dict)
        self.param_groups: list[Group] = []
        self._forget_hooks()
        given: list[Any] = list(params)
        if not given:
            raise ValueError(f"{name}: params is empty, there is nothing to optimise")
        for group in given if isinstance(given[0], dict) else [{"params": given}]:
            self.add_param_group(group)

    def _forget_hooks(self) -> None:
        self._before: list[Hook] = []
        self._after: list[Hook] = []
        self._stepped = False  # what schedules look at

    # ---- groups ----

    def add_param_group(self, param_group: Group) -> None:
        """Add a group: a dict with the key `params` and the options that differ from the defaults."""
        name = type(self).__name__
        if not isinstance(param_group, dict):
            raise TypeError(f"{name}: a parameter group must be a dict, got {type(param_group).__name__}")
        if "params" not in param_group:
            raise KeyError(f"{name}: a parameter group needs the key 'params', got {sorted(param_group)}")
        given = param_group["params"]
        if isinstance(given, set | frozenset):
            raise TypeError(f"{name}: params must be in an order that stays, got a set")
        entries = [given] if isinstance(given, Tensor) else list(given)
        named = [e for e in entries if isinstance(e, tuple)]
        if named and len(named) != len(entries):
            raise ValueError(f"{name}: params must all have names or none, got {len(named)} of {len(entries)}")
        group = {**param_group, "params": [e[1] for e in named] if named else entries}
        if named:
            group["param_names"] = [e[0] for e in named]
        for i, p in enumerate(group["params"]):
            if not isinstance(p, Tensor):
                raise TypeError(f"{name}: params[{i}] must be a Tensor, got {type(p).__name__}")
            if not p.is_leaf:
                raise ValueError(f"{name}: params[{i}] of shape {p.shape} is computed from others, give a leaf tensor")
        for option, value in self.defaults.items():
            group.setdefault(option, value)
        self._check(group)
        known = {id(p) for g in self.param_groups for p in g["params"]}
        for i, p in enumerate(group["params"]):
            if id(p) in known:
                raise ValueError(f"{name}: params[{i}] of shape {p.shape} is given twice")
            known.add(id(p))
        if self.param_groups and ("param_names" in group) != ("param_names" in self.param_groups[0]):
            raise ValueError(f"{name}: parameter groups must all have names or none")
        self.param_groups.append(group)

    def _check(self, group: Group) -> None:
        for option in self.defaults:
            check = self.checks.get(option)
            if check and not check.holds(group[option]):
                raise ValueError(f"{type(self).__name__}: {option} {check.rule}, got {group[option]!r}")

    # ---- stepping ----

    def step(self, closure: Closure | None = None) -> Any:
        """Update every parameter that has a gradient; the others are left alone.

        closure: computes the loss and its gradients anew, is called first, and its result returned (else None).
        Nothing changes where a group's gradients are refused (ValueError, TypeError).
        """
        arguments = () if closure is None else (closure,)
        for hook in self._before:
            hook(self, arguments, {})
        loss = None
        if closure is not None:
            with enable_grad():
                loss = closure()
        with no_grad():
            for group in self.param_groups:
                self._update(group)
        self._stepped = True
        for hook in self._after:
            hook(self, arguments, {})
        return loss

    def _update(self, group: Group) -> None:
        raise TypeError(f"{type(self).__name__}: an optimiser defines _update(group) or step()")

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Drop the gradients of all parameters, or set them to zero in place."""
        for p in chain.from_iterable(g["params"] for g in self.param_groups):
            if set_to_none or p.grad is None:
                p.grad = None
            else:
                zero = p.grad.detach()
                zero[...] = 0
                p.grad = zero

    def register_step_pre_hook(self, hook: Hook) -> Callable[[], None]:
        """Call `hook(optimizer, args, kwargs)` before every step. Returns a function that removes it."""
        return _register(self._before, hook)

    def register_step_post_hook(self, hook: Hook) -> Callable[[], None]:
        """Call `hook(optimizer, args, kwargs)` after every step. Returns a function that removes it."""
        return _register(self._after, hook)

    # ---- saving and loading ----

    def state_dict(self) -> dict[str, Any]:
        """State and options as PyTorch lays them out: parameters are numbered through all groups.

        `state` maps a parameter's number to its state, whose tensors are not copied; `param_groups` holds the options
        of each group and under `params` the numbers.
        """
        params = list(chain.from_iterable(g["params"] for g in self.param_groups))
        number = {id(p): i for i, p in enumerate(params)}
        return {
            "state": {
                number.get(id(p), p): {k: self._pack(k, v) for k, v in state.items()} for p, state in self.state.items()
            },
            "param_groups": [
                {**{k: v for k, v in g.items() if k != "params"}, "params": [number[id(p)] for p in g["params"]]}
                for g in self.param_groups
            ],
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over state and options from `state_dict()` of this kind of optimiser or of PyTorch's of that name.

        Parameters are matched by their order. Tensors (also PyTorch's on the CPU) are copied, floating-point ones to
        their parameter's dtype and device. ValueError where groups, numbers of parameters, names or shapes differ;
        this optimiser then keeps what it had.
        """
        name = type(self).__name__
        for key in ("state", "param_groups"):
            if not isinstance(state_dict, dict) or key not in state_dict:
                raise KeyError(f"{name}.load_state_dict: needs a dict with the key {key!r}")
        saved = [{k: v if k == "params" else deepcopy(v) for k, v in g.items()} for g in state_dict["param_groups"]]
        ours, theirs = ([len(g["params"]) for g in groups] for groups in (self.param_groups, saved))
        if ours != theirs:
            raise ValueError(f"{name}.load_state_dict: groups of {ours} parameters cannot take those of {theirs}")
        params = dict(
            zip(
                chain.from_iterable(g["params"] for g in saved),
                chain.from_iterable(g["params"] for g in self.param_groups),
                strict=True,
            )
        )
        state: defaultdict[Any, dict[str, Any]] = defaultdict(dict)
        for number, values in state_dict["state"].items():
            if number in params:
                p = params[number]
                state[p] = {k: self._unpack(p, number, k, v) for k, v in values.items()}
            else:  # state of no parameter
                state[number] = values
        for old, new in zip(self.param_groups, saved, strict=True):
            new["params"] = old["params"]
            if "param_names" in old:
                new.setdefault("param_names", old["param_names"])
            for option, value in self.defaults.items():  # options younger than the checkpoint
                new.setdefault(option, value)
            self._check(new)
        self.state, self.param_groups = state, saved

    def _pack(self, key: str, value: Any) -> Any:
        return value

    def _unpack(self, p: Tensor, number: Any, key: str, value: Any) -> Any:
        if not hasattr(value, "__dlpack__"):
            return deepcopy(value)
        copy = asarray(value.detach() if isinstance(value, Tensor) else value, copy=True)
        return copy.to(p.device, p.dtype if _is_float(copy) and _is_float(p) else copy.dtype)

    def __getstate__(self) -> dict[str, Any]:
        return {"defaults": self.defaults, "state": self.state, "param_groups": self.param_groups}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._forget_hooks()

    def __repr__(self) -> str:
        lines = [f"{type(self).__name__} ("]
        for i, group in enumerate(self.param_groups):
            lines.append(f"Parameter Group {i}")
            lines += [f"    {key}: {group[key]}" for key in sorted(group) if key != "params"]
        return "\n".join([*lines, ")"])


def _register(hooks: list[Hook], hook: Hook) -> Callable[[], None]:
    hooks.append(hook)
    return lambda: hooks.remove(hook) if hook in hooks else None
