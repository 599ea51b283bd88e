"""Texts as numbers: tokenisers and vocabularies."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from .. import _core
from ..ops.creation import arange, asarray
from ..tensor import Tensor

_WORDS = re.compile(r"\w+(?:['’]\w+)*|[^\w\s]")


def character_tokenizer(text: str) -> list[str]:
    """The characters of a text."""
    return list(text)


def word_tokenizer(text: str) -> list[str]:
    """The words of a text in lower case, and each punctuation mark on its own; apostrophes stay within words.

    >>> tc.data.word_tokenizer("Don't stop, ever!")
    ["don't", 'stop', ',', 'ever', '!']
    """
    return _WORDS.findall(text.lower())


class Vocabulary:
    """Numbers for tokens: those that occur most first, after the special ones.

    Args:
        tokens: what the numbers are for, in order, all different; `Vocabulary.build` makes them from texts.
        tokenizer: cuts a text into tokens, `character_tokenizer` by default.
        unknown: the token that stands for those without a number; with None such tokens raise KeyError.
        pad: the token that fills up short texts, `pad_index` is its number; None for none.

    Special tokens come first (pad, then unknown) unless `tokens` holds them. Raises ValueError for tokens that repeat.

    >>> v = tc.data.Vocabulary.build(["ab", "a"], unknown=None, pad=None)
    >>> v.encode("ba"), v.decode([0, 1])
    (tensor([1, 0]), 'ab')
    """

    def __init__(
        self,
        tokens: Sequence[str],
        tokenizer: Callable[[str], list[str]] = character_tokenizer,
        *,
        unknown: str | None = "<unk>",
        pad: str | None = "<pad>",
    ):
        special = [t for t in (pad, unknown) if t is not None and t not in tokens]
        self.tokens = special + list(tokens)
        self.tokenizer, self.unknown, self.pad = tokenizer, unknown, pad
        self._numbers = {token: i for i, token in enumerate(self.tokens)}
        if len(self._numbers) != len(self.tokens):
            repeated = next(t for i, t in enumerate(self.tokens) if self._numbers[t] != i)
            raise ValueError(f"Vocabulary: tokens must differ, {repeated!r} repeats")

    @classmethod
    def build(
        cls,
        texts: Iterable[str],
        tokenizer: Callable[[str], list[str]] = character_tokenizer,
        *,
        min_count: int = 1,
        max_size: int | None = None,
        unknown: str | None = "<unk>",
        pad: str | None = "<pad>",
    ) -> Vocabulary:
        """The vocabulary of some texts: tokens that occur at least `min_count` times, most frequent first.

        Tokens of equal counts are in sorted order. `max_size` limits the size, special tokens included. TypeError for
        one text in place of several, ValueError for sizes without room.
        """
        from collections import Counter

        if isinstance(texts, str):
            raise TypeError("Vocabulary.build: needs several texts, got one; put it in a list")
        counts: Counter[str] = Counter()
        for text in texts:
            counts.update(tokenizer(text))
        special = [t for t in (pad, unknown) if t is not None]
        room = None if max_size is None else max_size - len(special)
        if room is not None and room < 0:
            raise ValueError(f"Vocabulary.build: max_size {max_size} has no room for {special}")
        ranked = sorted((t for t in counts if t not in special), key=lambda t: (-counts[t], t))
        kept = [t for t in ranked if counts[t] >= min_count]
        return cls(kept if room is None else kept[:room], tokenizer, unknown=unknown, pad=pad)

    def __len__(self) -> int:
        return len(self.tokens)

    def __contains__(self, token: str) -> bool:
        return token in self._numbers

    def __getitem__(self, token: str) -> int:
        """The number of a token, that of `unknown` for one that has none; KeyError without `unknown`."""
        number = self._numbers.get(token)
        if number is not None:
            return number
        if self.unknown is None:
            raise KeyError(f"Vocabulary: {token!r} has no number, and there is no token for unknown ones")
        return self._numbers[self.unknown]

    @property
    def pad_index(self) -> int:
        """The number of the padding token; ValueError where there is none."""
        if self.pad is None:
            raise ValueError("Vocabulary: has no padding token")
        return self._numbers[self.pad]

    def encode(self, text: str) -> Tensor:
        """The numbers of a text's tokens, (length,) int64."""
        numbers = [self[token] for token in self.tokenizer(text)]
        return asarray(numbers, dtype=_core.int64) if numbers else arange(0)

    def decode(self, numbers: Tensor | Sequence[int]) -> str:
        """The text of some numbers, padding left out: characters joined, other tokens with spaces between.

        IndexError for a number outside the vocabulary.
        """
        indices: Any = numbers.tolist() if isinstance(numbers, Tensor) else list(numbers)
        wrong = [i for i in indices if not 0 <= i < len(self)]
        if wrong:
            raise IndexError(f"Vocabulary.decode: numbers must lie in [0, {len(self)}), got {wrong[0]}")
        tokens = [self.tokens[i] for i in indices if self.tokens[i] != self.pad]
        return ("" if self.tokenizer is character_tokenizer else " ").join(tokens)

    def state_dict(self) -> dict[str, Any]:
        """Tokens and special tokens, as JSON can hold them; the tokeniser is code and not among them.

        `Vocabulary(tokenizer=..., **state)` makes the vocabulary again.
        """
        return {"tokens": self.tokens, "unknown": self.unknown, "pad": self.pad}
