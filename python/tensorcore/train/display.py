"""What a training run shows in a terminal: a bar over the batches of an epoch and a table of the epochs."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from .callbacks import Callback

if TYPE_CHECKING:
    from .trainer import Trainer

_LOSS_EVERY = 0.5  # seconds between looks at the loss, which wait for a GPU


class Display(Callback):
    """A progress bar, in a terminal, and a line per epoch: losses, metrics, learning rate, seconds.

    `console` is a `rich.console.Console`, by default one on the standard output.
    """

    def __init__(self, console: Any = None):
        self._console = console
        self._bar: Any = None
        self._task: Any = None
        self._columns: list[str] = []

    def on_fit_start(self, trainer: Trainer) -> None:
        """Start the bar."""
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        self._columns = []
        console = self._console or Console()
        parts = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        self._bar = Progress(*parts, console=console, transient=True, disable=not console.is_terminal)
        self._bar.start()
        self._task = self._bar.add_task("", total=None)
        self._looked = -math.inf

    def on_epoch_start(self, trainer: Trainer) -> None:
        """Begin at the batch that comes first."""
        self._bar.reset(self._task, total=trainer.batches, completed=trainer.batch)
        self._bar.update(self._task, description=f"epoch {trainer.epoch + 1}/{trainer.epochs}")

    def on_step(self, trainer: Trainer) -> None:
        """Move on, now and then with the loss."""
        text, now = {}, self._bar.get_time()
        if not self._bar.disable and now - self._looked >= _LOSS_EVERY:
            self._looked = now
            text = {"description": f"epoch {trainer.epoch + 1}/{trainer.epochs}  loss {_number(trainer.last_loss)}"}
        self._bar.update(self._task, completed=trainer.batch, **text)

    def on_epoch_end(self, trainer: Trainer, row: dict[str, Any]) -> None:
        """Print the epoch's line, under a head before the first."""
        shown = {name: value for name, value in row.items() if isinstance(value, (int, float)) and name != "step"}
        if list(shown) != self._columns:
            self._columns = list(shown)
            self._print("  ".join(_head(name) for name in self._columns), "bold")
        self._print("  ".join(f"{_number(value):>{len(_head(name))}}" for name, value in shown.items()))

    def on_fit_end(self, trainer: Trainer) -> None:
        """Take the bar away; say why training ended early."""
        if self._bar is None:
            return
        self._bar.stop()
        if trainer.stop_reason:
            self._print(f"stopped after epoch {trainer.epoch}, step {trainer.step}: {trainer.stop_reason}")
        best = trainer.best
        if best is not None and best.weights is not None:
            self._print(f"best {trainer.monitor}: {_number(best.score)} in epoch {best.epoch}")
        self._bar = None

    def _print(self, text: str, style: str | None = None) -> None:
        self._bar.console.print(text, style=style, highlight=False, markup=False, soft_wrap=True)


def _head(name: str) -> str:
    return f"{name:>9}"


def _number(value: float) -> str:
    if isinstance(value, int):
        return str(value)
    return f"{value:.4f}" if value == 0 or 1e-3 <= abs(value) < 1e4 else f"{value:.3e}"


__all__ = ["Display"]
