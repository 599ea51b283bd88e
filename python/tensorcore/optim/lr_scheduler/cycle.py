"""Schedules that go up and down: restarts, one cycle, many cycles. The last two also move the momentum."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import cos, floor, pi
from typing import Any

from ..optimizer import Optimizer
from .base import LRScheduler, check, is_count, per_group, saved_function


class CosineAnnealingWarmRestarts(LRScheduler):
    """Half a cosine from the initial learning rate to `eta_min`, again and again (SGDR, Loshchilov & Hutter 2017).

    The first period has `T_0` steps, each further one `T_mult` times as many. `step(epoch)` goes to an epoch, which may
    have a fraction, so that the learning rate can change within epochs.

        CosineAnnealingWarmRestarts(optimizer, T_0=10, T_mult=2)
    """

    def __init__(
        self, optimizer: Optimizer, T_0: int, T_mult: int = 1, eta_min: float = 0.0, last_epoch: int = -1
    ) -> None:
        check(self, "T_0", T_0, "a positive int", is_count(T_0))
        check(self, "T_mult", T_mult, "a positive int", is_count(T_mult))
        check(self, "eta_min", eta_min, "a number", isinstance(eta_min, int | float))
        self.T_0, self.T_mult, self.eta_min = T_0, T_mult, eta_min
        self.T_i, self.T_cur = T_0, 0.0
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        """On the cosine of this period."""
        part = (1 + cos(pi * self.T_cur / self.T_i)) / 2
        return [self.eta_min + (base - self.eta_min) * part for base in self.base_lrs]

    def step(self, epoch: float | None = None) -> None:
        """Take the next step, or go to `epoch` (not negative, else ValueError)."""
        if epoch is None:
            super().step()
            return
        check(self, "epoch", epoch, "at least 0", epoch >= 0)
        self._move_to(epoch)

    def _move_to(self, epoch: float) -> None:
        self.T_cur, self.T_i = epoch, self.T_0
        if self.T_mult == 1:
            self.T_cur = epoch % self.T_0
        while self.T_cur >= self.T_i:
            self.T_cur -= self.T_i
            self.T_i *= self.T_mult
        super()._move_to(floor(epoch))


class _MomentumCycler(LRScheduler):
    """What the schedules share that lower the momentum while the learning rate is high."""

    use_beta1: bool

    def _init_momentum(self, base: Any, highest: Any, fresh: bool) -> None:
        defaults = self.optimizer.defaults
        if "momentum" not in defaults and "betas" not in defaults:
            raise ValueError(
                f"{type(self).__name__}: cycle_momentum needs an optimiser with momentum or betas, "
                f"got {type(self.optimizer).__name__}"
            )
        self.use_beta1 = "betas" in defaults
        lows, highs = per_group(self, "base_momentum", base), per_group(self, "max_momentum", highest)
        if fresh:
            for group, low, high in zip(self.groups, lows, highs, strict=True):
                group["base_momentum"], group["max_momentum"] = low, high
            self._set_momentum(highs)

    def _set_momentum(self, values: Sequence[float]) -> None:
        for group, momentum in zip(self.groups, values, strict=True):
            if self.use_beta1:
                group["betas"] = (momentum, *group["betas"][1:])
            else:
                group["momentum"] = momentum


class OneCycleLR(_MomentumCycler):
    """One rise to `max_lr` and one fall far below the start, over `total_steps` steps (Smith & Topin 2019).

    Starts at max_lr/div_factor, rises for the share `pct_start` of all steps, falls to the start/final_div_factor
    (three_phase: first back to the start in as many steps as the rise). anneal_strategy: "cos" or "linear".
    total_steps may be given as epochs · steps_per_epoch. With cycle_momentum the momentum (or the first beta)
    goes the other way, between max_momentum and base_momentum. Stepping further than total_steps is a ValueError.

        scheduler = OneCycleLR(optimizer, max_lr=0.1, epochs=10, steps_per_epoch=len(loader))   # step per batch
    """

    def __init__(
        self,
        optimizer: Optimizer,
        max_lr: float | Sequence[float],
        total_steps: int | None = None,
        epochs: int | None = None,
        steps_per_epoch: int | None = None,
        pct_start: float = 0.3,
        anneal_strategy: str = "cos",
        cycle_momentum: bool = True,
        base_momentum: float | Sequence[float] = 0.85,
        max_momentum: float | Sequence[float] = 0.95,
        div_factor: float = 25.0,
        final_div_factor: float = 1e4,
        three_phase: bool = False,
        last_epoch: int = -1,
    ) -> None:
        if not isinstance(optimizer, Optimizer):
            raise TypeError(f"OneCycleLR: optimizer must be an Optimizer, got {type(optimizer).__name__}")
        if total_steps is None:
            if epochs is None or steps_per_epoch is None:
                raise ValueError("OneCycleLR: needs total_steps, or epochs and steps_per_epoch")
            check(self, "epochs", epochs, "a positive int", is_count(epochs))
            check(self, "steps_per_epoch", steps_per_epoch, "a positive int", is_count(steps_per_epoch))
            total_steps = epochs * steps_per_epoch
        check(self, "total_steps", total_steps, "a positive int", is_count(total_steps))
        check(self, "pct_start", pct_start, "in [0, 1]", 0 <= pct_start <= 1)
        check(self, "anneal_strategy", anneal_strategy, "'cos' or 'linear'", anneal_strategy in ("cos", "linear"))
        check(self, "div_factor", div_factor, "above 0", div_factor > 0)
        check(self, "final_div_factor", final_div_factor, "above 0", final_div_factor > 0)
        self.optimizer, self.total_steps, self.cycle_momentum = optimizer, total_steps, cycle_momentum
        self.anneal_strategy = anneal_strategy
        # Ends of phases, with what learning rate and momentum move to; they begin at initial_lr and max_momentum.
        rise = pct_start * total_steps - 1
        back = [(2 * rise, "initial_lr", "max_momentum")] if three_phase else []
        self.phases = [(rise, "max_lr", "base_momentum"), *back, (total_steps - 1.0, "min_lr", "max_momentum")]
        highest = per_group(self, "max_lr", max_lr)
        if last_epoch == -1:
            for group, high in zip(self.groups, highest, strict=True):
                group["initial_lr"], group["max_lr"] = high / div_factor, high
                group["min_lr"] = group["initial_lr"] / final_div_factor
        if cycle_momentum:
            self._init_momentum(base_momentum, max_momentum, last_epoch == -1)
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        """Between the ends of this phase; moves the momentum too."""
        t = self.last_epoch
        if t > self.total_steps:
            raise ValueError(f"OneCycleLR: step {t} lies beyond total_steps {self.total_steps}")
        start, lr, momentum = 0.0, "initial_lr", "max_momentum"
        for end, next_lr, next_momentum in self.phases:
            if t <= end or end == self.phases[-1][0]:
                break
            start, lr, momentum = end, next_lr, next_momentum
        part = (t - start) / (end - start)
        if self.cycle_momentum:
            self._set_momentum([self._between(g[momentum], g[next_momentum], part) for g in self.groups])
        return [self._between(g[lr], g[next_lr], part) for g in self.groups]

    def _between(self, start: float, end: float, part: float) -> float:
        if self.anneal_strategy == "cos":
            part = (1 - cos(pi * part)) / 2
        return start + (end - start) * part


class CyclicLR(_MomentumCycler):
    """Straight lines up from `base_lr` to `max_lr` and down again, without end (Smith 2017).

    step_size_up, step_size_down: steps of a rise and of a fall (None: as many). mode: "triangular"; "triangular2"
    halves the height every cycle; "exp_range" multiplies it by gamma every step. scale_fn: what multiplies the height
    instead, a function of the cycle's number (from 1) or, with scale_mode "iterations", of the step's. With
    cycle_momentum the momentum (or the first beta) goes the other way, from max_momentum to base_momentum.

        CyclicLR(optimizer, base_lr=0.001, max_lr=0.1, step_size_up=500)
    """

    def __init__(
        self,
        optimizer: Optimizer,
        base_lr: float | Sequence[float],
        max_lr: float | Sequence[float],
        step_size_up: int = 2000,
        step_size_down: int | None = None,
        mode: str = "triangular",
        gamma: float = 1.0,
        scale_fn: Callable[[float], float] | None = None,
        scale_mode: str = "cycle",
        cycle_momentum: bool = True,
        base_momentum: float | Sequence[float] = 0.8,
        max_momentum: float | Sequence[float] = 0.9,
        last_epoch: int = -1,
    ) -> None:
        if not isinstance(optimizer, Optimizer):
            raise TypeError(f"CyclicLR: optimizer must be an Optimizer, got {type(optimizer).__name__}")
        down = step_size_up if step_size_down is None else step_size_down
        modes = ("triangular", "triangular2", "exp_range")
        check(self, "mode", mode, f"one of {modes}", scale_fn is not None or mode in modes)
        check(self, "scale_mode", scale_mode, "'cycle' or 'iterations'", scale_mode in ("cycle", "iterations"))
        check(self, "step_size_up", step_size_up, "above 0", step_size_up > 0)
        check(self, "step_size_down", down, "above 0", down > 0)
        self.optimizer, self.mode, self.gamma, self.cycle_momentum = optimizer, mode, gamma, cycle_momentum
        self.total_size = float(step_size_up + down)
        self.step_ratio = step_size_up / self.total_size
        self._scale_fn_custom, self.scale_mode = scale_fn, scale_mode
        if scale_fn is None:
            self.scale_mode = "iterations" if mode == "exp_range" else "cycle"
        lows = per_group(self, "base_lr", base_lr)
        self.max_lrs = per_group(self, "max_lr", max_lr)
        if last_epoch == -1:
            self._set(lows)
        if cycle_momentum:
            self._init_momentum(base_momentum, max_momentum, last_epoch == -1)
            self.base_momentums = per_group(self, "base_momentum", base_momentum)
            self.max_momentums = per_group(self, "max_momentum", max_momentum)
        super().__init__(optimizer, last_epoch)
        self.base_lrs = lows

    def scale_fn(self, x: float) -> float:
        """What multiplies the height in cycle or at step `x`."""
        if self._scale_fn_custom is not None:
            return self._scale_fn_custom(x)
        if self.mode == "exp_range":
            return self.gamma**x
        return 2.0 ** (1 - x) if self.mode == "triangular2" else 1.0

    def get_lr(self) -> list[float]:
        """On the lines of this cycle; moves the momentum too."""
        cycle = floor(1 + self.last_epoch / self.total_size)
        place = 1.0 + self.last_epoch / self.total_size - cycle
        height = place / self.step_ratio if place <= self.step_ratio else (place - 1) / (self.step_ratio - 1)
        height *= self.scale_fn(cycle if self.scale_mode == "cycle" else self.last_epoch)
        if self.cycle_momentum:
            pairs = zip(self.base_momentums, self.max_momentums, strict=True)
            self._set_momentum([high - (high - low) * height for low, high in pairs])
        return [low + (high - low) * height for low, high in zip(self.base_lrs, self.max_lrs, strict=True)]

    def state_dict(self) -> dict[str, Any]:
        """Everything but the optimiser and a scale function; of a callable object its attributes."""
        return {**super().state_dict(), "_scale_fn_custom": saved_function(self._scale_fn_custom)}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over what `state_dict()` gave; a scale function stays as it is."""
        super().load_state_dict({k: v for k, v in state_dict.items() if k != "_scale_fn_custom"})
        if state_dict["_scale_fn_custom"] is not None and self._scale_fn_custom is not None:
            self._scale_fn_custom.__dict__.update(state_dict["_scale_fn_custom"])
