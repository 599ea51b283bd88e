"""A language model of characters."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .. import nn
from ..autograd import no_grad
from ..ops.creation import asarray
from ..ops.random import Generator, uniform
from ..tensor import Tensor


class CharLSTM(nn.Module):
    """Embedding, LSTM layers and a linear layer that predicts the next character.

    Input (N, T) int64 codes; output logits (N, T, vocabulary), and the state to go on from. Sources:
    Hochreiter & Schmidhuber 1997 (the LSTM), Graves 2013 (as a language model).

    >>> logits, state = tc.models.CharLSTM(65)(tc.zeros((4, 16), dtype=tc.int64))
    >>> logits.shape
    (4, 16, 65)
    """

    def __init__(
        self, vocabulary: int, *, embedding: int = 64, hidden: int = 256, layers: int = 1, dropout: float = 0.0
    ) -> None:
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, embedding)
        self.lstm = nn.LSTM(embedding, hidden, layers, batch_first=True, dropout=dropout)
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(hidden, vocabulary)

    def forward(self, codes: Tensor, state: Any = None) -> tuple[Tensor, Any]:
        """Logits of each next character, and the state after the last one."""
        y, state = self.lstm(self.embedding(codes), state)
        return self.head(self.dropout(y)), state

    def generate(
        self, prompt: Sequence[int], count: int, *, temperature: float = 1.0, generator: Generator | None = None
    ) -> list[int]:
        """`count` more codes after a prompt of at least one, drawn from the softmax of logits / temperature.

        Temperature 0 takes the likeliest each time. ValueError for an empty prompt or a negative temperature.
        """
        if not prompt:
            raise ValueError("generate: the prompt must have at least one character")
        if not temperature >= 0:
            raise ValueError(f"generate: temperature must be at least 0, got {temperature}")
        was_training = self.training
        self.eval()
        codes: list[int] = []
        device = self.head.weight.device
        with no_grad():
            logits, state = self(asarray([list(prompt)]).to(device))
            for _ in range(count):
                last = logits[0, -1]
                if temperature == 0:
                    code = int(last.argmax())
                else:
                    below = nn.functional.softmax(last / temperature, -1).cumulative_sum(axis=0)
                    drawn = uniform((), generator=generator).to(device)  # the first character whose share reaches it
                    code = min(int((below < drawn).sum()), last.shape[0] - 1)
                codes.append(code)
                logits, state = self(asarray([[code]]).to(device), state)
        self.train(was_training)
        return codes
