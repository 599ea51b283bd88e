"""Adam and what came of it: AdamW, Adamax, NAdam, RAdam."""

from __future__ import annotations

from typing import Any, ClassVar

from .fused import FusedOptimizer
from .optimizer import Group, Params


class _AdamFamily(FusedOptimizer):
    """Running means of the gradient and of its square, with the two betas."""

    options: ClassVar[tuple[str, ...]] = ("betas", "eps")
    states: ClassVar[tuple[str, ...]] = ("exp_avg", "exp_avg_sq")


class Adam(_AdamFamily):
    """Steps of the mean gradient over the root of the mean squared gradient (Kingma & Ba 2015).

    lr: learning rate, about the size of a step. betas: what remains of the two running means from one step to the next.
    eps: added to the root. weight_decay: L2 penalty, added to the gradient; with decoupled_weight_decay it shrinks
    the parameters by lr·weight_decay instead (AdamW). amsgrad: divide by the largest mean so far (Reddi, Kale &
    Kumar 2018). maximize: climb instead of descend. Values out of range raise ValueError.

        optimizer = tc.optim.Adam(model.parameters(), lr=1e-3)
    """

    rule = "adam_step"
    options = ("betas", "eps", "amsgrad")
    states = ("exp_avg", "exp_avg_sq", "max_exp_avg_sq")

    def __init__(
        self,
        params: Params,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
        decoupled_weight_decay: bool = False,
    ) -> None:
        super().__init__(
            params,
            {
                "lr": lr,
                "betas": betas,
                "eps": eps,
                "weight_decay": weight_decay,
                "amsgrad": amsgrad,
                "maximize": maximize,
                "decoupled_weight_decay": decoupled_weight_decay,
            },
        )

    def keeps(self, name: str, group: Group) -> bool:
        """The largest mean belongs to amsgrad."""
        return name != "max_exp_avg_sq" or bool(group["amsgrad"])


class AdamW(Adam):
    """Adam whose weight decay shrinks the parameters, apart from the gradient (Loshchilov & Hutter 2019).

    optimizer = tc.optim.AdamW(model.parameters(), lr=3e-4, weight_decay=0.1)
    """

    def __init__(
        self,
        params: Params,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
    ) -> None:
        super().__init__(params, lr, betas, eps, weight_decay, amsgrad, maximize=maximize, decoupled_weight_decay=True)

    def _check(self, group: Group) -> None:
        group["decoupled_weight_decay"] = True  # also after loading a checkpoint of Adam
        super()._check(group)


class Adamax(_AdamFamily):
    """Adam with the running maximum of |gradient| in the denominator (Kingma & Ba 2015, section 7).

    optimizer = tc.optim.Adamax(model.parameters())
    """

    rule = "adamax_step"
    states = ("exp_avg", "exp_inf")

    def __init__(
        self,
        params: Params,
        lr: float = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        *,
        maximize: bool = False,
    ) -> None:
        defaults = {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay, "maximize": maximize}
        super().__init__(params, defaults)


class NAdam(_AdamFamily):
    """Adam with Nesterov's momentum (Dozat 2016).

    momentum_decay: the momentum of step t is beta1·(1 - ½·0.96^(t·momentum_decay)), it grows from half of beta1.
    decoupled_weight_decay: as AdamW's. The rest as in Adam.

        optimizer = tc.optim.NAdam(model.parameters(), lr=2e-3)
    """

    rule = "nadam_step"
    options = ("betas", "eps", "momentum_decay")
    numbers = ("step", "mu_product")

    def __init__(
        self,
        params: Params,
        lr: float = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        momentum_decay: float = 4e-3,
        decoupled_weight_decay: bool = False,
        *,
        maximize: bool = False,
    ) -> None:
        super().__init__(
            params,
            {
                "lr": lr,
                "betas": betas,
                "eps": eps,
                "weight_decay": weight_decay,
                "momentum_decay": momentum_decay,
                "maximize": maximize,
                "decoupled_weight_decay": decoupled_weight_decay,
            },
        )

    def advanced(self, state: dict[str, Any], group: Group) -> dict[str, float]:
        """With the product of the momenta of all steps."""
        step = state.get("step", 0.0) + 1.0
        momentum = group["betas"][0] * (1.0 - 0.5 * 0.96 ** (step * group["momentum_decay"]))
        return {"step": step, "mu_product": state.get("mu_product", 1.0) * momentum}


class RAdam(_AdamFamily):
    """Adam that waits with dividing by the squares until their mean is worth something (Liu et al. 2020).

    decoupled_weight_decay: as AdamW's. The rest as in Adam.

        optimizer = tc.optim.RAdam(model.parameters(), lr=1e-3)
    """

    rule = "radam_step"

    def __init__(
        self,
        params: Params,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        decoupled_weight_decay: bool = False,
        *,
        maximize: bool = False,
    ) -> None:
        super().__init__(
            params,
            {
                "lr": lr,
                "betas": betas,
                "eps": eps,
                "weight_decay": weight_decay,
                "maximize": maximize,
                "decoupled_weight_decay": decoupled_weight_decay,
            },
        )
