"""Dropout as layers: they act in training mode only. The functions of `nn.functional` they name document them."""

from __future__ import annotations

from typing import Any

from . import functional as F
from .checks import check_share
from .stateless import Stateless

# ruff: noqa: D101  (each class names its function, which is documented)


class _Dropout(Stateless):
    p: float = 0.5
    inplace: bool = False

    def __init__(self, *args: Any, **kwargs: Any):
        super().__init__(*args, **kwargs)
        check_share(type(self).__name__, p=self.p)

    def settings(self) -> dict[str, Any]:
        """The probability, and whether to drop."""
        return {"p": self.p, "training": self.training}

    def extra_repr(self) -> str:
        """The settings."""
        return f"p={self.p}, inplace={self.inplace}"


class Dropout(_Dropout):
    function = staticmethod(F.dropout)


class Dropout1d(_Dropout):
    function = staticmethod(F.dropout1d)


class Dropout2d(_Dropout):
    function = staticmethod(F.dropout2d)


class Dropout3d(_Dropout):
    function = staticmethod(F.dropout3d)


class AlphaDropout(_Dropout):
    function = staticmethod(F.alpha_dropout)


class FeatureAlphaDropout(_Dropout):
    function = staticmethod(F.feature_alpha_dropout)


__all__ = ["AlphaDropout", "Dropout", "Dropout1d", "Dropout2d", "Dropout3d", "FeatureAlphaDropout"]
