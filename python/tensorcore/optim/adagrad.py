"""Steps scaled by the gradients seen so far: Adagrad, Adadelta, RMSprop."""

from __future__ import annotations

from .fused import FusedOptimizer
from .optimizer import Group, Params


class Adagrad(FusedOptimizer):
    """Steps divided by the root of the sum of all squared gradients (Duchi, Hazan & Singer 2011).

    lr: learning rate, which at step t counts as lr / (1 + (t - 1)·lr_decay). initial_accumulator_value: what the sum
    begins with. eps: added to its root. weight_decay: L2 penalty. Values out of range raise ValueError.

        optimizer = tc.optim.Adagrad(model.parameters(), lr=0.01)
    """

    rule = "adagrad_step"
    options = ("lr_decay", "eps")
    states = ("sum",)

    def __init__(
        self,
        params: Params,
        lr: float = 1e-2,
        lr_decay: float = 0,
        weight_decay: float = 0,
        initial_accumulator_value: float = 0,
        eps: float = 1e-10,
        *,
        maximize: bool = False,
    ) -> None:
        super().__init__(
            params,
            {
                "lr": lr,
                "lr_decay": lr_decay,
                "eps": eps,
                "weight_decay": weight_decay,
                "initial_accumulator_value": initial_accumulator_value,
                "maximize": maximize,
            },
        )

    def initial(self, name: str, group: Group) -> float:
        """The sum's first value."""
        return float(group["initial_accumulator_value"])


class Adadelta(FusedOptimizer):
    """Steps as large as recent ones, divided by recent gradients (Zeiler 2012): no unit is left in lr.

    rho: what remains of both running means of squares from one step to the next. eps: added to them before their root
    is taken. lr: what multiplies a step. weight_decay: L2 penalty. Values out of range raise ValueError.

        optimizer = tc.optim.Adadelta(model.parameters())
    """

    rule = "adadelta_step"
    options = ("rho", "eps")
    states = ("square_avg", "acc_delta")

    def __init__(
        self,
        params: Params,
        lr: float = 1.0,
        rho: float = 0.9,
        eps: float = 1e-6,
        weight_decay: float = 0,
        *,
        maximize: bool = False,
    ) -> None:
        defaults = {"lr": lr, "rho": rho, "eps": eps, "weight_decay": weight_decay, "maximize": maximize}
        super().__init__(params, defaults)


class RMSprop(FusedOptimizer):
    """Steps divided by the root of a running mean of squared gradients (Tieleman & Hinton 2012).

    alpha: what remains of the mean from one step to the next. centered: divide by an estimate of the gradient's
    standard deviation instead (Graves 2013). momentum: as in SGD, of the divided gradients. eps: added to the root.
    weight_decay: L2 penalty. Values out of range raise ValueError.

        optimizer = tc.optim.RMSprop(model.parameters(), lr=0.01, momentum=0.9)
    """

    rule = "rmsprop_step"
    options = ("alpha", "eps", "momentum", "centered")
    states = ("square_avg", "grad_avg", "momentum_buffer")

    def __init__(
        self,
        params: Params,
        lr: float = 1e-2,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0,
        momentum: float = 0,
        centered: bool = False,
        *,
        maximize: bool = False,
    ) -> None:
        super().__init__(
            params,
            {
                "lr": lr,
                "momentum": momentum,
                "alpha": alpha,
                "eps": eps,
                "centered": centered,
                "weight_decay": weight_decay,
                "maximize": maximize,
            },
        )

    def keeps(self, name: str, group: Group) -> bool:
        """The mean gradient belongs to `centered`, the velocity to a momentum."""
        return name == "square_avg" or bool(group["centered"] if name == "grad_avg" else group["momentum"] != 0)
