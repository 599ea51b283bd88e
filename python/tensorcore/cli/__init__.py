"""The command `tensorcore`.

Exit status: 0 done, 1 a result was wrong or a run failed, 2 wrong usage, 130 interrupted.
"""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Sequence

from .common import names, positive_float, positive_int, sizes

# The module of each command.
_HOMES = {
    "bench": "bench",
    "check": "check",
    "train": "train",
    "predict": "predict",
    "generate": "predict",
    "info": "info",
}
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
  tensorcore train mnist --model cnn --out runs/mnist
  tensorcore train mnist --resume runs/mnist      after Ctrl-C
  tensorcore train text --epochs 2 --hidden 256""",
    "predict": """examples:
  tensorcore predict runs/mnist picture.png
  tensorcore predict runs/tweets "what a day" "never again"
  tensorcore predict runs/diamonds '{"carat": 0.7, "depth": 61.5, "table": 56, "x": 5.7, "y": 5.7, "z": 3.5,
    "cut": "Ideal", "color": "G", "clarity": "VS1"}'""",
    "generate": """examples:
  tensorcore generate runs/text --prompt "In the beginning" --count 300
  tensorcore generate runs/text --temperature 0""",
    "info": """examples:
  tensorcore info
  tensorcore info --json""",
}


def parser() -> argparse.ArgumentParser:
    """The command line, with an example under every command's -h."""
    from .. import recipes
    from .._core import __version__
    from ..recipes.recipe import HELP, OPTIMIZERS, SCHEDULES

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
    bench.add_argument("--dtype", type=names, help="dtypes, separated by commas (default float32; on cuda all)")
    bench.add_argument("--vs", type=names, default=[], metavar="PEERS", help="numpy, torch or both")
    bench.add_argument("--samples", type=positive_int, default=9, help="samples per workload (default 9)")
    bench.add_argument("--threads", type=positive_int, help="threads of every framework")
    bench.add_argument("--divide", type=positive_int, default=1, help="on cuda: smaller workloads, to try them")
    bench.add_argument("--json", metavar="FILE", help="write machine, versions and all samples; '-' for output")

    check = command("check", "compare every op with NumPy in float64")
    check.add_argument("pattern", nargs="?", default="", help="only ops whose name contains this")
    check.add_argument("--dtype", type=names, default=[], help="only these dtypes")
    check.add_argument("--all", action="store_true", help="list the ops that are right, too, one row each")
    check.add_argument("--json", metavar="FILE", help="write every verdict; '-' for output")

    train = command("train", "train a model on a data set, into a folder")
    train.add_argument("data", choices=recipes.names(), help="; ".join(f"{k}: {v}" for k, v in HELP.items()))
    train.add_argument("--model", help="mlp or cnn for pictures; the others have one")
    train.add_argument("--epochs", type=positive_int)
    train.add_argument("--batch-size", type=positive_int)
    train.add_argument("--lr", type=positive_float, help="learning rate, the highest of its schedule")
    train.add_argument("--optimizer", choices=OPTIMIZERS)
    train.add_argument("--schedule", choices=SCHEDULES, help="of the learning rate")
    train.add_argument("--weight-decay", type=float)
    train.add_argument("--hidden", type=sizes, help="widths of the hidden layers")
    train.add_argument("--dropout", type=float)
    train.add_argument("--samples", type=positive_int, help="train on so many only, for a quick try")
    train.add_argument("--patience", type=positive_int, help="stop after so many epochs that were not better")
    train.add_argument("--seed", type=int)
    train.add_argument("--device", default="cpu")
    train.add_argument("--out", metavar="DIR", help="folder of the run (default runs/DATA-MODEL-N)")
    train.add_argument("--resume", metavar="DIR", help="go on with the run in this folder")
    train.add_argument("--checkpoint-every", type=positive_int, metavar="STEPS", help="also within epochs")

    predict = command("predict", "ask a trained model about pictures, texts or a diamond")
    predict.add_argument("run", help="the folder of a run")
    predict.add_argument("input", nargs="+", help="files of pictures, texts, or a diamond as JSON")
    predict.add_argument("--top", type=positive_int, default=3, help="answers to show (default 3)")
    predict.add_argument("--device", default="cpu")

    generate = command("generate", "let a trained character model write")
    generate.add_argument("run", help="the folder of a run")
    generate.add_argument("--prompt", default="\n", help="how the text begins")
    generate.add_argument("--count", type=positive_int, default=500, help="characters (default 500)")
    generate.add_argument("--temperature", type=float, default=0.8, help="0: always the likeliest (default 0.8)")
    generate.add_argument("--seed", type=int, default=0)
    generate.add_argument("--device", default="cpu")

    info = command("info", "show version, processor, threads and devices")
    info.add_argument("--json", action="store_true")
    return top


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit status."""
    args = parser().parse_args(argv)
    module = importlib.import_module(f".{_HOMES[args.command]}", __name__)
    run = getattr(module, f"run_{args.command}")
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
