"""Recipes for tweets and sentences of film reviews: are they positive?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .. import autograd
from ..data import DataLoader, Dataset, load_vader, pad_sequence, random_split
from ..data.ngrams import NgramFeatures
from ..models import TextClassifier
from ..nn import functional as F
from ..ops.creation import asarray
from ..ops.random import Generator
from ..tensor import Tensor
from ..train import F1, Accuracy
from .recipe import Job, Recipe, Settings

_KINDS = {"tweets": "tweets", "movies": "movie"}
_CLASSES = ("negative", "positive")


class Texts(Dataset):
    """Texts as n-gram features, with labels; features are made once."""

    def __init__(self, texts: Sequence[str], labels: Sequence[int], features: NgramFeatures) -> None:
        self.samples = [(*features(text), label) for text, label in zip(texts, labels, strict=True)]

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor, int]:
        return self.samples[index]


def collate(samples: Sequence[tuple[Tensor, Tensor, int]]) -> tuple[Tensor, Tensor, Tensor]:
    """Ids and weights, padded to the longest text, and labels."""
    ids, weights, labels = zip(*samples, strict=True)
    return pad_sequence(ids, True), pad_sequence(weights, True), asarray(list(labels))


def load(data: str) -> tuple[list[str], list[int]]:
    """Texts and their labels, 1 where the mean score is above 0."""
    sentences = load_vader(_KINDS[data])
    return sentences.texts, [int(score > 0) for score in sentences.scores.tolist()]


def _model(config: dict[str, Any]) -> Any:
    return TextClassifier(len(config["features"]["idf"]), 2, embedding=config["embedding"], dropout=config["dropout"])


def make_job(
    data: str, model: str, settings: Settings, texts: list[str], labels: list[int], parts: Sequence[Sequence[int]]
) -> Job:
    """A job on given parts, lists of numbers of texts: to train, to validate, to test."""
    config: dict[str, Any] = {
        "data": data,
        "model": model,
        "embedding": settings.hidden[0] if settings.hidden else None,
        "dropout": settings.dropout,
    }
    features = NgramFeatures().fit([texts[i] for i in parts[0]])

    def loader(part: Sequence[int], shuffle: bool) -> DataLoader:
        held = Texts([texts[i] for i in part], [labels[i] for i in part], features)
        return DataLoader(
            held, settings.batch_size if shuffle else 256, shuffle, collate_fn=collate, seed=settings.seed
        )

    config["features"] = features.state_dict()
    return Job(
        model=_model(config),
        title=f"{data}, n-grams",
        train=loader(parts[0], True),
        validation=loader(parts[1], False),
        test=loader(parts[2], False),
        loss=F.cross_entropy,
        metrics=lambda: {"accuracy": Accuracy(), "F1": F1()},
        monitor="validation_loss",
        config=config,
        samples=dict(zip(("train", "validation", "test"), map(len, parts), strict=True)),
    )


def _make(data: str, model: str, settings: Settings) -> Job:
    texts, labels = load(data)
    split = random_split(range(len(texts)), (0.6, 0.2, 0.2), Generator(settings.seed))
    parts = [part.indices if isinstance(part.indices, list) else part.indices.tolist() for part in split]
    if settings.samples is not None:
        parts[0] = parts[0][: settings.samples]
    return make_job(data, model, settings, texts, labels, parts)


def _predict(model: Any, config: dict[str, Any], source: str) -> list[tuple[str, float]]:
    """How likely a text is positive or negative."""
    features = NgramFeatures.from_state(config["features"])
    ids, weights = (part.reshape((1, -1)) for part in features(source))
    device = next(iter(model.parameters())).device
    model.eval()
    with autograd.no_grad():
        shares = F.softmax(model(ids.to(device), weights.to(device))[0], -1).tolist()
    return sorted(zip(_CLASSES, shares, strict=True), key=lambda pair: -pair[1])


RECIPES = {
    data: Recipe(data, {"ngrams": settings}, _make, _model, _predict)
    for data, settings in (
        ("tweets", Settings(4, 32, 0.02, optimizer="adam")),
        ("movies", Settings(3, 32, 0.01, optimizer="adam")),
    )
}
