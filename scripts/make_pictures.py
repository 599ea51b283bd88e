"""Draws the README's pictures: docs/images/bench.svg from a results file of `tensorcore bench --json`, and
docs/images/digits.png, the held-out digits a freshly trained MLP gets wrong.

    python scripts/make_pictures.py bench/results/peers.json
"""

import json
import sys
from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np

import tensorcore as tc
from tensorcore.train import train_digits

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


def draw_digits() -> None:
    """Held-out digits with what the trained network said."""
    result = train_digits(keep=True)
    wrong = np.flatnonzero(np.asarray(result.predictions) != np.asarray(result.test_labels))[:12]
    figure, grid = plt.subplots(1, max(len(wrong), 1), figsize=(1.1 * max(len(wrong), 1), 1.5), squeeze=False)
    images = np.asarray(result.test_images).reshape(-1, 8, 8)
    for axes, i in zip(grid[0], wrong, strict=False):
        axes.imshow(images[i], cmap="gray_r")
        axes.set_title(f"{int(result.test_labels[int(i)])} as {int(result.predictions[int(i)])}", fontsize=8)
        axes.axis("off")
    figure.tight_layout()
    figure.savefig(IMAGES / "digits.png", dpi=150, metadata={"Software": None})


def main() -> int:
    """Draw both, or only the digits when no results file is named."""
    mpl.use("Agg")
    mpl.rcParams["svg.hashsalt"] = "tensorcore"
    IMAGES.mkdir(parents=True, exist_ok=True)
    if len(sys.argv) > 1:
        draw_bench(Path(sys.argv[1]))
    draw_digits()
    print(f"pictures of tensorcore {tc.__version__} written to {IMAGES.name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
