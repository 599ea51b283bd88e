"""Muon: orthogonalised momentum, for the matrices inside a network."""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt

from .._core import DType, bfloat16, float32
from ..ops.creation import zeros_like
from ..ops.elementwise import maximum
from ..tensor import Tensor
from .optimizer import CHECKS, Group, Optimizer, Params


def orthogonalize(x: Tensor, coefficients: Sequence[float], steps: int, eps: float, dtype: DType = bfloat16) -> Tensor:
    """About U Vᵀ of x = U S Vᵀ, a 2-d tensor: its singular values are driven towards 1 (from 0.5 to 1.5).

    Newton-Schulz iteration with the odd quintic a·s + b·s³ + c·s⁵ applied to every singular value, after Jordan et al.
    2024. eps: the least norm x is divided by. dtype: of the products and of the result; bfloat16 is exact enough.
    """
    a, b, c = coefficients
    wide = x.shape[0] <= x.shape[1]  # the smaller Gram matrix
    sums = float32 if dtype.itemsize < 4 else dtype
    y = (x if wide else x.mT).astype(sums)
    y = y / maximum((y * y).sum() ** 0.5, eps)
    for _ in range(steps):  # products in `dtype`; sums are rounded to it once
        narrow = y.astype(dtype)
        gram = narrow @ narrow.mT
        square = gram @ gram
        change = (b * gram.astype(sums) + c * square.astype(sums)).astype(dtype) @ narrow
        y = a * y + change.astype(sums)
    return (y if wide else y.mT).astype(dtype)


class Muon(Optimizer):
    """Momentum whose matrices are orthogonalised before each step (Jordan et al. 2024).

    params: 2-d tensors; biases, embeddings and the output layer belong to another optimiser, such as AdamW. lr:
    learning rate. weight_decay: decoupled, the parameters shrink by lr·weight_decay. momentum: what remains of the mean
    gradient; nesterov: look ahead along it. ns_coefficients, ns_steps, eps: of `orthogonalize`. adjust_lr_fn:
    "original" (None) multiplies lr by √max(1, rows/columns), "match_rms_adamw" by 0.2·√max(rows, columns), so that
    learning rates of AdamW fit (Liu et al. 2025).

    Values out of range and parameters that are not 2-d raise ValueError.

        hidden = [p for p in model.parameters() if p.ndim == 2]
        optimizer = tc.optim.Muon(hidden, lr=0.02)
    """

    checks = CHECKS

    def __init__(
        self,
        params: Params,
        lr: float = 1e-3,
        weight_decay: float = 0.1,
        momentum: float = 0.95,
        nesterov: bool = True,
        ns_coefficients: tuple[float, float, float] = (3.4445, -4.7750, 2.0315),
        eps: float = 1e-7,
        ns_steps: int = 5,
        adjust_lr_fn: str | None = None,
    ) -> None:
        super().__init__(
            params,
            {
                "lr": lr,
                "weight_decay": weight_decay,
                "momentum": momentum,
                "nesterov": nesterov,
                "ns_coefficients": ns_coefficients,
                "eps": eps,
                "ns_steps": ns_steps,
                "adjust_lr_fn": adjust_lr_fn,
            },
        )

    def _check(self, group: Group) -> None:
        super()._check(group)
        for i, p in enumerate(group["params"]):
            if p.ndim != 2:
                raise ValueError(f"Muon: params[{i}] must be 2-d, got shape {p.shape}")

    def _update(self, group: Group) -> None:
        lr, momentum = float(group["lr"]), group["momentum"]
        for p in group["params"]:
            if p.grad is None or p.size == 0:
                continue
            grad, values = p.grad.detach(), p.detach()
            state = self.state[p]
            if "momentum_buffer" not in state:
                state["momentum_buffer"] = zeros_like(values)
            mean = state["momentum_buffer"]
            mean[...] = mean + (grad - mean) * (1 - momentum)
            direction = grad + (mean - grad) * momentum if group["nesterov"] else mean
            step = self._orthogonal(direction, group).astype(p.dtype)
            values[...] = values * (1 - lr * group["weight_decay"]) - _adjusted(lr, group, p.shape) * step

    def _orthogonal(self, x: Tensor, group: Group) -> Tensor:
        return orthogonalize(x, group["ns_coefficients"], group["ns_steps"], group["eps"])


def _adjusted(lr: float, group: Group, shape: Sequence[int]) -> float:
    rows, columns = shape
    if group["adjust_lr_fn"] == "match_rms_adamw":
        return lr * 0.2 * sqrt(max(rows, columns))
    return lr * sqrt(max(1.0, rows / columns))
