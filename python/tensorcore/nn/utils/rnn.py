"""Sequences of different lengths in one batch: padded, or packed step by step without the padding.

A packed sequence holds first the first steps of all rows, longest row first, then the second steps of those that have
one, and so on. `batch_sizes` says how many rows each step has. The layers compute on padded batches and lengths
(`F.lstm` skips what is padding), so packing is a pair of look-ups around them.
"""

from __future__ import annotations

import operator
from collections.abc import Sequence
from itertools import pairwise
from typing import Any, NamedTuple

from ...declare import check_tensors
from ...ops.creation import asarray
from ...ops.index import take
from ...ops.shape import pad, permute_dims, reshape, stack
from ...tensor import Tensor


class PackedSequence(NamedTuple):
    """Rows of different lengths: `data` (Σ lengths, …) step by step, and how many rows each step has.

    `sorted_indices` (B,) says which row of the original batch each packed row is, `unsorted_indices` the inverse;
    both None if the rows were given longest first. Made by `pack_padded_sequence` and `pack_sequence`.
    """

    data: Tensor
    batch_sizes: Tensor
    sorted_indices: Tensor | None = None
    unsorted_indices: Tensor | None = None

    def to(self, *args: Any, **kwargs: Any) -> PackedSequence:
        """The same with `data` moved or converted, as `Tensor.to`."""
        return self._replace(data=self.data.to(*args, **kwargs))

    def lengths(self) -> list[int]:
        """The length of each row of the original batch."""
        sizes = self.batch_sizes.tolist()
        ordered = [sum(n > row for n in sizes) for row in range(sizes[0] if sizes else 0)]
        order = range(len(ordered)) if self.unsorted_indices is None else self.unsorted_indices.tolist()
        return [ordered[i] for i in order]


def _as_lengths(op: str, lengths: Any, batch: int, steps: int) -> list[int]:
    values = lengths.tolist() if isinstance(lengths, Tensor) else list(lengths)
    values = [operator.index(n) for n in values]
    if len(values) != batch or any(not 0 < n <= steps for n in values):
        raise ValueError(f"{op}: lengths must hold {batch} numbers from 1 to {steps}, got {values}")
    return values


def _places(lengths: list[int], order: list[int]) -> list[tuple[int, int]]:
    """(step, original row) of each packed element."""
    return [(t, row) for t in range(max(lengths, default=0)) for row in order if lengths[row] > t]


def pack_padded_sequence(
    input: Tensor, lengths: Any, batch_first: bool = False, enforce_sorted: bool = True
) -> PackedSequence:
    """Leave the padding out of `input` (T, B, …), or (B, T, …) with `batch_first`: row b has `lengths[b]` steps.

    With `enforce_sorted` the rows must come longest first; else they are sorted, and the sequence remembers how.
    ValueError for lengths out of 1 … T.
    """
    op = "pack_padded_sequence"
    check_tensors(op, input=input)
    if input.ndim < 2:
        raise ValueError(f"{op}: input must have the axes of steps and batch, got shape {input.shape}")
    if batch_first:
        input = permute_dims(input, (1, 0, *range(2, input.ndim)))
    steps, batch = input.shape[:2]
    found = _as_lengths(op, lengths, batch, steps)
    order = list(range(batch))
    if enforce_sorted:
        if any(a < b for a, b in pairwise(found)):
            raise ValueError(f"{op}: lengths must not increase with enforce_sorted=True, got {found}")
    else:
        order.sort(key=lambda row: -found[row])
    return _packed(input, found, order, not enforce_sorted)


def _packed(input: Tensor, lengths: list[int], order: list[int], keep_order: bool) -> PackedSequence:
    batch = input.shape[1]
    places = asarray([t * batch + row for t, row in _places(lengths, order)], device=input.device)
    data = take(reshape(input, (-1, *input.shape[2:])), places, axis=0)
    sizes = asarray([sum(n > t for n in lengths) for t in range(max(lengths, default=0))])
    if not keep_order:
        return PackedSequence(data, sizes)
    inverse = sorted(range(batch), key=order.__getitem__)
    return PackedSequence(data, sizes, asarray(order), asarray(inverse))


