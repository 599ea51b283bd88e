"""Texts as weighted n-grams of words and of characters.

The features of TF-IDF: Spärck Jones 1972, Salton & Buckley 1988.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from ..ops.creation import asarray
from ..tensor import Tensor

_WORD = re.compile(r"[\w']+|[^\w\s]+")


class NgramFeatures:
    """Turns texts into (ids, weights): the n-grams each text has, and what they count for.

    `words` and `characters` are the shortest and longest n-grams of each kind, None for none; those of
    characters lie within words, whose ends count as a space. `fit` numbers the n-grams that at least
    `min_texts` texts have, from 1 on; 0 is for padding, others are left out. A weight is
    (1 + log count) · idf, and each text's weights have norm 1, those of words and those of characters apart.
    Raises ValueError for lengths or a `min_texts` below 1.

    >>> features = tc.data.NgramFeatures(words=(1, 1), characters=None, min_texts=1).fit(["so good", "so bad"])
    >>> features("so so good")[0]
    tensor([3, 2])
    """

    def __init__(
        self,
        *,
        words: tuple[int, int] | None = (1, 2),
        characters: tuple[int, int] | None = (2, 5),
        min_texts: int = 2,
    ) -> None:
        for name, lengths in (("words", words), ("characters", characters)):
            if lengths is not None and not 1 <= lengths[0] <= lengths[1]:
                raise ValueError(f"NgramFeatures: {name} must be a shortest and a longest length, got {lengths}")
        if min_texts < 1:
            raise ValueError(f"NgramFeatures: min_texts must be at least 1, got {min_texts}")
        self.words, self.characters, self.min_texts = words, characters, min_texts
        self._numbers: dict[str, int] = {}
        self._idf: list[float] = [0.0]

    def __len__(self) -> int:
        """How many features there are, padding included."""
        return len(self._idf)

    def _counts(self, text: str) -> Iterator[Counter[str]]:
        """How often each n-gram occurs, words and characters apart; names of the latter begin with a tab."""
        tokens = _WORD.findall(text.lower())
        if self.words is not None:
            low, high = self.words
            yield Counter(
                " ".join(tokens[i : i + n]) for n in range(low, high + 1) for i in range(max(0, len(tokens) - n + 1))
            )
        if self.characters is not None:
            low, high = self.characters
            padded = [f" {token} " for token in tokens]
            yield Counter(
                f"\t{t[i : i + n]}" for t in padded for n in range(low, high + 1) for i in range(max(0, len(t) - n + 1))
            )

    def fit(self, texts: Sequence[str]) -> NgramFeatures:
        """Number the n-grams of some texts, and learn how rare they are.

        idf = 1 + log((1 + texts) / (1 + texts that have it)).
        """
        seen: Counter[str] = Counter()
        for text in texts:
            for counts in self._counts(text):
                seen.update(counts.keys())
        kept = sorted(gram for gram, count in seen.items() if count >= self.min_texts)
        self._numbers = {gram: number for number, gram in enumerate(kept, start=1)}
        self._idf = [0.0, *(1 + math.log((1 + len(texts)) / (1 + seen[gram])) for gram in kept)]
        return self

    def __call__(self, text: str) -> tuple[Tensor, Tensor]:
        """Ids (L,) int64 of a text's n-grams and their weights (L,) float32; one of weight 0 if it has none."""
        ids: list[int] = []
        weights: list[float] = []
        for counts in self._counts(text):
            known = {self._numbers[gram]: n for gram, n in counts.items() if gram in self._numbers}
            values = [(1 + math.log(n)) * self._idf[number] for number, n in known.items()]
            norm = math.sqrt(sum(v * v for v in values))
            ids += known
            weights += [v / norm for v in values]
        return asarray(ids or [0]), asarray(weights or [0.0])

    def state_dict(self) -> dict[str, Any]:
        """All that the features depend on, as JSON holds it."""
        return {
            "words": self.words,
            "characters": self.characters,
            "min_texts": self.min_texts,
            "ngrams": list(self._numbers),
            "idf": [round(value, 6) for value in self._idf],
        }

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> NgramFeatures:
        """The features that `state_dict` describes."""
        words, characters = (None if state[name] is None else tuple(state[name]) for name in ("words", "characters"))
        features = cls(words=words, characters=characters, min_texts=state["min_texts"])
        features._numbers = {gram: number for number, gram in enumerate(state["ngrams"], start=1)}
        features._idf = list(state["idf"])
        return features
