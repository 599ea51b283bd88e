"""`tensorcore train`: train a model by a recipe, into a folder that `--resume`, `predict` and `generate` take."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

_SETTINGS = (
    "epochs",
    "batch_size",
    "lr",
    "optimizer",
    "schedule",
    "weight_decay",
    "hidden",
    "dropout",
    "samples",
    "seed",
)


def new_folder(data: str, model: str) -> Path:
    """runs/DATA-MODEL-N with the first N that is free."""
    number = 1
    while (folder := Path("runs") / f"{data}-{model}-{number}").exists():
        number += 1
    return folder


def _begin(args: argparse.Namespace) -> tuple[Path, str, Any]:
    """The folder, model and settings of a new run, or of the one that goes on."""
    from ..recipes import Settings, find

    given = {name: getattr(args, name) for name in _SETTINGS if getattr(args, name) is not None}
    if args.resume is not None:
        folder = Path(args.resume)
        run = read_run(folder)
        if run["data"] != args.data:
            raise ValueError(f"{folder} is a run on {run['data']}, not on {args.data}")
        settings = Settings.from_json(run["settings"])
        if args.model not in (None, run["model"]):
            raise ValueError(f"{folder} is a run of the model {run['model']}, not of {args.model}")
        for name, value in given.items():
            if getattr(settings, name) != value:
                raise ValueError(
                    f"{folder} was begun with {name} {getattr(settings, name)}, it cannot go on with {value}"
                )
        return folder, run["model"], settings
    model, settings = find(args.data).settings(args.model)
    settings = settings.but(**given)
    folder = new_folder(args.data, model) if args.out is None else Path(args.out)
    if (folder / "run.json").exists():
        raise ValueError(f"{folder} holds a run already: --resume {folder} goes on with it, or choose another --out")
    return folder, model, settings


def read_run(folder: Path) -> dict[str, Any]:
    """What run.json of a run's folder says. ValueError if there is none."""
    path = folder / "run.json"
    try:
        run: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ValueError(f"{folder} is not the folder of a run: it has no run.json") from None
    except ValueError as error:
        raise ValueError(f"{path} is damaged: {error}") from None
    return run


def run_train(args: argparse.Namespace) -> int:
    """Train and report."""
    from rich.console import Console

    from .. import _core, random
    from ..recipes import find, make_optimizer, make_schedule
    from ..serialize import save
    from ..train import Curves, JsonLog, Trainer

    _core.Device(args.device)  # raises for a device this build or machine lacks, before anything is written
    folder, model, settings = _begin(args)
    recipe = find(args.data)
    console = Console()
    random.manual_seed(settings.seed)
    job = recipe.make(args.data, model, settings)
    job.model.to(args.device)
    optimizer = make_optimizer(job.model, settings)
    schedule, per = make_schedule(optimizer, settings, len(job.train))
    trainer = Trainer(
        job.model,
        optimizer,
        job.loss,
        metrics=job.metrics(),
        schedule=schedule,
        schedule_per=per,
        device=args.device,
        clip_norm=settings.clip_norm,
        monitor=job.monitor,
        patience=args.patience or settings.epochs,  # the best epoch's weights are the ones kept
        checkpoints=folder / "checkpoints",
        checkpoint_every=args.checkpoint_every,
        callbacks=[JsonLog(folder / "log.jsonl"), *([Curves(folder / "curves.png")] if has_matplotlib() else [])],
    )
    parameters = sum(p.size for p in job.model.parameters())
    counts = ", ".join(f"{count:,} {part}" for part, count in job.samples.items())
    console.print(f"[bold]{job.title}[/bold]: {parameters:,} parameters; {counts}; {folder}", soft_wrap=True)
    if args.resume is None:
        folder.mkdir(parents=True, exist_ok=True)
        run = {"data": args.data, "model": model, "settings": settings.as_json(), "config": job.config}
        (folder / "run.json").write_text(json.dumps(run), encoding="utf-8")
    history = trainer.fit(job.train, job.validation, settings.epochs, resume=args.resume is not None)
    if trainer.stop_reason == "interrupted":
        console.print(f"interrupted; to go on: tensorcore train {args.data} --resume {folder}", soft_wrap=True)
        return 130
    save(job.model, folder / "model.safetensors")
    result = trainer.evaluate(job.test)
    console.print(f"loss {history[0]['loss']:.4f} -> {history[-1]['loss']:.4f}")
    for name, value in result.items():
        share = name == "accuracy"
        console.print(f"test {name.replace('_', ' ')} {f'{value:.2%}' if share else f'{value:.4f}'}", highlight=False)
    (folder / "test.json").write_text(json.dumps(result), encoding="utf-8")
    if has_matplotlib() and recipe.show is not None:
        recipe.show(trainer, job, str(folder))
    return 0


def has_matplotlib() -> bool:
    """Can pictures be drawn?"""
    from importlib.util import find_spec

    return find_spec("matplotlib") is not None
