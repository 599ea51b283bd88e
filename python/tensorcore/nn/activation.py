"""Activations as layers: each calls the function of `nn.functional` it names, whose documentation holds for it.

They take tensors of any shape unless said otherwise. `inplace` is accepted, and shown, for programs written for
PyTorch; the result is a new tensor all the same, as recorded values must not change.
"""

from __future__ import annotations

from typing import Any

from ..ops.creation import full
from ..tensor import Tensor
from . import functional as F
from .module import Module
from .parameter import Parameter
from .stateless import Stateless

# ruff: noqa: D101  (each class names its function, which is documented)


class ReLU(Stateless):
    function = staticmethod(F.relu)
    inplace: bool = False


class ReLU6(Stateless):
    function = staticmethod(F.relu6)
    inplace: bool = False


class Hardtanh(Stateless):
    function = staticmethod(F.hardtanh)
    min_val: float = -1.0
    max_val: float = 1.0
    inplace: bool = False


class Hardsigmoid(Stateless):
    function = staticmethod(F.hardsigmoid)
    shown = ()
    inplace: bool = False


class Hardswish(Stateless):
    function = staticmethod(F.hardswish)
    shown = ()
    inplace: bool = False


class LeakyReLU(Stateless):
    function = staticmethod(F.leaky_relu)
    negative_slope: float = 0.01
    inplace: bool = False


class RReLU(Stateless):
    function = staticmethod(F.rrelu)
    lower: float = 1 / 8
    upper: float = 1 / 3
    inplace: bool = False

    def settings(self) -> dict[str, Any]:
        """The slopes, and whether to draw them."""
        return {"lower": self.lower, "upper": self.upper, "training": self.training}


class ELU(Stateless):
    function = staticmethod(F.elu)
    alpha: float = 1.0
    inplace: bool = False


class CELU(Stateless):
    function = staticmethod(F.celu)
    alpha: float = 1.0
    inplace: bool = False


class SELU(Stateless):
    function = staticmethod(F.selu)
    inplace: bool = False


class GELU(Stateless):
    function = staticmethod(F.gelu)
    approximate: str = "none"


class SiLU(Stateless):
    function = staticmethod(F.silu)
    inplace: bool = False


class Mish(Stateless):
    function = staticmethod(F.mish)
    inplace: bool = False


class Sigmoid(Stateless):
    function = staticmethod(F.sigmoid)


class Tanh(Stateless):
    function = staticmethod(F.tanh)


class LogSigmoid(Stateless):
    function = staticmethod(F.logsigmoid)


class Softsign(Stateless):
    function = staticmethod(F.softsign)


class Softplus(Stateless):
    function = staticmethod(F.softplus)
    beta: float = 1.0
    threshold: float = 20.0


class Tanhshrink(Stateless):
    function = staticmethod(F.tanhshrink)


class Hardshrink(Stateless):
    function = staticmethod(F.hardshrink)
    bare = True
    lambd: float = 0.5


class Softshrink(Stateless):
    function = staticmethod(F.softshrink)
    bare = True
    lambd: float = 0.5


class Threshold(Stateless):
    function = staticmethod(F.threshold)
    threshold: float
    value: float
    inplace: bool = False


class GLU(Stateless):
    function = staticmethod(F.glu)
    axis: int = -1


class Softmax(Stateless):
    function = staticmethod(F.softmax)
    axis: int


class LogSoftmax(Stateless):
    function = staticmethod(F.log_softmax)
    axis: int


class Softmin(Stateless):
    function = staticmethod(F.softmin)
    axis: int


class Softmax2d(Module):
    """Softmax over the channels of (N, C, H, W) or (C, H, W). ValueError for other shapes."""

    def forward(self, x: Tensor) -> Tensor:
        """Each pixel's channels, scaled to sum to one."""
        if not isinstance(x, Tensor) or x.ndim not in (3, 4):
            raise ValueError(f"Softmax2d: x must be (N, C, H, W) or (C, H, W), got shape {getattr(x, 'shape', None)}")
        return F.softmax(x, -3)


class PReLU(Module):
    """x where x > 0, else weight · x: `weight` is learned, one for all channels or one each (`num_parameters`).

    It starts at `init`. Source: He et al. 2015.

    >>> nn.PReLU()(tc.asarray([-4.0, 2.0])).detach()
    tensor([-1.,  2.])
    """

    def __init__(self, num_parameters: int = 1, init: float = 0.25, device: Any = None, dtype: Any = None):
        super().__init__()
        self.num_parameters, self.init = num_parameters, init
        self.weight = Parameter(full(num_parameters, float(init), dtype=dtype, device=device))

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, …) to the same shape."""
        return F.prelu(x, self.weight)

    def extra_repr(self) -> str:
        """The settings."""
        return f"num_parameters={self.num_parameters}"


__all__ = [
    "CELU",
    "ELU",
    "GELU",
    "GLU",
    "SELU",
    "Hardshrink",
    "Hardsigmoid",
    "Hardswish",
    "Hardtanh",
    "LeakyReLU",
    "LogSigmoid",
    "LogSoftmax",
    "Mish",
    "PReLU",
    "RReLU",
    "ReLU",
    "ReLU6",
    "SiLU",
    "Sigmoid",
    "Softmax",
    "Softmax2d",
    "Softmin",
    "Softplus",
    "Softshrink",
    "Softsign",
    "Tanh",
    "Tanhshrink",
    "Threshold",
]  # fmt: skip
