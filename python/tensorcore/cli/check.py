"""`tensorcore check`: compare every op with NumPy."""

from __future__ import annotations

import argparse
import sys

from .common import progress, write_json


def run_check(args: argparse.Namespace) -> int:
    """Compare ops with NumPy."""
    from rich.console import Console
    from rich.table import Table

    from .. import op_table
    from ..check import check_row

    rows = [op for op in op_table.all_rows() if args.pattern in op.id]
    jobs = [(op, d) for op in rows for d in op.dtypes if not args.dtype or d in args.dtype]
    if not jobs:
        raise SystemExit(f"tensorcore check: nothing matches {args.pattern!r} {' '.join(args.dtype)}")
    console = Console(stderr=args.json == "-", width=None if sys.stdout.isatty() else 150)
    verdicts = []
    with progress(Console(stderr=True)) as bar:
        for op, dtype in bar.track(jobs, description="check"):
            verdicts.append(check_row(op, dtype))
    wrong = [v for v in verdicts if not v.right]
    table = Table(title="tensorcore against NumPy in float64", title_justify="left")
    for name in ("op", "dtypes", "worst error / bound", "verdict"):
        table.add_column(name)
    for op in rows:
        mine = [v for v in verdicts if v.op == op.id]
        if not mine:
            continue
        bad = [v for v in mine if not v.right]
        if not (bad or args.all or len(rows) <= 40):
            continue
        worst = max(mine, key=lambda v: v.error / v.bound if v.bound else v.error)
        text = f"{worst.error:.2e} / {worst.bound:.2e} ({worst.dtype})"
        verdict = (
            "right"
            if not bad
            else "[red]wrong[/red] " + "; ".join(f"{v.dtype}: {v.failure or f'error {v.error:.2e}'}" for v in bad)
        )
        table.add_row(op.id, str(len(mine)), text, verdict)
    if table.row_count:
        console.print(table)
    console.print(
        f"{len(rows)} ops, {len(verdicts)} combinations of op and dtype: "
        f"{len(verdicts) - len(wrong)} right, {len(wrong)} wrong"
    )
    if args.json:
        write_json(args.json, [{**vars(v), "right": v.right} for v in verdicts])
    return 1 if wrong else 0
