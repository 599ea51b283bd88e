"""Recipes for digits and clothes: a multi-layer perceptron and a convolutional network."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .. import _core, autograd
from ..data import DataLoader, TensorDataset, load_digits, load_fashion_mnist, load_mnist, random_split, transforms
from ..models import CNN, MLP
from ..nn import functional as F
from ..ops.random import Generator
from ..tensor import Tensor
from ..train import Accuracy
from .recipe import Job, Recipe, Settings

_CLOTHES = ("t-shirt", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle boot")
_CLASSES = {
    "digits": tuple("0123456789"),
    "mnist": tuple("0123456789"),
    "fashion-mnist": _CLOTHES,
}
_MEAN_AND_STD = {"digits": (0.3052, 0.3760), "mnist": (0.1307, 0.3081), "fashion-mnist": (0.2860, 0.3530)}


def _sets(data: str, seed: int) -> tuple[Any, Any, Any]:
    """Pictures (N, 1, height, width) float32 in [0, 1] with labels: to train, to validate, to test."""
    if data == "digits":
        digits = load_digits()
        whole = TensorDataset(digits.images.reshape((-1, 1, 8, 8)), digits.labels)
        train, validation, test = random_split(whole, (0.6, 0.2, 0.2), Generator(seed))
        return train, validation, test
    load: Callable[..., Any] = load_mnist if data == "mnist" else load_fashion_mnist
    pictures, test = load(True), load(False)
    whole = TensorDataset(_scaled(pictures.images), pictures.labels)
    train, validation = random_split(whole, (55_000, 5_000), Generator(seed))
    return train, validation, TensorDataset(_scaled(test.images), test.labels)


def _scaled(images: Tensor) -> Tensor:
    return images.astype(_core.float32) / 255.0


def _model(config: dict[str, Any]) -> Any:
    height, width = config["size"]
    if config["model"] == "mlp":
        body: Any = MLP((height * width, *config["hidden"], 10), dropout=config["dropout"])
    else:
        body = CNN(
            size=(height, width),
            widths=config["widths"],
            convolutions=config["convolutions"],
            hidden=config["hidden"][0],
            dropout=config["dropout"],
        )
    return body


def _make(data: str, model: str, settings: Settings) -> Job:
    train, validation, test = _sets(data, settings.seed)
    if settings.samples is not None:
        train, _ = random_split(train, (settings.samples, len(train) - settings.samples), Generator(settings.seed))
    size = (8, 8) if data == "digits" else (28, 28)
    config = {
        "model": model,
        "size": size,
        "hidden": settings.hidden,
        "dropout": settings.dropout,
        "widths": (32, 64),
        "convolutions": 1,
    }
    mean, std = _MEAN_AND_STD[data]
    normalise = transforms.Normalize((mean,), (std,))
    shake = transforms.RandomCrop(size, padding=2) if data == "mnist" else None

    def prepared(batch: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
        return normalise(batch[0]), batch[1]

    def varied(batch: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
        return normalise(batch[0] if shake is None else shake(batch[0])), batch[1]

    def loader(part: Any, shuffle: bool) -> DataLoader:
        size = settings.batch_size if shuffle else 500
        return DataLoader(
            part, size, shuffle, num_workers=1, seed=settings.seed, batch_transform=varied if shuffle else prepared
        )

    return Job(
        model=_model(config),
        title=f"{data}, {model.upper()}",
        train=loader(train, True),
        validation=loader(validation, False),
        test=loader(test, False),
        loss=F.cross_entropy,
        metrics=lambda: {"accuracy": Accuracy()},
        monitor="validation_accuracy",
        config={**config, "data": data},
        samples={"train": len(train), "validation": len(validation), "test": len(test)},
    )


def _predict(model: Any, config: dict[str, Any], source: str) -> list[tuple[str, float]]:
    """Classes of the picture in a file, likeliest first."""
    picture = read_picture(source, tuple(config["size"]), 1.0 if config["data"] == "digits" else 5 / 7)
    mean, std = _MEAN_AND_STD[config["data"]]
    device = next(iter(model.parameters())).device
    model.eval()
    with autograd.no_grad():
        shares = F.softmax(model(((picture - mean) / std).reshape((1, *picture.shape)).to(device))[0], -1)
    ranked = sorted(zip(_CLASSES[config["data"]], shares.tolist(), strict=True), key=lambda pair: -pair[1])
    return [(name, share) for name, share in ranked]


def read_picture(source: str, size: tuple[int, int], fill: float) -> Tensor:
    """A picture file as (1, height, width) float32 in [0, 1], its subject bright on a dark ground.

    The picture is made grey, turned into its negative where its border is bright, cut to its subject, scaled to fill
    the share `fill` of height or width (5/7 in MNIST) and centred. Needs Pillow (`pip install tensorcore[plots]`).
    """
    try:
        from PIL import Image, ImageChops, UnidentifiedImageError
    except ImportError as missing:
        raise RuntimeError("reading pictures needs Pillow: pip install 'tensorcore[plots]'") from missing
    try:
        with Image.open(source) as opened:
            grey = opened.convert("L")
    except UnidentifiedImageError:
        raise ValueError(f"{source} is not a picture") from None
    edge = sorted(value for y in (0, grey.height - 1) for value in grey.crop((0, y, grey.width, y + 1)).tobytes())
    if edge[len(edge) // 2] > 127:
        grey = ImageChops.invert(grey)
    subject = grey.point(lambda v: 255 if v > 50 else 0).getbbox()
    if subject is not None:
        grey = grey.crop(subject)
    height, width = size
    scale = min(height * fill / grey.height, width * fill / grey.width)
    small = grey.resize(
        (max(1, round(grey.width * scale)), max(1, round(grey.height * scale))), Image.Resampling.LANCZOS
    )
    canvas = Image.new("L", (width, height))
    canvas.paste(small, ((width - small.width) // 2, (height - small.height) // 2))
    return _core.from_buffer(canvas.tobytes()).reshape((1, height, width)).astype(_core.float32) / 255.0


def _show(trainer: Any, job: Job, folder: str) -> None:
    """The digits of the test set that are classified wrongly, surest mistakes first, as `wrong.png`."""
    from matplotlib.figure import Figure

    found: list[tuple[float, Any, int, int]] = []
    trainer.model.eval()
    for batch in job.test:
        images, labels = (t.to(trainer.device) for t in batch)
        with autograd.no_grad():
            shares = F.softmax(trainer.model(images), -1)
        guesses = shares.argmax(axis=-1)
        for i in (guesses != labels).to("cpu").nonzero()[0].tolist():
            guess = int(guesses[i])
            found.append((float(shares[i, guess]), images[i, 0].to("cpu").tolist(), guess, int(labels[i])))
    found.sort(key=lambda each: -each[0])
    names = _CLASSES[job.config["data"]]
    shown = found[:32]
    rows = max(1, -(-len(shown) // 8))
    figure = Figure(figsize=(10, 0.4 + 1.3 * rows), layout="constrained")
    figure.suptitle(f"{job.title}: {len(found)} of {job.samples['test']:,} wrong, the surest {len(shown)}")
    for i, (share, image, guess, label) in enumerate(shown):
        axes = figure.add_subplot(rows, 8, i + 1)
        axes.imshow(image, cmap="gray_r")
        axes.set_title(f"{names[label]} taken for\n{names[guess]} ({share:.0%})", fontsize=7)
        axes.axis("off")
    figure.savefig(f"{folder}/wrong.png", dpi=120)


_MLP = Settings(10, 64, 2e-3, weight_decay=1e-2, hidden=(256,), dropout=0.0)
_CNN = Settings(6, 64, 3e-3, weight_decay=1e-2, schedule="one-cycle", hidden=(128,), dropout=0.25)
_SMALL_MLP = Settings(40, 32, 2e-3, weight_decay=1e-2, hidden=(128, 64))
_SMALL_CNN = Settings(20, 32, 3e-3, weight_decay=1e-2, schedule="one-cycle", hidden=(128,), dropout=0.25)

RECIPES = {
    data: Recipe(data, {"mlp": mlp, "cnn": cnn}, _make, _model, _predict, _show)
    for data, mlp, cnn in (
        ("digits", _SMALL_MLP, _SMALL_CNN),
        ("mnist", _MLP, _CNN),
        ("fashion-mnist", _MLP, _CNN),
    )
}
