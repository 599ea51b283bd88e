"""Curves of losses and metrics over epochs, as a picture."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from .callbacks import Callback

if TYPE_CHECKING:
    from .trainer import Trainer

_NO_CURVES = ("epoch", "step", "seconds", "lr")


def plot_curves(history: Sequence[dict[str, Any]], path: Any) -> None:
    """Draw `history`, as `Trainer.fit` or `read_log` return it, into a picture whose kind the name of `path` tells.

    One plot per quantity (loss, each metric), training and validation in it. Needs matplotlib (the extra
    `plots`): ImportError without it. Raises ValueError for an empty history.
    """
    try:
        from matplotlib.figure import Figure
        from matplotlib.ticker import MaxNLocator
    except ImportError as error:
        raise ImportError("plot_curves: needs matplotlib, which the extra [plots] of tensorcore has") from error
    if not history:
        raise ValueError("plot_curves: the history is empty")
    names = [n for n, v in history[-1].items() if isinstance(v, (int, float)) and n not in _NO_CURVES]
    charts = list(dict.fromkeys(name.removeprefix("validation_") for name in names))
    figure = Figure(figsize=(5 * len(charts), 3.5), layout="constrained")  # no global state, no window
    for i, chart in enumerate(charts):
        axes = figure.add_subplot(1, len(charts), i + 1)
        for name, label in ((chart, "training"), (f"validation_{chart}", "validation")):
            points = [(row["epoch"], row[name]) for row in history if row.get(name) is not None]
            if points:
                axes.plot(*zip(*points, strict=True), label=label, marker="." if len(points) < 30 else "")
        axes.set_xlabel("epoch")
        axes.set_ylabel(chart.replace("_", " "))
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.grid(alpha=0.3)
        axes.legend()
    figure.savefig(path, dpi=120)


class Curves(Callback):
    """Draws `plot_curves` into `path` after each epoch."""

    def __init__(self, path: Any):
        self.path = path

    def on_epoch_end(self, trainer: Trainer, row: dict[str, Any]) -> None:
        """Draw what there is by now."""
        plot_curves(trainer.history, self.path)


__all__ = ["Curves", "plot_curves"]
