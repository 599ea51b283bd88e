"""Stochastic gradient descent."""

from __future__ import annotations

from typing import Any

from .fused import FusedOptimizer
from .optimizer import Group, Params


class SGD(FusedOptimizer):
    """Stochastic gradient descent with momentum (Sutskever, Martens, Dahl & Hinton 2013).

    lr: learning rate. momentum: what remains of the velocity from one step to the next. dampening: what the gradient
    loses on its way into the velocity (not at the first step). weight_decay: L2 penalty, added to the gradient.
    nesterov: look ahead along the velocity; requires a momentum and no dampening. maximize: climb instead of descend.

    Values out of range raise ValueError.

        optimizer = tc.optim.SGD(model.parameters(), lr=0.1, momentum=0.9, nesterov=True)
        optimizer.zero_grad(); loss_of(model, batch).backward(); optimizer.step()
    """

    rule = "sgd_step"
    options = ("momentum", "dampening", "nesterov")
    states = ("momentum_buffer",)
    numbers = ()

    def __init__(
        self,
        params: Params,
        lr: float = 1e-3,
        momentum: float = 0,
        dampening: float = 0,
        weight_decay: float = 0,
        nesterov: bool = False,
        *,
        maximize: bool = False,
    ) -> None:
        super().__init__(
            params,
            {
                "lr": lr,
                "momentum": momentum,
                "dampening": dampening,
                "weight_decay": weight_decay,
                "nesterov": nesterov,
                "maximize": maximize,
            },
        )

    def _check(self, group: Group) -> None:
        super()._check(group)
        if group["nesterov"] and (group["momentum"] <= 0 or group["dampening"] != 0):
            raise ValueError(
                "SGD: nesterov requires a momentum and zero dampening, got momentum "
                f"{group['momentum']!r} and dampening {group['dampening']!r}"
            )

    def keeps(self, name: str, group: Group) -> bool:
        """Without momentum there is no velocity."""
        return bool(group["momentum"] != 0)

    def advanced(self, state: dict[str, Any], group: Group) -> dict[str, float]:
        """The velocity begins as the gradient: a parameter without one is at its first step."""
        return {"step": 1.0 if state.get("momentum_buffer") is None else 2.0}
