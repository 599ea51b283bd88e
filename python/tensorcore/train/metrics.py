"""What all metrics have in common, and those of regression and of language models.

A metric accumulates over batches: `reset()`, `update(output, target)` per batch, `compute()` at the end. It keeps
counts in int64 and sums in float64 on the device of the batches, so that the result does not depend on how the data was
cut into batches, and `update` does not wait for a GPU: only `compute` does.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from .. import _core, autograd
from ..nn import functional as F
from ..tensor import Tensor


class Metric:
    """Base of metrics. A metric of your own defines `update` and `compute`, and keeps what it sums up with `_add`.

    `higher_is_better` tells the trainer which of two values is the better one.
    """

    higher_is_better = False

    def __init__(self) -> None:
        self._state: dict[str, Any] = {}

    @property
    def name(self) -> str:
        """What the trainer calls the metric unless told otherwise: the class's name in lower case."""
        return type(self).__name__.lower()

    def reset(self) -> None:
        """Forget all batches."""
        self._state = {}

    def update(self, output: Tensor, target: Tensor) -> None:
        """Take in a batch: what the model gave and what it should have given."""
        raise TypeError(f"{type(self).__name__}: the metric defines no update")

    def compute(self) -> Any:
        """The value over all batches since `reset`; NaN where there was nothing to judge."""
        raise TypeError(f"{type(self).__name__}: the metric defines no compute")

    def state_dict(self) -> dict[str, Any]:
        """All that `compute` depends on, for a checkpoint."""
        return dict(self._state)

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from `state_dict()`."""
        self._state = dict(state)

    def _add(self, **values: Any) -> None:
        for name, value in values.items():
            before = self._state.get(name)
            if before is None:
                self._state[name] = value
            elif isinstance(before, Tensor) and isinstance(value, Tensor):
                if before.shape != value.shape:
                    raise ValueError(f"{self.name}: batches differ: got {before.shape}, then {value.shape}")
                self._state[name] = before.to(value.device) + value
            else:
                self._state[name] = before + value

    def _get(self, name: str) -> Any:
        """A sum as a Python number or nested list; 0 before any batch."""
        value = self._state.get(name, 0)
        return value.tolist() if isinstance(value, Tensor) else value


# ---- regression ----


class _Difference(Metric):
    """Sums over the differences of all elements."""

    @autograd.no_grad()
    def update(self, output: Tensor, target: Tensor) -> None:
        """Sum up the errors of a batch; ValueError unless output and target have one shape."""
        check_tensors(self, output, target)
        if output.shape != target.shape:  # broadcasting (N, 1) against (N,) would compare everything with everything
            raise ValueError(f"{self.name}: output {output.shape} and target {target.shape} must have one shape")
        error = output.astype(_core.float64) - target.astype(_core.float64)
        self._add(total=self._measure(error).sum(), count=output.size)

    def _measure(self, error: Tensor) -> Tensor:
        return error * error

    def compute(self) -> float:
        """The mean over all elements."""
        return ratio(self._get("total"), self._get("count"), math.nan)


class MSE(_Difference):
    """Mean of the squared errors over all elements of `output` and `target`, of one shape."""


class RMSE(_Difference):
    """Square root of the mean of the squared errors over all elements."""

    def compute(self) -> float:
        """The root."""
        return math.sqrt(super().compute())


class MAE(_Difference):
    """Mean of the absolute errors over all elements."""

    def _measure(self, error: Tensor) -> Tensor:
        return abs(error)


class R2(Metric):
    """Coefficient of determination: 1 - Σ(target - output)² / Σ(target - mean of target)².

    `output` and `target` are (N,), or (N, D) for D quantities, of which the mean is taken. 1 for a constant target that
    is met and 0 for one that is not; NaN with fewer than two rows. The spread of the targets is merged
    batch by batch without cancellation (T. Chan, G. Golub, R. LeVeque, "Updating formulae and a pairwise algorithm
    for computing sample variances", 1979).
    """

    higher_is_better = True

    @autograd.no_grad()
    def update(self, output: Tensor, target: Tensor) -> None:
        """Take in (N,) or (N, D) outputs and targets."""
        check_tensors(self, output, target)
        if output.shape != target.shape or output.ndim not in (1, 2):
            raise ValueError(f"r2: needs (N,) or (N, D) twice, got output {output.shape} and target {target.shape}")
        n = output.shape[0]
        if n == 0:
            return
        y = target.astype(_core.float64)
        error = output.astype(_core.float64) - y
        mean = y.mean(axis=0)
        spread = ((y - mean) ** 2).sum(axis=0)
        before = self._state.get("count", 0)
        if before:
            shift = mean - self._state["mean"].to(y.device)
            spread = spread + shift * shift * (before * n / (before + n))
            mean = self._state.pop("mean").to(y.device) + shift * (n / (before + n))
        self._state["mean"] = mean
        self._add(residual=(error * error).sum(axis=0), spread=spread, count=n)

    def compute(self) -> float:
        """The coefficient, at most 1."""
        if self._get("count") < 2:
            return math.nan
        residual, spread = self._get("residual"), self._get("spread")
        if not isinstance(residual, list):
            residual, spread = [residual], [spread]
        scores = [1 - r / s if s else float(r == 0) for r, s in zip(residual, spread, strict=True)]
        return math.fsum(scores) / len(scores)


# ---- losses ----


class MeanLoss(Metric):
    """Mean of a loss function over all samples.

    `loss(output, target)` is a batch's mean and weighs as its rows do; with the attribute `reduction` "sum", their sum.

    >>> metric = tc.train.MeanLoss(F.mse_loss, name="mse")
    """

    def __init__(self, loss: Callable[[Tensor, Tensor], Tensor], name: str = "mean_loss"):
        super().__init__()
        self.loss, self._name = loss, name
        self.is_sum = getattr(loss, "reduction", "mean") == "sum"

    @property
    def name(self) -> str:
        """The given name."""
        return self._name

    @autograd.no_grad()
    def update(self, output: Any, target: Any) -> None:
        """Add the loss of a batch."""
        self.add(self.loss(output, target), rows(target))

    def add(self, loss: Tensor, count: int) -> None:
        """Add the loss of a batch of `count` samples that is known already."""
        if loss.size != 1:
            raise ValueError(f"{self.name}: the loss must be one number, got shape {loss.shape}")
        total = loss.detach().reshape(()).astype(_core.float64)
        self._add(total=total if self.is_sum else total * count, count=count)

    def compute(self) -> float:
        """The mean."""
        return ratio(self._get("total"), self._get("count"), math.nan)


class _LogLikelihood(Metric):
    """Mean of -log p(target) over the targets, in float64; inputs as for `F.cross_entropy`."""

    def __init__(self, ignore_index: int = -100):
        super().__init__()
        self.ignore_index = ignore_index

    @autograd.no_grad()
    def update(self, output: Tensor, target: Tensor) -> None:
        """Add logits (N, C, …) and target labels (N, …) of a batch."""
        losses = F.cross_entropy(output, target, ignore_index=self.ignore_index, reduction="none")
        self._add(total=losses.astype(_core.float64).sum(), count=(target != self.ignore_index).sum())

    def _mean(self) -> float:
        return ratio(self._get("total"), self._get("count"), math.nan)


class Perplexity(_LogLikelihood):
    """exp of the mean negative log-likelihood (base e) per target: a uniform guess among V tokens has V.

    `output` is (N, C, …) logits, `target` (N, …) labels; those equal to `ignore_index` do not count.
    """

    def compute(self) -> float:
        """The perplexity, at least 1; infinite above what a float holds."""
        mean = self._mean()
        return math.exp(mean) if not mean > 709 else math.inf


class BitsPerCharacter(_LogLikelihood):
    """Mean negative log-likelihood per target in bits. Inputs as for `Perplexity`."""

    @property
    def name(self) -> str:
        """`bits_per_character`."""
        return "bits_per_character"

    def compute(self) -> float:
        """Bits, at least 0."""
        return self._mean() / math.log(2)


def rows(target: Any) -> int:
    """How many samples a batch of targets has: the first extent of the first tensor in it, 1 without one."""
    while isinstance(target, (list, tuple, dict)) and target:
        target = next(iter(target.values())) if isinstance(target, dict) else target[0]
    return target.shape[0] if isinstance(target, Tensor) and target.ndim else 1


def ratio(a: float, b: float, without: float) -> float:
    return a / b if b else without


def check_tensors(metric: Metric, output: Any, target: Any) -> None:
    for what, value in (("output", output), ("target", target)):
        if not isinstance(value, Tensor):
            raise TypeError(f"{metric.name}: {what} must be a Tensor, got {type(value).__name__}")


__all__ = [
    "MAE",
    "MSE",
    "R2",
    "RMSE",
    "BitsPerCharacter",
    "MeanLoss",
    "Metric",
    "Perplexity",
]
