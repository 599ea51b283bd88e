"""`tensorcore info`: describe the installation."""

from __future__ import annotations

import argparse

from .common import write_json


def run_info(args: argparse.Namespace) -> int:
    """Describe the installation."""
    from ..info import collect

    facts = collect()
    if args.json:
        write_json("-", facts)
        return 0
    from rich.console import Console
    from rich.table import Table

    table = Table(show_header=False, box=None)
    for name, value in facts.items():
        if isinstance(value, list):
            value = " ".join(map(str, value))
        elif name == "caches":
            value = ", ".join(f"{level} {size >> 10} KiB" for level, size in value.items() if size)
        elif name == "memory":
            value = f"{value / 2**30:.1f} GiB"
        table.add_row(f"[bold]{name}[/bold]", str(value))
    Console().print(table)
    return 0
