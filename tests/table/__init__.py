"""The op table: one row per op drives forward, gradient, layout and error tests. One module per family."""

import importlib
import pkgutil

from .row import Op


def all_rows() -> list[Op]:
    rows = []
    for module in sorted(m.name for m in pkgutil.iter_modules(__path__) if m.name != "row"):
        rows += importlib.import_module(f"{__name__}.{module}").ROWS
    names = [row.id for row in rows]
    assert len(names) == len(set(names)), "row ids must be unique"
    return rows