def pad_packed_sequence(
    sequence: PackedSequence, batch_first: bool = False, padding_value: float = 0.0, total_length: int | None = None
) -> tuple[Tensor, Tensor]:
    """The inverse of `pack_padded_sequence`: (T, B, …), rows in their original order, and the lengths (B,).

    Later steps hold `padding_value`; T is the longest length, or `total_length`, which must not be less.
    """
    lengths = sequence.lengths()
    steps = max(lengths, default=0)
    if total_length is not None:
        if total_length < steps:
            raise ValueError(f"pad_packed_sequence: total_length must be at least {steps}, got {total_length}")
        steps = total_length
    batch = len(lengths)
    order = list(range(batch)) if sequence.sorted_indices is None else sequence.sorted_indices.tolist()
    count = sequence.data.shape[0]
    at = [count] * (steps * batch)  # `count` is the row of padding behind the data
    for i, (t, row) in enumerate(_places(lengths, order)):
        at[t * batch + row] = i
    widths = [(0, 1)] + [(0, 0)] * (sequence.data.ndim - 1)
    rows = take(pad(sequence.data, widths, value=padding_value), asarray(at, device=sequence.data.device), axis=0)
    y = reshape(rows, (steps, batch, *sequence.data.shape[1:]))
    return (permute_dims(y, (1, 0, *range(2, y.ndim))) if batch_first else y), asarray(lengths)


def unpack(sequence: PackedSequence) -> tuple[Tensor, Tensor]:
    """Padded steps and lengths, for a layer."""
    return pad_packed_sequence(sequence)


def pack_like(y: Tensor, sequence: PackedSequence) -> PackedSequence:
    """`y` (T, B, …), rows in original order, packed as `sequence` is."""
    lengths = sequence.lengths()
    order = list(range(len(lengths))) if sequence.sorted_indices is None else sequence.sorted_indices.tolist()
    data = _packed(y, lengths, order, False).data
    return sequence._replace(data=data)


def pad_sequence(
    sequences: Sequence[Tensor], batch_first: bool = False, padding_value: float = 0.0, padding_side: str = "right"
) -> Tensor:
    """Tensors (L_i, …) side by side: (T, B, …), or (B, T, …) with `batch_first`, filled up with `padding_value`.

    `padding_side` is 'right' or 'left'. ValueError if there are none or their other axes differ.

    >>> nn.utils.rnn.pad_sequence([tc.ones(3), tc.ones(1)]).shape
    (3, 2)
    """
    rows = list(sequences)
    check_tensors("pad_sequence", **{f"sequence {i}": x for i, x in enumerate(rows)})
    if not rows or padding_side not in ("left", "right"):
        raise ValueError(f"pad_sequence: needs sequences and padding_side 'left' or 'right', got {padding_side!r}")
    steps = max(x.shape[0] for x in rows)
    filled = []
    for x in rows:
        missing = steps - x.shape[0]
        side = (0, missing) if padding_side == "right" else (missing, 0)
        filled.append(pad(x, [side, *[(0, 0)] * (x.ndim - 1)], value=padding_value) if missing else x)
    return stack(filled, axis=0 if batch_first else 1)


def unpad_sequence(padded: Tensor, lengths: Any, batch_first: bool = False) -> list[Tensor]:
    """The inverse of `pad_sequence`: row b cut to `lengths[b]` steps."""
    check_tensors("unpad_sequence", padded=padded)
    if not batch_first:
        padded = permute_dims(padded, (1, 0, *range(2, padded.ndim)))
    found = _as_lengths("unpad_sequence", lengths, *padded.shape[:2])
    return [padded[i, :n] for i, n in enumerate(found)]


def pack_sequence(sequences: Sequence[Tensor], enforce_sorted: bool = True) -> PackedSequence:
    """Tensors (L_i, …) packed. Errors as for `pack_padded_sequence`."""
    lengths = [x.shape[0] for x in sequences]
    return pack_padded_sequence(pad_sequence(sequences), lengths, enforce_sorted=enforce_sorted)


__all__ = [
    "PackedSequence", "pack_padded_sequence", "pack_sequence", "pad_packed_sequence", "pad_sequence", "unpad_sequence",
]  # fmt: skip
