"""A recipe makes a job from settings: model, data, loss and metrics, ready for `tc.train.Trainer`."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from ..tensor import Tensor

# Modules of this package by the data set's name: imported when asked for.
_MODULES = {
    "digits": "pictures",
    "mnist": "pictures",
    "fashion-mnist": "pictures",
    "text": "characters",
    "tweets": "texts",
    "movies": "texts",
    "diamonds": "diamonds",
}
HELP = {
    "digits": "the 1,797 UCI handwritten digits, in the package",
    "mnist": "70,000 handwritten digits",
    "fashion-mnist": "70,000 pictures of clothes",
    "text": "the King James Bible, character by character",
    "tweets": "4,200 tweets, positive or not",
    "movies": "10,605 sentences of film reviews, positive or not",
    "diamonds": "prices of 53,940 diamonds",
}
OPTIMIZERS = ("sgd", "adam", "adamw", "nadam", "radam", "rmsprop", "adagrad", "adadelta", "lion")
SCHEDULES = ("none", "cosine", "one-cycle", "step", "exponential", "plateau")


@dataclass(frozen=True)
class Settings:
    """What a run can be told; a recipe has these for each of its models."""

    epochs: int
    batch_size: int
    lr: float
    optimizer: str = "adamw"
    schedule: str = "cosine"
    weight_decay: float = 0.0
    clip_norm: float | None = None
    hidden: tuple[int, ...] = ()  # widths of the hidden layers
    dropout: float = 0.0
    seed: int = 0
    samples: int | None = None  # train on so many only, for a quick try

    def but(self, **changes: Any) -> Settings:
        """These settings with some replaced; None leaves one as it is."""
        return replace(self, **{name: value for name, value in changes.items() if value is not None})

    def as_json(self) -> dict[str, Any]:
        """These settings as JSON holds them."""
        return {**asdict(self), "hidden": list(self.hidden)}

    @staticmethod
    def from_json(values: Mapping[str, Any]) -> Settings:
        """Settings that `as_json` gave."""
        return Settings(**{**values, "hidden": tuple(values["hidden"])})


@dataclass
class Job:
    """A training run before it begins."""

    model: Any
    title: str  # of data and model, for people
    train: Any  # loaders
    validation: Any
    test: Any
    loss: Callable[[Any, Tensor], Tensor]
    metrics: Callable[[], dict[str, Any]]  # fresh ones
    monitor: str  # what the best epoch is judged by
    config: dict[str, Any]  # what `Recipe.restore` needs to make the model again, as JSON holds it
    samples: dict[str, int] = field(default_factory=dict)  # by part


@dataclass(frozen=True)
class Recipe:
    """How one data set is learned."""

    data: str
    models: Mapping[str, Settings]
    make: Callable[[str, str, Settings], Job]  # data set, model, settings
    restore: Callable[[dict[str, Any]], Any]  # the model of a job's `config`, untrained
    predict: Callable[[Any, dict[str, Any], str], list[tuple[str, float]]] | None  # model, config, input: answers
    show: Callable[[Any, Job, str], None] | None = None  # pictures of the result, to a folder

    def settings(self, model: str | None) -> tuple[str, Settings]:
        """A model's name, the first one unless given, and its settings. ValueError for an unknown name."""
        name = next(iter(self.models)) if model is None else model
        if name not in self.models:
            raise ValueError(f"{self.data}: there is no model {name!r}, only {', '.join(self.models)}")
        return name, self.models[name]


def names() -> list[str]:
    """The data sets there are recipes for."""
    return list(_MODULES)


def find(data: str) -> Recipe:
    """The recipe of a data set; ValueError if there is none."""
    if data not in _MODULES:
        raise ValueError(f"train: there is no data set {data!r}, only {', '.join(_MODULES)}")
    module = importlib.import_module(f".{_MODULES[data]}", __package__)
    recipe: Recipe = module.RECIPES[data]
    return recipe


def make_optimizer(model: Any, settings: Settings) -> Any:
    """The optimizer the settings name, on all parameters of a model; decay leaves vectors (biases, norms) alone."""
    from .. import optim

    if settings.optimizer not in OPTIMIZERS:
        raise ValueError(f"train: optimizer must be one of {', '.join(OPTIMIZERS)}, got {settings.optimizer!r}")
    kinds = {"sgd": "SGD", "adam": "Adam", "adamw": "AdamW", "nadam": "NAdam", "radam": "RAdam", "rmsprop": "RMSprop"}
    kind = getattr(optim, kinds.get(settings.optimizer, settings.optimizer.capitalize()))
    matrices = [p for p in model.parameters() if p.ndim > 1]
    vectors = [p for p in model.parameters() if p.ndim <= 1]
    groups = [{"params": matrices, "weight_decay": settings.weight_decay}, {"params": vectors, "weight_decay": 0.0}]
    more = {"momentum": 0.9, "nesterov": True} if settings.optimizer == "sgd" else {}
    return kind([g for g in groups if g["params"]], lr=settings.lr, **more)


def make_schedule(optimizer: Any, settings: Settings, steps_per_epoch: int) -> tuple[Any, str]:
    """The schedule the settings name, and whether it steps per "step" or per "epoch"."""
    from ..optim import lr_scheduler as schedules

    steps = settings.epochs * steps_per_epoch
    if settings.schedule == "none":
        return None, "epoch"
    if settings.schedule == "cosine":
        return schedules.CosineAnnealingLR(optimizer, steps), "step"
    if settings.schedule == "one-cycle":
        return schedules.OneCycleLR(optimizer, settings.lr, total_steps=steps), "step"
    if settings.schedule == "step":
        return schedules.StepLR(optimizer, max(1, settings.epochs // 3), 0.1), "epoch"
    if settings.schedule == "exponential":
        return schedules.ExponentialLR(optimizer, 0.01 ** (1 / settings.epochs)), "epoch"
    if settings.schedule == "plateau":
        return schedules.ReduceLROnPlateau(optimizer, patience=2), "epoch"
    raise ValueError(f"train: schedule must be one of {', '.join(SCHEDULES)}, got {settings.schedule!r}")
