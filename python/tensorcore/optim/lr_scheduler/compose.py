"""Schedules made of schedules."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from typing import Any

from ..optimizer import Optimizer
from .base import LRScheduler, check
from .plateau import ReduceLROnPlateau


class _Composed(LRScheduler):
    _schedulers: list[LRScheduler]

    def _take(self, optimizer: Optimizer | None, schedulers: Sequence[LRScheduler]) -> None:
        name = type(self).__name__
        check(self, "schedulers", list(schedulers), "at least one", len(schedulers) > 0)
        for i, s in enumerate(schedulers):
            if not isinstance(s, LRScheduler):
                raise TypeError(f"{name}: schedulers[{i}] must be an LRScheduler, got {type(s).__name__}")
            if isinstance(s, ReduceLROnPlateau):
                raise ValueError(f"{name}: schedulers[{i}] must not be a ReduceLROnPlateau, its step needs a metric")
            if s.optimizer is not (optimizer or schedulers[0].optimizer):
                raise ValueError(f"{name}: schedulers[{i}], {type(s).__name__}, belongs to another optimizer")
        self.optimizer = optimizer or schedulers[0].optimizer
        self._schedulers = list(schedulers)

    def _undo_initial_step(self) -> None:
        for s in self._schedulers:
            s._undo_initial_step()

    def state_dict(self) -> dict[str, Any]:
        """Everything but the optimiser, with the schedules' own states."""
        return {**super().state_dict(), "_schedulers": [s.state_dict() for s in self._schedulers]}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over what `state_dict()` gave, also in the schedules."""
        super().load_state_dict({k: v for k, v in state_dict.items() if k != "_schedulers"})
        for s, saved in zip(self._schedulers, state_dict["_schedulers"], strict=True):
            s.load_state_dict(saved)


class SequentialLR(_Composed):
    """One schedule after the other: the next begins, at its own step 0, when a milestone is reached.

    milestones: increasing numbers of steps, one fewer than schedulers (else ValueError).

        warmup, decay = LinearLR(optimizer, 0.1, total_iters=5), CosineAnnealingLR(optimizer, T_max=95)
        SequentialLR(optimizer, [warmup, decay], milestones=[5])
    """

    def __init__(
        self,
        optimizer: Optimizer,
        schedulers: Sequence[LRScheduler],
        milestones: Sequence[int],
        last_epoch: int = -1,
    ) -> None:
        self._take(optimizer, schedulers)
        rule = f"{len(schedulers) - 1} numbers for {len(schedulers)} schedulers"
        check(self, "milestones", list(milestones), rule, len(milestones) == len(schedulers) - 1)
        check(self, "milestones", list(milestones), "increasing", list(milestones) == sorted(milestones))
        self._milestones = list(milestones)
        self.last_epoch = last_epoch + 1
        # Each schedule has set the learning rate when it was made: only the first one's shall count.
        for group in self.groups:
            group["lr"] = group["initial_lr"]
        self._undo_initial_step()
        first = self._schedulers[bisect_right(self._milestones, 0)]
        first._initial_step()
        self._last_lr = first.get_last_lr()

    def step(self) -> None:
        """Take the next step of the schedule whose turn it is."""
        self.last_epoch += 1
        turn = bisect_right(self._milestones, self.last_epoch)
        current = self._schedulers[turn]
        if turn > 0 and self._milestones[turn - 1] == self.last_epoch:
            current._restart()
        else:
            current.step()
        self._last_lr = current.get_last_lr()

    def _initial_step(self) -> None:
        self._restart()

    def _restart(self) -> None:
        self.last_epoch = 0
        first = self._schedulers[bisect_right(self._milestones, 0)]
        first._restart()
        self._last_lr = first.get_last_lr()


class ChainedScheduler(_Composed):
    """Several schedules at once: each step takes one of all of them, in their order, so that factors multiply.

    ChainedScheduler([ConstantLR(optimizer, 0.1, total_iters=20), ExponentialLR(optimizer, gamma=0.9)])
    """

    def __init__(self, schedulers: Sequence[LRScheduler], optimizer: Optimizer | None = None) -> None:
        self._take(optimizer, schedulers)
        self._last_lr = self._current()

    def step(self) -> None:
        """Take a step of every schedule."""
        for s in self._schedulers:
            s.step()
        self._last_lr = self._current()

    def _initial_step(self) -> None:
        for s in self._schedulers:
            s._initial_step()
        self._last_lr = self._current()

    def _restart(self) -> None:
        for group in self.groups:
            group["lr"] = group["initial_lr"]
        for s in self._schedulers:
            s.last_epoch = -1
        self._initial_step()
