"""Makes the README's pictures: docs/images/bench.svg from results of `tensorcore bench --json`, and training runs'.

python scripts/make_pictures.py --bench bench/results/cpu-peers.json --runs runs/mnist-mlp-1 runs/mnist-cnn-1
"""

import argparse
import json
import shutil
import sys
from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np

import tensorcore as tc

IMAGES = Path(__file__).parent.parent / "docs" / "images"


def draw_bench(path: Path) -> None:
    """One bar per workload: PyTorch's time over ours, on a logarithmic axis."""
    results = [r for r in json.loads(path.read_text())["results"] if "torch" in r["median"] and r["dtype"] == "float32"]
    labels = [f"{r['family']}  {r['name']}" for r in results]
    ratios = np.array([r["median"]["torch"] / r["median"]["tc"] for r in results])
    figure, axes = plt.subplots(figsize=(9, 0.2 * len(results) + 1))
    colours = ["#2a7f62" if ratio >= 1 else "#b5533c" for ratio in ratios]
    axes.barh(range(len(ratios)), ratios - 1, left=1, color=colours)
    axes.set_xscale("log", base=2)
    axes.axvline(1, color="black", linewidth=0.8)
    axes.set_yticks(range(len(labels)), labels, fontsize=7)
    axes.invert_yaxis()
    axes.xaxis.set_major_formatter(mpl.ticker.FuncFormatter(lambda x, _: f"{x:g}×"))
    axes.set_xlabel("PyTorch's time / tensorcore's, same machine, same run, 2 threads")
    axes.spines[["top", "right"]].set_visible(False)
    figure.tight_layout()
    figure.savefig(IMAGES / "bench.svg", metadata={"Date": None})


def take_pictures(run: Path) -> None:
    """Copy the pictures that `tensorcore train` left in a run's folder: mnist-cnn-curves.png and so on."""
    facts = json.loads((run / "run.json").read_text())
    for name in ("curves", "wrong"):
        if (run / f"{name}.png").exists():
            shutil.copy(run / f"{name}.png", IMAGES / f"{facts['data']}-{facts['model']}-{name}.png")


def main() -> int:
    """Draw and copy what is named."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bench", type=Path, help="results of tensorcore bench --json")
    parser.add_argument("--runs", type=Path, nargs="*", default=[], help="folders of tensorcore train")
    args = parser.parse_args()
    mpl.use("Agg")
    mpl.rcParams["svg.hashsalt"] = "tensorcore"
    IMAGES.mkdir(parents=True, exist_ok=True)
    if args.bench:
        draw_bench(args.bench)
    for run in args.runs:
        take_pictures(run)
    print(f"pictures of tensorcore {tc.__version__} written to {IMAGES.name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
