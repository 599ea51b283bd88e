"""Tables from CSV files: typed columns, categories as numbers, numeric columns as a matrix."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from .. import _core
from ..ops.creation import asarray
from ..ops.shape import stack
from ..tensor import Tensor
from .files import DataError, Source, as_data_error, gunzip, is_gzip, name_of, read_bytes

_INTEGER = re.compile(r"[+-]?[0-9]{1,18}")  # always within int64
_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,4})?|[+-]?(inf|nan)", re.IGNORECASE)


@dataclass(frozen=True)
class Table:
    """Columns by name, each of `len(table)` entries: an int64 or float64 tensor, or a list of texts."""

    columns: dict[str, Tensor | list[str]]

    def __len__(self) -> int:
        first = next(iter(self.columns.values()))
        return len(first) if isinstance(first, list) else first.shape[0]

    def __getitem__(self, name: str) -> Tensor | list[str]:
        if name not in self.columns:
            raise KeyError(f"Table: no column {name!r}, there are {', '.join(self.columns)}")
        return self.columns[name]

    def encode(self, name: str, categories: Sequence[str] | None = None) -> tuple[Tensor, list[str]]:
        """A column of texts as numbers: int64 indices into the list of categories, and that list.

        Categories are in sorted order unless given. TypeError for a numeric column, ValueError for a text that
        is none of the categories given.
        """
        column = self[name]
        if isinstance(column, Tensor):
            raise TypeError(f"Table.encode: column {name!r} holds numbers")
        known = sorted(set(column)) if categories is None else list(categories)
        number = {text: i for i, text in enumerate(known)}
        unknown = set(column) - set(known)
        if unknown:
            raise ValueError(f"Table.encode: column {name!r} has {sorted(unknown)[0]!r}, which is no category")
        return asarray([number[text] for text in column], dtype=_core.int64), known

    def matrix(self, names: Sequence[str] | None = None, dtype: Any = None) -> Tensor:
        """Numeric columns, all of them unless `names` are given, as a tensor (rows, columns), float32 by default.

        TypeError for a column of texts, ValueError for no columns.
        """
        chosen = [n for n, c in self.columns.items() if isinstance(c, Tensor)] if names is None else list(names)
        if not chosen:
            raise ValueError("Table.matrix: needs at least one numeric column")
        parts = []
        for name in chosen:
            column = self[name]
            if not isinstance(column, Tensor):
                raise TypeError(f"Table.matrix: column {name!r} holds texts; use encode")
            parts.append(column.astype(_core.float32 if dtype is None else dtype))
        return stack(parts, axis=1)


def read_table(
    source: Source,
    *,
    delimiter: str = ",",
    names: Sequence[str] | None = None,
    missing: Sequence[str] = ("", "NA"),
    encoding: str = "utf-8",
    limit: int = 2**28,
) -> Table:
    """A CSV file, which may be gzipped, as a `Table`.

    The first line names the columns unless `names` does. A column of whole numbers becomes int64, one of other numbers
    float64, where the texts in `missing` become NaN; any other column is a list of texts. Quoted fields may hold
    delimiters and line ends. Raises DataError for lines of unequal lengths (with the line's number), names that repeat,
    bad quoting or encoding, no rows, and more than `limit` bytes, packed or unpacked.

    >>> table = tc.data.read_table(b"kind,x\\ncat,1\\ndog,2.5\\n")
    >>> table["x"].tolist(), table.encode("kind")[0].tolist()
    ([1.0, 2.5], [0, 1])
    """
    import csv
    import io

    name, data = name_of(source), read_bytes(source, limit)
    if is_gzip(data):
        data = gunzip(data, limit, name)
    with as_data_error(name, "is no valid CSV table"):
        reader = csv.reader(io.StringIO(data.decode(encoding), newline=""), delimiter=delimiter, strict=True)
        header = list(names) if names is not None else next(reader, [])
        if not header or len(set(header)) != len(header):
            raise DataError(f"{name}: needs column names that differ, got {header}")
        rows = []
        for row in reader:
            if not row:
                continue  # an empty line
            if len(row) != len(header):
                raise DataError(f"{name}: line {reader.line_num} has {len(row)} fields, not {len(header)}")
            rows.append(row)
    if not rows:
        raise DataError(f"{name}: has no rows")
    columns = zip(*rows, strict=True)
    return Table({n: _typed(list(column), set(missing)) for n, column in zip(header, columns, strict=True)})


def _typed(texts: list[str], missing: set[str]) -> Tensor | list[str]:
    if all(_INTEGER.fullmatch(t) for t in texts):
        return asarray([int(t) for t in texts], dtype=_core.int64)
    present = [t for t in texts if t not in missing]
    if present and all(_NUMBER.fullmatch(t) for t in present):
        return asarray([float("nan") if t in missing else float(t) for t in texts], dtype=_core.float64)
    return texts
