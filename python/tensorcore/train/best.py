"""Which epoch was the best by one value, and whether it is time to stop."""

from __future__ import annotations

import math
from copy import deepcopy
from typing import Any

from .. import _core
from ..tensor import Tensor


class Best:
    """The best value of `monitor` so far, its epoch and, if `keep_weights`, the model's state then."""

    def __init__(self, mode: str, min_delta: float, keep_weights: bool):
        self._sign = 1 if mode == "min" else -1
        self._min_delta, self._keep_weights = min_delta, keep_weights
        self.score, self.epoch = math.nan, 0
        self.weights: dict[str, Any] | None = None

    def update(self, score: float, epoch: int, model: Any) -> None:
        """Take in an epoch; one that is not better by more than `min_delta`, or NaN, changes nothing."""
        if math.isnan(score) or self._sign * (self.score - score) <= self._min_delta:  # False while self.score is NaN
            return
        self.score, self.epoch = score, epoch
        if self._keep_weights:
            self.weights = {name: _copy(value) for name, value in model.state_dict().items()}

    def state_dict(self) -> dict[str, Any]:
        """All of it."""
        return {"score": self.score, "epoch": self.epoch, "weights": self.weights}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from `state_dict()`."""
        self.score, self.epoch, self.weights = state["score"], state["epoch"], state["weights"]


def _copy(value: Any) -> Any:
    return _core.copy(value.detach()) if isinstance(value, Tensor) else deepcopy(value)
