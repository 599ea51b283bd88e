"""The op table: one row per op, with its NumPy reference. It drives the tests and `tensorcore check`.

One module per family; a row says how to call the op, what it must equal, on which inputs and
dtypes, how many derivatives exist, and which errors it raises.
"""

import importlib
import pkgutil

from .row import Op


def families() -> dict[str, list[Op]]:
    """The rows of each family."""
    modules = sorted(m.name for m in pkgutil.iter_modules(__path__))
    rows = {m: getattr(importlib.import_module(f"{__name__}.{m}"), "ROWS", []) for m in modules}
    return {m: found for m, found in rows.items() if found}


def all_rows() -> list[Op]:
    """Every row of every family; ValueError if two share an id."""
    rows = [row for family in families().values() for row in family]
    names = [row.id for row in rows]
    twice = {name for name in names if names.count(name) > 1}
    if twice:
        raise ValueError(f"op_table: row ids must be unique, got twice {sorted(twice)}")
    return rows
