"""The command `tensorcore`. Exit status: 0 done, 1 a result was wrong or a run failed, 2 wrong usage."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

_EXAMPLES = {
    "bench": """examples:
  tensorcore bench                           a short run over all families
  tensorcore bench --all --vs numpy,torch    every workload, beside NumPy and PyTorch
  tensorcore bench gemm conv --dtype float32,float64
  tensorcore bench --device cuda --vs torch  the workloads for GPUs, beside PyTorch in the same process
  tensorcore bench --json results.json       every sample, for scripts""",
    "check": """examples:
  tensorcore check                 every op in every dtype
  tensorcore check softmax         ops whose name contains 'softmax'
  tensorcore check --dtype float16,bfloat16 --all""",
    "train": """examples:
  tensorcore train digits --model mlp
  tensorcore train digits --model mlp --epochs 60 --hidden 256,128 --seed 1""",
    "info": """examples:
  tensorcore info
  tensorcore info --json""",
}


def _names(text: str) -> list[str]:
    return [part for part in text.split(",") if part]


def _sizes(text: str) -> list[int]:
    try:
        sizes = [int(part) for part in text.split(",")]
    except ValueError:
        raise argparse.ArgumentTypeError(f"must be integers separated by commas, got {text!r}") from None
    if any(size < 1 for size in sizes):
        raise argparse.ArgumentTypeError(f"must be positive, got {text!r}")
    return sizes


def _positive_int(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"must be at least 1, got {value}")
    return value


def _positive_float(text: str) -> float:
    value = float(text)
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"must be positive and finite, got {text}")
    return value


def parser() -> argparse.ArgumentParser:
    """The command line, with an example under every command's -h."""
    from ._core import __version__

    top = argparse.ArgumentParser(
        prog="tensorcore", description="Tensors, autograd and neural networks on hand-written kernels."
    )
    top.add_argument("--version", action="version", version=f"tensorcore {__version__}")
    commands = top.add_subparsers(dest="command", required=True, metavar="command")

    def command(name: str, text: str) -> argparse.ArgumentParser:
        return commands.add_parser(
            name,
            help=text,
            description=text[0].upper() + text[1:] + ".",
            epilog=_EXAMPLES[name],
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )

    bench = command("bench", "time the kernels and compare every result with NumPy")
    bench.add_argument("families", nargs="*", help="families to run, or parts of workload names (default: all)")
    bench.add_argument("--all", action="store_true", help="every workload instead of a short selection")
    bench.add_argument("--device", choices=["cpu", "cuda"], default="cpu", help="cuda: a GPU (default cpu)")
    bench.add_argument("--dtype", type=_names, help="dtypes, separated by commas (default float32; on cuda all)")
    bench.add_argument("--vs", type=_names, default=[], metavar="PEERS", help="numpy, torch or both")
    bench.add_argument("--samples", type=_positive_int, default=9, help="samples per workload (default 9)")
    bench.add_argument("--threads", type=_positive_int, help="threads of every framework")
    bench.add_argument("--divide", type=_positive_int, default=1, help="on cuda: smaller workloads, to try them")
    bench.add_argument("--json", metavar="FILE", help="write machine, versions and all samples; '-' for output")

    check = command("check", "compare every op with NumPy in float64")
    check.add_argument("pattern", nargs="?", default="", help="only ops whose name contains this")
    check.add_argument("--dtype", type=_names, default=[], help="only these dtypes")
    check.add_argument("--all", action="store_true", help="list the ops that are right, too, one row each")
    check.add_argument("--json", metavar="FILE", help="write every verdict; '-' for output")

    train = command("train", "train a model on a data set and report its accuracy")
    train.add_argument("data", choices=["digits"], help="the 1,797 UCI handwritten digits, in the package")
    train.add_argument("--model", choices=["mlp"], default="mlp")
    train.add_argument("--epochs", type=_positive_int, default=40)
    train.add_argument("--batch-size", type=_positive_int, default=32)
    train.add_argument("--lr", type=_positive_float, default=0.05, help="learning rate")
    train.add_argument("--hidden", type=_sizes, default=[128, 64], help="widths of the hidden layers")
    train.add_argument("--seed", type=int, default=0)
    train.add_argument("--device", default="cpu")

    info = command("info", "show version, processor, threads and devices")
    info.add_argument("--json", action="store_true")
    return top


