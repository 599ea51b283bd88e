"""Checkpoints: all that a training run needs to go on, in files that are whole whenever the process ends.

A checkpoint is one file of `tc.save`, `step-0000000123.safetensors` in a folder. It is written beside its final name,
brought to the disk and renamed; only then are older ones removed. So a process that is killed at any moment
leaves the last finished checkpoint, and what the folder holds is all there is to know: no index can be out of date.
"""

from __future__ import annotations

import math
import random
import re
import sys
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..ops.random import default_generator
from ..safetensors import check_path, temporary_prefix
from ..serialize import load, load_metadata, save
from ..tensor import Tensor

VERSION = 1
_NAME = re.compile(r"step-(\d{10,})\.safetensors")
_ARE_RESERVED = ("step", "random")


class Checkpoints:
    """The checkpoints of one training run in a folder: the last `keep_last` and the best `keep_best`.

    `mode` says whether a lower ("min") or a higher ("max") score is the better one. One process at a time may write
    to a folder, which is made with the first checkpoint. Raises ValueError for settings out of range.

    >>> checkpoints = tc.train.Checkpoints("runs/digits", keep_last=2)
    >>> checkpoints.save(100, model=model, optimizer=optimizer, epoch=3)  # doctest: +SKIP
    >>> checkpoints.restore(model=model, optimizer=optimizer)  # doctest: +SKIP
    {'step': 100, 'epoch': 3}
    """

    def __init__(self, folder: Any, *, keep_last: int = 3, keep_best: int = 1, mode: str = "min"):
        if keep_last < 1 or keep_best < 0:
            raise ValueError(f"Checkpoints: needs keep_last ≥ 1 and keep_best ≥ 0, got {keep_last} and {keep_best}")
        if mode not in ("min", "max"):
            raise ValueError(f"Checkpoints: mode must be 'min' or 'max', got {mode!r}")
        self.folder = Path(check_path(folder, "Checkpoints"))
        self.keep_last, self.keep_best, self.mode = keep_last, keep_best, mode

    # ---- files ----

    def paths(self) -> list[Path]:
        """All checkpoints, oldest first."""
        found = [p for p in self.folder.iterdir() if _NAME.fullmatch(p.name)] if self.folder.is_dir() else []
        return sorted(found, key=_step)

    def latest(self) -> Path | None:
        """The newest checkpoint that is whole, None without one; a damaged one is passed over with a warning."""
        return next((path for path in reversed(self.paths()) if _metadata(path) is not None), None)

    def best(self) -> Path | None:
        """The checkpoint with the best score, the newer of equals; None where none has a score."""
        ranked = self._ranked(self.paths())
        return ranked[0] if ranked else None

    def _ranked(self, paths: list[Path]) -> list[Path]:
        """Those with a score, best first."""
        scores = {path: _score(path) for path in paths}
        sign = 1 if self.mode == "min" else -1
        known = [path for path in paths if not math.isnan(scores[path])]
        return sorted(known, key=lambda path: (sign * scores[path], -_step(path)))

    def _remove_old(self) -> None:
        paths = self.paths()
        for path in set(paths) - set(paths[-self.keep_last :]) - set(self._ranked(paths)[: self.keep_best]):
            path.unlink(missing_ok=True)
        for path in self.folder.glob(f"{temporary_prefix('step-*')}*"):  # of processes that were killed
            path.unlink(missing_ok=True)

    # ---- saving and restoring ----

    def save(self, step: int, *, score: float | None = None, **parts: Any) -> Path:
        """Write a checkpoint and remove those no longer kept; returns its path.

        A part is an object with `state_dict()` (model, optimizer, schedule, loader, metric) or `get_state()`
        (a `Generator`), or plain data that `tc.save` can hold. The states of tensorcore's default generator, of
        Python's and, where it is imported, of NumPy's are saved along. Errors as for `tc.save`.
        """
        if not isinstance(step, int) or step < 0:
            raise ValueError(f"Checkpoints.save: step must be an int of at least 0, got {step!r}")
        if set(parts) & set(_ARE_RESERVED):
            raise ValueError(f"Checkpoints.save: the names {', '.join(_ARE_RESERVED)} are taken")
        value = {
            "step": step,
            "parts": {name: _state_of(part) for name, part in parts.items()},
            "classes": {name: type(part).__name__ for name, part in parts.items() if is_stateful(part)},
            "random": random_states(),
        }
        metadata = {"checkpoint": str(VERSION)}
        if score is not None:
            metadata["score"] = repr(float(score))
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / f"step-{step:010d}.safetensors"
        save(value, path, metadata)
        self._remove_old()
        return path

    def restore(self, path: Any = None, /, **parts: Any) -> dict[str, Any] | None:
        """Give the states in a checkpoint (the latest, unless `path` says which) back to the parts they came from.

        Returns `step` and the parts that are plain data; None, with nothing changed, where there is no
        checkpoint. Raises ValueError naming the file for a checkpoint of a newer release, a part it lacks, one of
        another class, or a model with other parameters or shapes; the parts are as they were then.
        """
        path = self.latest() if path is None else Path(check_path(path, "restore"))
        if path is None:
            return None
        return restore(path, **parts)


