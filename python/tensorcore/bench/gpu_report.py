"""Tables of GPU benchmark results, and what a reader needs to judge them."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from .. import _core, cuda
from .gpu_runner import GpuResult
from .report import geometric_mean, in_units


def table(results: Sequence[GpuResult], peers: Sequence[str]) -> Any:
    """A rich table: time with quartile distance, rate, share of the measured limit, error, ratios to the peers."""
    from rich.table import Table

    out = Table(title="tensorcore GPU benchmarks", title_justify="left")
    out.add_column("workload")
    for name in ("time", "IQR", "rate", "of limit", "error", "bound"):
        out.add_column(name, justify="right", no_wrap=True)
    for peer in peers:
        for name in (f"{peer} time", "IQR", "ratio"):
            out.add_column(name, justify="right", no_wrap=True)
    for r in results:
        if "tc" not in r.samples:
            out.add_row(r.case.key, f"[red]{r.failures.get('tc', 'not supported')}[/red]")
            continue
        rate = r.rate("tc")
        text = f"{rate * 1e-12:.3g} TFLOP/s" if r.case.flops else f"{rate * 1e-9:.4g} GB/s"
        row = [
            r.case.key,
            in_units(r.median("tc")),
            f"{r.spread('tc'):.1%}",
            text,
            f"{rate / r.ceiling:.0%}" if r.ceiling else "–",
            f"[red]{r.errors['tc']:.1e} wrong[/red]" if r.is_wrong("tc") else f"{r.errors['tc']:.1e}",
            f"{r.bound('tc'):.1e}",
        ]
        for peer in peers:
            if peer in r.samples:
                row += [in_units(r.median(peer)), f"{r.spread(peer):.1%}", f"{r.median(peer) / r.median('tc'):.2f}"]
            else:
                row += ["[red]failed[/red]" if peer in r.failures else "–", "", ""]
        out.add_row(*row)
    return out


def ratios(results: Sequence[GpuResult], peer: str) -> dict[str, float]:
    """Geometric mean of the peer's time / ours by family, and over all."""
    found: dict[str, list[float]] = {}
    for r in results:
        if peer in r.samples and "tc" in r.samples:
            ratio = r.median(peer) / r.median("tc")
            found.setdefault(r.case.family, []).append(ratio)
            found.setdefault("all", []).append(ratio)
    return {family: geometric_mean(values) for family, values in found.items()}


def _output(*command: str) -> str:
    if shutil.which(command[0]) is None:
        return ""
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, cwd=Path(__file__).parent)
    return done.stdout.strip() if done.returncode == 0 else ""


def machine(versions: Mapping[str, str]) -> dict[str, Any]:
    """Device, driver, clocks, commit and versions."""
    properties = cuda.get_device_properties()
    query = "name,driver_version,clocks.sm,clocks.mem,power.limit,temperature.gpu"
    return {
        "device": vars(properties),
        "backend": _core.cuda_backend(),
        "nvidia-smi": _output("nvidia-smi", f"--query-gpu={query}", "--format=csv,noheader"),
        "commit": os.environ.get("COMMIT") or _output("git", "describe", "--always", "--dirty"),
        "machine": platform.platform(),
        "python": platform.python_version(),
        "tensorcore": _core.__version__,
        "versions": dict(versions),
    }


def as_json(
    results: Sequence[GpuResult], limits: Mapping[str, float], versions: Mapping[str, str], peers: Sequence[str]
) -> dict[str, Any]:
    """Machine, limits, ratios and every sample."""
    return {
        **machine(versions),
        "limits": dict(limits),
        "ratios": {peer: ratios(results, peer) for peer in peers},
        "results": [r.as_dict() for r in results],
    }
