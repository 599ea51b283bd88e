"""Lion: steps of one size, in the direction of a sign."""

from __future__ import annotations

from .fused import FusedOptimizer
from .optimizer import Params


class Lion(FusedOptimizer):
    """Evolved sign momentum (Chen et al. 2023): keeps one state where Adam keeps two.

    lr: the size of every element's step, 3 to 10 times smaller than AdamW's. betas: what remains of the mean gradient
    in the step's direction, and in the mean itself. weight_decay: decoupled, so the parameters shrink by
    lr·weight_decay; 3 to 10 times larger than AdamW's. Values out of range raise ValueError.

        optimizer = tc.optim.Lion(model.parameters(), lr=1e-4, weight_decay=0.1)
    """

    rule = "lion_step"
    options = ("betas",)
    states = ("exp_avg",)
    numbers = ()

    def __init__(
        self,
        params: Params,
        lr: float = 1e-4,
        betas: tuple[float, float] = (0.9, 0.99),
        weight_decay: float = 0,
        *,
        maximize: bool = False,
    ) -> None:
        super().__init__(
            params,
            {
                "lr": lr,
                "betas": betas,
                "weight_decay": weight_decay,
                "maximize": maximize,
                "decoupled_weight_decay": True,
            },
        )
