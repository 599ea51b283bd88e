"""`Trainer`: the loop around model, loss and optimizer, with everything that a long run needs.

It does what a loop written by hand does, in the same order, so either can be read as the other's explanation.
"""

from __future__ import annotations

import copy
import math
import time
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from .. import _core, autograd
from ..ops.shape import stack
from ..tensor import Tensor
from .batches import concat_outputs, loader_state, moved, unpack
from .best import Best
from .callbacks import Callback
from .checkpoint import Checkpoints, is_stateful, random_states, set_random_states
from .interrupt import Interrupt
from .metrics import MeanLoss, Metric, rows
from .settings import check_bounds, check_choice, check_counts, needs_value

_UNCHECKED_LOSSES = 32  # how many a GPU may be ahead of us before we look whether they are finite, which waits for it
_PROGRESS = ("epoch", "step", "batch", "_is_trained", "_epoch_random")


class NonFiniteLossError(RuntimeError):
    """The loss became infinite or NaN: `step` and `loss` say when and what."""

    def __init__(self, step: int, epoch: int, loss: float):
        super().__init__(
            f"Trainer: the loss of step {step} (epoch {epoch}) is {loss}; "
            "a lower learning rate, clip_norm or a look at the data may help"
        )
        self.step, self.loss = step, loss


