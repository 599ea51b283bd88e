"""Tables of vectors, looked up by index."""

from __future__ import annotations

from typing import Any

from .. import _core
from ..autograd import no_grad
from ..declare import check_tensors
from ..ops.elementwise import where
from ..ops.reduce import sum as tc_sum
from ..ops.set import unique_values
from ..tensor import Tensor
from . import functional as F
from . import init
from .checks import check_number, check_sizes
from .linear import new_parameter
from .module import Module


class _Table(Module):
    def _set(
        self,
        num_embeddings: int,
        embedding_dim: int,
        padding_idx: int | None,
        max_norm: float | None,
        norm_type: float,
        device: Any,
        dtype: Any,
    ) -> None:
        super().__init__()
        name = type(self).__name__
        check_sizes(name, num_embeddings=num_embeddings, embedding_dim=embedding_dim)
        if padding_idx is not None:
            if not -num_embeddings <= padding_idx < num_embeddings:
                raise ValueError(
                    f"{name}: padding_idx must lie in [{-num_embeddings}, {num_embeddings}), got {padding_idx}"
                )
            padding_idx %= num_embeddings
        self.num_embeddings, self.embedding_dim, self.padding_idx = num_embeddings, embedding_dim, padding_idx
        check_number(name, norm_type=norm_type, **({} if max_norm is None else {"max_norm": max_norm}))
        self.max_norm, self.norm_type = max_norm, norm_type
        self.weight = new_parameter((num_embeddings, embedding_dim), device, dtype)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw the table anew: standard normal, the padding row 0."""
        init.normal_(self.weight)
        self._clear_padding()

    def _clear_padding(self) -> None:
        if self.padding_idx is not None:
            with no_grad():
                self.weight[self.padding_idx] = 0.0

    def _renormalize(self, input: Tensor) -> None:
        """Bring the rows that are looked up down to `max_norm`, in place."""
        if self.max_norm is None:
            return
        check_tensors(type(self).__name__, input=input)
        with no_grad():
            used = unique_values(input.detach().astype(_core.int64).reshape((-1,)))
            rows = self.weight[used]
            powers = abs(rows) ** self.norm_type
            norms = tc_sum(powers, axis=-1, keepdims=True) ** (1 / self.norm_type)
            self.weight[used] = where(norms > self.max_norm, rows * (self.max_norm / (norms + 1e-7)), rows)

    @classmethod
    def from_pretrained(cls, embeddings: Tensor, freeze: bool = True, **settings: Any) -> Any:
        """A layer with the rows of `embeddings` (rows, features), not learned if `freeze`.

        `settings` are those of the constructor. ValueError unless 2-d.
        """
        if not isinstance(embeddings, Tensor) or embeddings.ndim != 2:
            raise ValueError(f"{cls.__name__}: embeddings must be a Tensor of shape (rows, features)")
        layer = cls(*embeddings.shape, **settings, device=embeddings.device, dtype=embeddings.dtype)  # type: ignore[call-arg]
        _core.set_data(layer.weight, embeddings.detach())
        layer.weight.requires_grad = not freeze
        return layer

    def extra_repr(self) -> str:
        """The settings, of those with a usual value only the unusual ones."""
        usual = {"padding_idx": None, "max_norm": None, "norm_type": 2.0}
        given = "".join(f", {n}={getattr(self, n)}" for n, v in usual.items() if getattr(self, n) != v)
        return f"{self.num_embeddings}, {self.embedding_dim}{given}"


class Embedding(_Table):
    """Rows of a learned table: integers (…) give (…, embedding_dim).

    `weight` is (num_embeddings, embedding_dim), standard normal at first; the row `padding_idx` is 0 and gets no
    gradient. With `max_norm` rows that are looked up are first scaled down, in place, to that p-norm
    (p = `norm_type`); the gradient then is that of the scaled rows. IndexError for an index out of range.

    >>> nn.Embedding(10, 3)(tc.asarray([[1, 2], [4, 5]])).shape
    (2, 2, 3)
    """

    def __init__(
        self,
        num_embeddings: int,
        embedding_dim: int,
        padding_idx: int | None = None,
        max_norm: float | None = None,
        norm_type: float = 2.0,
        *,
        device: Any = None,
        dtype: Any = None,
    ):
        self._set(num_embeddings, embedding_dim, padding_idx, max_norm, norm_type, device, dtype)

    def forward(self, input: Tensor) -> Tensor:
        """Indices (…) to rows (…, embedding_dim)."""
        self._renormalize(input)
        return F.embedding(input, self.weight, self.padding_idx)


class EmbeddingBag(_Table):
    """Sum, mean or maximum (`mode`) of the rows of each bag of indices, as `F.embedding_bag`.

    The table is as that of `Embedding`.

    >>> nn.EmbeddingBag(10, 3)(tc.asarray([1, 2, 4]), tc.asarray([0, 2])).shape
    (2, 3)
    """

    def __init__(
        self,
        num_embeddings: int,
        embedding_dim: int,
        max_norm: float | None = None,
        norm_type: float = 2.0,
        *,
        mode: str = "mean",
        include_last_offset: bool = False,
        padding_idx: int | None = None,
        device: Any = None,
        dtype: Any = None,
    ):
        if mode not in ("sum", "mean", "max"):
            raise ValueError(f"EmbeddingBag: mode must be 'sum', 'mean' or 'max', got {mode!r}")
        self._set(num_embeddings, embedding_dim, padding_idx, max_norm, norm_type, device, dtype)
        self.mode, self.include_last_offset = mode, include_last_offset

    def forward(self, input: Tensor, offsets: Tensor | None = None, per_sample_weights: Tensor | None = None) -> Tensor:
        """Bags of indices to (bags, embedding_dim)."""
        self._renormalize(input)
        return F.embedding_bag(
            input, self.weight, offsets, self.mode, per_sample_weights, self.include_last_offset, self.padding_idx
        )

    def extra_repr(self) -> str:
        """The settings, of those with a usual value only the unusual ones."""
        text = super().extra_repr()
        last = f", padding_idx={self.padding_idx}"
        padded = self.padding_idx is not None
        return f"{text.replace(last, '') if padded else text}, mode={self.mode!r}{last if padded else ''}"


__all__ = ["Embedding", "EmbeddingBag"]