def _write_json(target: str, value: Any) -> None:
    text = json.dumps(value, indent=1)
    if target == "-":
        sys.stdout.write(text + "\n")
    else:
        Path(target).write_text(text + "\n", encoding="utf-8")


def _progress(console: Any) -> Any:
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    return Progress(*columns, console=console, transient=True)


def run_bench(args: argparse.Namespace) -> int:
    """Time the chosen workloads."""
    from rich.console import Console

    from .bench import report, runner
    from .bench.cases import all_cases

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
    with _progress(Console(stderr=True)) as bar:
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
        _write_json(args.json, report.as_json(results, versions, args.vs))
    bad = [r.case.key for r in results if r.failures or r.errors.get("tc", float("inf")) > r.bound]
    for name in bad:
        console.print(f"[red]wrong or failed:[/red] {name}")
    return 1 if bad else 0


def _bench_gpu(args: argparse.Namespace) -> int:
    from rich.console import Console

    from . import _core, cuda
    from .bench import gpu_report, gpu_runner
    from .bench.gpu_cases import gpu_cases
    from .bench.gpu_frameworks import Tensorcore, Torch

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
    with _progress(Console(stderr=True)) as bar:
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
        _write_json(args.json, gpu_report.as_json(results, limits, versions, args.vs))
    bad = [r for r in results if any(r.is_wrong(f.name) for f in frameworks)]
    for r in bad:
        text = "; ".join(f"{name}: {failure}" for name, failure in r.failures.items()) or str(r.errors)
        console.print(f"[red]wrong or failed:[/red] {r.case.key}: {text}", soft_wrap=True)
    return 1 if bad else 0


def run_check(args: argparse.Namespace) -> int:
    """Compare ops with NumPy."""
    from rich.console import Console
    from rich.table import Table

    from . import op_table
    from .check import check_row

    rows = [op for op in op_table.all_rows() if args.pattern in op.id]
    jobs = [(op, d) for op in rows for d in op.dtypes if not args.dtype or d in args.dtype]
    if not jobs:
        raise SystemExit(f"tensorcore check: nothing matches {args.pattern!r} {' '.join(args.dtype)}")
    console = Console(stderr=args.json == "-", width=None if sys.stdout.isatty() else 150)
    verdicts = []
    with _progress(Console(stderr=True)) as bar:
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
        _write_json(args.json, [{**vars(v), "right": v.right} for v in verdicts])
    return 1 if wrong else 0


def run_train(args: argparse.Namespace) -> int:
    """Train and report."""
    from rich.console import Console

    from .train import train_digits

    console = Console()
    with _progress(console) as bar:
        task = bar.add_task("train", total=args.epochs)

        def epoch_done(epoch: int, loss: float, accuracy: float) -> None:
            bar.update(task, completed=epoch, description=f"loss {loss:.4f}, test accuracy {accuracy:.2%}")

        result = train_digits(
            hidden=args.hidden,
            epochs=args.epochs,
            batch_size=args.batch_size,
            lr=args.lr,
            seed=args.seed,
            device=args.device,
            on_epoch=epoch_done,
        )
    console.print(
        f"digits, MLP {'-'.join(map(str, result.sizes))}: {result.train_count} digits to train, "
        f"{result.test_count} held out, {args.epochs} epochs in {result.seconds:.1f} s"
    )
    console.print(f"loss {result.losses[0]:.4f} -> {result.losses[-1]:.4f}")
    console.print(f"test accuracy {result.accuracy:.2%}")
    return 0


def run_info(args: argparse.Namespace) -> int:
    """Describe the installation."""
    from .info import collect

    facts = collect()
    if args.json:
        _write_json("-", facts)
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


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit status."""
    args = parser().parse_args(argv)
    run = {"bench": run_bench, "check": run_check, "train": run_train, "info": run_info}[args.command]
    try:
        return run(args)
    except KeyboardInterrupt:
        sys.stderr.write("interrupted\n")
        return 130
    except SystemExit as stop:
        if isinstance(stop.code, str):
            sys.stderr.write(stop.code + "\n")
            return 2
        raise
    except (RuntimeError, ValueError, OSError) as error:
        sys.stderr.write(f"tensorcore {args.command}: {error}\n")
        return 1


if __name__ == "__main__":
    sys.exit(main())
