"""A schedule that looks at how training goes."""

from __future__ import annotations

from collections.abc import Sequence
from math import inf
from typing import SupportsFloat

from ..optimizer import Optimizer
from .base import LRScheduler, check, per_group


class ReduceLROnPlateau(LRScheduler):
    """Multiplies the learning rate by `factor` once a metric has not improved for more than `patience` steps.

    mode: "min" if less is better, else "max". threshold: what counts as an improvement, a share of the best value with
    threshold_mode "rel", a difference with "abs". cooldown: steps after a change during which nothing is counted.
    min_lr: the least learning rate, one for all groups or one for each. eps: smaller changes are not made.

        scheduler = ReduceLROnPlateau(optimizer, patience=3)
        scheduler.step(validation_loss)
    """

    def __init__(
        self,
        optimizer: Optimizer,
        mode: str = "min",
        factor: float = 0.1,
        patience: int = 10,
        threshold: float = 1e-4,
        threshold_mode: str = "rel",
        cooldown: int = 0,
        min_lr: float | Sequence[float] = 0,
        eps: float = 1e-8,
    ) -> None:
        if not isinstance(optimizer, Optimizer):
            raise TypeError(f"ReduceLROnPlateau: optimizer must be an Optimizer, got {type(optimizer).__name__}")
        check(self, "factor", factor, "below 1", factor < 1)
        check(self, "mode", mode, "'min' or 'max'", mode in ("min", "max"))
        check(self, "threshold_mode", threshold_mode, "'rel' or 'abs'", threshold_mode in ("rel", "abs"))
        self.optimizer, self.mode, self.factor, self.patience = optimizer, mode, factor, patience
        self.threshold, self.threshold_mode, self.cooldown, self.eps = threshold, threshold_mode, cooldown, eps
        self.min_lrs: list[float] = per_group(self, "min_lr", min_lr)
        self.default_min_lr = float(min_lr) if isinstance(min_lr, int | float) else None
        self.last_epoch = self.cooldown_counter = self.num_bad_epochs = 0
        self.best = inf if mode == "min" else -inf
        self._last_lr = self._current()

    def step(self, metrics: SupportsFloat) -> None:  # type: ignore[override]
        """Take note of the metric, a number or a tensor of one element, and reduce the learning rate if it is time."""
        value = float(metrics)
        self.last_epoch += 1
        self.num_bad_epochs += 1
        if self._improves(value):
            self.best, self.num_bad_epochs = value, 0
        if self.cooldown_counter > 0:
            self.cooldown_counter -= 1
            self.num_bad_epochs = 0
        if self.num_bad_epochs > self.patience:
            self._reduce()
            self.cooldown_counter, self.num_bad_epochs = self.cooldown, 0
        self._last_lr = self._current()

    def _improves(self, value: float) -> bool:
        margin = -self.threshold if self.mode == "min" else self.threshold
        bound = self.best * (1 + margin) if self.threshold_mode == "rel" else self.best + margin
        return value < bound if self.mode == "min" else value > bound

    def _reduce(self) -> None:
        if len(self.min_lrs) != len(self.groups) and self.default_min_lr is not None:
            self.min_lrs = [self.default_min_lr] * len(self.groups)  # a group was added
        if len(self.min_lrs) != len(self.groups):
            raise RuntimeError(
                f"ReduceLROnPlateau: min_lrs has {len(self.min_lrs)} values for {len(self.groups)} groups: "
                "a group was added, give min_lrs its value"
            )
        for group, lr, least in zip(self.groups, self._current(), self.min_lrs, strict=True):
            reduced = max(lr * self.factor, least)
            if lr - reduced > self.eps:
                group["lr"] = reduced
