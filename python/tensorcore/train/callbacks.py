"""`Callback`: what may be called while a `Trainer` runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .trainer import Trainer


class Callback:
    """Base of callbacks: override what is needed. `trainer.stop("why")` ends training after the step or epoch.

    >>> class Print(tc.train.Callback):
    ...     def on_epoch_end(self, trainer, row):
    ...         print(row["epoch"], row["loss"])
    """

    def on_fit_start(self, trainer: Trainer) -> None:
        """Before the first epoch, after a checkpoint was restored."""

    def on_epoch_start(self, trainer: Trainer) -> None:
        """Before the first batch of an epoch, or of the rest of it."""

    def on_step(self, trainer: Trainer) -> None:
        """After each step of the optimizer. `trainer.last_loss` waits for a GPU: ask for it now and then."""

    def on_epoch_end(self, trainer: Trainer, row: dict[str, Any]) -> None:
        """After training and validation of an epoch; `row` is the new entry of `trainer.history`."""

    def on_fit_end(self, trainer: Trainer) -> None:
        """At the end of `fit`, also when it ends by an exception."""


__all__ = ["Callback"]
