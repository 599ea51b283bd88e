"""Making batches out of samples."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ..ops.creation import asarray, full
from ..ops.shape import stack
from ..tensor import Tensor


def _rebuilt(like: Any, parts: list[Any]) -> Any:
    """A list, tuple or named tuple of the type of `like`."""
    if hasattr(like, "_fields"):
        return type(like)(*parts)
    return parts if isinstance(like, list) else tuple(parts)


def default_collate(samples: Sequence[Any]) -> Any:
    """One batch from samples of one structure: tensors and arrays are stacked along a new first axis.

    Numbers become a 1-d tensor (bool, int64 or float32, as `tc.asarray`); texts, bytes and None stay a list; tuples,
    named tuples, lists and dicts are collated member by member and keep their type. Raises ValueError
    for no samples, members or shapes that differ, TypeError for other types.

    >>> batch = tc.data.default_collate([(tc.zeros(2), 1, "a"), (tc.ones(2), 2, "b")])
    >>> batch[0].shape, batch[1].tolist(), batch[2]
    ((2, 2), [1, 2], ['a', 'b'])
    """
    if not samples:
        raise ValueError("default_collate: needs at least one sample")
    first = samples[0]
    if isinstance(first, (bool, int, float)):
        return asarray(list(samples))
    if first is None or isinstance(first, (str, bytes)):
        return list(samples)
    if isinstance(first, Tensor) or hasattr(first, "__dlpack__") or hasattr(first, "__array__"):
        arrays = [asarray(s) for s in samples]
        if any(a.shape != arrays[0].shape for a in arrays):
            shapes = ", ".join(sorted({str(a.shape) for a in arrays}))
            raise ValueError(
                f"default_collate: tensors of a batch must have one shape, got {shapes}; "
                "collate_fn=tc.data.pad_collate pads sequences"
            )
        return stack(arrays)
    if isinstance(first, Mapping):
        keys = list(first)
        if any(set(s) != set(keys) for s in samples):
            raise ValueError(f"default_collate: dicts of a batch must have the same keys, the first has {keys}")
        return {key: default_collate([s[key] for s in samples]) for key in keys}
    if isinstance(first, (tuple, list)):
        if any(len(s) != len(first) for s in samples):
            lengths = sorted({len(s) for s in samples})
            raise ValueError(f"default_collate: tuples of a batch must have one length, got {lengths}")
        return _rebuilt(first, [default_collate(list(members)) for members in zip(*samples, strict=True)])
    raise TypeError(
        "default_collate: samples must be made of tensors, arrays, numbers, texts, tuples and dicts, "
        f"got {type(first).__name__}; give a collate_fn"
    )


def pad_sequence(sequences: Sequence[Tensor], batch_first: bool = False, padding_value: float = 0.0) -> Tensor:
    """Sequences of shapes (length, ...) in one tensor, filled up with `padding_value` at their ends.

    The result has shape (longest, batch, ...), or (batch, longest, ...) with `batch_first`. Raises ValueError for no
    sequences and for trailing shapes or dtypes that differ.

    >>> tc.data.pad_sequence([tc.asarray([1, 2]), tc.asarray([3])], batch_first=True)
    tensor([[1, 2],
            [3, 0]])
    """
    if not sequences:
        raise ValueError("pad_sequence: needs at least one sequence")
    parts = [asarray(s) for s in sequences]
    kinds = {(s.shape[1:], s.dtype.name) for s in parts if s.ndim}
    if len(kinds) != 1 or not all(s.ndim for s in parts):
        shapes = ", ".join(f"{s.shape} {s.dtype.name}" for s in parts[:4])
        raise ValueError(f"pad_sequence: sequences must share dtype and trailing shape, got {shapes}")
    longest = max(s.shape[0] for s in parts)
    value = padding_value if parts[0].dtype.kind == "float" else int(padding_value)
    out = full((len(parts), longest, *parts[0].shape[1:]), value, dtype=parts[0].dtype, device=parts[0].device)
    for i, s in enumerate(parts):
        if s.shape[0]:
            out[i, : s.shape[0]] = s
    return out if batch_first else out.moveaxis(0, 1)


def pad_collate(samples: Sequence[Any], padding_value: float = 0.0) -> Any:
    """`default_collate` for sequences: those of unlike lengths are padded, and each batch of them becomes a pair.

    A member that is a tensor with at least one axis becomes `(padded, lengths)`: shape (batch, longest, ...) and int64
    (batch,). Other members are collated as ever. For another padding value:
    `functools.partial(pad_collate, padding_value=vocabulary.pad_index)`.
    """
    if not samples:
        raise ValueError("pad_collate: needs at least one sample")
    first = samples[0]
    if isinstance(first, Tensor) and first.ndim:
        return pad_sequence(samples, True, padding_value), asarray([s.shape[0] for s in samples])
    if isinstance(first, Mapping):
        return {key: pad_collate([s[key] for s in samples], padding_value) for key in first}
    if isinstance(first, (tuple, list)):
        return _rebuilt(first, [pad_collate(list(m), padding_value) for m in zip(*samples, strict=True)])
    return default_collate(samples)


def map_tensors(function: Callable[[Tensor], Tensor], batch: Any) -> Any:
    """The batch with `function` applied to every tensor in its tuples, lists and dicts."""
    if isinstance(batch, Tensor):
        return function(batch)
    if isinstance(batch, Mapping):
        return {key: map_tensors(function, value) for key, value in batch.items()}
    if isinstance(batch, (tuple, list)):
        return _rebuilt(batch, [map_tensors(function, value) for value in batch])
    return batch
