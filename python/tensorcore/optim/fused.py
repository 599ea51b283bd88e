"""Optimisers whose rule updates each element on its own: one kernel call per step for all parameters of a group.

The rules themselves are in `csrc/ops/optim_rules.h`, once for the CPU and for CUDA; a class below says which options
and states its rule has.
"""

from __future__ import annotations

from typing import Any, ClassVar

from .. import _core
from .._core import Device
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
        by_device: dict[Device, list[Tensor]] = {}
        for p in group["params"]:
            if p.grad is not None:
                by_device.setdefault(p.device, []).append(p)
        for params in by_device.values():
            self._step(group, params)

    def _step(self, group: Group, params: list[Tensor]) -> None:
        columns: dict[str, list[Tensor]] = {name: [] for name in self.states if self.keeps(name, group)}
        numbers: list[dict[str, float]] = []
        fresh: list[tuple[Tensor, str, Tensor]] = []
        for p in params:
            state = self.state.get(p, {})
            numbers.append(self.advanced(state, group))
            for name, column in columns.items():
                value = state.get(name)
                if value is None:
                    value = full_like(p, self.initial(name, group))
                    fresh.append((p, name, value))
                column.append(value)
        options: list[float] = []
        for name in self.options:
            value = group[name]
            options += map(float, value) if isinstance(value, tuple | list) else [float(value)]
        _core.optim_step(
            self.rule,
            params,
            [p.grad for p in params],
            [columns.get(name, []) for name in self.states],
            options,
            float(group["lr"]),
            float(group["weight_decay"]),
            bool(group.get("decoupled_weight_decay", False)),
            bool(group["maximize"]),
            [n["step"] for n in numbers],
            [n["mu_product"] for n in numbers] if "mu_product" in self.numbers else [],
            None,
        )
        # Only now: a refused call changes nothing.
        if self.numbers:
            for p, n in zip(params, numbers, strict=True):
                self.state[p].update(n)
        for p, name, value in fresh:
            self.state[p][name] = value

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
