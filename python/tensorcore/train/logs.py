"""Logs of training: lines of JSON, and TensorBoard's events."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .callbacks import Callback

if TYPE_CHECKING:
    from .trainer import Trainer


class JsonLog(Callback):
    """Appends an object of JSON per line: `{"event": "epoch", …row}` and, every `every` steps, `{"event": "step"}`.

    Step lines hold epoch, step, loss (of the step's last batch) and lr; a line "start" and a line "end" stand around
    them. Numbers that are not finite are null. A line is written at once and whole; a resumed run repeats those after
    its checkpoint, of which `read_log` takes the later.
    """

    def __init__(self, path: Any, every: int = 50):
        if every < 1:
            raise ValueError(f"JsonLog: every must be at least 1, got {every}")
        self.path, self.every = Path(path), every
        self._file: Any = None

    def on_fit_start(self, trainer: Trainer) -> None:
        """Open the file."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._file = open(self.path, "ab", buffering=0)  # noqa: SIM115 - closed by on_fit_end
        self._write("start", epoch=trainer.epoch, step=trainer.step, epochs=trainer.epochs)

    def on_step(self, trainer: Trainer) -> None:
        """Write every so many steps."""
        if trainer.step % self.every == 0:
            self._write("step", epoch=trainer.epoch + 1, step=trainer.step, loss=trainer.last_loss, lr=trainer.lr)

    def on_epoch_end(self, trainer: Trainer, row: dict[str, Any]) -> None:
        """Write the row."""
        self._write("epoch", **row)

    def on_fit_end(self, trainer: Trainer) -> None:
        """Close the file."""
        if self._file is not None:
            self._write("end", epoch=trainer.epoch, step=trainer.step, reason=trainer.stop_reason)
            self._file.close()
            self._file = None

    def _write(self, event: str, **values: Any) -> None:
        line = json.dumps({"event": event, **_finite(values)}, allow_nan=False)
        self._file.write(line.encode() + b"\n")  # one call: a killed process leaves no half of a line


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _finite(v) for k, v in value.items()}
    if isinstance(value, list):
        return [_finite(v) for v in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def read_log(path: Any, event: str = "epoch") -> list[dict[str, Any]]:
    """The lines of one kind of a `JsonLog` in the order of their steps; of lines with one step the last.

    Raises OSError where the file cannot be read, ValueError naming the line that is not JSON.
    """
    found = {}
    for number, line in enumerate(Path(path).read_text(encoding="utf-8").splitlines(), start=1):
        try:
            value = json.loads(line)
        except ValueError:
            raise ValueError(f"read_log: {str(path)!r}: line {number} is not JSON") from None
        if isinstance(value, dict) and value.get("event") == event:
            found[value.get("step", number)] = value
    return [found[step] for step in sorted(found)]


class TensorBoard(Callback):
    """Writes TensorBoard events into `folder`: losses, metrics and learning rate per epoch, loss every `every` steps.

    Values of one quantity in training and validation lie in one chart. Needs tensorboardX (the extra `logs`):
    ImportError without it.
    """

    def __init__(self, folder: Any, every: int = 50):
        if every < 1:
            raise ValueError(f"TensorBoard: every must be at least 1, got {every}")
        try:
            from tensorboardX import SummaryWriter
        except ImportError as error:
            raise ImportError("TensorBoard: needs tensorboardX, which the extra [logs] of tensorcore has") from error
        self._make, self.folder, self.every = SummaryWriter, str(folder), every
        self._writer: Any = None

    def on_fit_start(self, trainer: Trainer) -> None:
        """Open an event file; a resumed run's hides what an earlier one wrote after the checkpoint."""
        self._writer = self._make(self.folder, purge_step=trainer.step + 1 if trainer.step else None)

    def on_step(self, trainer: Trainer) -> None:
        """Write every so many steps."""
        if trainer.step % self.every == 0:
            self._writer.add_scalar("step/loss", trainer.last_loss, trainer.step)
            self._writer.add_scalar("step/lr", trainer.lr, trainer.step)

    def on_epoch_end(self, trainer: Trainer, row: dict[str, Any]) -> None:
        """Write the numbers of the row, over steps."""
        for name, value in row.items():
            if isinstance(value, (int, float)) and name not in ("epoch", "step"):
                kind = "validation" if name.startswith("validation_") else "train"
                self._writer.add_scalar(f"{name.removeprefix('validation_')}/{kind}", value, trainer.step)
        self._writer.flush()

    def on_fit_end(self, trainer: Trainer) -> None:
        """Close the file."""
        if self._writer is not None:
            self._writer.close()
            self._writer = None


__all__ = ["JsonLog", "TensorBoard", "read_log"]
