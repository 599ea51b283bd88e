"""Tables of benchmark results."""

from __future__ import annotations

import math
import platform
from collections.abc import Sequence
from typing import Any

from .. import _core
from .runner import Result


def in_units(value: float) -> str:
    """Seconds with three digits, in the unit that suits them."""
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if value >= size:
            return f"{value / size:.3g} {unit}"
    return f"{value / 1e-9:.3g} ns"


def table(results: Sequence[Result], peers: Sequence[str]) -> Any:
    """A rich table: time with spread, rate, share of the machine's limit, error, and ratios to the peers."""
    from rich.table import Table

    out = Table(title="tensorcore kernel benchmarks", title_justify="left")
    out.add_column("workload")
    for name in ("time", "±", "rate", "of peak", "error", "bound"):
        out.add_column(name, justify="right", no_wrap=True)
    for peer in peers:
        out.add_column(f"{peer} time", justify="right", no_wrap=True)
        out.add_column("ratio", justify="right", no_wrap=True)
    for r in results:
        label = r.case.key if r.dtype == "float32" else f"{r.case.key} {r.dtype}"
        if "tc" in r.failures or "tc" not in r.samples:
            out.add_row(label, f"[red]{r.failures.get('tc', 'not supported')}[/red]")
            continue
        right = r.errors["tc"] <= r.bound
        row = [
            label,
            in_units(r.median("tc")),
            f"{r.spread('tc'):.0%}",
            f"{r.rate('tc'):.3g} {r.unit}",
            f"{r.rate('tc') / r.peak:.0%}",
            f"{r.errors['tc']:.1e}" if right else f"[red]{r.errors['tc']:.1e} wrong[/red]",
            f"{r.bound:.1e}",
        ]
        for peer in peers:
            if peer in r.samples and peer not in r.failures:
                row += [in_units(r.median(peer)), f"{r.median(peer) / r.median('tc'):.2f}"]
            else:
                row += ["–", "–"]
        out.add_row(*row)
    return out


def geometric_means(results: Sequence[Result], peers: Sequence[str]) -> dict[str, float]:
    """Geometric mean of peer's time / our time over the cases both ran."""
    means = {}
    for peer in peers:
        ratios = [r.median(peer) / r.median("tc") for r in results if peer in r.samples and "tc" in r.samples]
        if ratios:
            means[peer] = geometric_mean(ratios)
    return means


def geometric_mean(values: Sequence[float]) -> float:
    """Geometric mean of positive numbers."""
    return math.exp(sum(map(math.log, values)) / len(values))


def machine(versions: dict[str, str]) -> dict[str, Any]:
    """What a reader needs to judge the figures."""
    return {
        "machine": platform.machine(),
        "python": platform.python_version(),
        "threads": _core.num_threads(),
        "tensorcore": _core.__version__,
        "versions": versions,
    }


def as_json(results: Sequence[Result], versions: dict[str, str], peers: Sequence[str]) -> dict[str, Any]:
    """Machine, every sample, and the means."""
    return {
        **machine(versions),
        "geometric_mean": geometric_means(results, peers),
        "results": [r.as_dict() for r in results],
    }
