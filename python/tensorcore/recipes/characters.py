"""The recipe for text: an LSTM that predicts the next character of the King James Bible."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from ..data import DataLoader, Dataset, Vocabulary, current_generator, load_kjv
from ..models import CharLSTM
from ..nn import functional as F
from ..ops.creation import arange, asarray
from ..ops.random import Generator, randint
from ..tensor import Tensor
from ..train import BitsPerCharacter
from .recipe import Job, Recipe, Settings

_LENGTH = 128  # characters the gradient goes back
_JUDGED = 2048  # characters the model reads before its memory is emptied, where it is judged


class Windows(Dataset):
    """Stretches of `length` characters, and the character that follows each of them.

    With `shifted` each begins up to `length` characters later, at random: no two epochs are the same.
    """

    def __init__(self, codes: Tensor, length: int, shifted: bool) -> None:
        self.codes, self.length, self.shifted = codes, length, shifted

    def __len__(self) -> int:
        return (self.codes.shape[0] - 1) // self.length - self.shifted

    def get_batch(self, indices: Tensor) -> tuple[Tensor, Tensor]:
        """Inputs and targets (N, length)."""
        at = indices.reshape((-1, 1)) * self.length + arange(self.length).reshape((1, -1))
        if self.shifted:
            at = at + randint((indices.shape[0], 1), 0, self.length, generator=current_generator())
        return self.codes[at], self.codes[at + 1]

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        x, y = self.get_batch(asarray([index]))
        return x[0], y[0]


def flat(output: Any, target: Tensor) -> tuple[Tensor, Tensor]:
    """Logits (N, vocabulary) and targets (N,) of all characters; `output` is what `CharLSTM` gives."""
    logits = output[0]
    return logits.reshape((-1, logits.shape[-1])), target.reshape(-1)


def loss(output: Any, target: Tensor) -> Tensor:
    """Mean cross-entropy of the next characters, in nats."""
    return F.cross_entropy(*flat(output, target))


class Bits(BitsPerCharacter):
    """Bits per character of what `CharLSTM` gives."""

    def update(self, output: Any, target: Tensor) -> None:
        """Take in a batch."""
        super().update(*flat(output, target))


def _model(config: dict[str, Any]) -> Any:
    return CharLSTM(
        len(config["characters"]),
        embedding=config["embedding"],
        hidden=config["hidden"][0],
        layers=len(config["hidden"]),
        dropout=config["dropout"],
    )


def _make(data: str, model: str, settings: Settings) -> Job:
    text = load_kjv().text
    vocabulary = Vocabulary.build([text], unknown=None, pad=None)
    codes = vocabulary.encode(text)
    count = codes.shape[0]
    begins = (0, int(count * 0.90), int(count * 0.95), count)
    parts = [codes[a:b] for a, b in pairwise(begins)]
    if settings.samples is not None:
        parts[0] = parts[0][: settings.samples]
    config = {
        "data": data,
        "model": model,
        "characters": "".join(vocabulary.tokens),
        "embedding": 64,
        "hidden": settings.hidden,
        "dropout": settings.dropout,
    }
    return Job(
        model=_model(config),
        title="King James Bible, character LSTM",
        train=DataLoader(
            Windows(parts[0], _LENGTH, True),
            settings.batch_size,
            True,
            drop_last=True,
            num_workers=1,
            seed=settings.seed,
        ),
        validation=DataLoader(Windows(parts[1], _JUDGED, False), 8),
        test=DataLoader(Windows(parts[2], _JUDGED, False), 8),
        loss=loss,
        metrics=lambda: {"bits_per_character": Bits()},
        monitor="validation_bits_per_character",
        config=config,
        samples=dict(zip(("train", "validation", "test"), (part.shape[0] for part in parts), strict=True)),
    )


_LSTM = Settings(4, 32, 3e-3, clip_norm=1.0, hidden=(512,), dropout=0.2)

RECIPES = {"text": Recipe("text", {"char-lstm": _LSTM}, _make, _model, None)}


def continue_text(model: Any, config: dict[str, Any], prompt: str, count: int, temperature: float, seed: int) -> str:
    """`count` characters that the model writes after a prompt. ValueError for a character it does not know."""
    vocabulary = Vocabulary(list(config["characters"]), unknown=None, pad=None)
    strange = sorted(set(prompt) - set(config["characters"]))
    if strange:
        raise ValueError(f"the text that was learned has no {', '.join(map(repr, strange))}")
    codes = model.generate(
        vocabulary.encode(prompt).tolist(), count, temperature=temperature, generator=Generator(seed)
    )
    return vocabulary.decode(codes)
