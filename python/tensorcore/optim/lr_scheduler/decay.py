"""Schedules that multiply the initial learning rate by a factor of the step's number."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable
from math import cos, pi
from typing import Any

from ..optimizer import Optimizer
from .base import LRScheduler, check, is_count


class _Factor(LRScheduler):
    """lr(t) - floor = (initial_lr - floor) · factor_at(t), reached by multiplying with factor_at(t)/factor_at(t - 1).

    So several schedules can act on one optimiser, and what else changes the learning rate is kept.
    """

    floor = 0.0
    _jumps = False  # does resuming at a step that changes the learning rate change it?

    def factor_at(self, t: int) -> float:
        """What step t multiplies the initial learning rate by."""
        raise TypeError(f"{type(self).__name__}: a schedule by factors defines factor_at(t)")

    def get_lr(self) -> list[float]:
        """The current learning rates, moved from the last step's factor to this one's."""
        t = self.last_epoch
        if self._is_initial and t > 0 and not self._jumps:
            return self._current()
        before, now = 1.0 if t == 0 else self.factor_at(t - 1), self.factor_at(t)
        return [
            self.floor + ((lr - self.floor) * (now / before) if before else (base - self.floor) * now)
            for lr, base in zip(self._current(), self.base_lrs, strict=True)
        ]


class StepLR(_Factor):
    """Multiplies the learning rate by `gamma` every `step_size` steps.

    StepLR(optimizer, step_size=30, gamma=0.1)
    """

    _jumps = True

    def __init__(self, optimizer: Optimizer, step_size: int, gamma: float = 0.1, last_epoch: int = -1) -> None:
        check(self, "step_size", step_size, "a positive int", is_count(step_size))
        self.step_size, self.gamma = step_size, gamma
        super().__init__(optimizer, last_epoch)

    def factor_at(self, t: int) -> float:
        """gamma to the number of whole periods."""
        return self.gamma ** (t // self.step_size)


class MultiStepLR(_Factor):
    """Multiplies the learning rate by `gamma` at each of the `milestones` (a step named twice counts twice).

    MultiStepLR(optimizer, milestones=[30, 80])
    """

    _jumps = True

    def __init__(
        self, optimizer: Optimizer, milestones: Iterable[int], gamma: float = 0.1, last_epoch: int = -1
    ) -> None:
        self.milestones, self.gamma = Counter(milestones), gamma
        super().__init__(optimizer, last_epoch)

    def factor_at(self, t: int) -> float:
        """gamma to the number of milestones reached."""
        return self.gamma ** bisect_right(sorted(self.milestones.elements()), t)


class ConstantLR(_Factor):
    """Multiplies the learning rate by `factor` for the first `total_iters` steps.

    ConstantLR(optimizer, factor=0.1, total_iters=5)
    """

    _jumps = True

    def __init__(
        self, optimizer: Optimizer, factor: float = 1.0 / 3, total_iters: int = 5, last_epoch: int = -1
    ) -> None:
        check(self, "factor", factor, "in [0, 1]", 0 <= factor <= 1)
        check(self, "total_iters", total_iters, "a positive int", is_count(total_iters))
        self.factor, self.total_iters = factor, total_iters
        super().__init__(optimizer, last_epoch)

    def factor_at(self, t: int) -> float:
        """The given factor, then 1."""
        return self.factor if t < self.total_iters else 1.0


class LinearLR(_Factor):
    """Moves the factor from `start_factor` to `end_factor` in `total_iters` equal steps: a warm-up.

    LinearLR(optimizer, start_factor=0.01, total_iters=500)
    """

    def __init__(
        self,
        optimizer: Optimizer,
        start_factor: float = 1.0 / 3,
        end_factor: float = 1.0,
        total_iters: int = 5,
        last_epoch: int = -1,
    ) -> None:
        check(self, "start_factor", start_factor, "in (0, 1]", 0 < start_factor <= 1)
        check(self, "end_factor", end_factor, "in [0, 1]", 0 <= end_factor <= 1)
        check(self, "total_iters", total_iters, "a positive int", is_count(total_iters))
        self.start_factor, self.end_factor, self.total_iters = start_factor, end_factor, total_iters
        super().__init__(optimizer, last_epoch)

    def factor_at(self, t: int) -> float:
        """On the line between the two, then on its end."""
        if t >= self.total_iters:
            return self.end_factor
        return self.start_factor + (self.end_factor - self.start_factor) * t / self.total_iters


class ExponentialLR(_Factor):
    """Multiplies the learning rate by `gamma` at every step.

    ExponentialLR(optimizer, gamma=0.95)
    """

    def __init__(self, optimizer: Optimizer, gamma: float, last_epoch: int = -1) -> None:
        self.gamma = gamma
        super().__init__(optimizer, last_epoch)

    def factor_at(self, t: int) -> float:
        """gamma to the power t."""
        return self.gamma**t


class InverseTimeLR(_Factor):
    """Step t has the learning rate initial_lr / (1 + decay·t), the classic rate of stochastic approximation.

    decay at least 0, else ValueError. Source: Robbins & Monro 1951; PyTorch has none.

        InverseTimeLR(optimizer, decay=0.01)
    """

    def __init__(self, optimizer: Optimizer, decay: float, last_epoch: int = -1) -> None:
        check(self, "decay", decay, "at least 0", decay >= 0)
        self.decay = decay
        super().__init__(optimizer, last_epoch)

    def factor_at(self, t: int) -> float:
        """1 / (1 + decay·t)."""
        return 1 / (1 + self.decay * t)


class PolynomialLR(_Factor):
    """Step t of the first `total_iters` has the factor (1 - t/total_iters)^power; then the learning rate is 0.

    PolynomialLR(optimizer, total_iters=100, power=0.9)
    """

    def __init__(self, optimizer: Optimizer, total_iters: int = 5, power: float = 1.0, last_epoch: int = -1) -> None:
        check(self, "total_iters", total_iters, "a positive int", is_count(total_iters))
        self.total_iters, self.power = total_iters, power
        super().__init__(optimizer, last_epoch)

    def factor_at(self, t: int) -> float:
        """A power of what is left."""
        return (1.0 - min(t, self.total_iters) / self.total_iters) ** self.power


class CosineAnnealingLR(_Factor):
    """Lowers the learning rate to `eta_min` along half a cosine of `T_max` steps, and raises it again after that.

    Source: Loshchilov & Hutter 2017, without restarts.

        CosineAnnealingLR(optimizer, T_max=100)
    """

    def __init__(self, optimizer: Optimizer, T_max: int, eta_min: float = 0.0, last_epoch: int = -1) -> None:
        check(self, "T_max", T_max, "a positive number", T_max > 0)
        self.T_max, self.eta_min = T_max, eta_min
        super().__init__(optimizer, last_epoch)

    @property
    def floor(self) -> Any:  # type: ignore[override]
        """What the factor does not act on."""
        return self.eta_min

    def factor_at(self, t: int) -> float:
        """Half of 1 + cos, exactly 0 at the bottom."""
        return 0.0 if t % (2 * self.T_max) == self.T_max else (1 + cos(pi * t / self.T_max)) / 2
