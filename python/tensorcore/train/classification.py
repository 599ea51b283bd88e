"""Metrics of classification: accuracy, precision, recall, F1, the confusion matrix."""

from __future__ import annotations

import math
from typing import Any

from .. import _core, autograd
from ..ops.creation import ones, zeros
from ..ops.elementwise import where
from ..ops.index import gather, scatter_add
from ..tensor import Tensor
from .metrics import Metric, check_tensors, ratio


class _Classification(Metric):
    """Turns outputs into labels. `axis` is the axis of the classes, as in `F.cross_entropy`."""

    higher_is_better = True

    def __init__(self, *, axis: int = 1, threshold: float = 0.5, ignore_index: int | None = None):
        super().__init__()
        self.axis, self.threshold, self.ignore_index = axis, threshold, ignore_index

    def _labels(self, output: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        """Predicted and true labels, int64 and of one shape."""
        check_tensors(self, output, target)
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
        return ratio(self._get("right"), self._get("count"), math.nan)


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
        return ratio(math.fsum(w * s for w, s in zip(weights, scores, strict=True)), sum(weights), 0.0)

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
        return ratio(right, predicted, 0.0)


class Recall(_LabelCounts):
    """Of what is of a class, the share that was found. Settings as for `Precision`; 0 where nothing is true."""

    def _score(self, right: int, predicted: int, true: int) -> float:
        return ratio(right, true, 0.0)


class F1(_LabelCounts):
    """The harmonic mean of precision and recall. Settings as for `Precision`."""

    def _score(self, right: int, predicted: int, true: int) -> float:
        return ratio(2 * right, predicted + true, 0.0)


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


def _bincount(labels: Tensor, classes: int) -> Tensor:
    """How often each of the labels 0 … classes - 1 occurs; label `classes` is left out. On any device."""
    flat = labels.reshape((-1,))
    counts = zeros(classes + 1, dtype=_core.int64, device=flat.device)
    return scatter_add(counts, 0, flat, ones(flat.shape, dtype=_core.int64, device=flat.device))[:classes]


__all__ = ["F1", "Accuracy", "ConfusionMatrix", "Precision", "Recall"]