class Trainer:
    """Trains, evaluates and applies a model.

    Args:
        model: an `nn.Module`.
        optimizer: of the model's parameters.
        loss: called as loss(output, target), gives one number: the mean over the batch, or the sum if its
            attribute `reduction` is "sum".
        metrics: `Metric`s, or a mapping from names to them; computed for training and for validation.
        schedule: a learning-rate schedule; `schedule_per` says after what it steps, "epoch" or "step". One
            whose `step` needs a value, such as ReduceLROnPlateau, is given that of `monitor`, per epoch.
        device: where model and batches go; by default where the model is.
        accumulate: batches whose gradients make one step, each weighing as its samples do.
        clip_norm, clip_value: bounds on the norm of the whole gradient, on each of its elements.
        monitor: the name of the value that judges an epoch: "validation_loss", or without validation "loss".
        mode: whether a lower ("min") or higher ("max") value is better; by default what suits the metric.
        patience: stop when this many epochs in a row were not better than the best by `min_delta`; when `fit` ends,
            the model then has the weights of the best epoch.
        checkpoints: a folder or `Checkpoints`: written after each epoch, and every `checkpoint_every` steps.
        extra: further objects whose state belongs into checkpoints, by name, such as a `Generator` of your own.
        callbacks: see `Callback`.
        progress: show a progress bar and a table of the epochs.

    Batches are (inputs…, target); override `unpack` for others. Raises ValueError or TypeError for settings that
    do not fit, `NonFiniteLossError` where the loss is no number any more: on the CPU before that step
    changes the weights, on other devices at most 32 batches later.

    >>> trainer = tc.train.Trainer(model, optimizer, F.cross_entropy, metrics=[tc.train.Accuracy()], patience=5)
    >>> history = trainer.fit(train_loader, validation_loader, epochs=50)  # doctest: +SKIP
    """

    def __init__(
        self,
        model: Any,
        optimizer: Any,
        loss: Callable[[Any, Any], Tensor],
        *,
        metrics: Sequence[Metric] | Mapping[str, Metric] = (),
        schedule: Any = None,
        schedule_per: str = "epoch",
        device: Any = None,
        accumulate: int = 1,
        clip_norm: float | None = None,
        clip_value: float | None = None,
        monitor: str | None = None,
        mode: str | None = None,
        patience: int | None = None,
        min_delta: float = 0.0,
        checkpoints: Any = None,
        checkpoint_every: int | None = None,
        extra: Mapping[str, Any] | None = None,
        callbacks: Sequence[Callback] = (),
        progress: bool = True,
    ):
        check_counts(accumulate=accumulate, patience=patience, checkpoint_every=checkpoint_every)
        check_bounds(clip_norm=clip_norm, clip_value=clip_value)
        check_choice("schedule_per", schedule_per, ("epoch", "step"))
        check_choice("mode", mode, (None, "min", "max"))
        self.model, self.optimizer, self.loss = model, optimizer, loss
        self.metrics = dict(metrics) if isinstance(metrics, Mapping) else {m.name: m for m in metrics}
        self.schedule, self.schedule_per = schedule, schedule_per
        self._schedule_needs_value = schedule is not None and needs_value(schedule)
        if self._schedule_needs_value and schedule_per == "step":
            raise ValueError(f"Trainer: {type(schedule).__name__} wants a value, which there is per epoch alone")
        self.accumulate, self.clip_norm, self.clip_value = accumulate, clip_norm, clip_value
        self.monitor, self.mode, self.patience, self.min_delta = monitor, mode, patience, min_delta
        self.checkpoint_every = checkpoint_every
        self.extra = dict(extra or {})
        taken = {"trainer", "model", "optimizer", "schedule", "loader", "validation_loader"} & set(self.extra)
        if taken:
            raise ValueError(f"Trainer: extra must not be named {', '.join(sorted(taken))}")
        for name, part in self.extra.items():
            if not is_stateful(part):
                raise TypeError(f"Trainer: extra {name!r} is a {type(part).__name__}, which has no state to restore")
        self.callbacks = list(callbacks)
        if progress:
            from .display import Display

            self.callbacks.append(Display())
        self.device = self._place(device)
        self._folder = checkpoints
        self.checkpoints: Checkpoints | None = checkpoints if isinstance(checkpoints, Checkpoints) else None

        self.epoch = 0  # finished ones
        self.epochs = 0  # wanted ones
        self.step = 0  # of the optimizer, over all epochs
        self.batch = 0  # taken in this epoch
        self.batches: int | None = None  # in an epoch, where the loader knows
        self.history: list[dict[str, Any]] = []  # a row per epoch
        self.stop_reason = ""  # why `fit` ended before its last epoch
        self.best: Best | None = None
        self._interrupt = Interrupt()
        self._is_trained = False  # this epoch, which only lacks its validation
        self._epoch_random: Any = None  # the generators when the epoch began
        self._seconds, self._started = 0.0, time.perf_counter()  # of this epoch: spent earlier; begun here
        self._saved: Any = None  # the position of the newest checkpoint
        self._restored_step = -1  # how many steps were done before this process
        self._mean_loss = MeanLoss(loss, "loss")
        self._train_metrics = self._fresh_metrics()
        self._unchecked: list[tuple[int, Tensor]] = []  # steps and losses: are they finite? Nobody knows yet
        self._last_loss: Tensor | None = None

    # ---- what a user calls ----

    def fit(
        self,
        train_loader: Iterable[Any],
        validation_loader: Iterable[Any] | None = None,
        epochs: int = 1,
        *,
        resume: bool = False,
    ) -> list[dict[str, Any]]:
        """Train until `epochs` epochs are done, those of earlier calls and of a resumed run included.

        With `resume` the newest checkpoint, if there is one, is restored first: training then goes on with the
        very bits of a run that was never interrupted, also within an epoch. Ctrl-C ends it after the step it
        is at, with a checkpoint, and `stop_reason` is "interrupted"; a second Ctrl-C raises KeyboardInterrupt.

        Returns `history`: a dict per epoch with epoch, step, loss, metrics, the same of validation with
        "validation_" before, lr and seconds.
        """
        check_counts(epochs=epochs)
        self.epochs, self.stop_reason, self._unchecked = epochs, "", []
        self._prepare(validation_loader is not None)
        loaders = {"loader": train_loader, "validation_loader": validation_loader}
        parts = self._parts(loaders)
        if resume:
            if self.checkpoints is None:
                raise ValueError("Trainer.fit: resume needs checkpoints")
            if self.checkpoints.restore(**parts) is not None:
                self._saved, self._restored_step = self._position(), self.step
        self.optimizer.zero_grad()
        try:
            with self._interrupt:
                self._call("on_fit_start")
                while self.epoch < epochs and not self.stop_reason and not self._is_out_of_patience():
                    self._run_epoch(train_loader, validation_loader, parts)
                    if self._interrupt.requested and self.epoch < epochs:
                        self.stop("interrupted")
        finally:
            self._call("on_fit_end")
        if self.patience is not None and self.stop_reason != "interrupted" and self.best and self.best.weights:
            self.model.load_state_dict(self.best.weights)
        return self.history

    def evaluate(self, loader: Iterable[Any]) -> dict[str, Any]:
        """The mean loss and the metrics over all batches, with the model in evaluation mode."""
        mean_loss, metrics = MeanLoss(self.loss, "loss"), self._fresh_metrics()
        with self._evaluating():
            for batch in loader:
                if self._interrupt.requested:
                    break
                inputs, target = self._inputs_and_target(batch)
                output = self.model(*inputs)
                mean_loss.update(output, target)
                for metric in metrics.values():
                    metric.update(output, target)
        return {"loss": mean_loss.compute(), **_values(metrics)}

    def predict(self, loader: Iterable[Any]) -> Any:
        """The model's outputs for all batches, one after the other along the first axis; targets are left out.

        Raises ValueError where there are no batches.
        """
        with self._evaluating():
            outputs = [self.model(*self._inputs(batch)) for batch in loader]
        if not outputs:
            raise ValueError("Trainer.predict: the loader has no batches")
        return concat_outputs(outputs)

    def stop(self, reason: str) -> None:
        """Let `fit` end after this step, with a checkpoint; for callbacks."""
        self.stop_reason = self.stop_reason or reason

    def unpack(self, batch: Any) -> tuple[tuple[Any, ...], Any]:
        """The inputs and the target of a batch: the last of a sequence of two or more is the target.

        A single tensor, or a sequence of one, is an input without a target.
        """
        return unpack(batch)

    @property
    def lr(self) -> float:
        """The learning rate of the first parameter group."""
        return float(self.optimizer.param_groups[0]["lr"])

    @property
    def last_loss(self) -> float:
        """The loss of the newest batch, NaN before any. Waits for the device to have computed it."""
        return math.nan if self._last_loss is None else self._last_loss.item()

    def state_dict(self) -> dict[str, Any]:
        """How far training has come: what a checkpoint needs beside model, optimizer, schedule and loaders."""
        return {
            **{name.lstrip("_"): getattr(self, name) for name in _PROGRESS},
            "history": [dict(row) for row in self.history],
            "best": self.best.state_dict() if self.best else None,
            "mean_loss": self._mean_loss.state_dict(),
            "metrics": {name: metric.state_dict() for name, metric in self._train_metrics.items()},
            "seconds": self._elapsed(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from `state_dict()`. Raises ValueError where the metrics are others."""
        if set(state["metrics"]) != set(self.metrics):
            raise ValueError(
                f"Trainer: metrics are {', '.join(self.metrics) or 'none'}, in the checkpoint "
                f"{', '.join(state['metrics']) or 'none'}"
            )
        for name in _PROGRESS:
            setattr(self, name, state[name.lstrip("_")])
        self.history = [dict(row) for row in state["history"]]
        if self.best and state["best"]:
            self.best.load_state_dict(state["best"])
        self._mean_loss.load_state_dict(state["mean_loss"])
        for name, metric in self._train_metrics.items():
            metric.load_state_dict(state["metrics"][name])
        self._seconds, self._started = state["seconds"], time.perf_counter()

    # ---- an epoch ----

    def _run_epoch(self, train_loader: Any, validation_loader: Any, parts: dict[str, Any]) -> None:
        self._started = time.perf_counter()
        self.batches = len(train_loader) if hasattr(train_loader, "__len__") else None
        self._call("on_epoch_start")
        if not self._is_trained:
            self._train_epoch(train_loader, parts)
            if self.stop_reason:
                return self._save(parts)
        self._check_finite(None)
        row = {"epoch": self.epoch + 1, "step": self.step, "loss": self._mean_loss.compute()}
        row |= {**_values(self._train_metrics), "lr": self.lr}
        if validation_loader is not None:
            before = random_states(), loader_state(validation_loader)
            values = self.evaluate(validation_loader)
            if self._interrupt.requested:  # in the middle of it: to be done again
                set_random_states(before[0])
                if before[1] is not None:
                    validation_loader.load_state_dict(before[1])
                self.stop("interrupted")
                return self._save(parts)
            row |= {f"validation_{name}": value for name, value in values.items()}
        row["seconds"] = self._elapsed()
        score = self._score(row)
        self.history.append(row)
        self.epoch, self.batch, self._is_trained, self._seconds = self.epoch + 1, 0, False, 0.0
        self._started = time.perf_counter()
        self._mean_loss.reset()
        for metric in self._train_metrics.values():
            metric.reset()
        if self.schedule is not None and self.schedule_per == "epoch":
            with warnings.catch_warnings():
                if self.step == self._restored_step:  # by an optimizer that did them in another process
                    warnings.filterwarnings("ignore", r".* before optimizer\.step\(\)", UserWarning)
                self.schedule.step(*([score] if self._schedule_needs_value else []))
        assert self.best is not None
        self.best.update(score, self.epoch, self.model)
        if self._is_out_of_patience():
            self.stop(f"no better {self.monitor} in {self.patience} epochs")
        self._call("on_epoch_end", row)
        return self._save(parts, score)

    def _train_epoch(self, loader: Any, parts: dict[str, Any]) -> None:
        """Train on the batches of an epoch, or on what is left of it; `_is_trained` tells whether it is done."""
        self.model.train()
        size = first = 0  # samples in the step being gathered, and in its first batch
        gathered, sums = 0, self._mean_loss.is_sum
        for batch in self._remaining(loader):
            self.batch += 1
            inputs, target = self._inputs_and_target(batch)
            output = self.model(*inputs)
            loss = self.loss(output, target)
            count = rows(target)
            self._mean_loss.add(loss, count)
            self._check_finite(loss)
            first = first or count
            size += count
            gathered += 1
            # Weighed by samples as if all batches had the size of the first, which _update mends where they have not:
            # the step is that of one large batch.
            (loss if self.accumulate == 1 or sums else loss * (count / (first * self.accumulate))).backward()
            for metric in self._train_metrics.values():
                metric.update(output, target)
            if gathered == self.accumulate:
                self._update(1.0 if sums else first * self.accumulate / size)
                size = first = gathered = 0
                if self._after_step(parts):
                    return
        if self.batch == 0:
            raise ValueError("Trainer.fit: the loader has no batches")
        self._is_trained = True  # the loader is already at its next epoch, which a checkpoint must know
        if gathered:
            self._update(1.0 if sums else first * self.accumulate / size)
            self._after_step(parts)

    def _remaining(self, loader: Any) -> Iterator[Any]:
        """The batches of this epoch that are still to come."""
        state = loader_state(loader)
        if self.batch == 0:
            self._epoch_random = random_states() if state is None else None
            return iter(loader)
        if state is not None:
            loader.load_state_dict(state)  # so that it goes on, also where this process broke its epoch off
            return iter(loader)
        # A loader that cannot say where it is starts again as it did, and the batches that were seen are left out.
        now = random_states()
        set_random_states(self._epoch_random)
        iterator = iter(loader)
        for _ in range(self.batch):
            next(iterator)
        set_random_states(now)
        return iterator

    @autograd.no_grad()
    def _update(self, factor: float) -> None:
        parameters = [p for group in self.optimizer.param_groups for p in group["params"] if p.grad is not None]
        if self.accumulate > 1 and factor != 1:
            for p in parameters:
                p.grad = p.grad * factor
        if self.clip_value is not None or self.clip_norm is not None:
            from ..nn.utils import clip_grad_norm_, clip_grad_value_

            if self.clip_value is not None:
                clip_grad_value_(parameters, self.clip_value)
            if self.clip_norm is not None:
                clip_grad_norm_(parameters, self.clip_norm)
        self.optimizer.step()
        self.optimizer.zero_grad()
        if self.schedule is not None and self.schedule_per == "step":
            self.schedule.step()
        self.step += 1

    def _after_step(self, parts: dict[str, Any]) -> bool:
        """Whether training ends here."""
        self._call("on_step")
        if self._interrupt.requested:
            self.stop("interrupted")
        if self.stop_reason:
            return True
        if self.checkpoint_every and self.step % self.checkpoint_every == 0:
            self._save(parts)
        return False

    def _check_finite(self, loss: Tensor | None) -> None:
        """Note the newest loss; look at those noted when they are many enough, and for None."""
        if loss is not None:
            self._last_loss = loss.detach()
            self._unchecked.append((self.step + 1, self._last_loss.reshape(())))
            if len(self._unchecked) < (1 if loss.device.type == "cpu" else _UNCHECKED_LOSSES):
                return
        unchecked, self._unchecked = self._unchecked, []
        values = stack([x for _, x in unchecked]).tolist() if unchecked else []
        for (step, _), value in zip(unchecked, values, strict=True):
            if not math.isfinite(value):
                raise NonFiniteLossError(step, self.epoch + 1, value)

    # ---- parts ----

    def _place(self, device: Any) -> _core.Device:
        """Bring the model to the device, and make sure that the optimizer is of what is there."""
        places = {p.device for p in self.model.parameters()}
        if device is None:
            place: _core.Device = next(iter(places)) if places else _core.Device("cpu")
            if len(places) > 1:
                raise ValueError(f"Trainer: the model is on several devices, {', '.join(map(str, places))}; name one")
        else:
            place = device if isinstance(device, _core.Device) else _core.Device(device)
            if places - {place}:
                self.model.to(place)
        for group in self.optimizer.param_groups:
            for p in group["params"]:
                if p.device != place:
                    raise ValueError(f"Trainer: the model is on {place}, a parameter of the optimizer on {p.device}")
        return place

    def _prepare(self, has_validation: bool) -> None:
        """Settle what judges an epoch, and by it which checkpoint is the best."""
        before = self.monitor
        self.monitor = before or ("validation_loss" if has_validation else "loss")
        name = self.monitor.removeprefix("validation_")
        if name not in ("loss", *self.metrics) or (name != self.monitor and not has_validation):
            known = ["loss", *self.metrics]
            known += [f"validation_{n}" for n in known] if has_validation else []
            raise ValueError(f"Trainer: monitor must be one of {', '.join(known)}, got {self.monitor!r}")
        metric = self.metrics.get(name)
        self.mode = self.mode or ("max" if metric is not None and metric.higher_is_better else "min")
        if self.best is None:
            self.best = Best(self.mode, self.min_delta, keep_weights=self.patience is not None)
        if self.checkpoints is None and self._folder is not None:
            self.checkpoints = Checkpoints(self._folder, mode=self.mode)

    def _parts(self, loaders: dict[str, Any]) -> dict[str, Any]:
        """What checkpoints hold."""
        parts = {"trainer": self, "model": self.model, "optimizer": self.optimizer, **self.extra}
        if self.schedule is not None:
            parts["schedule"] = self.schedule
        return parts | {name: loader for name, loader in loaders.items() if loader_state(loader) is not None}

    def _save(self, parts: dict[str, Any], score: float | None = None) -> None:
        self._check_finite(None)  # what follows a loss that is none is not worth keeping
        if self.checkpoints is not None and self._position() != self._saved:
            self.checkpoints.save(self.step, score=score, **parts)
            self._saved = self._position()

    def _position(self) -> tuple[Any, ...]:
        return self.epoch, self.step, self.batch, self._is_trained

    def _score(self, row: dict[str, Any]) -> float:
        value = row[str(self.monitor)]
        if not isinstance(value, (int, float)):
            raise TypeError(f"Trainer: {self.monitor} cannot judge an epoch, it is a {type(value).__name__}")
        return float(value)

    def _is_out_of_patience(self) -> bool:
        return self.patience is not None and self.best is not None and self.epoch - self.best.epoch >= self.patience

    def _elapsed(self) -> float:
        return self._seconds + time.perf_counter() - self._started

    def _fresh_metrics(self) -> dict[str, Metric]:
        fresh = copy.deepcopy(self.metrics)
        for metric in fresh.values():
            metric.reset()
        return fresh

    def _call(self, event: str, *args: Any) -> None:
        for callback in self.callbacks:
            getattr(callback, event)(self, *args)

    def _inputs(self, batch: Any) -> tuple[Any, ...]:
        return moved(self.unpack(batch)[0], self.device)

    def _inputs_and_target(self, batch: Any) -> tuple[tuple[Any, ...], Any]:
        inputs, target = self.unpack(batch)
        if target is None:
            raise TypeError("Trainer: the batch has no target; a batch must be (inputs…, target)")
        return moved(inputs, self.device), moved(target, self.device)

    @contextmanager
    def _evaluating(self) -> Iterator[None]:
        was_training = self.model.training
        self.model.eval()
        try:
            with autograd.no_grad():
                yield
        finally:
            self.model.train(was_training)


def _values(metrics: Mapping[str, Metric]) -> dict[str, Any]:
    values = {name: metric.compute() for name, metric in metrics.items()}
    return {name: value.tolist() if isinstance(value, Tensor) else value for name, value in values.items()}


__all__ = ["NonFiniteLossError", "Trainer"]
