"""The base of learning-rate schedules, and those given by functions."""

from __future__ import annotations

import types
import warnings
from collections.abc import Callable, Sequence
from typing import Any

from ..optimizer import Group, Optimizer


class LRScheduler:
    """Sets `lr` in every group of `optimizer`, first when it is made and then at each `step()`.

    A group's first learning rate is kept in it as `initial_lr`. last_epoch: the number of the last step taken when
    training is resumed with an optimiser whose state was loaded; -1 begins anew. Subclasses define `get_lr()`, the
    learning rates at step `last_epoch`, from `base_lrs` (the initial ones) or from what the groups hold now.

    Raises TypeError for what is no Optimizer, KeyError where a resumed group has no `initial_lr`.

        scheduler = StepLR(optimizer, step_size=30)
        for epoch in range(90):
            train(...)           # calls optimizer.step()
            scheduler.step()
    """

    optimizer: Optimizer
    _is_initial = False
    _last_lr: list[float]

    def __init__(self, optimizer: Optimizer, last_epoch: int = -1) -> None:
        name = type(self).__name__
        if not isinstance(optimizer, Optimizer):
            raise TypeError(f"{name}: optimizer must be an Optimizer, got {type(optimizer).__name__}")
        self.optimizer = optimizer
        for i, group in enumerate(self.groups):
            if last_epoch == -1:
                group.setdefault("initial_lr", float(group["lr"]))
            elif "initial_lr" not in group:
                raise KeyError(f"{name}: group {i} has no initial_lr to resume from at last_epoch {last_epoch}")
        self.base_lrs: list[float] = [group["initial_lr"] for group in self.groups]
        self.last_epoch = last_epoch
        self._initial_step()

    @property
    def groups(self) -> list[Group]:
        """The optimiser's groups."""
        return self.optimizer.param_groups

    def get_lr(self) -> list[float]:
        """The learning rate of every group at step `last_epoch`."""
        raise TypeError(f"{type(self).__name__}: a schedule defines get_lr() or step()")

    def get_last_lr(self) -> list[float]:
        """The learning rates set last, one per group."""
        return self._last_lr

    def step(self) -> None:
        """Take the schedule's next step: call it after the optimiser's."""
        overridden = type(self.optimizer).step is not Optimizer.step
        if self._step_count == 1 and not (self.optimizer._stepped or overridden):
            warnings.warn(
                f"{type(self).__name__}.step() was called before optimizer.step(): the first learning rate is skipped",
                UserWarning,
                stacklevel=2,
            )
        self._step_count += 1
        self._move_to(self.last_epoch + 1)

    def _move_to(self, epoch: int) -> None:
        self.last_epoch = epoch
        self._set(self.get_lr())

    def _set(self, values: Sequence[float]) -> None:
        for group, lr in zip(self.groups, values, strict=True):
            group["lr"] = lr
        self._last_lr = self._current()

    def _current(self) -> list[float]:
        return [float(group["lr"]) for group in self.groups]

    def _initial_step(self) -> None:
        self._step_count = 0
        self._is_initial = True
        self.step()
        self._is_initial = False

    def _undo_initial_step(self) -> None:
        self.last_epoch -= 1

    def _restart(self) -> None:
        """Begin anew from the initial learning rates."""
        for group in self.groups:
            group["lr"] = group["initial_lr"]
        self.last_epoch = -1
        self._initial_step()

    def state_dict(self) -> dict[str, Any]:
        """Everything but the optimiser, whose state is saved apart."""
        return {key: value for key, value in self.__dict__.items() if key != "optimizer"}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over what `state_dict()` of this kind of schedule, or of PyTorch's, gave.

        The groups' learning rates come with the optimiser's state.
        """
        self.__dict__.update(state_dict)


def per_group(owner: LRScheduler, option: str, value: Any) -> list[Any]:
    """`value` for every group: one for all, or a list with one for each (ValueError unless as many)."""
    count = len(owner.groups)
    if not isinstance(value, list | tuple):
        return [value] * count
    if len(value) != count:
        raise ValueError(
            f"{type(owner).__name__}: {option} must have one value per group, got {len(value)} for {count}"
        )
    return list(value)


def check(owner: LRScheduler, option: str, value: Any, rule: str, holds: bool) -> None:
    """ValueError naming schedule, option, rule and value unless `holds`."""
    if not holds:
        raise ValueError(f"{type(owner).__name__}: {option} must be {rule}, got {value!r}")


def is_count(value: Any) -> bool:
    """A positive int?"""
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


def saved_function(function: Any) -> dict[str, Any] | None:
    """What of a function goes into a checkpoint: the attributes of a callable object, nothing of code."""
    return None if function is None or isinstance(function, types.FunctionType) else dict(function.__dict__)


class _Functions(LRScheduler):
    """Schedules given by a function of the step's number for all groups or a list with one for each."""

    def __init__(
        self,
        optimizer: Optimizer,
        lr_lambda: Callable[[int], float] | Sequence[Callable[[int], float]],
        last_epoch: int = -1,
    ) -> None:
        if isinstance(optimizer, Optimizer):
            self.optimizer = optimizer
            self.lr_lambdas: list[Callable[[int], float]] = per_group(self, "lr_lambda", lr_lambda)
            for function in self.lr_lambdas:
                if not callable(function):
                    raise TypeError(f"{type(self).__name__}: lr_lambda must be callable, got {type(function).__name__}")
        super().__init__(optimizer, last_epoch)

    def state_dict(self) -> dict[str, Any]:
        """Everything but the optimiser and functions; of callable objects their attributes."""
        return {**super().state_dict(), "lr_lambdas": [saved_function(f) for f in self.lr_lambdas]}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over what `state_dict()` gave; functions stay as they are."""
        super().load_state_dict({k: v for k, v in state_dict.items() if k != "lr_lambdas"})
        for function, saved in zip(self.lr_lambdas, state_dict["lr_lambdas"], strict=True):
            if saved is not None:
                function.__dict__.update(saved)


class LambdaLR(_Functions):
    """Step t has the learning rate initial_lr · lr_lambda(t).

    LambdaLR(optimizer, lambda t: 0.95**t)
    """

    def get_lr(self) -> list[float]:
        """The initial learning rates times the functions."""
        return [base * f(self.last_epoch) for base, f in zip(self.base_lrs, self.lr_lambdas, strict=True)]


class MultiplicativeLR(_Functions):
    """Step t multiplies the learning rate by lr_lambda(t), from step 1 on.

    MultiplicativeLR(optimizer, lambda t: 0.95)
    """

    def get_lr(self) -> list[float]:
        """The current learning rates times the functions."""
        if self._is_initial:
            return self._current()
        return [lr * f(self.last_epoch) for lr, f in zip(self._current(), self.lr_lambdas, strict=True)]

    def _restart(self) -> None:
        self._move_to(0)  # goes on from the learning rate it finds
