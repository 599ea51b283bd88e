"""`tensorcore predict` and `tensorcore generate`: use what `tensorcore train` has learned."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from .train import read_run


def _trained(folder: Path, device: str) -> tuple[Any, Any, dict[str, Any]]:
    """The recipe, the trained model and the configuration of a run."""
    from ..recipes import find
    from ..serialize import load

    run = read_run(folder)
    weights = folder / "model.safetensors"
    if not weights.exists():
        raise ValueError(f"{folder} is not finished: tensorcore train {run['data']} --resume {folder}")
    recipe = find(run["data"])
    model = recipe.restore(run["config"])
    model.load_state_dict(load(weights))
    return recipe, model.to(device), run["config"]


def run_predict(args: argparse.Namespace) -> int:
    """Say what the model thinks of each input."""
    recipe, model, config = _trained(Path(args.run), args.device)
    if recipe.predict is None:
        raise ValueError(f"the model of {args.run} writes text: tensorcore generate {args.run}")
    for source in args.input:
        answers = recipe.predict(model, config, source)
        if len(answers) == 1:
            name, value = answers[0]
            print(f"{source}: {value:.0f} {name}")
        else:
            best = ", ".join(f"{name} {share:.1%}" for name, share in answers[: args.top])
            print(f"{source}: {best}")
    return 0


def run_generate(args: argparse.Namespace) -> int:
    """Write what the model makes of a prompt."""
    from ..recipes.characters import continue_text

    _, model, config = _trained(Path(args.run), args.device)
    if config["model"] != "char-lstm":
        raise ValueError(f"the model of {args.run} does not write text: tensorcore predict {args.run}")
    text = continue_text(model, config, args.prompt, args.count, args.temperature, args.seed)
    sys.stdout.write(f"{args.prompt}{text}\n")
    return 0
