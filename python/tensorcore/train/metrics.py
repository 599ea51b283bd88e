"""Metrics that accumulate over batches: `reset()`, `update(output, target)` per batch, `compute()` at the end.

What is kept are counts in int64 and sums in float64 on the device of the batches, so that the result does not depend on
how the data was cut into batches, and `update` does not wait for a GPU: only `compute` does.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from .. import _core, autograd
from ..nn import functional as F
from ..ops.creation import ones, zeros
from ..ops.elementwise import where
from ..ops.index import gather, scatter_add
from ..tensor import Tensor


class Metric:
    """Base of metrics. A metric of your own defines `update` and `compute`, and keeps what it sums up with `_add`.

    `higher_is_better` tells the trainer which of two values is the better one.
    """

    higher_is_better = False

    def __init__(self) -> None:
        self._state: dict[str, Any] = {}

    @property
    def name(self) -> str:
        """What the trainer calls the metric unless told otherwise: the class's name in lower case."""
        return type(self).__name__.lower()

    def reset(self) -> None:
        """Forget all batches."""
        self._state = {}

    def update(self, output: Tensor, target: Tensor) -> None:
        """Take in a batch: what the model gave and what it should have given."""
        raise TypeError(f"{type(self).__name__}: the metric defines no update")

    def compute(self) -> Any:
        """The value over all batches since `reset`; NaN where there was nothing to judge."""
        raise TypeError(f"{type(self).__name__}: the metric defines no compute")

    def state_dict(self) -> dict[str, Any]:
        """All that `compute` depends on, for a checkpoint."""
        return dict(self._state)

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from `state_dict()`."""
        self._state = dict(state)

    def _add(self, **values: Any) -> None:
        for name, value in values.items():
            before = self._state.get(name)
            if before is None:
                self._state[name] = value
            elif isinstance(before, Tensor) and isinstance(value, Tensor):
                if before.shape != value.shape:
                    raise ValueError(f"{self.name}: batches differ: got {before.shape}, then {value.shape}")
                self._state[name] = before.to(value.device) + value
            else:
                self._state[name] = before + value

    def _get(self, name: str) -> Any:
        """A sum as a Python number or nested list; 0 before any batch."""
        value = self._state.get(name, 0)
        return value.tolist() if isinstance(value, Tensor) else value


# ---- classification ----


class _Classification(Metric):
    """Turns outputs into labels. `axis` is the axis of the classes, as in `F.cross_entropy`."""

    higher_is_better = True

    def __init__(self, *, axis: int = 1, threshold: float = 0.5, ignore_index: int | None = None):
        super().__init__()
        self.axis, self.threshold, self.ignore_index = axis, threshold, ignore_index

    def _labels(self, output: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        """Predicted and true labels, int64 and of one shape."""
        _check_tensors(self, output, target)
        if target.dtype.kind == "float":
            raise TypeError(f"{self.name}: target must hold integer labels, got {target.dtype.name}")
        if output.ndim == target.ndim + 1:
            axis = self._class_axis(output, target)
            predicted = output.argmax(axis=axis)
        elif output.shape == target.shape:
            predicted = output > self.threshold if output.dtype.kind == "float" else output
        else:
            raise self._shapes(output, target)
        return predicted.astype(_core.int64), target.astype(_core.int64)

    def _class_axis(self, output: Tensor, target: Tensor) -> int:
        axis = self.axis + output.ndim if self.axis < 0 else self.axis
        if not 0 <= axis < output.ndim or output.shape[:axis] + output.shape[axis + 1 :] != target.shape:
            raise self._shapes(output, target)
        return axis

    def _shapes(self, output: Tensor, target: Tensor) -> ValueError:
        return ValueError(
            f"{self.name}: needs scores with classes on axis {self.axis}, or labels of the target's shape; "
            f"got output {output.shape} and target {target.shape}"
        )

    def _counted(self, target: Tensor) -> Tensor:
        """True where a target counts."""
        if self.ignore_index is None:
            return ones(target.shape, dtype=_core.bool, device=target.device)
        return target != self.ignore_index


class Accuracy(_Classification):
    """Share of the labels that are right: in the first `top_k` of the scores, ties in the order of the classes.

    `output` is (N, C, …) scores with classes on `axis`, or has the target's shape: labels, or probabilities of class 1,
    which is predicted above `threshold` (0 for logits). `target` is (N, …) of integers; those equal to
    `ignore_index` do not count. Raises ValueError for other shapes and for top_k below 1 or above C.

    >>> accuracy = tc.train.Accuracy()
    >>> accuracy.update(tc.asarray([[0.1, 0.9], [0.8, 0.2]]), tc.asarray([1, 1]))
    >>> accuracy.compute()
    0.5
    """

    def __init__(self, top_k: int = 1, *, axis: int = 1, threshold: float = 0.5, ignore_index: int | None = None):
        super().__init__(axis=axis, threshold=threshold, ignore_index=ignore_index)
        if top_k < 1:
            raise ValueError(f"accuracy: top_k must be at least 1, got {top_k}")
        self.top_k = top_k

    @property
    def name(self) -> str:
        """`accuracy`, or `top5_accuracy` and the like."""
        return "accuracy" if self.top_k == 1 else f"top{self.top_k}_accuracy"

    @autograd.no_grad()
    def update(self, output: Tensor, target: Tensor) -> None:
        """Count the right labels of a batch."""
        predicted, true = self._labels(output, target)
        right = predicted == true
        if self.top_k > 1:
            axis = self._class_axis(output, target)
            if self.top_k > output.shape[axis]:
                raise ValueError(f"{self.name}: there are only {output.shape[axis]} classes")
            right = self._rank(output, true, axis) < self.top_k
        counted = self._counted(true)
        self._add(right=(right & counted).sum(), count=counted.sum())

    def _rank(self, output: Tensor, true: Tensor, axis: int) -> Tensor:
        """How many classes come before the true one."""
        classes = output.shape[axis]
        label = true.clip(0, classes - 1).expand_dims(axis)
        score = gather(output, axis, label)
        shape = [1] * output.ndim
        shape[axis] = classes
        number = _core.arange_int(0, 1, classes, _core.int64, output.device).reshape(tuple(shape))
        before = (output > score) | ((output == score) & (number < label))
        rank = before.sum(axis=axis)
        # A NaN is no rank, and neither is a label that is no class.
        valid = (true >= 0) & (true < classes) & (score == score).squeeze(axis)
        return where(valid, rank, classes)

    def compute(self) -> float:
        """The share, in [0, 1]."""
        return _ratio(self._get("right"), self._get("count"), math.nan)


AVERAGES = ("binary", "macro", "micro", "weighted", None)


class _LabelCounts(_Classification):
    """Counts per class: right ones, predicted ones, true ones."""

    def __init__(
        self,
        average: str | None = "macro",
        *,
        classes: int | None = None,
        axis: int = 1,
        threshold: float = 0.5,
        ignore_index: int | None = None,
    ):
        super().__init__(axis=axis, threshold=threshold, ignore_index=ignore_index)
        if average not in AVERAGES:
            raise ValueError(f"{self.name}: average must be one of {AVERAGES}, got {average!r}")
        self.average, self.classes = average, classes

    def _class_count(self, output: Tensor, target: Tensor) -> int:
        classes = self.classes
        if output.ndim == target.ndim + 1:
            found = output.shape[self._class_axis(output, target)]
            if classes is not None and classes != found:
                raise ValueError(f"{self.name}: classes is {classes}, but the output has {found}")
            return found
        if output.dtype.kind == "float" or (classes is None and output.dtype.kind == "bool"):
            return 2
        if classes is None:
            raise ValueError(f"{self.name}: needs classes=… where the output holds labels")
        return classes

    @autograd.no_grad()
    def update(self, output: Tensor, target: Tensor) -> None:
        """Count the labels of a batch."""
        predicted, true = self._labels(output, target)
        classes = self._class_count(output, target)
        # What does not count goes to a bin of its own, as do labels that are no class, which compute() reports.
        counted = self._counted(true)
        outside = counted & ((true < 0) | (true >= classes) | (predicted < 0) | (predicted >= classes))
        counted = counted & ~outside
        self._count(where(counted, predicted, classes), where(counted, true, classes), classes)
        self._add(outside=outside.sum())

    def _count(self, predicted: Tensor, true: Tensor, classes: int) -> None:
        right = where(predicted == true, true, classes)
        self._add(
            right=_bincount(right, classes), predicted=_bincount(predicted, classes), true=_bincount(true, classes)
        )

    def _check_outside(self) -> None:
        outside = self._get("outside")
        if outside:
            raise ValueError(f"{self.name}: {outside} labels are not in [0, classes)")

    def compute(self) -> Any:
        """The score, in [0, 1]; a list with one per class for average=None."""
        self._check_outside()
        if "right" not in self._state:
            return [] if self.average is None else math.nan
        right, predicted, true = self._get("right"), self._get("predicted"), self._get("true")
        if self.average == "micro":
            return self._score(sum(right), sum(predicted), sum(true))
        scores = [self._score(*counts) for counts in zip(right, predicted, true, strict=True)]
        if self.average is None:
            return scores
        if self.average == "binary":
            if len(scores) != 2:
                raise ValueError(f"{self.name}: average='binary' needs two classes, got {len(scores)}")
            return scores[1]
        # Classes that occur neither in the targets nor in the predictions are no classes of this data.
        weights = (
            true if self.average == "weighted" else [float(p + t > 0) for p, t in zip(predicted, true, strict=True)]
        )
        return _ratio(math.fsum(w * s for w, s in zip(weights, scores, strict=True)), sum(weights), 0.0)

    def _score(self, right: int, predicted: int, true: int) -> float:
        raise TypeError(f"{type(self).__name__}: the metric defines no _score")


class Precision(_LabelCounts):
    """Of what was predicted to be of a class, the share that is.

    `average`: "macro" is the mean over the classes that occur, "weighted" the mean weighted by how often each is true,
    "micro" pools the counts of all classes, "binary" is class 1 of two, None a list with one number per
    class. 0 where nothing was predicted. Inputs as for `Accuracy`; `classes` is needed where the output holds
    labels instead of scores.
    """

    def _score(self, right: int, predicted: int, true: int) -> float:
        return _ratio(right, predicted, 0.0)


class Recall(_LabelCounts):
    """Of what is of a class, the share that was found. Settings as for `Precision`; 0 where nothing is true."""

    def _score(self, right: int, predicted: int, true: int) -> float:
        return _ratio(right, true, 0.0)


class F1(_LabelCounts):
    """The harmonic mean of precision and recall. Settings as for `Precision`."""

    def _score(self, right: int, predicted: int, true: int) -> float:
        return _ratio(2 * right, predicted + true, 0.0)


class ConfusionMatrix(_LabelCounts):
    """How often true class i was predicted as class j: a (C, C) int64 tensor on the CPU.

    `normalize` divides by the sums over "true" (rows), "predicted" (columns) or "all", and gives float64, 0 for 0/0.
    """

    def __init__(self, *, normalize: str | None = None, **settings: Any):
        super().__init__(**settings)
        if normalize not in ("true", "predicted", "all", None):
            raise ValueError(f"confusionmatrix: normalize must be true, predicted, all or None, got {normalize!r}")
        self.normalize = normalize

    def _count(self, predicted: Tensor, true: Tensor, classes: int) -> None:
        pair = where(true < classes, true * classes + predicted, classes * classes)
        self._add(matrix=_bincount(pair, classes * classes).reshape((classes, classes)))

    def compute(self) -> Tensor:
        """The matrix; (0, 0) before any batch."""
        self._check_outside()
        if "matrix" not in self._state:
            return zeros((0, 0), dtype=_core.int64)
        matrix = self._state["matrix"].to("cpu")
        if self.normalize is None:
            return matrix
        axis = {"true": 1, "predicted": 0, "all": None}[self.normalize]
        sums = matrix.sum(axis=axis, keepdims=True)
        return matrix.astype(_core.float64) / where(sums == 0, 1, sums).astype(_core.float64)


# ---- regression ----


class _Difference(Metric):
    """Sums over the differences of all elements."""

    @autograd.no_grad()
    def update(self, output: Tensor, target: Tensor) -> None:
        """Sum up the errors of a batch; ValueError unless output and target have one shape."""
        _check_tensors(self, output, target)
        if output.shape != target.shape:  # broadcasting (N, 1) against (N,) would compare everything with everything
            raise ValueError(f"{self.name}: output {output.shape} and target {target.shape} must have one shape")
        error = output.astype(_core.float64) - target.astype(_core.float64)
        self._add(total=self._measure(error).sum(), count=output.size)

    def _measure(self, error: Tensor) -> Tensor:
        return error * error

    def compute(self) -> float:
        """The mean over all elements."""
        return _ratio(self._get("total"), self._get("count"), math.nan)


class MSE(_Difference):
    """Mean of the squared errors over all elements of `output` and `target`, of one shape."""


class RMSE(_Difference):
    """Square root of the mean of the squared errors over all elements."""

    def compute(self) -> float:
        """The root."""
        return math.sqrt(super().compute())


class MAE(_Difference):
    """Mean of the absolute errors over all elements."""

    def _measure(self, error: Tensor) -> Tensor:
        return abs(error)


class R2(Metric):
    """Coefficient of determination: 1 - Σ(target - output)² / Σ(target - mean of target)².

    `output` and `target` are (N,), or (N, D) for D quantities, of which the mean is taken. 1 for a constant target that
    is met and 0 for one that is not; NaN with fewer than two rows. The spread of the targets is merged
    batch by batch without cancellation (T. Chan, G. Golub, R. LeVeque, "Updating formulae and a pairwise algorithm
    for computing sample variances", 1979).
    """

    higher_is_better = True

    @autograd.no_grad()
    def update(self, output: Tensor, target: Tensor) -> None:
        """Take in (N,) or (N, D) outputs and targets."""
        _check_tensors(self, output, target)
        if output.shape != target.shape or output.ndim not in (1, 2):
            raise ValueError(f"r2: needs (N,) or (N, D) twice, got output {output.shape} and target {target.shape}")
        n = output.shape[0]
        if n == 0:
            return
        y = target.astype(_core.float64)
        error = output.astype(_core.float64) - y
        mean = y.mean(axis=0)
        spread = ((y - mean) ** 2).sum(axis=0)
        before = self._state.get("count", 0)
        if before:
            shift = mean - self._state["mean"].to(y.device)
            spread = spread + shift * shift * (before * n / (before + n))
            mean = self._state.pop("mean").to(y.device) + shift * (n / (before + n))
        self._state["mean"] = mean
        self._add(residual=(error * error).sum(axis=0), spread=spread, count=n)

    def compute(self) -> float:
        """The coefficient, at most 1."""
        if self._get("count") < 2:
            return math.nan
        residual, spread = self._get("residual"), self._get("spread")
        if not isinstance(residual, list):
            residual, spread = [residual], [spread]
        scores = [1 - r / s if s else float(r == 0) for r, s in zip(residual, spread, strict=True)]
        return math.fsum(scores) / len(scores)


# ---- losses ----


class MeanLoss(Metric):
    """Mean of a loss function over all samples: `loss(output, target)` is a batch's mean and weighs as its rows do.

    >>> metric = tc.train.MeanLoss(F.mse_loss, name="mse")
    """

    def __init__(self, loss: Callable[[Tensor, Tensor], Tensor], name: str = "mean_loss"):
        super().__init__()
        self.loss, self._name = loss, name

    @property
    def name(self) -> str:
        """The given name."""
        return self._name

    @autograd.no_grad()
    def update(self, output: Any, target: Any) -> None:
        """Add the loss of a batch."""
        self.add(self.loss(output, target), rows(target))

    def add(self, loss: Tensor, count: int) -> None:
        """Add a batch's mean loss that is known already."""
        if loss.size != 1:
            raise ValueError(f"{self.name}: the loss must be one number, got shape {loss.shape}")
        self._add(total=loss.detach().reshape(()).astype(_core.float64) * count, count=count)

    def compute(self) -> float:
        """The mean."""
        return _ratio(self._get("total"), self._get("count"), math.nan)


class _LogLikelihood(Metric):
    """Mean of -log p(target) over the targets, in float64; inputs as for `F.cross_entropy`."""

    def __init__(self, ignore_index: int = -100):
        super().__init__()
        self.ignore_index = ignore_index

    @autograd.no_grad()
    def update(self, output: Tensor, target: Tensor) -> None:
        """Add logits (N, C, …) and target labels (N, …) of a batch."""
        losses = F.cross_entropy(output, target, ignore_index=self.ignore_index, reduction="none")
        self._add(total=losses.astype(_core.float64).sum(), count=(target != self.ignore_index).sum())

    def _mean(self) -> float:
        return _ratio(self._get("total"), self._get("count"), math.nan)


class Perplexity(_LogLikelihood):
    """exp of the mean negative log-likelihood (base e) per target: a uniform guess among V tokens has V.

    `output` is (N, C, …) logits, `target` (N, …) labels; those equal to `ignore_index` do not count.
    """

    def compute(self) -> float:
        """The perplexity, at least 1; infinite above what a float holds."""
        mean = self._mean()
        return math.exp(mean) if not mean > 709 else math.inf


class BitsPerCharacter(_LogLikelihood):
    """Mean negative log-likelihood per target in bits. Inputs as for `Perplexity`."""

    @property
    def name(self) -> str:
        """`bits_per_character`."""
        return "bits_per_character"

    def compute(self) -> float:
        """Bits, at least 0."""
        return self._mean() / math.log(2)


def rows(target: Any) -> int:
    """How many samples a batch of targets has: the first extent of the first tensor in it, 1 without one."""
    while isinstance(target, (list, tuple, dict)) and target:
        target = next(iter(target.values())) if isinstance(target, dict) else target[0]
    return target.shape[0] if isinstance(target, Tensor) and target.ndim else 1


def _ratio(a: float, b: float, without: float) -> float:
    return a / b if b else without


def _bincount(labels: Tensor, classes: int) -> Tensor:
    """How often each of the labels 0 … classes - 1 occurs; label `classes` is left out. On any device."""
    flat = labels.reshape((-1,))
    counts = zeros(classes + 1, dtype=_core.int64, device=flat.device)
    return scatter_add(counts, 0, flat, ones(flat.shape, dtype=_core.int64, device=flat.device))[:classes]


def _check_tensors(metric: Metric, output: Any, target: Any) -> None:
    for what, value in (("output", output), ("target", target)):
        if not isinstance(value, Tensor):
            raise TypeError(f"{metric.name}: {what} must be a Tensor, got {type(value).__name__}")


__all__ = [
    "F1",
    "MAE",
    "MSE",
    "R2",
    "RMSE",
    "Accuracy",
    "BitsPerCharacter",
    "ConfusionMatrix",
    "MeanLoss",
    "Metric",
    "Perplexity",
    "Precision",
    "Recall",
]
