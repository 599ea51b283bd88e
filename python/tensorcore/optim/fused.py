"""Optimisers whose rule updates each element on its own: one kernel call per step for all parameters of a group.

The rules themselves are in `csrc/ops/optim_rules.h`, once for the CPU and for CUDA; a class below says which options
and states its rule has.
"""

from __future__ import annotations

from typing import Any, ClassVar

from .. import _core
from ..ops.creation import asarray, full_like
from ..tensor import Tensor
from .optimizer import CHECKS, Group, Optimizer


class FusedOptimizer(Optimizer):
    """The base of SGD, Adam and their kin.

    rule: the kernel's name. options: the group's options that the rule takes, in its order (a tuple counts as its
    elements). states: what is kept for each parameter, of its shape and dtype, in the rule's order.
    numbers: what is kept as one number for each parameter.
    """

    checks = CHECKS
    rule: ClassVar[str]
    options: ClassVar[tuple[str, ...]]
    states: ClassVar[tuple[str, ...]]
    numbers: ClassVar[tuple[str, ...]] = ("step",)

    def keeps(self, name: str, group: Group) -> bool:
        """Is the state `name` in use under the options of `group`?"""
        return True

    def initial(self, name: str, group: Group) -> float:
        """What the state `name` is filled with before the first step."""
        return 0.0

    def advanced(self, state: dict[str, Any], group: Group) -> dict[str, float]:
        """The numbers of one parameter at its next step, from its `state` so far."""
        return {"step": state.get("step", 0.0) + 1.0}

    def _update(self, group: Group) -> None:
        by_device: dict[str, list[Tensor]] = {}
        for p in group["params"]:
            if p.grad is not None:
                by_device.setdefault(str(p.device), []).append(p)
        for params in by_device.values():
            self._step(group, params)

    def _step(self, group: Group, params: list[Tensor]) -> None:
        kept = [name for name in self.states if self.keeps(name, group)]
        changes: list[dict[str, Any]] = []
        for p in params:
            state = self.state.get(p, {})
            change: dict[str, Any] = self.advanced(state, group)
            for name in kept:
                value = state.get(name)
                change[name] = full_like(p.detach(), self.initial(name, group)) if value is None else value
            changes.append(change)
        options: list[float] = []
        for name in self.options:
            value = group[name]
            options += map(float, value) if isinstance(value, tuple | list) else [float(value)]
        _core.optim_step(
            self.rule,
            params,
            [p.grad for p in params],
            [[change[name] for change in changes] if name in kept else [] for name in self.states],
            options,
            float(group["lr"]),
            float(group["weight_decay"]),
            bool(group.get("decoupled_weight_decay", False)),
            bool(group["maximize"]),
            [change["step"] for change in changes],
            [change["mu_product"] for change in changes] if "mu_product" in self.numbers else [],
            None,
        )
        for p, change in zip(params, changes, strict=True):  # only now: a refused call changes nothing
            if kept or self.numbers:
                self.state[p].update({k: v for k, v in change.items() if k in kept or k in self.numbers})

    def _pack(self, key: str, value: Any) -> Any:
        # A count fits PyTorch's float32; a product must not lose digits on its way through a file.
        return asarray(value, dtype=_core.float32 if key == "step" else _core.float64) if key in self.numbers else value

    def _unpack(self, p: Tensor, number: Any, key: str, value: Any) -> Any:
        where = f"{type(self).__name__}.load_state_dict: state of parameter {number}"
        if key in self.numbers:
            return float(value)
        if key not in self.states:
            raise ValueError(f"{where} must be among {', '.join((*self.numbers, *self.states))}, got {key!r}")
        copy = super()._unpack(p, number, key, value)
        if copy is not None and (not isinstance(copy, Tensor) or copy.shape != p.shape):
            got = copy.shape if isinstance(copy, Tensor) else type(copy).__name__
            raise ValueError(f"{where}, {key}, must have the parameter's shape {p.shape}, got {got}")
        return copy
