"""The recipe for diamonds: the logarithm of a price from weight, cut, colour, clarity and measures."""

from __future__ import annotations

import json
import math
from typing import Any

from .. import _core, autograd
from ..data import DataLoader, TensorDataset, load_diamonds, random_split
from ..models import MLP
from ..nn import functional as F
from ..ops.creation import asarray
from ..ops.random import Generator
from ..ops.shape import concat
from ..tensor import Tensor
from ..train import MAE, R2
from .recipe import Job, Recipe, Settings

# Worst first.
CUT = ("Fair", "Good", "Very Good", "Premium", "Ideal")
COLOR = ("J", "I", "H", "G", "F", "E", "D")
CLARITY = ("I1", "SI2", "SI1", "VS2", "VS1", "VVS2", "VVS1", "IF")
_MEASURES = ("carat", "depth", "table", "x", "y", "z")


def features(measures: Tensor, grades: Tensor) -> Tensor:
    """(N, 29) float32 from measures (N, 6) and grades (N, 3): measures, their logarithms, grades one by one.

    A size of 0 says that nobody measured it; its logarithm is taken of 0.1.
    """
    sizes = measures.astype(_core.float64)
    logs = sizes.clip(0.1, None).log()
    parts = [sizes, logs]
    for column, grade in enumerate((CUT, COLOR, CLARITY)):
        order = (grades[:, column : column + 1] >= asarray([list(range(1, len(grade)))])).astype(_core.float64)
        parts.append(order)  # a grade counts all steps up to it, so that neighbours look alike
    return concat(parts, axis=1).astype(_core.float32)


def _table() -> tuple[Tensor, Tensor]:
    table = load_diamonds()
    measures = table.matrix(_MEASURES)
    grades = concat(
        [table.encode(n, c)[0].reshape((-1, 1)) for n, c in (("cut", CUT), ("color", COLOR), ("clarity", CLARITY))],
        axis=1,
    )
    return features(measures, grades), table.matrix(("price",)).log()


def _model(config: dict[str, Any]) -> Any:
    return MLP((config["features"], *config["hidden"], 1), activation="silu", dropout=config["dropout"])


def _make(data: str, model: str, settings: Settings) -> Job:
    x, y = _table()
    parts = random_split(TensorDataset(x, y), (0.6, 0.2, 0.2), Generator(settings.seed))
    tensors = [TensorDataset(x[part.indices], y[part.indices]) for part in parts]
    train_x, train_y = tensors[0].tensors
    if settings.samples is not None:
        train_x, train_y = train_x[: settings.samples], train_y[: settings.samples]
    mean, std = train_x.mean(axis=0), train_x.std(axis=0).clip(1e-6, None)
    middle, spread = float(train_y.mean()), float(train_y.std())

    def loader(part: Any, shuffle: bool) -> DataLoader:
        xs, ys = part.tensors if not shuffle else (train_x, train_y)
        scaled = TensorDataset((xs - mean) / std, (ys - middle) / spread)
        return DataLoader(scaled, settings.batch_size if shuffle else 4096, shuffle, seed=settings.seed)

    config = {
        "data": data,
        "model": model,
        "features": x.shape[1],
        "hidden": settings.hidden,
        "dropout": settings.dropout,
        "mean": mean.tolist(),
        "std": std.tolist(),
        "price": (middle, spread),
    }
    return Job(
        model=_model(config),
        title="diamonds, MLP on log price",
        train=loader(tensors[0], True),
        validation=loader(tensors[1], False),
        test=loader(tensors[2], False),
        loss=F.mse_loss,
        metrics=lambda: {"R2": R2(), "MAE": MAE()},
        monitor="validation_R2",
        config=config,
        samples=dict(
            zip(("train", "validation", "test"), (train_x.shape[0], len(parts[1]), len(parts[2])), strict=True)
        ),
    )


def _predict(model: Any, config: dict[str, Any], source: str) -> list[tuple[str, float]]:
    """The price in dollars of a diamond given as JSON: carat, depth, table, x, y, z, cut, color, clarity."""
    try:
        given = json.loads(source)
        measures = asarray([[float(given[name]) for name in _MEASURES]])
        grades = asarray([[CUT.index(given["cut"]), COLOR.index(given["color"]), CLARITY.index(given["clarity"])]])
    except (ValueError, TypeError, KeyError) as error:
        raise ValueError(
            f"a diamond is a JSON object with the numbers {', '.join(_MEASURES)} and cut, color and clarity, got "
            f"{source!r} ({error})"
        ) from None
    x = (features(measures, grades) - asarray(config["mean"])) / asarray(config["std"])
    device = next(iter(model.parameters())).device
    model.eval()
    with autograd.no_grad():
        y = float(model(x.to(device))[0, 0])
    middle, spread = config["price"]
    return [("dollars", math.exp(y * spread + middle))]


RECIPES = {
    "diamonds": Recipe(
        "diamonds",
        {"mlp": Settings(30, 256, 1e-3, weight_decay=1e-2, hidden=(128, 128), dropout=0.05)},
        _make,
        _model,
        _predict,
    )
}
