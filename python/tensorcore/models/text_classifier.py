"""Classification of texts by their n-grams."""

from __future__ import annotations

from .. import nn
from ..ops.creation import zeros
from ..tensor import Tensor


class TextClassifier(nn.Module):
    """The weighted sum of the embeddings of a text's n-grams, and a linear layer on it.

    Input: feature ids (N, L) int64 and their weights (N, L), 0 where a row is padded; output logits
    (N, classes). With `embedding=None` the embeddings are the logits themselves: logistic regression on
    the features. Source: Joulin et al. 2017, "Bag of tricks for efficient text classification".

    >>> ids, weights = tc.zeros((2, 7), dtype=tc.int64), tc.ones((2, 7))
    >>> tc.models.TextClassifier(1000, 2)(ids, weights).shape
    (2, 2)
    """

    def __init__(self, features: int, classes: int, *, embedding: int | None = None, dropout: float = 0.0) -> None:
        super().__init__()
        self.embedding = nn.Embedding(features, embedding or classes, padding_idx=0)
        if embedding is None:
            nn.init.zeros_(self.embedding.weight)
            self.bias = nn.Parameter(zeros(classes))
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(embedding, classes) if embedding else None

    def forward(self, ids: Tensor, weights: Tensor) -> Tensor:
        """Logits of the classes."""
        summed = (self.embedding(ids) * weights.reshape((*weights.shape, 1))).sum(axis=1)
        return summed + self.bias if self.head is None else self.head(self.dropout(summed))
