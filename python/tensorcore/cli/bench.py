"""`tensorcore bench`: time the kernels and compare every result with NumPy."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from .common import progress, write_json


def run_bench(args: argparse.Namespace) -> int:
    """Time the chosen workloads."""
    from rich.console import Console

    from ..bench import report, runner
    from ..bench.cases import all_cases

    if args.device == "cuda":
        return _bench_gpu(args)
    args.dtype = args.dtype or ["float32"]
    known = {"numpy", "torch"}
    unknown = set(args.vs) - known
    if unknown:
        raise SystemExit(f"tensorcore bench: --vs takes numpy and torch, got {', '.join(sorted(unknown))}")
    wrong = set(args.dtype) - {"float32", "float64"}
    if wrong:
        raise SystemExit(f"tensorcore bench: --dtype takes float32 and float64, got {', '.join(sorted(wrong))}")
    cases = [c for c in all_cases() if not args.families or any(f in c.key for f in args.families)]
    if not args.all and not args.families:
        cases = [c for c in cases if c.quick]
    if not cases:
        raise SystemExit(f"tensorcore bench: no workload matches {' '.join(args.families)}")
    console = Console(stderr=args.json == "-", width=None if sys.stdout.isatty() else 110 + 30 * len(args.vs))
    with progress(Console(stderr=True)) as bar:
        task = bar.add_task("bench", total=len(cases) * len(args.dtype))

        def step(text: str) -> None:
            bar.update(task, description=f"{text:45.45}")
            bar.advance(task)

        results, versions = runner.run(
            cases, args.dtype, ["tc", *args.vs], samples=args.samples, threads=args.threads or 0, progress=step
        )
    console.print(report.table(results, args.vs))
    for peer, mean in report.geometric_means(results, args.vs).items():
        console.print(f"geometric mean of {peer}'s time / tensorcore's: {mean:.2f} ({versions[peer]})")
    if args.json:
        write_json(args.json, report.as_json(results, versions, args.vs))
    bad = [r.case.key for r in results if r.failures or r.errors.get("tc", float("inf")) > r.bound]
    for name in bad:
        console.print(f"[red]wrong or failed:[/red] {name}")
    return 1 if bad else 0


def _bench_gpu(args: argparse.Namespace) -> int:
    from rich.console import Console

    from .. import _core, cuda
    from ..bench import gpu_report, gpu_runner
    from ..bench.gpu_cases import gpu_cases
    from ..bench.gpu_frameworks import Tensorcore, Torch

    if set(args.vs) - {"torch"}:
        raise SystemExit(f"tensorcore bench: on cuda --vs takes torch, got {', '.join(args.vs)}")
    if not cuda.is_available():
        raise SystemExit(f"tensorcore bench: no CUDA device: {_core.cuda_why()}")
    if _core.cuda_backend() != "gpu" and args.divide == 1:
        raise SystemExit("tensorcore bench: behind 'cuda' is the executor, whose times mean nothing; try --divide 128")
    cases = [c for c in gpu_cases(args.divide) if not args.families or any(f in c.key for f in args.families)]
    cases = [c for c in cases if not args.dtype or c.dtype in args.dtype]
    if not cases:
        raise SystemExit(f"tensorcore bench: no workload matches {' '.join([*args.families, *(args.dtype or [])])}")
    on_gpu = _core.cuda_backend() == "gpu"
    frameworks: list[Any] = [Tensorcore(), *(Torch("cuda" if on_gpu else "cpu") for _ in args.vs)]
    console = Console(stderr=args.json == "-", width=None if sys.stdout.isatty() else 160)
    with progress(Console(stderr=True)) as bar:
        task = bar.add_task("bench", total=len(cases) + 1)

        def step(text: str) -> None:
            bar.update(task, description=f"{text:45.45}")
            bar.advance(task)

        results, limits = gpu_runner.run(
            cases,
            frameworks,
            rounds=(args.samples + 1) // 2,
            cache_bytes=cuda.get_device_properties().l2_cache_size if on_gpu else 0,
            divide=args.divide,
            progress=step,
        )
    console.print(gpu_report.table(results, args.vs))
    copied, multiplied = limits["copy"] * 1e-9, limits["bf16"] * 1e-12
    console.print(f"measured limits: copy {copied:.4g} GB/s, bfloat16 products {multiplied:.3g} TFLOP/s")
    for peer in args.vs:
        means = "  ".join(f"{family} {mean:.2f}" for family, mean in gpu_report.ratios(results, peer).items())
        console.print(f"geometric mean of {peer}'s time / tensorcore's: {means}")
    if args.json:
        versions = {f.name: f.version for f in frameworks}
        write_json(args.json, gpu_report.as_json(results, limits, versions, args.vs))
    bad = [r for r in results if any(r.is_wrong(f.name) for f in frameworks)]
    for r in bad:
        text = "; ".join(f"{name}: {failure}" for name, failure in r.failures.items()) or str(r.errors)
        console.print(f"[red]wrong or failed:[/red] {r.case.key}: {text}", soft_wrap=True)
    return 1 if bad else 0