def restore(path: Any, /, **parts: Any) -> dict[str, Any]:
    """`Checkpoints.restore` for a file that lies anywhere."""

    def error(reason: str) -> ValueError:
        return ValueError(f"restore: {str(path)!r}: {reason}")

    version = load_metadata(path).get("checkpoint")
    if version is None or not version.isdecimal():
        raise error("the file is no checkpoint")
    if int(version) > VERSION:
        raise error(f"the checkpoint has version {version}, this release reads up to {VERSION}")
    value = load(path)
    if not isinstance(value, dict) or not value.keys() >= {"step", "parts", "classes", "random"}:
        raise error("the file is no checkpoint")
    states, classes = value["parts"], value["classes"]
    for name, part in parts.items():
        if name not in states:
            raise error(f"there is no {name!r} in it, only {', '.join(states) or 'nothing'}")
        if not is_stateful(part):
            raise TypeError(f"restore: {name} is a {type(part).__name__}, which has no state to restore")
        if classes.get(name) != type(part).__name__:
            raise error(f"{name} was a {classes.get(name, 'plain value')}, now it is a {type(part).__name__}")
        faults = _differences(states[name], part)
        if faults:
            listed = "\n  ".join(faults[:20])
            raise error(f"{name} does not fit:\n  {listed}" + ("\n  …" if len(faults) > 20 else ""))
    # Optimizers and loaders refuse what does not fit them without changing; models were looked at above.
    for name in sorted(parts, key=lambda name: _has_parameters(parts[name])):
        _give_state(parts[name], states[name])
    set_random_states(value["random"])
    plain = {name: state for name, state in states.items() if name not in classes}
    return {"step": value["step"], **plain}


def _step(path: Path) -> int:
    match = _NAME.fullmatch(path.name)
    return int(match.group(1)) if match else -1


def _metadata(path: Path) -> dict[str, str] | None:
    try:
        return load_metadata(path)
    except ValueError as error:
        warnings.warn(f"a damaged checkpoint is passed over: {error}", RuntimeWarning, stacklevel=3)
        return None


def _score(path: Path) -> float:
    try:
        return float((_metadata(path) or {})["score"])
    except (KeyError, ValueError):
        return math.nan


# ---- parts ----


def is_stateful(part: Any) -> bool:
    """Whether a part has a state of its own, and is no plain data."""
    return hasattr(part, "load_state_dict") or hasattr(part, "set_state")


def _has_parameters(part: Any) -> bool:
    return hasattr(part, "parameters")


def _state_of(part: Any) -> Any:
    if hasattr(part, "load_state_dict"):
        return part.state_dict()
    return part.get_state() if hasattr(part, "set_state") else part


def _give_state(part: Any, state: Any) -> None:
    if hasattr(part, "load_state_dict"):
        part.load_state_dict(state)
    else:
        part.set_state(state)


def _differences(state: Any, part: Any) -> list[str]:
    """Where a model's parameters and buffers differ from a state's by name or shape."""
    if not _has_parameters(part) or not isinstance(state, Mapping):
        return []
    mine = part.state_dict()
    faults = [f"{name}: not in the checkpoint" for name in mine if name not in state]
    faults += [f"{name}: only in the checkpoint" for name in state if name not in mine]
    for name, value in mine.items():
        saved = state.get(name)
        if isinstance(value, Tensor) and isinstance(saved, Tensor) and saved.shape != value.shape:
            faults.append(f"{name}: shape {saved.shape} in the checkpoint, {value.shape} now")
    return faults


# ---- generators ----


def random_states() -> dict[str, Any]:
    """The states of the generators that draw without being named: tensorcore's, Python's, NumPy's if imported."""
    states: dict[str, Any] = {"tensorcore": default_generator.get_state(), "python": random.getstate()}
    numpy_random = _numpy_random()
    if numpy_random is not None:
        kind, keys, *rest = numpy_random.get_state()
        states["numpy"] = (kind, keys.tolist(), *rest)
    return states


def set_random_states(states: Mapping[str, Any]) -> None:
    """Give back what `random_states` returned."""
    default_generator.set_state(states["tensorcore"])
    random.setstate(states["python"])
    numpy_random = _numpy_random()
    if "numpy" in states and numpy_random is not None:
        numpy_random.set_state(states["numpy"])


def _numpy_random() -> Any:
    # Only if the program uses it: importing NumPy for its state would be a cost without a use.
    return sys.modules.get("numpy.random")


__all__ = ["Checkpoints", "restore"]
