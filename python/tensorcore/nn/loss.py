"""Losses as layers: each calls the function of `nn.functional` it names, whose documentation holds for it.

`weight` and `pos_weight` become buffers, so they move with the module and are part of its state, as in PyTorch.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..tensor import Tensor
from . import functional as F
from .stateless import Stateless

# ruff: noqa: D101  (each class names its function, which is documented)


class _Loss(Stateless):
    shown = ()


class L1Loss(_Loss):
    function = staticmethod(F.l1_loss)
    reduction: str = "mean"


class MSELoss(_Loss):
    function = staticmethod(F.mse_loss)
    reduction: str = "mean"


class SmoothL1Loss(_Loss):
    function = staticmethod(F.smooth_l1_loss)
    reduction: str = "mean"
    beta: float = 1.0


class HuberLoss(_Loss):
    function = staticmethod(F.huber_loss)
    reduction: str = "mean"
    delta: float = 1.0


class CrossEntropyLoss(_Loss):
    function = staticmethod(F.cross_entropy)
    weight: Tensor | None = None
    ignore_index: int = -100
    reduction: str = "mean"
    label_smoothing: float = 0.0


class NLLLoss(_Loss):
    function = staticmethod(F.nll_loss)
    weight: Tensor | None = None
    ignore_index: int = -100
    reduction: str = "mean"


class BCELoss(_Loss):
    function = staticmethod(F.binary_cross_entropy)
    weight: Tensor | None = None
    reduction: str = "mean"


class BCEWithLogitsLoss(_Loss):
    function = staticmethod(F.binary_cross_entropy_with_logits)
    weight: Tensor | None = None
    reduction: str = "mean"
    pos_weight: Tensor | None = None


class KLDivLoss(_Loss):
    function = staticmethod(F.kl_div)
    reduction: str = "mean"
    log_target: bool = False


class GaussianNLLLoss(_Loss):
    function = staticmethod(F.gaussian_nll_loss)
    full: bool = False
    eps: float = 1e-6
    reduction: str = "mean"


class PoissonNLLLoss(_Loss):
    function = staticmethod(F.poisson_nll_loss)
    log_input: bool = True
    full: bool = False
    eps: float = 1e-8
    reduction: str = "mean"


class HingeEmbeddingLoss(_Loss):
    function = staticmethod(F.hinge_embedding_loss)
    margin: float = 1.0
    reduction: str = "mean"


class MultiMarginLoss(_Loss):
    function = staticmethod(F.multi_margin_loss)
    p: int = 1
    margin: float = 1.0
    weight: Tensor | None = None
    reduction: str = "mean"


class MultiLabelMarginLoss(_Loss):
    function = staticmethod(F.multilabel_margin_loss)
    reduction: str = "mean"


class MultiLabelSoftMarginLoss(_Loss):
    function = staticmethod(F.multilabel_soft_margin_loss)
    weight: Tensor | None = None
    reduction: str = "mean"


class SoftMarginLoss(_Loss):
    function = staticmethod(F.soft_margin_loss)
    reduction: str = "mean"


class MarginRankingLoss(_Loss):
    function = staticmethod(F.margin_ranking_loss)
    margin: float = 0.0
    reduction: str = "mean"


class CosineEmbeddingLoss(_Loss):
    function = staticmethod(F.cosine_embedding_loss)
    margin: float = 0.0
    reduction: str = "mean"


class TripletMarginLoss(_Loss):
    function = staticmethod(F.triplet_margin_loss)
    margin: float = 1.0
    p: float = 2.0
    eps: float = 1e-6
    swap: bool = False
    reduction: str = "mean"


class TripletMarginWithDistanceLoss(_Loss):
    function = staticmethod(F.triplet_margin_with_distance_loss)
    distance_function: Callable[..., Any] | None = None
    margin: float = 1.0
    swap: bool = False
    reduction: str = "mean"


__all__ = [
    "BCELoss", "BCEWithLogitsLoss", "CosineEmbeddingLoss", "CrossEntropyLoss", "GaussianNLLLoss", "HingeEmbeddingLoss",
    "HuberLoss", "KLDivLoss", "L1Loss", "MSELoss", "MarginRankingLoss", "MultiLabelMarginLoss",
    "MultiLabelSoftMarginLoss", "MultiMarginLoss", "NLLLoss", "PoissonNLLLoss", "SmoothL1Loss", "SoftMarginLoss",
    "TripletMarginLoss", "TripletMarginWithDistanceLoss",
]  # fmt: skip
