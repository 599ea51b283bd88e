"""What a batch is made of, and where a loader is."""

from __future__ import annotations

from typing import Any

from .. import _core
from ..ops.shape import concat
from ..tensor import Tensor


def unpack(batch: Any) -> tuple[tuple[Any, ...], Any]:
    """Inputs and target: the last of a sequence of two or more. TypeError for what is neither tensor nor sequence."""
    if isinstance(batch, (list, tuple)) and batch:
        return (tuple(batch[:-1]), batch[-1]) if len(batch) > 1 else (tuple(batch), None)
    if isinstance(batch, Tensor):
        return (batch,), None
    raise TypeError(
        f"Trainer: a batch must be a tensor or a sequence (inputs…, target), got {type(batch).__name__}; "
        "override unpack() for others"
    )


def loader_state(loader: Any) -> Any:
    """Where a loader is, None for one that cannot say."""
    return loader.state_dict() if hasattr(loader, "load_state_dict") else None


def moved(value: Any, device: _core.Device) -> Any:
    """The tensors in nested sequences and dicts on a device; anything else as it is."""
    if isinstance(value, Tensor):
        return value.to(device)
    if hasattr(value, "_fields"):  # a named tuple
        return type(value)(*(moved(item, device) for item in value))
    if isinstance(value, (list, tuple)):
        return type(value)(moved(item, device) for item in value)
    return {k: moved(item, device) for k, item in value.items()} if isinstance(value, dict) else value


def concat_outputs(outputs: list[Any]) -> Any:
    """Outputs of batches as one, along the first axis; for sequences of tensors a tuple of such."""
    if isinstance(outputs[0], Tensor):
        return concat(outputs, axis=0)
    if isinstance(outputs[0], (list, tuple)):
        return tuple(concat_outputs(list(parts)) for parts in zip(*outputs, strict=True))
    raise TypeError(f"Trainer.predict: outputs must be tensors or sequences of them, got {type(outputs[0]).__name__}")
